/* downwardAPI: what there is to tell of the pod, each a file. */

#include "agent/volume/type.h"

#include "agent/downward/pod_field.h"
#include "agent/downward/resource_field.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>

static int tell(const struct volume_spec *spec, const struct value *item, char **ret,
                struct err *err)
{
    const struct value *field = value_get(item, "fieldRef");
    const struct value *resource = value_get(item, "resourceFieldRef");
    const char *path = value_get_str(field, "fieldPath");
    if (resource)
        return resource_field_text(spec->pod, NULL, resource, spec->allocatable, ret, err);
    *ret = pod_field_text(spec->pod, path ? path : "");
    return *ret ? 0
                : err_set(err, -EINVAL, "fieldRef %s: not known on this node", path ? path : "");
}

int downward_api_collect(const struct volume_spec *spec, const struct value *source, mode_t mode,
                         struct file_set *ret, struct err *err)
{
    const struct value *items = value_get(source, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        const char *path = value_get_str(item, "path");
        autofree char *text = NULL;
        int rc = tell(spec, item, &text, err);
        if (rc < 0)
            return rc;
        rc = file_set_add(ret,
                          &(struct file){.path = path ? path : "",
                                         .data = text,
                                         .len = strlen(text),
                                         .mode = (mode_t)value_get_int(item, "mode", (int64_t)mode),
                                         .owner = -1,
                                         .named = true},
                          err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

const struct volume_type volume_downward_api = {.field = "downwardAPI",
                                                .collect = downward_api_collect};
