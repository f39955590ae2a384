#include "controller/reconcile/policy.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "controller/reconcile/policy_plan.h"

#include <stdlib.h>

#define CONFLICT 409 /* it is there already */

static const struct api_user user = {.name = "system:limpet:policy"};

struct item {
    struct policy *policy;
    const struct schema_kind *kind;
    struct value *wanted;
};

struct policy {
    struct api *api;
    policy_done_fn *done;
    void *ctx;
    struct item *items;
    size_t count, left;
    int code;
};

static void item_done(struct item *item, const struct api_answer *answer)
{
    struct policy *policy = item->policy;
    const char *message = value_get_str(answer->object, "message");
    if (answer->code >= 300) {
        log_error("default role is not as it should be name=%s error=%s",
                  log_quote(object_name(item->wanted)), log_quote(message ? message : "?"));
        policy->code = policy->code ? policy->code : -answer->code;
    }
    if (--policy->left == 0 && policy->done)
        policy->done(policy->ctx, policy->code, message && answer->code >= 300 ? message : "");
}

static void on_completed(void *ctx, const struct api_answer *answer)
{
    item_done(ctx, answer);
}

static int complete(void *ctx, struct value *object)
{
    const struct item *item = ctx;
    return policy_complete(object, item->wanted) ? 0 : 1;
}

static struct api_ref ref_of(const struct item *item)
{
    return (struct api_ref){item->kind, "", object_name(item->wanted)};
}

static void on_created(void *ctx, const struct api_answer *answer)
{
    struct item *item = ctx;
    const struct api_ref ref = ref_of(item);
    if (answer->code == CONFLICT)
        api_patch_with(item->policy->api, &user, &ref, 0, complete, on_completed, item);
    else
        item_done(item, answer);
}

struct policy *policy_new(struct api *api, policy_done_fn *done, void *ctx)
{
    struct policy *policy = xcalloc(1, sizeof(*policy));
    policy->api = api;
    policy->done = done;
    policy->ctx = ctx;
    policy->items = xcalloc(policy_role_count + policy_binding_count, sizeof(*policy->items));
    for (size_t i = 0; i < policy_role_count; i++)
        policy->items[policy->count++] =
            (struct item){policy, &kind_cluster_role, policy_role_object(&policy_roles[i])};
    for (size_t i = 0; i < policy_binding_count; i++)
        policy->items[policy->count++] = (struct item){policy, &kind_cluster_role_binding,
                                                       policy_binding_object(&policy_bindings[i])};
    policy->left = policy->count;
    for (size_t i = 0; i < policy->count; i++) {
        const struct api_ref ref = ref_of(&policy->items[i]);
        api_create(api, &user, &ref, policy->items[i].wanted, 0, on_created, &policy->items[i]);
    }
    return policy;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    for (size_t i = 0; i < policy->count; i++)
        value_free(policy->items[i].wanted);
    free(policy->items);
    free(policy);
}
