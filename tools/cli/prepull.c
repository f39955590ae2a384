#include "tools/cli/prepull.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "tools/cli/progress.h"
#include "tools/cli/resource.h"
#include "tools/cli/verbs.h"

#include <stdio.h>
#include <time.h>

/* Between two looks at a node: its line may be a thin one. */
#define LOOK_FIRST_NS NS_PER_S
#define LOOK_MAX_NS (15 * NS_PER_S)

/* What is wanted of one node. */
struct aim {
    char *node, *path;
    struct value *answer; /* the last: {"images": [...]} */
    char *error;          /* why there was none this time */
    bool ordered, settled, failed;
    int64_t look_ns, wait_ns;
};

struct prepull {
    struct cli *cli;
    const struct prepull_options *options;
    struct aim *aims;
    size_t count;
    char **images;
    size_t image_count;
    struct progress progress;
};

static void prepull_done(struct prepull *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->aims[i].node);
        free(p->aims[i].path);
        free(p->aims[i].error);
        value_free(p->aims[i].answer);
    }
    free(p->aims);
    progress_done(&p->progress);
}
CLEANUP_DEFINE_VALUE(struct prepull, prepull_done);

/* ---- which nodes ---- */

static void add(struct prepull *p, const char *node)
{
    cleanup(resource_free) struct resource *nodes = resource_of(&kind_node);
    cleanup(buf_done) struct buf path = {0};
    autofree char *object = resource_path(nodes, NULL, node);
    for (size_t i = 0; i < p->count; i++)
        if (str_eq(p->aims[i].node, node))
            return;
    (void)buf_addf(&path, "%s/pull", object);
    for (size_t i = 0; i < p->image_count; i++)
        query_add(&path, "image", p->images[i]);
    p->aims = xreallocarray(p->aims, p->count + 1, sizeof(*p->aims));
    p->aims[p->count++] = (struct aim){
        .node = xstrdup(node), .path = xstrdup(buf_str(&path)), .wait_ns = LOOK_FIRST_NS};
}

static int list_nodes(struct prepull *p, const char *selector)
{
    cleanup(resource_free) struct resource *nodes = resource_of(&kind_node);
    cleanup(value_free) struct value *answer = NULL;
    cleanup(buf_done) struct buf path = {0};
    autofree char *collection = resource_path(nodes, NULL, NULL);
    (void)buf_addstr(&path, collection);
    query_add(&path, "labelSelector", selector);
    if (cli_get_ok(p->cli, buf_str(&path), &answer) < 0)
        return EXIT_FAILED;
    const struct value *items = value_get(answer, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        const char *name = value_get_str(value_get(value_at(items, i), "metadata"), "name");
        if (name)
            add(p, name);
    }
    return p->count > 0 ? EXIT_DONE : cli_fail("there is no such node");
}

static int choose_nodes(struct prepull *p)
{
    const struct prepull_options *o = p->options;
    if ((o->nodes.count > 0) + (o->selector != NULL) + o->all != 1)
        return cli_usage(&verb_image, "pull: say on which nodes: --node, -l or --all-nodes");
    for (size_t i = 0; i < o->nodes.count; i++)
        add(p, o->nodes.items[i]);
    return o->nodes.count > 0 ? EXIT_DONE : list_nodes(p, o->selector);
}

/* ---- one look at a node ---- */

static const char *state_of(const struct value *image)
{
    const char *state = value_get_str(image, "state");
    return state ? state : "";
}

/* Whether all has ended; what its agent does not know any more is to be ordered again. */
static void judge(struct aim *aim)
{
    const struct value *images = value_get(aim->answer, "images");
    aim->settled = value_len(images) > 0;
    for (size_t i = 0; i < value_len(images); i++) {
        const char *state = state_of(value_at(images, i));
        bool failed = str_eq(state, "Failed");
        aim->failed |= failed;
        aim->settled &= failed || str_eq(state, "Pulled");
        aim->ordered &= !str_eq(state, "Unknown");
    }
}

/* What passes: a gateway that is started anew, a line that breaks. An order that is refused is not
 * made again. */
static bool may_pass(const struct aim *aim, int code)
{
    return aim->ordered && (code < 0 || code == 429 || code >= 500);
}

static void look(struct prepull *p, struct aim *aim)
{
    const struct client_request request = {.method = aim->ordered ? "GET" : "POST",
                                           .path = aim->path};
    cleanup(value_free) struct value *answer = NULL;
    struct err err = {0};
    int code = cli_try(p->cli, &request, &answer, &err);
    free(steal(aim->error));
    if (code >= 0 && code < 300) {
        value_free(aim->answer);
        aim->answer = steal(answer);
        aim->ordered = true;
        judge(aim);
    } else {
        const char *message = code < 0 ? err.msg : value_get_str(answer, "message");
        aim->error = xstrdup(message ? message : "the gateway refuses");
        aim->failed = aim->settled = !may_pass(aim, code);
    }
    aim->look_ns = clock_boot(clock_system()) + aim->wait_ns;
    aim->wait_ns = 2 * aim->wait_ns < LOOK_MAX_NS ? 2 * aim->wait_ns : LOOK_MAX_NS;
}

