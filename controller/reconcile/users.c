#include "controller/reconcile/users.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/reconcile/users_plan.h"

#include <errno.h>
#include <stdlib.h>

#define LATEST_NS (3600 * NS_PER_S) /* the clock of a gateway may jump */

struct users {
    struct loop *loop;
    struct api *api;
    struct api_watch *user_watch, *request_watch;
    struct loop_defer *soon;
    struct loop_timer *timer;
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
    struct value *certificates;
};

static int set_certificates(void *ctx, struct value *user)
{
    value_set(value_make_map(user, "status", NULL), "certificates",
              value_copy(((struct edit *)ctx)->certificates));
    return 0;
}

static void on_written(void *ctx, const struct api_answer *answer)
{
    struct edit *edit = ctx;
    const char *message = value_get_str(answer->object, "message");
    if (answer->code >= 300 && answer->code != 404)
        log_warn("user's certificates not written: reason=%s", log_quote(message ? message : ""));
    value_free(edit->certificates);
    free(edit);
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
    const struct api_ref ref = {&kind_user, "", object_name(user)};
    const struct value *known = value_path(user, "status", "certificates", NULL);
    cleanup(value_free) struct value *none = value_new_list();
    int64_t next;
    struct value *list =
        users_plan(user, value_get(requests, "items"), clock_wall(loop_clock(u->loop)), &next);
    if (users_plan_release(user, list)) {
        value_free(list);
        api_patch_with(u->api, &self, &ref, 0, drop_finalizer, NULL, NULL);
        return INT64_MAX;
    }
    if (value_equal(known ? known : none, list)) {
        value_free(list);
        return next;
    }
    struct edit *edit = xcalloc(1, sizeof(*edit));
    edit->certificates = list;
    api_patch_with(u->api, &self, &ref, API_STATUS, set_certificates, on_written, edit);
    return next;
}

static void look(void *ctx)
{
    struct users *u = ctx;
    u->soon = NULL;
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
    loop_timer_after(u->timer, wait < LATEST_NS ? wait + NS_PER_S : LATEST_NS);
}

static void look_soon(void *ctx)
{
    struct users *u = ctx;
    if (!u->soon)
        u->soon = loop_defer(u->loop, look, u);
}

static void on_user(void *ctx, enum api_event_type type, const struct value *object)
{
    (void)object;
    if (type != API_DELETED)
        look_soon(ctx);
}

static void on_request(void *ctx, enum api_event_type type, const struct value *object)
{
    if (type != API_DELETED && value_get_str(value_get(object, "status"), "certificate"))
        look_soon(ctx);
}

int users_new(struct loop *loop, struct api *api, struct users **ret, struct err *err)
{
    struct users *u = xcalloc(1, sizeof(*u));
    const struct api_ref users = {&kind_user, "", ""};
    const struct api_ref requests = {&kind_certificate_signing_request, "", ""};
    u->loop = loop;
    u->api = api;
    u->timer = loop_timer_new(loop, look_soon, u);
    int rc = api_watch(api, &self, &users, NULL, 0, on_user, u, &u->user_watch);
    if (rc == 0)
        rc = api_watch(api, &self, &requests, NULL, 0, on_request, u, &u->request_watch);
    if (rc < 0) {
        users_free(u);
        return err_set(err, -EIO, "cannot watch users (%d)", rc);
    }
    *ret = u;
    return 0;
}

void users_free(struct users *u)
{
    if (!u)
        return;
    api_watch_free(u->user_watch);
    api_watch_free(u->request_watch);
    loop_defer_free(u->soon);
    loop_timer_free(u->timer);
    free(u);
}
