#include "agent/runtime/privs.h"

#include "agent/runtime/sys.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define CAP_VERSION_3 0x20080522U
#define LAST_CAP 63

struct cap_head {
    uint32_t version;
    int pid;
};
struct cap_data {
    uint32_t effective, permitted, inheritable;
};

static int drop_bounding(uint64_t keep, struct err *err)
{
    for (unsigned cap = 0; cap <= LAST_CAP; cap++) {
        if (keep & UINT64_C(1) << cap)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            if (errno == EINVAL)
                return 0; /* beyond the kernel's last */
            return err_errno(err, errno, "cannot drop capability %u", cap);
        }
    }
    return 0;
}

/* A container's root holds `mask`; anybody else holds nothing. Those that we lack ourselves stay
 * out. */
static int set_caps(uint64_t mask, uint32_t uid, struct err *err)
{
    struct cap_head head = {.version = CAP_VERSION_3};
    struct cap_data data[2];
    if (syscall(SYS_capget, &head, data) < 0)
        return err_errno(err, errno, "cannot read the capabilities");
    for (int i = 0; i < 2; i++) {
        uint32_t part = uid == 0 ? (uint32_t)(mask >> (32 * i)) : 0;
        data[i].permitted &= part;
        data[i].effective = data[i].permitted;
        data[i].inheritable = WEAKENED(CAPS_INHERITED) ? data[i].permitted : 0;
    }
    if (syscall(SYS_capset, &head, data) < 0)
        return err_errno(err, errno, "cannot set the capabilities");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return err_errno(err, errno, "cannot clear the ambient capabilities");
    return 0;
}

static int set_ids(const struct launch_container *container, const struct user *user,
                   struct err *err)
{
    size_t count = user->group_count + container->group_count;
    gid_t *groups = xmalloc((count + 1) * sizeof(*groups)); /* gone with the exec */
    for (size_t i = 0; i < user->group_count; i++)
        groups[i] = user->groups[i];
    for (size_t i = 0; i < container->group_count; i++)
        groups[user->group_count + i] = container->groups[i];
    if (setgroups(count, groups) < 0)
        return err_errno(err, errno, "cannot set the supplementary groups");
    if (setresgid(user->gid, user->gid, user->gid) < 0)
        return err_errno(err, errno, "cannot become group %u", user->gid);
    if (setresuid(user->uid, user->uid, user->uid) < 0)
        return err_errno(err, errno, "cannot become user %u", user->uid);
    return 0;
}

static int load_seccomp(const struct launch_container *container, struct err *err)
{
    if (!container->seccomp || container->privileged || WEAKENED(SECCOMP_LOAD))
        return 0;
    struct sock_fprog program = {
        .len = (unsigned short)(container->seccomp_len / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(uintptr_t)container->seccomp};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        return err_errno(err, errno, "cannot load the seccomp filter");
    return 0;
}

int privs_drop(const struct launch_container *container, const struct user *user, struct err *err)
{
    uint64_t mask = container->privileged ? UINT64_MAX : container->capabilities;
    int r = drop_bounding(mask, err);
    /* Without no_new_privs a filter needs CAP_SYS_ADMIN, which is about to go. */
    if (r == 0 && !container->no_new_privs)
        r = load_seccomp(container, err);
    if (r == 0)
        r = set_ids(container, user, err);
    if (r == 0)
        r = set_caps(mask, user->uid, err);
    if (r < 0 || !container->no_new_privs)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot set no_new_privs");
    return load_seccomp(container, err);
}
