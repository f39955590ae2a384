#include "agent/runtime/apparmor.h"

#include "agent/runtime/exec_attr.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <stdlib.h>

int apparmor_on_exec(const char *proc, const char *profile, struct err *err)
{
    autofree char *text = xasprintf("exec %s", profile);
    int r = exec_attr_write(proc, "apparmor", text);
    return r < 0 ? err_errno(err, -r, "cannot enforce AppArmor profile \"%.100s\"", profile) : 0;
}
