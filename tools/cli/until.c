#include "tools/cli/until.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/explain.h"
#include "tools/cli/progress.h"
#include "tools/cli/watch.h"

#include <errno.h>

#define RETRY_US (1000 * 1000)

enum verdict { GO_ON, DONE, NEVER };

struct waiter {
    const struct resource *resource;
    const char *name;
    const struct until *until;
    struct progress progress;
    enum verdict verdict;
    struct buf reason;
};

static void say(struct waiter *w, const char *reason)
{
    buf_drop(&w->reason, w->reason.len);
    (void)buf_addstr(&w->reason, reason);
    autofree char *line = xasprintf("%s/%s: %s", w->resource->singular, w->name, reason);
    progress_say(&w->progress, line);
}

static enum verdict judge_gone(struct waiter *w, const struct value *object)
{
    const char *uid = value_get_str(value_get(object, "metadata"), "uid");
    if (w->until->uid && !str_eq(uid, w->until->uid))
        return DONE;
    cleanup(buf_done) struct buf reason;
    buf_init(&reason, 0);
    if (explain_line(object, &reason) == EXPLAIN_READY || reason.len == 0)
        (void)buf_addstr(&reason, "it is still there");
    say(w, buf_str(&reason));
    return GO_ON;
}

static enum verdict judge(struct waiter *w, const struct value *object)
{
    const struct until *until = w->until;
    if (until->what == UNTIL_DELETED)
        return judge_gone(w, object);
    if (until->what == UNTIL_EXISTS)
        return DONE;
    cleanup(buf_done) struct buf reason;
    buf_init(&reason, 0);
    enum explain_state state = explain_line(object, &reason);
    bool condition = until->what == UNTIL_CONDITION;
    if (condition ? explain_condition(object, until->condition, until->status)
                  : state == EXPLAIN_READY)
        return DONE;
    if (reason.len == 0)
        (void)buf_addf(&reason, "%s is not %s yet", until->condition,
                       until->status ? until->status : "True");
    say(w, buf_str(&reason));
    return state == EXPLAIN_FAILED && !condition ? NEVER : GO_ON;
}

static bool on_event(void *ctx, const char *type, const struct value *object)
{
    struct waiter *w = ctx;
    if (!str_eq(type, "DELETED"))
        w->verdict = judge(w, object);
    else if (w->until->what == UNTIL_DELETED)
        w->verdict = DONE;
    else
        say(w, "it was deleted");
    return w->verdict == GO_ON;
}

static bool on_tick(void *ctx)
{
    struct waiter *w = ctx;
    progress_tick(&w->progress);
    return true;
}

/* As it is now, with a verdict: 0, -1 when it was refused (and said), or -ENOTCONN: later perhaps.
 * It is looked for in the collection, whose revision is where a watch goes on without a gap;
 * *ret_revision is the caller's. */
static int look(struct cli *cli, struct waiter *w, const char *collection, char **ret_revision)
{
    cleanup(value_free) struct value *list = NULL;
    cleanup(buf_done) struct buf path;
    buf_init(&path, 0);
    (void)buf_addstr(&path, collection);
    autofree char *field = xasprintf("metadata.name=%s", w->name);
    query_add(&path, "fieldSelector", field);
    const struct client_request request = {.method = "GET", .path = buf_str(&path)};
    struct err err = {0};
    int code = cli_try(cli, &request, &list, &err);
    if (code < 0) {
        say(w, err.msg);
        return -ENOTCONN;
    }
    if (cli_check(code, list) < 0)
        return -1;
    struct value *object = value_at(value_get(list, "items"), 0);
    const char *revision = value_get_str(value_get(list, "metadata"), "resourceVersion");
    *ret_revision = xstrdup(revision ? revision : "0");
    if (object) {
        value_set_str(object, "kind", w->resource->kind); /* items of a list may leave it out */
        w->verdict = judge(w, object);
    } else if (w->until->what == UNTIL_DELETED) {
        w->verdict = DONE;
    } else {
        say(w, "it does not exist yet");
    }
    return 0;
}

static int timed_out(struct waiter *w)
{
    progress_clear(&w->progress);
    return cli_fail("timed out waiting for %s/%s: %s", w->resource->singular, w->name,
                    buf_str(&w->reason));
}

static int loop(struct cli *cli, struct waiter *w, const char *collection)
{
    const struct watch_sink sink = {on_event, on_tick, w};
    for (bool first = true;; first = false) {
        autofree char *revision = NULL;
        int rc = look(cli, w, collection, &revision);
        if (rc == -1 || (rc < 0 && first))
            return rc == -1 ? EXIT_FAILED : cli_fail("%s", buf_str(&w->reason));
        if (rc == 0 && w->verdict != GO_ON)
            return EXIT_DONE;
        const struct watch_query query = {.path = collection,
                                          .name = w->name,
                                          .revision = revision,
                                          .deadline_boot_ns = w->until->deadline_boot_ns};
        struct err err = {0};
        if (rc == 0)
            rc = watch_run(cli, &query, &sink, &err);
        if (rc == -ECANCELED && w->verdict != GO_ON)
            return EXIT_DONE;
        if (rc == -ETIME || clock_boot(clock_system()) >= w->until->deadline_boot_ns)
            return timed_out(w);
        if (rc != -ESTALE && *err.msg) /* a gateway that restarts comes back */
            say(w, err.msg);
        usleep(RETRY_US);
    }
}

int until_wait(struct cli *cli, const struct resource *resource, const char *ns, const char *name,
               const struct until *until)
{
    struct waiter w = {.resource = resource, .name = name, .until = until};
    buf_init(&w.reason, 0);
    progress_init(&w.progress);
    autofree char *collection = resource_path(resource, ns, NULL);
    int code = loop(cli, &w, collection);
    progress_done(&w.progress);
    if (code == EXIT_DONE && w.verdict == NEVER)
        code = cli_fail("%s/%s failed: %s", resource->singular, name, buf_str(&w.reason));
    buf_done(&w.reason);
    return code;
}
