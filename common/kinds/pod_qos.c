#include "common/kinds/pod_qos.h"

#include "common/base/str.h"
#include "common/schema/quantity.h"

#include <stdbool.h>

/* Whether it asks for some, and not for nothing. */
static bool amount_of(const struct value *container, const char *which, const char *name,
                      struct quantity *ret)
{
    const struct value *amount = value_path(container, "resources", which, name, NULL);
    return quantity_of(amount, ret) == 0 && (ret->units || ret->nano);
}

/* Adds what one container says: whether any asks for something, whether each is held to just that.
 */
static void add_container(const struct value *container, bool *any, bool *exact)
{
    static const char *const names[] = {"cpu", "memory"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct quantity limit, request;
        bool limited = amount_of(container, "limits", names[i], &limit);
        bool asked = amount_of(container, "requests", names[i], &request);
        *any |= limited || asked;
        *exact &= limited && asked && quantity_compare(&limit, &request) == 0;
    }
}

enum pod_qos pod_qos(const struct value *spec)
{
    static const char *const lists[] = {"containers", "initContainers"};
    bool any = false, exact = true;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *list = value_get(spec, lists[l]);
        for (size_t i = 0; i < value_len(list); i++)
            add_container(value_at(list, i), &any, &exact);
    }
    return !any ? POD_QOS_BEST_EFFORT : exact ? POD_QOS_GUARANTEED : POD_QOS_BURSTABLE;
}

const char *pod_qos_name(enum pod_qos qos)
{
    static const char *const names[] = {
        [POD_QOS_BEST_EFFORT] = "BestEffort",
        [POD_QOS_BURSTABLE] = "Burstable",
        [POD_QOS_GUARANTEED] = "Guaranteed",
    };
    return names[qos];
}
