#include "controller/admission/pod_needs.h"

#include "common/base/str.h"

static const struct value *list_of(const struct value *container, const char *which)
{
    return value_path(container, "resources", which, NULL);
}

/* Init containers run one after the other; a sidecar goes on beside those that follow. */
static void add_init(const struct value *containers, const char *which, struct amounts *all)
{
    cleanup(amounts_done) struct amounts sidecars = {0}, most = {0};
    for (size_t i = 0; i < value_len(containers); i++) {
        const struct value *container = value_at(containers, i);
        bool stays = str_eq(value_get_str(container, "restartPolicy"), "Always");
        if (stays) {
            amounts_add_list(&sidecars, list_of(container, which));
            amounts_add_list(all, list_of(container, which));
            amounts_raise_all(&most, &sidecars);
        } else if (value_len(list_of(container, which)) > 0) {
            cleanup(amounts_done) struct amounts now = {0};
            amounts_add_all(&now, &sidecars, 1);
            amounts_add_list(&now, list_of(container, which));
            amounts_raise_all(&most, &now);
        }
    }
    amounts_raise_all(all, &most);
}

void pod_needs(const struct value *spec, const char *which, struct amounts *ret)
{
    const struct value *containers = value_get(spec, "containers");
    const struct value *overhead = value_get(spec, "overhead");
    for (size_t i = 0; i < value_len(containers); i++)
        amounts_add_list(ret, list_of(value_at(containers, i), which));
    add_init(value_get(spec, "initContainers"), which, ret);
    for (size_t i = 0; i < value_len(overhead); i++) {
        struct quantity quantity;
        const char *name = value_key_at(overhead, i);
        /* Of limits only where there is one. */
        if (name && quantity_of(value_at(overhead, i), &quantity) == 0 &&
            (str_eq(which, "requests") || amounts_get(ret, name)))
            amounts_add(ret, name, &quantity, 1);
    }
}
