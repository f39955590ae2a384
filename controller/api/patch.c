#include "controller/api/patch.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/merge/patch_json.h"
#include "controller/merge/patch_merge.h"
#include "controller/merge/patch_strategic.h"
#include "controller/api/status.h"

#include <errno.h>

static int lay_json(const struct schema_kind *kind, const struct value *object,
                    const struct value *patch, struct value **ret, struct err *err)
{
    (void)kind;
    return patch_json(object, patch, ret, err);
}

static int lay_merge(const struct schema_kind *kind, const struct value *object,
                     const struct value *patch, struct value **ret, struct err *err)
{
    (void)kind;
    if (value_type(patch) != VALUE_MAP)
        return err_set(err, -EINVAL, "a merge patch must be an object");
    *ret = patch_merge(object, patch);
    return 0;
}

static int lay_strategic(const struct schema_kind *kind, const struct value *object,
                         const struct value *patch, struct value **ret, struct err *err)
{
    return patch_strategic(kind->type, object, patch, ret, err);
}

static const struct {
    const char *media_type;
    bool built_in; /* kinds alone, whose tables say how it merges */
    int (*lay)(const struct schema_kind *kind, const struct value *object,
               const struct value *patch, struct value **ret, struct err *err);
} types[] = {
    [PATCH_JSON] = {"application/json-patch+json", false, lay_json},
    [PATCH_MERGE] = {"application/merge-patch+json", false, lay_merge},
    [PATCH_STRATEGIC] = {"application/strategic-merge-patch+json", true, lay_strategic},
};

static const struct {
    int error, code;
} codes[] = {{-EINVAL, 400}, {-ENOENT, 422}, {-E2BIG, 413}};

int patch_type_find(const char *media_type, enum patch_type *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(types[i].media_type, media_type)) {
            *ret = (enum patch_type)i;
            return 0;
        }
    return -ENOENT;
}

static bool is_built_in(const struct schema_kind *kind)
{
    return kinds_find_resource(NULL, kind->group, kind->version, kind->plural) == kind;
}

bool patch_type_fits(enum patch_type type, const struct schema_kind *kind)
{
    return !types[type].built_in || is_built_in(kind);
}

struct value *patch_type_refusal(const struct schema_kind *kind)
{
    cleanup(buf_done) struct buf names = {0};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (patch_type_fits((enum patch_type)i, kind))
            (void)buf_addf(&names, "%s, ", types[i].media_type);
    return status_failure(415,
                          "the body of the request was in an unknown format - accepted media types "
                          "include: %sapplication/apply-patch+yaml",
                          buf_str(&names));
}

struct value *patch_object(const struct schema_kind *kind, enum patch_type type,
                           const struct value *object, const struct value *patch,
                           struct value **ret)
{
    struct err err = {0};
    int r = types[type].lay(kind, object, patch, ret, &err);
    for (size_t i = 0; r != 0 && i < ARRAY_LEN(codes); i++)
        if (codes[i].error == r)
            return status_failure(codes[i].code, "%s", err.msg);
    return r == 0 ? NULL : status_failure(500, "%s", err.msg);
}
