/* Deletions of whole collections: page by page, each in a turn of the loop of its own. */

#include "controller/api/api_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/access.h"
#include "controller/api/meta.h"
#include "controller/api/status.h"

#define PAGE 100        /* deletions under way at once */
#define ITEMS_MAX 1000  /* of the answer */
#define NAME_GROUPS 256 /* of one user */

/* What was asked, with strings of its own. */
struct sweep {
    struct list link; /* in api->sweeps */
    struct api *api;
    const struct schema_kind *kind;
    char *ns, *user, *labels, *fields, *uid, *revision, *propagation, *token;
    char *groups[NAME_GROUPS + 1];
    bool own; /* one of the gateway's controllers, which are in no group */
    struct api_delete_options options;
    unsigned flags;
    api_done_fn *done;
    void *ctx;
    struct loop_defer *turn;
    struct value *list; /* the answer */
    int64_t left_out;   /* beyond ITEMS_MAX */
    size_t pending;     /* deletions of this page */
    struct value *refusal;
};

static void sweep_free(struct sweep *sweep)
{
    char *const texts[] = {sweep->ns,  sweep->user,     sweep->labels,      sweep->fields,
                           sweep->uid, sweep->revision, sweep->propagation, sweep->token};
    list_remove(&sweep->link);
    loop_defer_free(sweep->turn);
    value_free(sweep->list);
    value_free(sweep->refusal);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(texts[i]);
    for (char **group = sweep->groups; *group; group++)
        free(*group);
    free(sweep);
}

void api_sweeps_free(struct api *api)
{
    struct list *it, *tmp;
    list_each(it, tmp, &api->sweeps) sweep_free(container_of(it, struct sweep, link));
}

static void end(struct sweep *sweep)
{
    const struct value *object = sweep->refusal ? sweep->refusal : sweep->list;
    struct api_answer answer = {
        .code = sweep->refusal ? status_code(sweep->refusal) : 200,
        .object = object,
        .unchanged = !sweep->refusal && value_len(value_get(object, "items")) == 0,
    };
    if (!sweep->refusal && sweep->left_out > 0)
        value_set_int(value_get(sweep->list, "metadata"), "remainingItemCount", sweep->left_out);
    list_remove(&sweep->link); /* done may free the api */
    if (sweep->done)
        sweep->done(sweep->ctx, &answer);
    sweep_free(sweep);
}

static void page(void *ctx);

static void next_turn(struct sweep *sweep)
{
    sweep->turn = loop_defer(sweep->api->loop, page, sweep);
}

static void one_done(void *ctx, const struct api_answer *answer)
{
    struct sweep *sweep = ctx;
    bool refused = answer->code >= 400 && answer->code != 404;
    if (refused && !sweep->refusal)
        sweep->refusal = value_copy(answer->object);
    if (--sweep->pending > 0)
        return;
    if (sweep->refusal || !sweep->token)
        end(sweep);
    else
        next_turn(sweep);
}

static struct api_user user_of(const struct sweep *sweep)
{
    return (struct api_user){sweep->user, sweep->own ? NULL : (const char *const *)sweep->groups};
}

/* Takes the items of a page over into the answer. */
static void keep(struct sweep *sweep, struct value *list)
{
    if (!sweep->list) {
        sweep->list = value_copy(list);
        value_del(value_get(sweep->list, "metadata"), "continue");
        value_del(value_get(sweep->list, "metadata"), "remainingItemCount");
        return;
    }
    struct value *items = value_get(sweep->list, "items"), *more = value_get(list, "items");
    for (size_t i = 0; i < value_len(more); i++) {
        if (value_len(items) < ITEMS_MAX)
            value_append(items, value_copy(value_at(more, i)));
        else
            sweep->left_out++;
    }
}

static void delete_all(struct sweep *sweep, const struct value *items)
{
    const struct api_user user = user_of(sweep);
    sweep->pending = value_len(items);
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        const char *ns = object_namespace(item);
        const struct api_ref ref = {sweep->kind, ns ? ns : "", object_name(item)};
        api_delete_as(sweep->api, &user, "deletecollection", &ref, &sweep->options, sweep->flags,
                      one_done, sweep);
    }
}

/* Who may delete what there is need not be let see it. */
static const struct api_user lister = {.name = "system:limpet:sweep"};

static void page(void *ctx)
{
    struct sweep *sweep = ctx;
    cleanup(value_free) struct value *list = NULL;
    const struct api_ref ref = {sweep->kind, sweep->ns, ""};
    const struct api_list_query query = {.label_selector = sweep->labels,
                                         .field_selector = sweep->fields,
                                         .limit = PAGE,
                                         .continue_token = sweep->token};
    sweep->turn = NULL;
    if (!sweep->refusal && api_list(sweep->api, &lister, &ref, &query, &list) != 0)
        sweep->refusal = steal(list);
    if (sweep->refusal) {
        end(sweep);
        return;
    }
    const char *token = value_get_str(value_get(list, "metadata"), "continue");
    free(sweep->token);
    sweep->token = token ? xstrdup(token) : NULL;
    keep(sweep, list);
    if (value_len(value_get(list, "items")) > 0)
        delete_all(sweep, value_get(list, "items"));
    else
        end(sweep);
}

static char *copy_or_null(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

static void copy_user(struct sweep *sweep, const struct api_user *user)
{
    sweep->user = user ? copy_or_null(user->name) : NULL;
    sweep->own = user && !user->groups;
    for (size_t i = 0; user && user->groups && user->groups[i] && i < NAME_GROUPS; i++)
        sweep->groups[i] = xstrdup(user->groups[i]);
}

static void copy_options(struct sweep *sweep, const struct api_delete_options *options)
{
    sweep->uid = copy_or_null(options->uid);
    sweep->revision = copy_or_null(options->resource_version);
    sweep->propagation = copy_or_null(options->propagation);
    sweep->options = *options;
    sweep->options.uid = sweep->uid;
    sweep->options.resource_version = sweep->revision;
    sweep->options.propagation = sweep->propagation;
}

void api_delete_collection(struct api *api, const struct api_user *user, const struct api_ref *ref,
                           const struct api_list_query *query,
                           const struct api_delete_options *options, unsigned flags,
                           api_done_fn *done, void *ctx)
{
    static const struct api_list_query everything;
    static const struct api_delete_options usual = {.grace_s = -1};
    struct sweep *sweep = xcalloc(1, sizeof(*sweep));
    query = query ? query : &everything;
    sweep->api = api;
    sweep->kind = ref->kind;
    sweep->ns = xstrdup(ref->ns && ref->kind->namespaced ? ref->ns : "");
    sweep->labels = copy_or_null(query->label_selector);
    sweep->fields = copy_or_null(query->field_selector);
    sweep->flags = flags & ~(unsigned)API_STATUS;
    sweep->done = done;
    sweep->ctx = ctx;
    copy_user(sweep, user);
    copy_options(sweep, options ? options : &usual);
    list_append(&api->sweeps, &sweep->link);
    const struct access access = {"deletecollection", *ref, NULL, NULL};
    sweep->refusal = access_refusal(api, user, &access);
    next_turn(sweep);
}
