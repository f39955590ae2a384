#include "agent/pod/internal.h"

#include "agent/image/credentials.h"
#include "common/base/str.h"

/* The pod's own users and passwords, where they may be needed. One that is not here is told of, and
 * the pull goes on without: the image may be had by anyone (Kubernetes does the same). */
int pull_secrets(struct pod_record *record, struct credentials *ret, struct err *err)
{
    const struct value *list = value_path(record->spec->object, "spec", "imagePullSecrets", NULL);
    cleanup(buf_done) struct buf missing;
    buf_init(&missing, 512);
    for (size_t i = 0; i < value_len(list); i++) {
        const char *name = value_get_str(value_at(list, i), "name");
        const struct value *secret =
            str_empty(name) ? NULL
                            : manifests_find(record->agent->manifests, "Secret", record->ns, name);
        if (!secret) {
            (void)buf_addf(&missing, "%s%s", missing.len ? ", " : "", name ? name : "");
            continue;
        }
        int rc = credentials_add_secret(ret, secret, err);
        if (rc < 0)
            return rc;
    }
    if (missing.len > 0)
        publish_event(record, "Warning", "FailedToRetrieveImagePullSecret",
                      "Unable to retrieve some image pull secrets (%s); attempting to pull the "
                      "image may not succeed.",
                      buf_str(&missing));
    return 0;
}
