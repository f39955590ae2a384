#include "controller/server/rest_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/server/attributes.h"
#include "controller/server/body.h"
#include "controller/server/computed.h"
#include "controller/server/delete_options.h"
#include "controller/server/node_proxy.h"
#include "controller/api/deletion.h"
#include "controller/api/list_options.h"
#include "controller/api/part.h"
#include "controller/server/reply.h"
#include "controller/api/status.h"
#include "controller/api/subresource.h"

#include <errno.h>
#include <stdio.h>

/* Values that writes may hold as trees while they wait, together: a body of two bytes a value takes
 * fifty times its size. One of MANY_VALUES may always wait. */
#define MAX_VALUES (size_t)300000
#define MANY_VALUES 500
#define BIG_BODY (64 * 1024) /* bytes; while much waits, such a one is not even read */

/* A request that waits for the API. */
struct call {
    struct list link;
    struct rest *rest;
    struct http_request *request;
    const struct schema_kind *kind;
    struct view view;
    size_t values; /* of its body */
    bool created;  /* 201 with a Status of success: a binding */
};

struct rest *rest_new(const struct rest_spec *spec)
{
    struct rest *rest = xcalloc(1, sizeof(*rest));
    rest->spec = *spec;
    list_init(&rest->calls);
    list_init(&rest->streams);
    list_init(&rest->podstreams);
    list_init(&rest->scrapes);
    pieces_init(&rest->lists, spec->loop);
    buf_init(&rest->frame.text, 0);
    return rest;
}

static void call_free(struct call *call)
{
    kinds_release(api_kinds(call->rest->spec.api), call->kind);
    call->rest->values -= call->values;
    list_remove(&call->link);
    free(call);
}

void rest_free(struct rest *rest)
{
    if (!rest)
        return;
    struct list *it, *tmp;
    list_each(it, tmp, &rest->calls) call_free(container_of(it, struct call, link));
    stream_watches_free(rest);
    podstreams_end(rest);
    node_proxy_end(rest);
    pieces_free_all(&rest->lists);
    buf_done(&rest->frame.text);
    free(rest);
}

struct api_ref ask_ref(const struct ask *ask)
{
    return (struct api_ref){ask->route->kind, ask->route->ns, ask->route->name};
}

/* ---- answers ---- */

struct value *view_of(const struct rest *rest, const struct view *view,
                      const struct schema_kind *kind, struct value *object, bool columns)
{
    return view_make(view, kind, object, columns, clock_wall(rest->spec.clock));
}

bool view_parse(const struct ask *ask, struct view *ret)
{
    struct value *status = view_parse_url(ask->url, ask->accept, ret);
    if (status)
        reply_status(ask->request, status);
    return !status;
}

static void on_done(void *ctx, const struct api_answer *answer)
{
    struct call *call = ctx;
    struct http_request *request = call->request;
    reply_warnings(request, answer->warnings);
    http_answer_subject(request, answer->code < 400
                                     ? object_name(answer->object)
                                     : value_get_str(value_get(answer->object, "details"), "name"));
    struct value *object;
    if (call->created && answer->code < 400) {
        object = status_failure(201, "%s", "");
        value_del(object, "message");
        reply_status(request, object);
    } else {
        object = view_of(call->rest, &call->view, call->kind, value_copy(answer->object), true);
        if (answer->code >= 400)
            reply_status(request, object);
        else
            reply_json(request, answer->code, object);
    }
    call_free(call);
}

/* Who deletes something of most kinds is told that it is gone, not what it was. */
static void on_deleted(void *ctx, const struct api_answer *answer)
{
    struct call *call = ctx;
    if (answer->code >= 400 || !answer->removed || deletion_shows_object(call->kind)) {
        on_done(ctx, answer);
        return;
    }
    const char *name = object_name(answer->object);
    reply_warnings(call->request, answer->warnings);
    reply_status(call->request,
                 status_success(call->kind, name ? name : "", object_uid(answer->object)));
    call_free(call);
}

/* Which part of the object the request is about. */
static unsigned part_flag(const struct ask *ask)
{
    const struct subresource *subresource =
        subresource_find(ask->route->kind, ask->route->subresource);
    return subresource ? subresource->flag : 0;
}

static struct call *call_new(const struct ask *ask, const struct view *view)
{
    struct call *call = xcalloc(1, sizeof(*call));
    call->rest = ask->rest;
    call->request = ask->request;
    call->kind = part_kind(ask->route->kind, part_flag(ask));
    call->view = *view;
    list_append(&ask->rest->calls, &call->link);
    kinds_hold(api_kinds(ask->rest->spec.api), call->kind);
    return call;
}

