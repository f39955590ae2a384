/* projected: several sources in one folder. */

#include "agent/volume/type.h"

#include "common/base/str.h"

#include <errno.h>

static int refuse_trust_bundle(const struct volume_spec *spec, const struct value *source,
                               mode_t mode, struct file_set *ret, struct err *err)
{
    (void)spec;
    (void)source;
    (void)mode;
    (void)ret;
    return err_set(err, -EINVAL, "ClusterTrustBundle projection is not supported by this node");
}

static const struct {
    const char *field;
    volume_collect_fn *collect;
} sources[] = {
    {"configMap", key_files_project_config_map}, {"secret", key_files_project_secret},
    {"downwardAPI", downward_api_collect},       {"serviceAccountToken", account_token_collect},
    {"clusterTrustBundle", refuse_trust_bundle},
};

static int collect_one(const struct volume_spec *spec, const struct value *source, mode_t mode,
                       struct file_set *ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct value *of = value_get(source, sources[i].field);
        if (of)
            return sources[i].collect(spec, of, mode, ret, err);
    }
    return err_set(err, -EINVAL, "a source this node does not know");
}

static int collect(const struct volume_spec *spec, const struct value *source, mode_t mode,
                   struct file_set *ret, struct err *err)
{
    const struct value *list = value_get(source, "sources");
    for (size_t i = 0; i < value_len(list); i++) {
        int rc = collect_one(spec, value_at(list, i), mode, ret, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

const struct volume_type volume_projected = {.field = "projected", .collect = collect};
