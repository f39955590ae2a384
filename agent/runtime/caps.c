#include "agent/runtime/caps.h"

#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/capability.h>

#define CAP_NAME_MAX 40

static const cap_value_t default_set[] = {
    CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID,      CAP_FOWNER,          CAP_MKNOD,
    CAP_NET_RAW, CAP_SETGID,       CAP_SETUID,      CAP_SETFCAP,         CAP_SETPCAP,
    CAP_KILL,    CAP_SYS_CHROOT,   CAP_AUDIT_WRITE, CAP_NET_BIND_SERVICE};

uint64_t caps_default(void)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < ARRAY_LEN(default_set); i++)
        mask |= UINT64_C(1) << default_set[i];
    return mask;
}

uint64_t caps_all(void)
{
    uint64_t mask = 0;
    for (cap_value_t cap = 0; cap < 64 && CAP_IS_SUPPORTED(cap); cap++)
        mask |= UINT64_C(1) << cap;
    return mask;
}

int caps_parse(const char *name, uint64_t *ret_mask)
{
    char lower[CAP_NAME_MAX];
    size_t len = 0;
    if (strlen(name) + strlen("cap_") >= sizeof(lower))
        return -EINVAL;
    if (strncasecmp(name, "cap_", 4) != 0) {
        memcpy(lower, "cap_", 4);
        len = 4;
    }
    for (; *name; name++)
        lower[len++] = (char)tolower((unsigned char)*name);
    lower[len] = '\0';
    if (str_eq(lower, "cap_all")) {
        *ret_mask = caps_all();
        return 0;
    }
    cap_value_t cap;
    if (cap_from_name(lower, &cap) < 0 || cap < 0 || cap > 63)
        return -EINVAL;
    /* libcap also takes numbers, and names with something after them. */
    char *name_of = cap_to_name(cap);
    bool same = name_of && str_eq(name_of, lower);
    cap_free(name_of);
    if (!same)
        return -EINVAL;
    *ret_mask = UINT64_C(1) << cap;
    return 0;
}
