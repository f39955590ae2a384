/* serviceAccountToken, of a projected volume: a token of the pod's account, renewed before it
 * expires. */

#include "agent/volume/type.h"

#include "common/base/str.h"

#include <errno.h>

#define USUAL_S 3600

/* A token is for one user alone where the pod has but one, else for a group where the pod has one;
 * as a kubelet does it. */
static mode_t mode_of(const struct volume_spec *spec, mode_t mode)
{
    return spec->user >= 0 || spec->fs_group >= 0 ? 0600 : mode;
}

int account_token_collect(const struct volume_spec *spec, const struct value *source, mode_t mode,
                          struct file_set *ret, struct err *err)
{
    const struct volume_source *from = spec->source;
    const char *audience = value_get_str(source, "audience"), *path = value_get_str(source, "path");
    const char *text = NULL;
    if (!from->token)
        return err_set(err, -EINVAL, "serviceAccountToken: this node has no tokens");
    int rc = from->token(from->ctx, str_empty(audience) ? NULL : audience,
                         value_get_int(source, "expirationSeconds", USUAL_S), &text, err);
    if (rc < 0 && rc != -EAGAIN && rc != -ENOENT)
        return rc;
    return file_set_add(ret,
                        &(struct file){.path = path ? path : "",
                                       .data = rc == 0 ? text : NULL,
                                       .len = rc == 0 ? strlen(text) : 0,
                                       .mode = mode_of(spec, mode),
                                       .owner = spec->user,
                                       .named = true,
                                       .keep = rc < 0,
                                       .must = rc == -EAGAIN},
                        err);
}
