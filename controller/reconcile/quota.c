#include "controller/reconcile/quota.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/reconcile/reconciler.h"

#include <stdlib.h>

struct quota_controller {
    struct loop *loop;
    struct api *api;
    struct quotas *quotas;
    struct reconciler *frame; /* keys: "<namespace>/<name>" */
    int64_t last;             /* when the latest round began */
    bool begun;
};

static const struct api_user user = {.name = "system:limpet:quota"};

struct value *quota_plan(const struct value *quota, const struct value *hard,
                         const struct value *used)
{
    cleanup(value_free) struct value *status = value_new_map();
    value_set(status, "hard", value_copy(hard));
    value_set(status, "used", value_copy(used));
    return value_equal(value_get(quota, "status"), status) ? NULL : steal(status);
}

/* What changes soon after a round is for the next. */
static void on_changed(void *ctx, const char *ns, const char *name)
{
    struct quota_controller *controller = ctx;
    autofree char *key = reconciler_key(ns, name);
    int64_t now = loop_now(controller->loop), at = controller->last + QUOTA_WAIT_NS;
    reconciler_put_after(controller->frame, key, controller->begun && at > now ? at - now : 0);
}

static int edit(void *ctx, struct value *object)
{
    const struct reconciler_write *write = ctx;
    const struct quota_controller *controller = reconciler_ctx(write);
    autofree char *ns = NULL;
    const char *name = reconciler_split(write->key, &ns);
    cleanup(value_free) struct value *hard = NULL;
    cleanup(value_free) struct value *used = quotas_used(controller->quotas, ns, name, &hard);
    struct value *status = used ? quota_plan(object, hard, used) : NULL;
    if (status)
        value_set(object, "status", status);
    return status ? 0 : 1;
}

static void look(void *ctx, const char *key)
{
    struct quota_controller *controller = ctx;
    autofree char *ns = NULL;
    const char *name = reconciler_split(key, &ns);
    const struct api_ref ref = {&kind_resource_quota, ns, name};
    controller->last = loop_now(controller->loop);
    controller->begun = true;
    api_patch_with(controller->api, &user, &ref, API_STATUS, edit, reconciler_written,
                   reconciler_begin(controller->frame, key, &reconciler_plain));
}

struct quota_controller *quota_controller_new(struct loop *loop, struct api *api,
                                              struct quotas *quotas)
{
    struct quota_controller *controller = xcalloc(1, sizeof(*controller));
    const struct reconciler_spec spec = {.name = "quotas",
                                         .loop = loop,
                                         .api = api,
                                         .user = &user,
                                         .look = look,
                                         .ctx = controller,
                                         .wait_ns = QUOTA_WAIT_NS,
                                         .wait_max_ns = QUOTA_WAIT_NS};
    *controller = (struct quota_controller){.loop = loop, .api = api, .quotas = quotas};
    if (reconciler_new(&spec, &controller->frame, NULL) <
        0) /* it watches nothing that could fail */
        abort();
    quotas_observe(quotas, on_changed, controller);
    return controller;
}

void quota_controller_free(struct quota_controller *controller)
{
    if (!controller)
        return;
    quotas_observe(controller->quotas, NULL, NULL);
    reconciler_free(controller->frame);
    free(controller);
}
