#include "agent/pod/amount.h"

#include "agent/runtime/launch.h"
#include "common/base/str.h"
#include "common/schema/quantity.h"

#define AMOUNT_MAX (INT64_MAX / (4 * LAUNCH_MAX_CONTAINERS))
#define CPU_MILLI_MAX (INT64_C(1000) * 1000 * 1000) /* more than any machine has */

static int64_t amount_in(const struct value *list, const char *name)
{
    const struct value *amount = value_get(list, name);
    bool cpu = str_eq(name, "cpu");
    int64_t most = cpu ? CPU_MILLI_MAX : AMOUNT_MAX;
    int64_t n = cpu ? quantity_milli_of(amount, 0) : quantity_units_of(amount, 0);
    return n < 0 ? 0 : n > most ? most : n;
}

int64_t amount_of(const struct value *container, const char *which, const char *name)
{
    return amount_in(value_path(container, "resources", which, NULL), name);
}

int64_t amount_of_pod(const struct value *spec, const char *which, const char *name, bool *ret_all)
{
    const struct value *inits = value_get(spec, "initContainers");
    const struct value *mains = value_get(spec, "containers");
    int64_t sidecars = 0, most = 0, sum = 0;
    bool all = true;
    for (size_t i = 0; i < value_len(inits); i++) {
        const struct value *container = value_at(inits, i);
        int64_t own = amount_of(container, which, name);
        all &= own > 0;
        if (sidecars + own > most)
            most = sidecars + own;
        if (str_eq(value_get_str(container, "restartPolicy"), "Always"))
            sidecars += own;
    }
    for (size_t i = 0; i < value_len(mains); i++) {
        int64_t own = amount_of(value_at(mains, i), which, name);
        all &= own > 0;
        sum += own;
    }
    if (ret_all)
        *ret_all = all;
    if (sum + sidecars > most)
        most = sum + sidecars;
    bool with_overhead = str_eq(which, "requests") || most > 0;
    return most + (with_overhead ? amount_in(value_get(spec, "overhead"), name) : 0);
}
