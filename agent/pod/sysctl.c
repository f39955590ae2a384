#include "agent/pod/sysctl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/safe_sysctl.h"

/* What belongs to a namespace. */
static const struct {
    const char *prefix, *shared, *what;
} groups[] = {
    {"net.", "hostNetwork", "host net"},   {"kernel.sem", "hostIPC", "host ipc"},
    {"kernel.shm", "hostIPC", "host ipc"}, {"kernel.msg", "hostIPC", "host ipc"},
    {"fs.mqueue.", "hostIPC", "host ipc"},
};

char *sysctl_name(const char *written)
{
    char *name = xstrdup(written);
    if (name[strcspn(name, "./")] != '/')
        return name;
    for (char *p = name; *p; p++)
        *p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
    return name;
}

static bool matches(const char *name, const char *pattern)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*')
        return strncmp(name, pattern, len - 1) == 0;
    return str_eq(name, pattern);
}

static bool is_listed(const char *name, const char *const *unsafe)
{
    if (safe_sysctl(name, SAFE_SYSCTL_LATEST))
        return true;
    for (; unsafe && *unsafe; unsafe++)
        if (matches(name, *unsafe))
            return true;
    return WEAKENED(SYSCTL_UNSAFE);
}

/* What of the node the pod shares it with; NULL: nothing. */
static const char *shared_with(const struct value *pod_spec, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (str_has_prefix(name, groups[i].prefix) &&
            value_get_bool(pod_spec, groups[i].shared, false))
            return groups[i].what;
    return NULL;
}

bool sysctls_allowed(const struct value *pod_spec, const char *const *unsafe,
                     struct buf *ret_message)
{
    const struct value *list = value_path(pod_spec, "securityContext", "sysctls", NULL);
    for (size_t i = 0; i < value_len(list); i++) {
        const char *written = value_get_str(value_at(list, i), "name");
        autofree char *name = sysctl_name(written ? written : "");
        const char *shared = shared_with(pod_spec, name);
        if (is_listed(name, unsafe) && !shared)
            continue;
        (void)buf_addf(ret_message, "forbidden sysctl: \"%s\" not ", name);
        (void)(is_listed(name, unsafe) ? buf_addf(ret_message, "allowed with %s enabled", shared)
                                       : buf_addstr(ret_message, "allowlisted"));
        return false;
    }
    return true;
}
