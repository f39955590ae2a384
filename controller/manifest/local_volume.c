#include "controller/manifest/local_volume.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/local_volume.h"

bool local_volume_is(const struct value *volume)
{
    return str_eq(object_annotation(volume, LOCAL_VOLUME_PROVISIONED_BY), LOCAL_VOLUME_PROVISIONER);
}

const char *local_volume_node(const struct value *volume)
{
    const struct value *terms =
        value_path(volume, "spec", "nodeAffinity", "required", "nodeSelectorTerms", NULL);
    const struct value *one = value_at(value_get(value_at(terms, 0), "matchExpressions"), 0);
    const struct value *values = value_get(one, "values");
    bool plain = value_len(terms) == 1 && value_len(values) == 1 &&
                 str_eq(value_get_str(one, "key"), LOCAL_VOLUME_HOST) &&
                 str_eq(value_get_str(one, "operator"), "In");
    return plain && local_volume_is(volume) ? value_str(value_at(values, 0)) : NULL;
}

bool local_volume_is_removed(const struct value *volume)
{
    const struct value *meta = value_get(volume, "metadata");
    const struct value *finalizers = value_get(meta, "finalizers");
    const char *policy = value_get_str(value_get(volume, "spec"), "persistentVolumeReclaimPolicy");
    return value_get(meta, "deletionTimestamp") && local_volume_is(volume) &&
           str_eq(policy, "Delete") && value_has_str(finalizers, LOCAL_VOLUME_FINALIZER) &&
           !value_has_str(finalizers, LOCAL_VOLUME_PROTECTION);
}
