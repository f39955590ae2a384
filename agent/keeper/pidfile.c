#include "agent/keeper/pidfile.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>

#define HEAD_LINES 3 /* process, control group, state folder */
#define END "\n.\n"

/* Containers of one pod often share their lowest layers. */
static bool is_listed(const struct launch_plan *plan, size_t container, size_t layer)
{
    const char *path = plan->containers[container].layers[layer];
    for (size_t c = 0; c <= container; c++) {
        const char *const *layers = plan->containers[c].layers;
        for (size_t i = 0; layers && layers[i] && (c < container || i < layer); i++)
            if (str_eq(layers[i], path))
                return true;
    }
    return false;
}

char *pidfile_print(const struct launch_plan *plan, pid_t pid)
{
    struct buf text;
    buf_init(&text, 0);
    (void)buf_addf(&text, "%d\n%s\n%s\n", (int)pid, plan->cgroup, plan->state_dir);
    for (size_t c = 0; c < plan->container_count; c++)
        for (size_t i = 0; plan->containers[c].layers && plan->containers[c].layers[i]; i++)
            if (!is_listed(plan, c, i))
                (void)buf_addf(&text, "%s\n", plan->containers[c].layers[i]);
    (void)buf_addstr(&text, ".\n");
    return buf_steal(&text, NULL);
}

/* Where line n begins; NULL: there are fewer. */
static const char *line_at(const char *text, int n)
{
    for (; n > 0 && text; n--) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text;
}

char *pidfile_state_dir(const char *text)
{
    const char *line = line_at(text, 2);
    if (!line || line[0] != '/' || !strchr(line, '\n'))
        return NULL;
    return xstrndup(line, strcspn(line, "\n"));
}

int pidfile_layers(const char *text, pidfile_layer_fn *fn, void *ctx)
{
    const char *line = line_at(text, HEAD_LINES);
    if (!line || !str_has_suffix(text, END))
        return -EINVAL;
    for (; !str_eq(line, ".\n"); line = line_at(line, 1)) {
        autofree char *path = xstrndup(line, strcspn(line, "\n"));
        fn(ctx, path);
    }
    return 0;
}