/* ---- telling ---- */

static void tell_node(struct prepull *p, const struct aim *aim)
{
    const struct value *images = value_get(aim->answer, "images");
    progress_clear(&p->progress);
    if (aim->error)
        (void)cli_fail("%s: %s", aim->node, aim->error);
    for (size_t i = 0; !aim->error && i < value_len(images); i++) {
        const struct value *image = value_at(images, i);
        const char *name = value_get_str(image, "image"), *why = value_get_str(image, "message");
        if (!name)
            continue;
        if (str_eq(state_of(image), "Failed"))
            (void)cli_fail("%s: %s: %s", aim->node, name, why ? why : "it cannot be pulled");
        else if (!str_eq(state_of(image), "Pulled"))
            (void)cli_fail("%s: %s: not there yet, the node goes on with it", aim->node, name);
        else if (!p->options->json)
            printf("%s: %s pulled\n", aim->node, name);
    }
    fflush(stdout);
}

/* "2 of 5 nodes; pi-01 reg.local/web:2 25% of 120.5 MB". */
static void tell_progress(struct prepull *p)
{
    cleanup(buf_done) struct buf line = {0};
    size_t settled = 0, shown = 0;
    for (size_t i = 0; i < p->count; i++)
        settled += p->aims[i].settled;
    (void)buf_addf(&line, "%zu of %zu nodes", settled, p->count);
    for (size_t i = 0; i < p->count; i++) {
        const struct value *images = value_get(p->aims[i].answer, "images");
        for (size_t k = 0; !p->aims[i].settled && k < value_len(images); k++) {
            const struct value *image = value_at(images, k);
            int64_t done = value_get_int(image, "done", 0),
                    total = value_get_int(image, "total", 0);
            const char *name = value_get_str(image, "image");
            if (!name || total <= 0 || shown++ >= 4)
                continue;
            (void)buf_addf(&line, "; %s %s %d%% of %.1f MB", p->aims[i].node, name,
                           (int)((double)done * 100 / (double)total), (double)total / 1e6);
        }
    }
    if (p->progress.terminal)
        progress_say(&p->progress, buf_str(&line));
}

static void print_json(const struct prepull *p)
{
    cleanup(value_free) struct value *all = value_new_list();
    cleanup(buf_done) struct buf text = {0};
    for (size_t i = 0; i < p->count; i++) {
        struct value *item = value_new_map();
        const struct value *images = value_get(p->aims[i].answer, "images");
        value_append(all, item);
        value_set_str(item, "node", p->aims[i].node);
        value_set_bool(item, "done", p->aims[i].settled && !p->aims[i].failed);
        value_set_str(item, "message", p->aims[i].error);
        if (images)
            value_set(item, "images", value_copy(images));
    }
    (void)json_write_pretty(all, &text);
    fputs(buf_str(&text), stdout);
}

/* ---- all of them ---- */

/* Each node that is due; false when all have settled. */
static bool turn(struct prepull *p)
{
    bool open = false;
    for (size_t i = 0; i < p->count; i++) {
        struct aim *aim = &p->aims[i];
        if (!aim->settled && aim->look_ns <= clock_boot(clock_system())) {
            look(p, aim);
            if (aim->settled)
                tell_node(p, aim);
        }
        open |= !aim->settled;
    }
    return open;
}

static int wait_for_all(struct prepull *p)
{
    static const struct timespec second = {.tv_sec = 1};
    int64_t until = clock_boot(clock_system()) + p->options->timeout_ns;
    while (turn(p) && clock_boot(clock_system()) < until) {
        tell_progress(p);
        (void)nanosleep(&second, NULL);
    }
    int code = EXIT_DONE;
    for (size_t i = 0; i < p->count; i++) {
        if (!p->aims[i].settled)
            tell_node(p, &p->aims[i]);
        if (!p->aims[i].settled || p->aims[i].failed)
            code = EXIT_FAILED;
    }
    progress_clear(&p->progress);
    if (p->options->json)
        print_json(p);
    return code;
}

int prepull_images(struct cli *cli, const struct prepull_options *o, char **words, size_t count)
{
    cleanup(prepull_done) struct prepull p = {
        .cli = cli, .options = o, .images = words, .image_count = count};
    progress_init(&p.progress);
    if (count == 0)
        return cli_usage(&verb_image, "pull: say which images, as pods name them");
    int code = choose_nodes(&p);
    return code == EXIT_DONE ? wait_for_all(&p) : code;
}
