/* ?watch=true: the present objects if asked for, page by page as the client takes them, then live
 * events. A client that falls behind is cut off and lists again. */

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/list_options.h"
#include "controller/api/meta.h"
#include "controller/server/reply.h"
#include "controller/server/rest_impl.h"
#include "controller/api/selector.h"
#include "controller/api/status.h"

#include <stdio.h>

#define PAGE 200 /* objects, at most, that are trees at once */
#define BOOKMARK_S 60
#define MIN_S 1800 /* without timeoutSeconds: between this and twice this */

struct stream_watch {
    struct list link; /* of rest->streams */
    struct rest *rest;
    struct http_request *request;
    struct api_watch *source;
    const struct schema_kind *kind;
    char *ns;
    char *labels, *fields;
    struct view view;
    bool columns_sent, bookmarks, mark_initial;
    int64_t from; /* where the live part begins */
    bool initial; /* the present objects are not through */
    char *token;  /* where their next page begins; NULL: at the first */
    struct loop_timer *timeout, *bookmark;
};

static void watch_free(struct stream_watch *watch)
{
    list_remove(&watch->link);
    kinds_release(api_kinds(watch->rest->spec.api), watch->kind);
    api_watch_free(watch->source);
    loop_timer_free(watch->timeout);
    loop_timer_free(watch->bookmark);
    free(watch->token);
    free(watch->ns);
    free(watch->labels);
    free(watch->fields);
    free(watch);
}

void stream_watches_free(struct rest *rest)
{
    struct list *it, *tmp;
    list_each(it, tmp, &rest->streams) watch_free(container_of(it, struct stream_watch, link));
}

static void end(struct stream_watch *watch)
{
    http_stream_end(watch->request);
    watch_free(watch);
}

/* ---- frames ---- */

static void write_frame(const char *type, const struct value *object, struct buf *ret)
{
    buf_addf(ret, "{\"type\":\"%s\",\"object\":", type);
    json_write(object, ret);
    buf_addstr(ret, "}\n");
}

/* False if the client was cut off: the watch is gone. */
static bool send_bytes(struct stream_watch *watch, const struct buf *text)
{
    if (http_stream_write(watch->request, text->data, text->len) == 0)
        return true;
    log_info("watch cut off, the client does not keep up kind=%s", watch->kind->kind);
    http_stream_abort(watch->request);
    watch_free(watch);
    return false;
}

static bool send_view(struct stream_watch *watch, const char *type, const struct value *object)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    cleanup(value_free) struct value *shown =
        view_of(watch->rest, &watch->view, watch->kind, value_copy(object), !watch->columns_sent);
    watch->columns_sent = true;
    write_frame(type, shown, &text);
    return send_bytes(watch, &text);
}

/* The plain view of an event is the same for every watcher: a revision is one event. */
static bool send_object(struct stream_watch *watch, const char *type, const struct value *object)
{
    struct frame *frame = &watch->rest->frame;
    const char *revision = value_get_str(value_get(object, "metadata"), "resourceVersion");
    if (watch->view.accept != ACCEPT_JSON)
        return send_view(watch, type, object);
    if (frame->kind != watch->kind || !str_eq(frame->type, type) ||
        !str_eq(frame->revision, revision)) {
        frame->kind = watch->kind;
        snprintf(frame->type, sizeof(frame->type), "%s", type);
        snprintf(frame->revision, sizeof(frame->revision), "%s", revision ? revision : "");
        frame->text.len = 0;
        write_frame(type, object, &frame->text);
    }
    return send_bytes(watch, &frame->text);
}

static bool send_bookmark(struct stream_watch *watch, int64_t revision, bool initial_end)
{
    char api_version[128];
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    cleanup(value_free) struct value *object = value_new_map();
    value_set_str(object, "kind", view_kind(&watch->view, watch->kind));
    value_set_str(object, "apiVersion", view_api_version(&watch->view, watch->kind, api_version));
    meta_set_revision(object, revision);
    if (initial_end)
        value_set_str(value_make_map(object, "metadata", "annotations", NULL),
                      "k8s.io/initial-events-end", "true");
    write_frame("BOOKMARK", object, &text);
    return send_bytes(watch, &text);
}

/* The last frame: what went wrong, as a Status under HTTP 200 (a client that has begun to read a
 * stream does not look at anything else). Takes status. */
static void send_error(struct stream_watch *watch, struct value *status)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    write_frame("ERROR", status, &text);
    value_free(status);
    if (send_bytes(watch, &text))
        end(watch);
}

