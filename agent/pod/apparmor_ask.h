#pragma once
/* Which profile of AppArmor a container asks for (core/v1 AppArmorProfile, and the annotations that
 * came before it), and whether its node has it. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>

/* What RuntimeDefault stands for: whoever runs the node has loaded one of that name. */
#define APPARMOR_RUNTIME_DEFAULT "limpet-default"

/* Borrowed; NULL: none (Unconfined, not said, or RuntimeDefault of a privileged one). */
const char *apparmor_asked(const struct value *pod, const struct value *container);

struct apparmor_node {
    bool enabled;
    const char *profiles; /* those loaded, as the kernel lists them: "name (enforce)" each line */
};
/* False with what a kubelet says appended if some container asks for one that the node has not. */
bool apparmor_allowed(const struct apparmor_node *node, const struct value *pod,
                      struct buf *ret_message);
