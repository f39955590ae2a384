#include "controller/reconcile/aggregation.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "controller/reconcile/aggregation_plan.h"

#include <errno.h>
#include <stdlib.h>

#define SOON_NS (50 * NS_PER_MS) /* so that many changes are one pass */

struct aggregation {
    struct loop *loop;
    struct api *api;
    struct api_watch *watch;
    struct loop_timer *timer;
};

static const struct api_user user = {.name = "system:limpet:aggregation"};

static void on_written(void *ctx, const struct api_answer *answer)
{
    const char *message = value_get_str(answer->object, "message");
    (void)ctx;
    if (answer->code >= 300 && answer->code != 404)
        log_warn("rules of a ClusterRole are not gathered reason=%s",
                 log_quote(message ? message : ""));
}

/* A role, with what its rules must be. */
static void write_rules(struct aggregation *aggregation, const struct value *role,
                        const struct value *rules)
{
    const struct api_ref ref = {&kind_cluster_role, "", object_name(role)};
    cleanup(value_free) struct value *wanted = value_copy(role);
    value_set(wanted, "rules", value_copy(rules));
    /* For that revision alone: whoever wrote meanwhile starts another pass. */
    api_update(aggregation->api, &user, &ref, wanted, 0, on_written, aggregation);
}

static void pass(void *ctx)
{
    struct aggregation *aggregation = ctx;
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
    if (!loop_timer_armed(aggregation->timer))
        loop_timer_at(aggregation->timer, loop_now(aggregation->loop) + SOON_NS);
}

int aggregation_new(struct loop *loop, struct api *api, struct aggregation **ret, struct err *err)
{
    struct aggregation *aggregation = xcalloc(1, sizeof(*aggregation));
    const struct api_ref ref = {&kind_cluster_role, "", ""};
    aggregation->loop = loop;
    aggregation->api = api;
    aggregation->timer = loop_timer_new(loop, pass, aggregation);
    int r = api_watch(api, &user, &ref, NULL, 0, on_role, aggregation, &aggregation->watch);
    if (r < 0) {
        aggregation_free(aggregation);
        return err_set(err, -EIO, "aggregation of roles: watch: %d", -r);
    }
    *ret = aggregation;
    return 0;
}

void aggregation_free(struct aggregation *aggregation)
{
    if (!aggregation)
        return;
    api_watch_free(aggregation->watch);
    loop_timer_free(aggregation->timer);
    free(aggregation);
}
