#include "common/kinds/pod_claims.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <stdlib.h>

char *pod_claims_own(const struct value *pod, const char *volume)
{
    const char *name = object_name(pod);
    return xasprintf("%s-%s", name ? name : "", volume);
}

void pod_claims_each(const struct value *pod, pod_claims_fn *fn, void *ctx)
{
    const struct value *volumes = value_path(pod, "spec", "volumes", NULL);
    for (size_t i = 0; value_type(volumes) == VALUE_LIST && i < value_len(volumes); i++) {
        const struct value *volume = value_at(volumes, i);
        const char *at = value_get_str(volume, "name");
        const char *claim =
            value_str(value_path(volume, "persistentVolumeClaim", "claimName", NULL));
        if (!str_empty(claim))
            fn(ctx, claim, volume, false);
        if (value_type(value_get(volume, "ephemeral")) != VALUE_MAP ||
            str_empty(object_name(pod)) || str_empty(at))
            continue;
        autofree char *own = pod_claims_own(pod, at);
        fn(ctx, own, volume, true);
    }
}