/* ---- what the request says ---- */

static struct value *parse_validation(const struct url *url, unsigned *flags)
{
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {{"Strict", 0},
                 {"Warn", API_WARN_UNKNOWN},
                 {"", API_WARN_UNKNOWN},
                 {"Ignore", API_DROP_UNKNOWN}};
    const char *text = url_param(url, "fieldValidation");
    text = text ? text : "";
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(text, words[i].word)) {
            *flags |= words[i].flag;
            return NULL;
        }
    return status_failure(
        422,
        "invalid query parameter fieldValidation=\"%.40s\": must be Ignore, Warn or "
        "Strict",
        text);
}

static struct value *parse_dry_run(const char *text, unsigned *flags)
{
    if (str_empty(text))
        return NULL;
    if (!str_eq(text, "All"))
        return status_failure(422, "invalid query parameter dryRun=\"%.40s\": must be All", text);
    *flags |= API_DRY_RUN;
    return NULL;
}

struct write_request {
    struct value *body;
    unsigned flags;
    struct view view;
};

static bool has_room(const struct rest *rest, size_t values)
{
    return values <= MANY_VALUES || rest->values + values <= MAX_VALUES ||
           WEAKENED(REST_VALUES_CAP);
}

static struct value *too_many_requests(void)
{
    return status_failure(429, "Too many requests, please try again later.");
}

/* NULL, or the Status of a body that would make us hold too much, which is freed. */
static struct value *check_values(const struct ask *ask, struct value **body)
{
    int depth;
    if (has_room(ask->rest, value_size(*body, &depth)))
        return NULL;
    value_free(steal(*body));
    return too_many_requests();
}

/* Everything a write says; false after answering. */
static bool parse_write(const struct ask *ask, struct write_request *ret)
{
    *ret = (struct write_request){0};
    size_t len;
    http_body(ask->request, &len);
    struct value *status = NULL;
    if (len > BIG_BODY && !has_room(ask->rest, MAX_VALUES / 2))
        status = too_many_requests();
    if (!status)
        status = parse_validation(ask->url, &ret->flags);
    if (!status)
        status = parse_dry_run(url_param(ask->url, "dryRun"), &ret->flags);
    ret->flags |= part_flag(ask) | API_WARN_INERT;
    if (status) {
        reply_status(ask->request, status);
        return false;
    }
    return view_parse(ask, &ret->view);
}

static bool parse_write_body(const struct ask *ask, struct write_request *ret)
{
    if (!parse_write(ask, ret))
        return false;
    struct value *status = body_object(api_kinds(ask->rest->spec.api), ask->request, &ret->body);
    if (!status)
        status = check_values(ask, &ret->body);
    if (!status)
        return true;
    reply_status(ask->request, status);
    return false;
}

/* ---- verbs ---- */

/* What is read is never older than anything that was answered before: only a revision that is not
 * there yet is refused. */
static struct value *check_revision(const struct ask *ask)
{
    int64_t asked, current = api_revision(ask->rest->spec.api);
    const struct list_options options = {.resource_version =
                                             url_param(ask->url, "resourceVersion")};
    struct value *status = list_options_check(&options, &asked);
    if (!status && asked > current)
        status = list_too_large(asked, current);
    return status;
}

static void verb_get(const struct ask *ask)
{
    struct view view;
    struct value *object = NULL;
    struct api_ref ref = ask_ref(ask);
    struct value *status = check_revision(ask);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    if (!view_parse(ask, &view))
        return;
    if (api_get(ask->rest->spec.api, ask->user, &ref, &object) != 0) {
        reply_status(ask->request, object);
        return;
    }
    struct value *part = part_of(ref.kind, object, part_flag(ask));
    value_free(object);
    reply_json(ask->request, 200,
               view_of(ask->rest, &view, part_kind(ref.kind, part_flag(ask)), part, true));
}

/* What a computed kind is asked; object NULL: it is read. */
static struct computed_ask computed_of(const struct ask *ask, const struct value *object,
                                       unsigned flags)
{
    return (struct computed_ask){ask->rest->spec.api,
                                 ask->rest->spec.hooks,
                                 ask->rest->spec.authn,
                                 ask->rest->spec.tokens,
                                 ask->user,
                                 ask_ref(ask),
                                 object,
                                 flags,
                                 url_param(ask->url, "labelSelector"),
                                 url_param(ask->url, "fieldSelector")};
}

