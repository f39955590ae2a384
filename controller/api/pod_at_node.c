#include "controller/api/pod_at_node.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_mirror.h"

const char *pod_uid_at_node(const struct value *pod)
{
    const char *shown = object_annotation(pod, POD_MIRROR_UID);
    bool mirror = object_annotation(pod, POD_MIRROR) && !WEAKENED(MIRROR_UID);
    return mirror && shown ? shown : object_uid(pod);
}

bool pod_is_of_node(const struct value *pod, const char *node, const char *uid)
{
    return uid && str_eq(pod_uid_at_node(pod), uid) &&
           (str_eq(value_str(value_path(pod, "spec", "nodeName", NULL)), node) ||
            WEAKENED(INTAKE_NODE));
}
