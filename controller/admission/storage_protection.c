#include "controller/admission/storage_protection.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/claim_words.h"
#include "common/kinds/local_volume.h"

struct value *storage_protection_complete(const struct admission_env *env,
                                          const struct gate_request *request)
{
    bool claim = request->ref.kind == &kind_persistent_volume_claim;
    const char *finalizer = claim ? CLAIM_PROTECTION : LOCAL_VOLUME_PROTECTION;
    struct value *meta = value_make_map(request->object, "metadata", NULL);
    struct value *list = value_get(meta, "finalizers");
    (void)env;
    if (!meta || value_has_str(list, finalizer))
        return NULL;
    if (value_type(list) != VALUE_LIST)
        list = value_set(meta, "finalizers", value_new_list());
    value_append(list, value_new_str(finalizer));
    return NULL;
}