/* ---- the live part ---- */

static void on_event(void *ctx, enum api_event_type type, const struct value *object)
{
    static const char *const names[] = {
        [API_ADDED] = "ADDED", [API_MODIFIED] = "MODIFIED", [API_DELETED] = "DELETED"};
    send_object(ctx, names[type], object);
}

/* Who resumes from a bookmark must not miss what was on its way when it was written. False: the
 * watch is gone. */
static bool tell_progress(struct stream_watch *watch)
{
    if (!watch->bookmarks || !watch->source || !api_watch_is_live(watch->source))
        return true;
    return send_bookmark(watch, api_revision(watch->rest->spec.api), false);
}

static void on_bookmark(void *ctx)
{
    struct stream_watch *watch = ctx;
    loop_timer_after(watch->bookmark, BOOKMARK_S * NS_PER_S);
    (void)tell_progress(watch);
}

/* The next watch begins where this one ends. */
static void on_timeout(void *ctx)
{
    struct stream_watch *watch = ctx;
    if (tell_progress(watch))
        end(watch);
}

/* The question was decided when the watch began; the live part asks in the API's own name. */
static const char *const masters[] = {"system:masters", NULL};
static const struct api_user self = {"system:limpet:watch", masters};

static void go_live(struct stream_watch *watch)
{
    struct api_ref ref = {watch->kind, watch->ns, ""};
    struct api_list_query query = {.label_selector = watch->labels,
                                   .field_selector = watch->fields};
    int r = api_watch(watch->rest->spec.api, &self, &ref, &query, watch->from, on_event, watch,
                      &watch->source);
    if (r == -410)
        send_error(watch, status_failure(410, "too old resource version: %lld (%lld)",
                                         (long long)watch->from,
                                         (long long)api_revision(watch->rest->spec.api)));
    else if (r)
        send_error(watch, status_failure(500, "cannot watch"));
}

/* ---- the present objects ---- */

/* The next page of about so many bytes; NULL: there is none. All show one revision, and a watch
 * from there sees what has come since; if that is forgotten, the watch is over. */
static struct value *next_page(struct stream_watch *watch, size_t bytes)
{
    struct api_ref ref = {watch->kind, watch->ns, ""};
    struct value *page = NULL;
    struct api_list_query query = {.label_selector = watch->labels,
                                   .field_selector = watch->fields,
                                   .limit = PAGE,
                                   .bytes = bytes,
                                   .continue_token = watch->token};
    if (api_list(watch->rest->spec.api, &self, &ref, &query, &page) != 0) {
        send_error(watch, page);
        return NULL;
    }
    const struct value *meta = value_get(page, "metadata");
    const char *next = value_get_str(meta, "continue");
    free(watch->token);
    watch->token = next ? xstrdup(next) : NULL;
    watch->initial = next;
    if (meta_parse_revision(value_get_str(meta, "resourceVersion"), &watch->from) != 0)
        watch->from = api_revision(watch->rest->spec.api);
    return page;
}

/* Nothing is kept of a page while the client takes his time. */
static void send_present(struct stream_watch *watch)
{
    while (watch->initial) {
        size_t room = http_stream_room(watch->request);
        if (room == 0)
            return; /* on_drained goes on */
        cleanup(value_free) struct value *page = next_page(watch, room);
        const struct value *items = value_get(page, "items");
        if (!page)
            return;
        for (size_t i = 0; i < value_len(items); i++)
            if (!send_object(watch, "ADDED", value_at(items, i)))
                return;
    }
    if (watch->mark_initial && !send_bookmark(watch, watch->from, true))
        return;
    go_live(watch);
}

static void on_drained(void *ctx, struct http_request *request)
{
    struct stream_watch *watch = ctx;
    (void)request;
    if (watch->initial)
        send_present(watch);
}

static void on_gone(void *ctx, struct http_request *request)
{
    (void)request;
    watch_free(ctx);
}

/* ---- taking the request ---- */

struct watch_request {
    int64_t revision, timeout_s;
    bool initial, bookmarks, mark_initial;
    struct view view;
};

