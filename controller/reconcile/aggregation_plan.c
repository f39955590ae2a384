#include "controller/reconcile/aggregation_plan.h"

#include "common/base/map.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"

static bool is_gathered(const struct value *selectors, const struct value *role)
{
    const struct value *labels = value_path(role, "metadata", "labels", NULL);
    for (size_t i = 0; i < value_len(selectors); i++)
        if (label_selector_matches(value_at(selectors, i), labels))
            return true;
    return false;
}

/* seen: the rules that are there already, as text. */
static void gather(const struct value *rules, struct map *seen, struct value *ret)
{
    for (size_t i = 0; value_type(rules) == VALUE_LIST && i < value_len(rules); i++) {
        cleanup(buf_done) struct buf text = {0};
        if (json_write(value_at(rules, i), &text) != 0 || map_get(seen, buf_str(&text)))
            continue;
        map_put(seen, buf_str(&text), seen);
        value_append(ret, value_copy(value_at(rules, i)));
    }
}

struct value *aggregation_rules(const struct value *role, const struct value *roles)
{
    const struct value *selectors =
        value_path(role, "aggregationRule", "clusterRoleSelectors", NULL);
    struct value *rules = value_new_list();
    struct map *seen = map_new();
    for (size_t i = 0; i < value_len(roles); i++) {
        const struct value *other = value_at(roles, i);
        bool self = str_eq(object_name(other), object_name(role));
        if (!self && is_gathered(selectors, other))
            gather(value_get(other, "rules"), seen, rules);
    }
    map_free(seen, NULL);
    return rules;
}
