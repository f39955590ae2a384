#include "controller/admission/claim_resize.h"

#include "common/base/str.h"
#include "common/kinds/claim_words.h"
#include "common/kinds/kinds.h"
#include "common/schema/quantity.h"

static const struct value *size_of(const struct value *claim)
{
    return value_path(claim, "spec", "resources", "requests", "storage", NULL);
}

struct value *claim_resize_check(const struct admission_env *env,
                                 const struct gate_request *request)
{
    struct quantity was, is;
    const struct value *object = request->object;
    (void)env;
    if (quantity_of(size_of(request->old), &was) < 0 || quantity_of(size_of(object), &is) < 0 ||
        quantity_compare(&is, &was) <= 0)
        return NULL;
    if (!str_eq(value_str(value_path(request->old, "status", "phase", NULL)), "Bound"))
        return rule_refusal(request, "Only bound persistent volume claims can be expanded");
    const char *old = object_annotation(object, CLAIM_OLD_CLASS);
    const char *name = old ? old : value_str(value_path(object, "spec", "storageClassName", NULL));
    const struct value *class =
        str_empty(name) ? NULL : rule_see(request, &kind_storage_class, name);
    if (value_get_bool(class, "allowVolumeExpansion", false))
        return NULL;
    return rule_refusal(request, "only dynamically provisioned pvc can be resized and the "
                                 "storageclass that provisions the pvc must support resize");
}
