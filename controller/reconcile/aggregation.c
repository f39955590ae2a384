#include "controller/reconcile/aggregation.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/reconcile/aggregation_plan.h"
#include "controller/reconcile/reconciler.h"

#include <stdlib.h>

#define SOON_NS (50 * NS_PER_MS) /* so that many changes are one pass */

struct aggregation {
    struct api *api;
    struct reconciler *frame; /* one key: all roles */
};

static const struct api_user user = {.name = "system:limpet:aggregation"};

/* A role, with what its rules must be. */
static void write_rules(struct aggregation *aggregation, const struct value *role,
                        const struct value *rules)
{
    const struct api_ref ref = {&kind_cluster_role, "", object_name(role)};
    cleanup(value_free) struct value *wanted = value_copy(role);
    value_set(wanted, "rules", value_copy(rules));
    /* For that revision alone: whoever wrote meanwhile starts another pass. */
    api_update(aggregation->api, &user, &ref, wanted, 0, reconciler_written,
               reconciler_begin(aggregation->frame, RECONCILER_ALL, &reconciler_shared));
}

static void pass(void *ctx, const char *key)
{
    struct aggregation *aggregation = ctx;
    (void)key;
    const struct api_ref ref = {&kind_cluster_role, "", ""};
    cleanup(value_free) struct value *list = NULL;
    if (api_list(aggregation->api, &user, &ref, NULL, &list) != 0)
        return;
    const struct value *roles = value_get(list, "items");
    for (size_t i = 0; i < value_len(roles); i++) {
        const struct value *role = value_at(roles, i);
        if (value_type(value_get(role, "aggregationRule")) != VALUE_MAP)
            continue;
        cleanup(value_free) struct value *rules = aggregation_rules(role, roles);
        const struct value *have = value_get(role, "rules");
        bool same = value_len(rules) == 0 ? value_len(have) == 0 : value_equal(have, rules);
        if (!same)
            write_rules(aggregation, role, rules);
    }
}

static void on_role(void *ctx, enum api_event_type type, const struct value *object)
{
    struct aggregation *aggregation = ctx;
    (void)type;
    (void)object;
    reconciler_put_after(aggregation->frame, RECONCILER_ALL, SOON_NS);
}

int aggregation_new(struct loop *loop, struct api *api, struct aggregation **ret, struct err *err)
{
    static const struct reconciler_watch watches[] = {{&kind_cluster_role, on_role}};
    struct aggregation *aggregation = xcalloc(1, sizeof(*aggregation));
    const struct reconciler_spec spec = {.name = "aggregation of roles",
                                         .loop = loop,
                                         .api = api,
                                         .user = &user,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = pass,
                                         .ctx = aggregation};
    aggregation->api = api;
    int r = reconciler_new(&spec, &aggregation->frame, err);
    if (r < 0) {
        aggregation_free(aggregation);
        return r;
    }
    *ret = aggregation;
    return 0;
}

void aggregation_free(struct aggregation *aggregation)
{
    if (!aggregation)
        return;
    reconciler_free(aggregation->frame);
    free(aggregation);
}