static void read_computed(const struct ask *ask)
{
    struct view view;
    if (!view_parse(ask, &view))
        return;
    const struct computed_ask asked = computed_of(ask, NULL, 0);
    computed_answer(&asked, on_done, call_new(ask, &view));
}

static void verb_read(const struct ask *ask)
{
    struct err err = {0};
    bool watch;
    if (url_param_bool(ask->url, "watch", ask->route->watch, &watch, &err) != 0)
        reply_status(ask->request, status_failure(400, "%s", err.msg));
    else if (ask->route->kind->computed && (watch || ask->route->watch))
        reply_status(ask->request, status_not_stored(ask->route->kind));
    else if (ask->route->kind->computed)
        read_computed(ask);
    else if (watch || ask->route->watch)
        stream_watch_start(ask);
    else if (*ask->route->name)
        verb_get(ask);
    else
        rest_list(ask);
}

/* Holds the body's tree to its account until it is answered. */
static struct call *call_of_write(const struct ask *ask, const struct write_request *write)
{
    int depth;
    struct call *call = call_new(ask, &write->view);
    call->values = value_size(write->body, &depth);
    call->rest->values += call->values;
    return call;
}

/* api_create, api_update, api_apply. Takes the body. */
typedef void api_write_fn(struct api *api, const struct api_user *user, const struct api_ref *ref,
                          const struct value *object, unsigned flags, api_done_fn *done, void *ctx);
static void write_object(const struct ask *ask, const struct write_request *write, api_write_fn *fn)
{
    struct api_ref ref = ask_ref(ask);
    fn(ask->rest->spec.api, ask->user, &ref, write->body, write->flags, on_done,
       call_of_write(ask, write));
    value_free(write->body);
}

static void verb_create(const struct ask *ask)
{
    struct write_request write;
    if (!parse_write_body(ask, &write))
        return;
    if (!ask->route->kind->computed) {
        write_object(ask, &write, api_create);
        return;
    }
    const struct computed_ask asked = computed_of(ask, write.body, write.flags);
    computed_answer(&asked, on_done, call_of_write(ask, &write));
    value_free(write.body);
}

static void verb_update(const struct ask *ask)
{
    struct write_request write;
    if (parse_write_body(ask, &write))
        write_object(ask, &write, api_update);
}

/* A body that may be YAML and mostly is JSON, as kubectl sends it. */
static struct value *parse_apply(const char *body, size_t len, struct value **ret)
{
    struct value *status = body_json(body, len, ret);
    if (!status)
        return NULL;
    value_free(status);
    return body_yaml(body, len, ret);
}

/* The Status of options that make no sense for that patch; NULL: they do. */
static struct value *check_apply_options(const struct ask *ask, bool apply, bool *ret_force)
{
    static const char invalid[] = "PatchOptions.meta.k8s.io \"\" is invalid";
    struct err err = {0};
    if (url_param_bool(ask->url, "force", false, ret_force, &err) != 0)
        return status_failure(400, "%s", err.msg);
    if (!apply && *ret_force)
        return status_failure(422, "%s: force: Forbidden: may not be specified for non-apply patch",
                              invalid);
    if (apply && str_empty(url_param(ask->url, "fieldManager")))
        return status_failure(422, "%s: fieldManager: Required value: is required for apply patch",
                              invalid);
    return NULL;
}

static void verb_apply(const struct ask *ask, struct write_request *write)
{
    size_t len;
    bool force;
    struct api_ref ref = ask_ref(ask);
    const char *body = http_body(ask->request, &len);
    struct value *status = check_apply_options(ask, true, &force);
    if (!status && (write->flags & PART_FLAGS & ~(unsigned)API_STATUS))
        status = patch_type_refusal(ref.kind);
    if (!status)
        status = parse_apply(body, len, &write->body);
    if (!status)
        status = check_values(ask, &write->body);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    api_server_apply(ask->rest->spec.api, ask->user, &ref, write->body, force, write->flags,
                     on_done, call_of_write(ask, write));
    value_free(write->body);
}