/* NULL, or the Status to answer. */
static struct value *parse_initial(const struct ask *ask, struct watch_request *ret)
{
    const struct url *url = ask->url;
    struct err err = {0};
    int64_t current = api_revision(ask->rest->spec.api);
    bool send;
    if (url_param_bool(url, "sendInitialEvents", ret->revision == 0, &send, &err) != 0)
        return status_failure(400, "%s", err.msg);
    bool asked = url_param(url, "sendInitialEvents");
    if (asked && ret->revision > current)
        return list_too_large(ret->revision, current);
    ret->initial = send;
    ret->mark_initial = asked && send && ret->bookmarks;
    return NULL;
}

static struct value *parse_request(const struct ask *ask, struct watch_request *ret)
{
    struct err err = {0};
    const struct list_options options = {
        .resource_version = url_param(ask->url, "resourceVersion"),
        .match = url_param(ask->url, "resourceVersionMatch"),
        .continue_token = url_param(ask->url, "continue"),
        .watch = true,
        .initial_given = url_param(ask->url, "sendInitialEvents"),
    };
    *ret = (struct watch_request){0};
    struct value *status = list_options_check(&options, &ret->revision);
    if (status)
        return status;
    if (url_param_int(ask->url, "timeoutSeconds", 0, &ret->timeout_s, &err) != 0 ||
        url_param_bool(ask->url, "allowWatchBookmarks", false, &ret->bookmarks, &err) != 0)
        return status_failure(400, "%s", err.msg);
    return parse_initial(ask, ret);
}

/* A watch of one object selects it by name. */
static char *field_selector(const struct ask *ask)
{
    const char *given = url_param(ask->url, "fieldSelector");
    given = given ? given : "";
    if (!*ask->route->name)
        return xstrdup(given);
    return xasprintf("metadata.name=%s%s%s", ask->route->name, *given ? "," : "", given);
}

static struct value *check_selectors(const struct ask *ask, const char *labels, const char *fields)
{
    struct err err = {0};
    cleanup(selector_free) struct selector *a = NULL;
    cleanup(selector_free) struct selector *b = NULL;
    const struct schema_kind *kind = ask->route->kind;
    if (selector_parse_labels(labels, &a, &err) != 0 ||
        selector_parse_fields(fields, kind, &b, &err) != 0)
        return status_of(400, kind, NULL, "unable to parse the selector: %s", err.msg);
    return NULL;
}

static int64_t lifetime_ns(struct rest *rest, int64_t asked_s)
{
    if (asked_s > 0)
        return (asked_s < 86400 ? asked_s : 86400) * NS_PER_S;
    return (MIN_S + (int64_t)rng_below(rest->spec.rng, MIN_S)) * NS_PER_S;
}

static struct stream_watch *watch_new(const struct ask *ask, const struct watch_request *asked,
                                      const char *fields)
{
    const char *labels = url_param(ask->url, "labelSelector");
    struct stream_watch *watch = xcalloc(1, sizeof(*watch));
    watch->rest = ask->rest;
    watch->request = ask->request;
    watch->kind = ask->route->kind;
    kinds_hold(api_kinds(ask->rest->spec.api), watch->kind);
    watch->ns = xstrdup(ask->route->ns);
    watch->labels = xstrdup(labels ? labels : "");
    watch->fields = xstrdup(fields);
    watch->view = asked->view;
    watch->bookmarks = asked->bookmarks;
    watch->mark_initial = asked->mark_initial;
    watch->from = asked->revision;
    watch->initial = asked->initial;
    watch->timeout = loop_timer_new(ask->rest->spec.loop, on_timeout, watch);
    watch->bookmark = loop_timer_new(ask->rest->spec.loop, on_bookmark, watch);
    loop_timer_after(watch->timeout, lifetime_ns(ask->rest, asked->timeout_s));
    if (watch->bookmarks)
        loop_timer_after(watch->bookmark, BOOKMARK_S * NS_PER_S);
    list_append(&ask->rest->streams, &watch->link);
    return watch;
}

void stream_watch_start(const struct ask *ask)
{
    static const struct http_stream_handler handler = {on_gone, on_drained};
    struct watch_request asked;
    autofree char *fields = field_selector(ask);
    struct value *status = check_selectors(ask, url_param(ask->url, "labelSelector"), fields);
    if (!status)
        status = parse_request(ask, &asked);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    if (!view_parse(ask, &asked.view))
        return;
    struct stream_watch *watch = watch_new(ask, &asked, fields);
    http_stream_begin(ask->request, 200, "application/json", &handler, watch);
    if (!asked.initial) {
        if (watch->from == 0)
            watch->from = api_revision(ask->rest->spec.api);
        go_live(watch);
        return;
    }
    send_present(watch);
}
