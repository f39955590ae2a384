#include "tools/cli/watch.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/answer.h"
#include "tools/cli/status.h"

#include <errno.h>

#define GONE 410

bool lines_add(struct lines *lines, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t piece = end ? (size_t)(end - data) : len;
        if (lines->rest.len + piece > LINES_MAX ||
            (piece > 0 && buf_add(&lines->rest, data, piece) < 0))
            return false;
        if (!end)
            return true;
        bool more =
            lines->rest.len == 0 || lines->line(lines->ctx, lines->rest.data, lines->rest.len);
        buf_drop(&lines->rest, lines->rest.len);
        if (!more)
            return false;
        data = end + 1;
        len -= piece + 1;
    }
    return true;
}

struct watcher {
    const struct watch_sink *sink;
    char *revision; /* of the last event */
    int code;       /* why it ended; 0 = it has not */
    struct err *err;
    struct lines lines;
};

static bool end(struct watcher *w, int code)
{
    w->code = code;
    return false;
}

static bool on_error(struct watcher *w, const struct value *status)
{
    if (value_get_int(status, "code", 0) == GONE)
        return end(w, err_set(w->err, -ESTALE, "the revision is too old"));
    const char *message = value_get_str(status, "message");
    return end(w, err_set(w->err, -EIO, "the watch failed: %s", message ? message : "no reason"));
}

static bool on_line(void *ctx, const char *line, size_t len)
{
    struct watcher *w = ctx;
    cleanup(value_free) struct value *event = NULL;
    struct err err = {0};
    if (answer_parse(line, len, &event, &err) < 0)
        return end(w, err_set(w->err, -EBADMSG, "the watch: %s", err.msg));
    const char *type = value_get_str(event, "type");
    const struct value *object = value_get(event, "object");
    if (str_eq(type, "ERROR"))
        return on_error(w, object);
    const char *revision = value_get_str(value_get(object, "metadata"), "resourceVersion");
    if (!str_empty(revision)) {
        free(w->revision);
        w->revision = xstrdup(revision);
    }
    if (!type || str_eq(type, "BOOKMARK"))
        return true;
    return w->sink->event(w->sink->ctx, type, object) || end(w, -ECANCELED);
}

static bool on_data(void *ctx, const char *data, size_t len)
{
    struct watcher *w = ctx;
    if (lines_add(&w->lines, data, len))
        return true;
    if (w->code == 0)
        w->code = err_set(w->err, -E2BIG, "the watch: an event is too large");
    return false;
}

static bool on_tick(void *ctx)
{
    struct watcher *w = ctx;
    if (!w->sink->tick || w->sink->tick(w->sink->ctx))
        return true;
    return end(w, -ECANCELED);
}

static char *path_of(const struct watch_query *query, const char *revision)
{
    struct buf path;
    buf_init(&path, 0);
    (void)buf_addf(&path, "%s", query->path);
    query_add(&path, "watch", "true");
    query_add(&path, "allowWatchBookmarks", "true");
    query_add(&path, "labelSelector", query->label_selector);
    if (query->name) {
        autofree char *field = xasprintf("metadata.name=%s", query->name);
        query_add(&path, "fieldSelector", field);
    } else {
        query_add(&path, "fieldSelector", query->field_selector);
    }
    query_add(&path, "resourceVersion", revision ? revision : "0");
    return buf_steal(&path, NULL);
}

static int refused(const struct client_answer *answer, struct err *err)
{
    if (answer->code == GONE)
        return err_set(err, -ESTALE, "the revision is too old");
    cleanup(value_free) struct value *status =
        status_parse(answer->code, buf_str(&answer->body), answer->body.len);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    status_text(answer->code, status, &text);
    return err_set(err, -EACCES, "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
}

/* One stream. 0 = the server closed it. */
static int run_once(struct cli *cli, const struct watch_query *query, struct watcher *w)
{
    int64_t left = 0;
    if (query->deadline_boot_ns) {
        left = (query->deadline_boot_ns - clock_boot(clock_system())) / NS_PER_MS;
        if (left <= 0)
            return -ETIME;
    }
    autofree char *path = path_of(query, w->revision);
    const struct client_request request = {.method = "GET",
                                           .path = path,
                                           .accept = query->accept,
                                           .stream = true,
                                           .timeout_ms = left,
                                           .data = on_data,
                                           .tick = on_tick,
                                           .ctx = w};
    cleanup(client_answer_done) struct client_answer answer;
    struct err err = {0};
    int rc = client_call(cli->client, &request, &answer, &err);
    if (w->code != 0)
        return w->code;
    if (rc == -ETIME && query->deadline_boot_ns)
        return -ETIME;
    if (rc < 0)
        return err_set(w->err, rc, "%s", err.msg);
    return answer.code >= 300 ? refused(&answer, w->err) : 0;
}

int watch_run(struct cli *cli, const struct watch_query *query, const struct watch_sink *sink,
              struct err *err)
{
    struct watcher w = {.sink = sink, .err = err};
    w.revision = query->revision ? xstrdup(query->revision) : NULL;
    buf_init(&w.lines.rest, 0);
    w.lines.line = on_line;
    w.lines.ctx = &w;
    int rc;
    while ((rc = run_once(cli, query, &w)) == 0) {
        buf_drop(&w.lines.rest, w.lines.rest.len);
        usleep(200 * 1000); /* a server that closes at once is not asked in a tight loop */
    }
    free(w.revision);
    buf_done(&w.lines.rest);
    return rc;
}