static void verb_patch(const struct ask *ask)
{
    struct write_request write;
    enum patch_type patch;
    char type[64];
    size_t len;
    struct api_ref ref = ask_ref(ask);
    if (!parse_write(ask, &write))
        return;
    body_media_type(http_header(ask->request, "Content-Type"), type, sizeof(type));
    if (str_eq(type, "application/apply-patch+yaml")) {
        verb_apply(ask, &write);
        return;
    }
    bool force, known = patch_type_find(type, &patch) == 0 && patch_type_fits(patch, ref.kind);
    const char *body = http_body(ask->request, &len);
    struct value *status = known ? NULL : patch_type_refusal(ref.kind);
    if (!status)
        status = check_apply_options(ask, false, &force);
    if (!status)
        status = body_json(body, len, &write.body);
    if (!status)
        status = check_values(ask, &write.body);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    api_patch(ask->rest->spec.api, ask->user, &ref, patch, write.body, write.flags, on_done,
              call_of_write(ask, &write));
    value_free(write.body);
}

static void verb_delete(const struct ask *ask)
{
    struct api_delete_options options;
    struct view view;
    unsigned flags = 0;
    size_t len;
    cleanup(value_free) struct value *body = NULL;
    http_body(ask->request, &len);
    struct value *status =
        len ? body_object(api_kinds(ask->rest->spec.api), ask->request, &body) : NULL;
    if (!status)
        status = delete_options_parse(ask->url, body, &options, &flags);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    if (!view_parse(ask, &view))
        return;
    struct api_ref ref = ask_ref(ask);
    struct call *call = call_new(ask, &view);
    if (*ref.name) {
        api_delete(ask->rest->spec.api, ask->user, &ref, &options, flags, on_deleted, call);
        return;
    }
    const struct api_list_query query = {
        .label_selector = url_param(ask->url, "labelSelector"),
        .field_selector = url_param(ask->url, "fieldSelector"),
    };
    api_delete_collection(ask->rest->spec.api, ask->user, &ref, &query, &options, flags, on_done,
                          call);
}

/* The Status of a Binding that says too little or something else than the URL; NULL: *ret_pod and
 * *ret_node are its names. */
static struct value *read_binding(const struct ask *ask, const struct value *body,
                                  const char **ret_pod, const char **ret_node)
{
    const char *name = object_name(body), *kind = value_get_str(value_get(body, "target"), "kind");
    *ret_node = value_get_str(value_get(body, "target"), "name");
    *ret_pod = *ask->route->name ? ask->route->name : name;
    if (str_empty(*ret_pod))
        return status_of(422, ask->route->kind, "",
                         "Binding is invalid: metadata.name: Required value");
    if (!str_empty(name) && !str_eq(name, *ret_pod))
        return status_of(400, ask->route->kind, *ret_pod,
                         "name in URL does not match name in Binding object: %.253s", name);
    if (str_empty(*ret_node))
        return status_of(422, ask->route->kind, *ret_pod,
                         "Binding is invalid: target.name: Required value");
    if (!str_empty(kind) && !str_eq(kind, "Node"))
        return status_of(422, ask->route->kind, *ret_pod,
                         "Binding is invalid: target.kind: Unsupported value: \"%.63s\": supported "
                         "values: \"Node\", \"<empty>\"",
                         kind);
    return NULL;
}

static void verb_bind(const struct ask *ask)
{
    struct write_request write;
    const char *pod, *node;
    if (!parse_write_body(ask, &write))
        return;
    cleanup(value_free) struct value *body = write.body;
    struct value *status = read_binding(ask, body, &pod, &node);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    struct call *call = call_new(ask, &write.view);
    call->created = true;
    api_bind(ask->rest->spec.api, ask->user, ask->route->ns, pod, node, write.flags, on_done, call);
}

/* ---- which verb ---- */

enum place { COLLECTION = 1, OBJECT = 2 };

/* "*" stands for every subresource that is a part of the object. */
static const struct {
    const char *method;
    int places;
    const char *subresource;
    void (*fn)(const struct ask *ask);
} verbs[] = {
    {"GET", COLLECTION | OBJECT, "", verb_read},
    {"POST", COLLECTION, "", verb_create},
    {"PUT", OBJECT, "", verb_update},
    {"PATCH", OBJECT, "", verb_patch},
    {"DELETE", COLLECTION | OBJECT, "", verb_delete},
    {"GET", OBJECT, "*", verb_get},
    {"PUT", OBJECT, "*", verb_update},
    {"PATCH", OBJECT, "*", verb_patch},
    {"POST", OBJECT | COLLECTION, "binding", verb_bind},
    {"POST", OBJECT, "token", token_request},
    {"GET", OBJECT, "log", podstream_start},
    {"GET", OBJECT, "why", podstream_start},
    {"GET", OBJECT, "exec", connect_start},
    {"POST", OBJECT, "exec", connect_start},
    {"GET", OBJECT, "attach", connect_start},
    {"POST", OBJECT, "attach", connect_start},
    {"GET", OBJECT, "portforward", connect_start},
    {"POST", OBJECT, "portforward", connect_start},
    {"GET", OBJECT, "proxy", node_proxy},
    {"GET", OBJECT, "pull", node_pull},
    {"POST", OBJECT, "pull", node_pull},
};

