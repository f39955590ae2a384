#include "controller/reconcile/users.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/reconcile/reconciler.h"
#include "controller/reconcile/users_plan.h"

#include <stdlib.h>

#define LATEST_NS (3600 * NS_PER_S) /* the clock of a gateway may jump */

struct users {
    struct loop *loop;
    struct api *api;
    struct reconciler *frame; /* one key: all users */
};

static const struct api_user self = {.name = "system:limpet:users"};

static struct value *list_of(const struct users *u, const struct schema_kind *kind)
{
    const struct api_ref ref = {kind, "", ""};
    struct value *list = NULL;
    if (api_list(u->api, &self, &ref, NULL, &list) == 0)
        return list;
    value_free(list);
    return NULL;
}

struct edit {
    struct reconciler_write write;
    struct value *certificates;
};

static int set_certificates(void *ctx, struct value *user)
{
    value_set(value_make_map(user, "status", NULL), "certificates",
              value_copy(((struct edit *)ctx)->certificates));
    return 0;
}

static void edit_free(struct reconciler_write *write)
{
    value_free(container_of(write, struct edit, write)->certificates);
}

static int drop_finalizer(void *ctx, struct value *user)
{
    struct value *finalizers = value_path(user, "metadata", "finalizers", NULL);
    (void)ctx;
    for (size_t i = value_len(finalizers); i-- > 0;)
        if (str_eq(value_str(value_at(finalizers, i)), USERS_FINALIZER))
            value_remove_at(finalizers, i);
    return 0;
}

/* When to look again. */
static int64_t settle(struct users *u, const struct value *user, const struct value *requests)
{
    static const struct reconciler_ops edits = {.size = sizeof(struct edit), .free = edit_free};
    const struct api_ref ref = {&kind_user, "", object_name(user)};
    const struct value *known = value_path(user, "status", "certificates", NULL);
    cleanup(value_free) struct value *none = value_new_list();
    int64_t next;
    struct value *list =
        users_plan(user, value_get(requests, "items"), clock_wall(loop_clock(u->loop)), &next);
    if (users_plan_release(user, list)) {
        value_free(list);
        api_patch_with(u->api, &self, &ref, 0, drop_finalizer, reconciler_written,
                       reconciler_begin(u->frame, RECONCILER_ALL, &reconciler_plain));
        return INT64_MAX;
    }
    if (value_equal(known ? known : none, list)) {
        value_free(list);
        return next;
    }
    struct edit *edit = reconciler_begin(u->frame, RECONCILER_ALL, &edits);
    edit->certificates = list;
    api_patch_with(u->api, &self, &ref, API_STATUS, set_certificates, reconciler_written, edit);
    return next;
}

static void look(void *ctx, const char *key)
{
    struct users *u = ctx;
    (void)key;
    int64_t now = clock_wall(loop_clock(u->loop)), first = INT64_MAX;
    cleanup(value_free) struct value *all = list_of(u, &kind_user);
    cleanup(value_free) struct value *requests = list_of(u, &kind_certificate_signing_request);
    const struct value *items = value_get(all, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        int64_t next = settle(u, value_at(items, i), requests);
        first = next < first ? next : first;
    }
    if (first == INT64_MAX)
        return;
    int64_t wait = first > now ? first - now : NS_PER_S;
    reconciler_put_after(u->frame, RECONCILER_ALL, wait < LATEST_NS ? wait + NS_PER_S : LATEST_NS);
}

static void on_user(void *ctx, enum api_event_type type, const struct value *object)
{
    struct users *u = ctx;
    (void)object;
    if (type != API_DELETED)
        reconciler_put(u->frame, RECONCILER_ALL);
}

static void on_request(void *ctx, enum api_event_type type, const struct value *object)
{
    struct users *u = ctx;
    if (type != API_DELETED && value_get_str(value_get(object, "status"), "certificate"))
        reconciler_put(u->frame, RECONCILER_ALL);
}

int users_new(struct loop *loop, struct api *api, struct users **ret, struct err *err)
{
    static const struct reconciler_watch watches[] = {
        {&kind_user, on_user}, {&kind_certificate_signing_request, on_request}};
    struct users *u = xcalloc(1, sizeof(*u));
    const struct reconciler_spec spec = {.name = "users",
                                         .loop = loop,
                                         .api = api,
                                         .user = &self,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = look,
                                         .ctx = u};
    u->loop = loop;
    u->api = api;
    int r = reconciler_new(&spec, &u->frame, err);
    if (r < 0) {
        users_free(u);
        return r;
    }
    *ret = u;
    return 0;
}

void users_free(struct users *u)
{
    if (!u)
        return;
    reconciler_free(u->frame);
    free(u);
}
