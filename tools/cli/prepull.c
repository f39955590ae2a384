#include "tools/cli/prepull.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "tools/cli/aim.h"
#include "tools/cli/progress.h"
#include "tools/cli/resource.h"
#include "tools/cli/text.h"
#include "tools/cli/verbs.h"

#include <stdio.h>
#include <time.h>

/* Of one look: the gateway gives a node 12 s. */
#define LOOK_MIN_MS 1000
#define LOOK_MAX_MS 30000
#define SHOWN_MAX 4 /* images, of all nodes, in the line of what is under way */

struct prepull {
    struct cli *cli;
    const struct prepull_options *options;
    struct aim *aims;
    size_t count;
    char **images;
    size_t image_count;
    bool reached;     /* the gateway has answered anything */
    int64_t until_ns; /* boot time */
    struct progress progress;
};

static void prepull_done(struct prepull *p)
{
    for (size_t i = 0; i < p->count; i++)
        aim_done(&p->aims[i]);
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
    aim_init(&p->aims[p->count++], node, buf_str(&path));
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
    p->reached = true;
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

static int64_t now_ns(void)
{
    return clock_boot(clock_system());
}

/* One that does not answer takes no more than is left of the time of all. */
static void look(struct prepull *p, struct aim *aim)
{
    int64_t left_ms = (p->until_ns - now_ns()) / NS_PER_MS;
    left_ms = left_ms > LOOK_MIN_MS ? left_ms : LOOK_MIN_MS;
    const struct client_request request = {.method = aim->ordered ? "GET" : "POST",
                                           .path = aim->path,
                                           .timeout_ms =
                                               left_ms < LOOK_MAX_MS ? left_ms : LOOK_MAX_MS};
    cleanup(value_free) struct value *answer = NULL;
    struct err err = {0};
    int code = cli_try(p->cli, &request, &answer, &err);
    aim_hear(aim, code, steal(answer), err.msg, p->reached, now_ns());
    p->reached |= code >= 0;
}

/* ---- telling ---- */

static void print_pulled(const char *node, const char *name)
{
    cleanup(buf_done) struct buf line = {0};
    (void)buf_addf(&line, "%s: %s pulled\n", node, name);
    text_clean(&line, 0);
    fputs(buf_str(&line), stdout);
}

static void tell_image(const struct prepull *p, const struct aim *aim, const struct value *image)
{
    const char *name = value_get_str(image, "image"), *state = value_get_str(image, "state"),
               *why = value_get_str(image, "message");
    if (!name)
        return;
    if (str_eq(state, "Failed"))
        (void)cli_fail("%s: %s: %s", aim->node, name, why ? why : "it cannot be pulled");
    else if (!str_eq(state, "Pulled"))
        (void)cli_fail("%s: %s: not there yet, the node goes on with it%s%s", aim->node, name,
                       why ? ": " : "", why ? why : "");
    else if (!p->options->json)
        print_pulled(aim->node, name);
}

static void tell_node(struct prepull *p, const struct aim *aim)
{
    const struct value *images = value_get(aim->answer, "images");
    progress_clear(&p->progress);
    if (aim->error)
        (void)cli_fail("%s: %s", aim->node, aim->error);
    else if (!aim->answer)
        (void)cli_fail("%s: not asked, there was no time left", aim->node);
    for (size_t i = 0; !aim->error && i < value_len(images); i++)
        tell_image(p, aim, value_at(images, i));
    fflush(stdout);
}

/* "; pi-01 reg.local/web:2 25% of 120.5 MB", or why it is not known. Returns how many it named. */
static size_t add_progress(const struct aim *aim, size_t room, struct buf *line)
{
    const struct value *images = value_get(aim->answer, "images");
    size_t shown = 0;
    if (aim->error && room > 0) {
        (void)buf_addf(line, "; %s %s", aim->node, aim->error);
        return 1;
    }
    for (size_t i = 0; i < value_len(images) && shown < room; i++) {
        const struct value *image = value_at(images, i);
        const char *name = value_get_str(image, "image"), *why = value_get_str(image, "message");
        int64_t done = value_get_int(image, "done", 0), total = value_get_int(image, "total", 0);
        if (!name || (total <= 0 && !why))
            continue;
        shown++;
        if (total > 0)
            (void)buf_addf(line, "; %s %s %d%% of %.1f MB", aim->node, name,
                           aim_percent(done, total), (double)total / 1e6);
        else
            (void)buf_addf(line, "; %s %s %s", aim->node, name, why);
    }
    return shown;
}

/* "2 of 5 nodes; pi-01 reg.local/web:2 25% of 120.5 MB". */
static void tell_progress(struct prepull *p)
{
    cleanup(buf_done) struct buf line = {0};
    size_t settled = 0, shown = 0;
    for (size_t i = 0; i < p->count; i++)
        settled += p->aims[i].settled;
    (void)buf_addf(&line, "%zu of %zu nodes", settled, p->count);
    for (size_t i = 0; i < p->count; i++)
        if (!p->aims[i].settled)
            shown += add_progress(&p->aims[i], SHOWN_MAX - shown, &line);
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
        int64_t now = now_ns();
        if (!aim->settled && aim->look_ns <= now && now < p->until_ns) {
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
    p->until_ns = now_ns() + p->options->timeout_ns;
    while (turn(p) && now_ns() < p->until_ns) {
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