static const struct {
    const char *method;
    unsigned verb;
} methods[] = {{"POST", SUBRESOURCE_CREATE},
               {"GET", SUBRESOURCE_GET},
               {"PATCH", SUBRESOURCE_PATCH},
               {"PUT", SUBRESOURCE_UPDATE}};

/* Of computed kinds, which have few verbs: whether one of them is by that method. */
static bool allows(const struct route *route, const char *method)
{
    struct attributes attributes;
    const struct url no_query = {0};
    attributes_find(method, &no_query, route, &attributes);
    return schema_has_verb(route->kind, attributes.verb);
}

/* Whether line i of the table is for what was asked of, by any method. */
static bool is_verb_of(size_t i, const struct ask *ask)
{
    const struct subresource *subresource =
        subresource_find(ask->route->kind, ask->route->subresource);
    int place = *ask->route->name ? OBJECT : COLLECTION;
    if (!(verbs[i].places & place))
        return false;
    if (!subresource)
        return !*verbs[i].subresource && allows(ask->route, verbs[i].method);
    bool any = str_eq(verbs[i].subresource, "*") && subresource->flag;
    if (!any && !str_eq(verbs[i].subresource, subresource->name))
        return false;
    for (size_t m = 0; m < ARRAY_LEN(methods); m++)
        if (str_eq(methods[m].method, verbs[i].method))
            return subresource->verbs & methods[m].verb;
    return false;
}

static void refuse_method(const struct ask *ask, const char *method, const char *allowed)
{
    if (*allowed)
        http_answer_header(ask->request, "Allow", allowed);
    reply_status(ask->request,
                 status_of(405, ask->route->kind, ask->route->name,
                           "the server does not allow the method %.16s on the requested "
                           "resource",
                           method));
}

static void handle(const struct ask *ask)
{
    const char *method = http_method(ask->request);
    char allowed[64] = "";
    method = str_eq(method, "HEAD") ? "GET" : method;
    if (*ask->route->subresource &&
        (ask->route->watch || !subresource_find(ask->route->kind, ask->route->subresource))) {
        reply_status(ask->request,
                     status_failure(404, "the server could not find the requested resource"));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!is_verb_of(i, ask) || (ask->route->watch && !str_eq(verbs[i].method, "GET")))
            continue;
        if (str_eq(verbs[i].method, method)) {
            verbs[i].fn(ask);
            return;
        }
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof(allowed) - used, "%s%s", used ? ", " : "", verbs[i].method);
    }
    refuse_method(ask, method, allowed);
}

#define MANAGER_MAX 128 /* bytes, as in Kubernetes */

/* The program that asks: as it calls itself, or as its user agent does. False after answering. */
static bool read_manager(const struct ask *ask, char ret[static MANAGER_MAX + 1])
{
    const char *given = url_param(ask->url, "fieldManager");
    const char *agent = http_header(ask->request, "User-Agent");
    size_t len = given ? strlen(given) : agent ? strcspn(agent, "/") : 0;
    bool right = !given || (len <= MANAGER_MAX && str_is_utf8(given, len));
    for (size_t i = 0; given && i < len; i++)
        right &= (unsigned char)given[i] >= 0x20 && given[i] != 0x7f;
    if (!right) {
        reply_status(ask->request,
                     status_failure(422,
                                    "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: "
                                    "Invalid value: must be at most %d printable characters",
                                    MANAGER_MAX));
        return false;
    }
    const char *from = given ? given : agent;
    bool plain = from && str_is_utf8(from, len > MANAGER_MAX ? MANAGER_MAX : len);
    snprintf(ret, MANAGER_MAX + 1, "%.*s", (int)len, plain ? from : "");
    return true;
}

void rest_handle(const struct ask *ask)
{
    char manager[MANAGER_MAX + 1];
    if (!ask->user) {
        handle(ask);
        return;
    }
    if (!read_manager(ask, manager))
        return;
    struct api_user user = *ask->user;
    struct ask named = *ask;
    user.manager = *manager ? manager : NULL;
    named.user = &user;
    handle(&named);
}
