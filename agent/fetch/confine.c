#include "agent/fetch/confine.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent/fetch/filter.h"

#define NOBODY 65534
#define CAP(n) (1ULL << (n))
#define UNPACKER_CAPS                                                                              \
    (CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) | CAP(CAP_SETFCAP))
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_MAX RLIM_INFINITY /* the sanitizer maps terabytes */
#else
#define MEMORY_MAX (512UL << 20)
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#define SYS_CLOSE_RANGE 436
#else
#define SYS_CLOSE_RANGE SYS_close_range
#endif

static int close_span(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_CLOSE_RANGE, first, last, 0U) == 0)
        return 0;
    struct rlimit limit; /* kernels before 5.9 */
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++)
        close((int)fd);
    return 0;
}

void confine_fds(const int *keep, size_t count)
{
    unsigned from = 3;
    for (;;) { /* the kept ones in ascending order, without sorting the caller's list */
        unsigned next = ~0U;
        for (size_t i = 0; i < count; i++)
            if ((unsigned)keep[i] >= from && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        close_span(from, next == ~0U ? ~0U : next - 1);
        if (next == ~0U)
            return;
        from = next + 1;
    }
}

static int set_caps(unsigned long long mask, struct err *err)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (!(mask & CAP(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
            return err_errno(err, errno, "cannot drop capability %d", cap);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted = (unsigned)(mask >> (32 * i));
    if (syscall(SYS_capset, &header, data) < 0)
        return err_errno(err, errno, "cannot drop capabilities");
    return 0;
}

static int become_nobody(struct err *err)
{
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return err_errno(err, errno, "cannot become user %d", NOBODY);
    return 0;
}

static int limits(struct err *err)
{
    const struct rlimit none = {0, 0}, files = {64, 64}, memory = {MEMORY_MAX, MEMORY_MAX};
    umask(0);
    signal(SIGPIPE, SIG_IGN);
    if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0 ||
        setrlimit(RLIMIT_DATA, &memory) < 0)
        return err_errno(err, errno, "cannot set limits");
    return 0;
}

/* Last, since a change of user forgets it. */
static int die_with_parent(struct err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot follow the parent");
    return 0;
}

int confine_source(bool net, struct err *err)
{
    int rc = limits(err);
    if (rc == 0 && !net && unshare(CLONE_NEWNET) < 0 && errno != EINVAL && geteuid() == 0)
        rc = err_errno(err, errno, "cannot leave the network");
    if (rc == 0)
        rc = become_nobody(err);
    if (rc == 0)
        rc = set_caps(0, err);
    if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        rc = err_errno(err, errno, "no_new_privs");
    if (rc == 0)
        rc = filter_files(err);
    if (rc == 0)
        rc = filter_calls(net, err);
    if (rc == 0)
        rc = die_with_parent(err);
    return rc;
}

int confine_unpacker(int root_fd, struct err *err)
{
    int rc = limits(err);
    if (rc == 0 && unshare(CLONE_NEWNET) < 0 && errno != EINVAL) /* EINVAL: no such namespaces */
        rc = err_errno(err, errno, "cannot leave the network");
    if (rc == 0 && fchdir(root_fd) < 0)
        rc = err_errno(err, errno, "cannot enter the layer's folder");
    if (rc == 0 && chroot(".") < 0)
        rc = err_errno(err, errno, "cannot make the layer's folder the root");
    close(root_fd);
    if (rc == 0)
        rc = set_caps(UNPACKER_CAPS, err);
    if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        rc = err_errno(err, errno, "no_new_privs");
    if (rc == 0)
        rc = filter_calls(false, err);
    if (rc == 0)
        rc = die_with_parent(err);
    return rc;
}
