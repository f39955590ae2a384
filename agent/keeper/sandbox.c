#include "agent/keeper/sandbox.h"

#include "agent/keeper/pidfile.h"
#include "agent/keeper/sizing.h"
#include "agent/runtime/propagation.h"
#include "agent/runtime/selinux.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KEEPERS_GROUP "keepers"
#define STALE_PREFIX "stale-"

/* ---- the run folder ---- */

int sandbox_write_pidfile(const struct sandbox *sandbox)
{
    autofree char *text = pidfile_print(sandbox->plan, getpid());
    return pwrite(sandbox->lock_fd, text, strlen(text), 0) < 0 ? -errno : 0;
}

/* A POSIX lock: it ends with the process, it is not inherited, and F_GETLK tells whose it is, so
 * that an agent that starts anew knows for sure which process is the keeper. The text is for
 * people, for sweeping up after a keeper that died, and for whoever wants to remove a layer. */
static int take_lock(struct sandbox *sandbox, struct err *err)
{
    const struct launch_plan *plan = sandbox->plan;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    autofree char *path = xasprintf("%s/keeper.pid", plan->run_dir);
    if (mkdir(plan->run_dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", plan->run_dir);
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    if (fcntl(fd, F_SETLK, &lock) < 0)
        return err_set(err, -EBUSY, "the pod has a keeper already: %s is locked", path);
    sandbox->lock_fd = fd;
    int r = ftruncate(fd, 0) < 0 ? -errno : sandbox_write_pidfile(sandbox);
    if (r < 0) {
        sandbox->lock_fd = -1;
        return err_errno(err, -r, "cannot write %s", path);
    }
    steal_fd(&fd);
    return 0;
}

/* ---- namespaces ---- */

static int loopback_up(struct err *err)
{
    struct ifreq request = {.ifr_name = "lo"};
    autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return err_errno(err, errno, "cannot reach the loopback interface");
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return err_errno(err, errno, "cannot bring the loopback interface up");
    return 0;
}

static int make_namespaces(struct sandbox *sandbox, struct err *err)
{
    const struct launch_plan *plan = sandbox->plan;
    int flags = plan->host_ipc ? 0 : CLONE_NEWIPC;
    if (!plan->host_network)
        flags |= CLONE_NEWNET | CLONE_NEWUTS; /* a host-network pod has the host's name */
    sandbox->userns.base = (uint32_t)plan->user_base;
    if (plan->user_base > 0) {
        int r = userns_make(sandbox->userns.base, flags, &sandbox->userns.fd, err);
        if (r < 0)
            return r;
    } else if (flags && unshare(flags) < 0)
        return err_errno(err, errno, "cannot make the pod's namespaces");
    if (!plan->host_network && !str_empty(plan->hostname) &&
        sethostname(plan->hostname, strlen(plan->hostname)) < 0)
        return err_errno(err, errno, "cannot set the host name");
    return plan->host_network ? 0 : loopback_up(err);
}

/* Only what belongs to the pod's own namespaces (CVE-2022-0811: everything else is the host's). */
static bool is_namespaced(const struct launch_plan *plan, const char *name, size_t len)
{
    static const struct {
        const char *prefix;
        bool net;
    } prefixes[] = {{"net.", true},
                    {"kernel.shm", false},
                    {"kernel.msg", false},
                    {"kernel.sem", false},
                    {"fs.mqueue.", false}};
    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", name[i]) ||
            (name[i] == '.' && i + 1 < len && name[i + 1] == '.'))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (len > strlen(prefixes[i].prefix) &&
            memcmp(name, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
            return prefixes[i].net ? !plan->host_network : !plan->host_ipc;
    return false;
}

static int set_sysctl(const struct launch_plan *plan, const char *text, struct err *err)
{
    size_t len = strcspn(text, "=");
    const char *value = text + len + 1;
    char path[PATH_MAX];
    if (!is_namespaced(plan, text, len))
        return err_set(err, -EPERM, "sysctl %.*s is not one of the pod's own", (int)len, text);
    int n = snprintf(path, sizeof(path), "/proc/sys/%.*s", (int)len, text);
    if (n < 0 || (size_t)n >= sizeof(path))
        return err_set(err, -ENAMETOOLONG, "sysctl %.*s", (int)len, text);
    for (char *p = path + strlen("/proc/sys/"); *p; p++)
        if (*p == '.')
            *p = '/';
    autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return err_errno(err, errno, "cannot set sysctl %s", text);
    return 0;
}

/* Groups in it (net.ipv4.ping_group_range) are those of whoever writes. */
static int set_sysctl_within(const struct sandbox *sandbox, const char *text, struct err *err)
{
    int status = 0;
    struct err why = {0};
    int pid = sys_fork(0, -1);
    if (pid == 0) {
        int r = userns_enter(&sandbox->userns, &why);
        if (r == 0)
            r = set_sysctl(sandbox->plan, text, &why);
        _exit(r < 0 && r > -128 ? -r : r != 0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    int error = pid < 0 ? -pid : WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    return error ? err_errno(err, error, "cannot set sysctl %s", text) : 0;
}

static int set_sysctls(const struct sandbox *sandbox, struct err *err)
{
    const struct launch_plan *plan = sandbox->plan;
    int r = 0;
    for (size_t i = 0; r == 0 && plan->sysctls && plan->sysctls[i]; i++) {
        const char *text = plan->sysctls[i];
        bool within = sandbox_userns(sandbox) && str_has_prefix(text, "net.");
        r = within ? set_sysctl_within(sandbox, text, err) : set_sysctl(plan, text, err);
    }
    return r;
}

/* A mount namespace of the keeper's own. As a slave it still sees what the host mounts later, and
 * lets go of what it unmounts. Where a container is to mount on the host, all but the mount that
 * holds the run directory stays tied to it in both directions. */
static int make_namespace(const struct launch_plan *plan, struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0)
        return err_errno(err, errno, "cannot make the keeper's mount namespace");
    if (propagation_is_asked(plan))
        return propagation_cut(plan->run_dir, err);
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return err_errno(err, errno, "cannot make the keeper's mount namespace");
    return 0;
}

/* One tmpfs for all containers, in a mount namespace of the keeper's own: it goes when the keeper
 * goes. */
static int make_shm(struct sandbox *sandbox, struct err *err)
{
    if (sandbox->plan->container_count < 2)
        return 0;
    autofree char *path = xasprintf("%s/shm", sandbox->plan->run_dir);
    int r = make_namespace(sandbox->plan, err);
    if (r < 0)
        return r;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", path);
    long long root = sandbox->plan->user_base;
    autofree char *options = xasprintf("mode=1777,size=64m,uid=%lld,gid=%lld", root, root);
    autofree char *labelled = selinux_mount_data(options, sandbox->plan->selinux_files);
    if (mount("shm", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, labelled) < 0)
        return err_errno(err, errno, "cannot mount the pod's shared memory");
    sandbox->shm = steal(path);
    return 0;
}

/* ---- control groups ---- */

/* Out of the agent's groups, which may end with it, and out of the pod's, whose limits are not for
 * us. */
static int join_keepers(const struct sandbox *sandbox, struct err *err)
{
    const char *pod = sandbox->plan->cgroup, *slash = strrchr(pod, '/');
    autofree char *group =
        xasprintf("%.*s%s" KEEPERS_GROUP, slash ? (int)(slash - pod) : 0, pod, slash ? "/" : "");
    if (cgroup_join(&sandbox->cgroups, group, false, NULL) == 0)
        return 0; /* the agent has made it */
    int r = cgroup_create(&sandbox->cgroups, group, NULL, err);
    return r < 0 ? r : cgroup_join(&sandbox->cgroups, group, false, err);
}

static int64_t lower(int64_t a, int64_t b) /* 0: no limit */
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

static struct cgroup_limits pod_limits(const struct sandbox *sandbox)
{
    const struct launch_plan *plan = sandbox->plan;
    struct cgroup_limits limits = {.memory_bytes = plan->memory_bytes,
                                   .cpu_quota_us = plan->cpu_quota_us,
                                   .cpu_shares = plan->cpu_shares,
                                   .pids = plan->pids,
                                   .huge_bounded = plan->huge_bounded};
    memcpy(limits.huge, plan->huge, sizeof(limits.huge));
    if (!sandbox->one_group)
        return limits;
    const struct keeper_size both = sizing_of_both(plan);
    limits.memory_bytes = both.memory_bytes;
    limits.cpu_quota_us = both.cpu_quota_us;
    limits.cpu_shares = both.cpu_shares;
    limits.pids = lower(limits.pids, plan->containers[0].pids);
    limits.dies_whole = true;
    return limits;
}

static int make_groups(struct sandbox *sandbox, const char *trees, struct err *err)
{
    const struct launch_plan *plan = sandbox->plan;
    const struct cgroup_limits limits = pod_limits(sandbox);
    int r = 0;
    if (!*trees || cgroup_scan(trees, &sandbox->cgroups) < 0)
        r = cgroup_detect(&sandbox->cgroups, err);
    if (r == 0)
        r = join_keepers(sandbox, err);
    return r < 0 ? r : cgroup_create(&sandbox->cgroups, plan->cgroup, &limits, err);
}

char *sandbox_container_cgroup(const struct sandbox *sandbox, size_t i)
{
    if (sandbox->one_group && i == 0)
        return xstrdup(sandbox->plan->cgroup);
    return xasprintf("%s/c%zu", sandbox->plan->cgroup, i);
}

int sandbox_make_container(const struct sandbox *sandbox, size_t i, struct err *err)
{
    const struct launch_container *container = &sandbox->plan->containers[i];
    struct cgroup_limits limits = {.memory_bytes = container->memory_bytes,
                                   .cpu_quota_us = container->cpu_quota_us,
                                   .cpu_shares = container->cpu_shares,
                                   .pids = container->pids,
                                   .huge_bounded = container->huge_bounded,
                                   .dies_whole = true};
    memcpy(limits.huge, container->huge, sizeof(limits.huge));
    if (sandbox->one_group && i == 0)
        return 0;
    autofree char *group = sandbox_container_cgroup(sandbox, i);
    return sandbox->one_group ? cgroup_create_within(&sandbox->cgroups, group, err)
                              : cgroup_create(&sandbox->cgroups, group, &limits, err);
}

int sandbox_restore_container(const struct sandbox *sandbox, size_t i, struct err *err)
{
    const struct launch_plan *plan = sandbox->plan;
    const struct cgroup_limits limits = pod_limits(sandbox);
    autofree char *group = sandbox_container_cgroup(sandbox, i);
    if (cgroup_exists(&sandbox->cgroups, group) || WEAKENED(CGROUP_RESTORE))
        return 0;
    int r = cgroup_create(&sandbox->cgroups, plan->cgroup, &limits, err);
    if (r == 0)
        r = sandbox_make_container(sandbox, i, err);
    return r < 0 ? r : 1;
}

int sandbox_remove_cgroups(const struct sandbox *sandbox)
{
    /* By name first: it saves listing folders of forty files each. */
    for (size_t i = sandbox->one_group; i < sandbox->plan->container_count; i++) {
        autofree char *group = sandbox_container_cgroup(sandbox, i);
        int r = cgroup_remove(&sandbox->cgroups, group);
        if (r < 0)
            return r;
    }
    return cgroup_remove(&sandbox->cgroups, sandbox->plan->cgroup);
}

/* ---- files ---- */

/* In a child of its own: a large tree must not hold up the pod. */
static void remove_stale(const char *state_dir)
{
    if (sys_fork(0, -1) != 0)
        return;
    sys_close_range(3, ~0U, 0); /* nobody waits for us */
    int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = dir < 0 ? NULL : fdopendir(dir);
    const struct dirent *entry;
    while (list && (entry = readdir(list)))
        if (str_has_prefix(entry->d_name, STALE_PREFIX) && path_remove_tree(dir, entry->d_name) < 0)
            continue;
    _exit(0);
}

/* Writable layers of a keeper that died, or of before a reboot. */
static int put_aside(const char *state_dir, const char *path, struct err *err)
{
    autofree char *stale = xasprintf("%s/" STALE_PREFIX "%d-%lld", state_dir, (int)getpid(),
                                     (long long)clock_boot(clock_system()));
    if (rename(path, stale) < 0 || mkdir(path, 0700) < 0)
        return err_errno(err, errno, "cannot empty %s", path);
    remove_stale(state_dir);
    return 0;
}

static int make_state(const struct launch_plan *plan, struct err *err)
{
    autofree char *path = xasprintf("%s/rw", plan->state_dir);
    if (mkdir(plan->state_dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", plan->state_dir);
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", path);
    return put_aside(plan->state_dir, path, err);
}

char *sandbox_attempt_dir(const struct sandbox *sandbox, size_t i, unsigned n)
{
    return xasprintf("%s/rw/%zu.%u", sandbox->plan->state_dir, i, n);
}

static void remove_tree(const char *parent, const char *name)
{
    autoclose int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0 && path_remove_tree(dir, name) < 0)
        return; /* the agent sweeps what is left */
}

void sandbox_remove_files(const struct sandbox *sandbox)
{
    remove_tree(sandbox->plan->state_dir, "rw");
    if (sandbox->shm)
        umount2(sandbox->shm, MNT_DETACH);
    autofree char *parent = xstrdup(sandbox->plan->run_dir);
    char *slash = strrchr(parent, '/');
    if (!slash || !slash[1])
        return;
    *slash = '\0';
    remove_tree(*parent ? parent : "/", slash + 1);
}

static void protect_from_oom(void)
{
    static const char value[] = "-999";
    autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, value, sizeof(value) - 1) < 0)
        return; /* without CAP_SYS_RESOURCE: the pod dies with us then, and is started anew */
}

int sandbox_make(const struct launch_plan *plan, const char *cgroups, struct sandbox *ret,
                 struct err *err)
{
    struct sandbox sandbox = {.plan = plan,
                              .lock_fd = -1,
                              .userns = {.fd = -1},
                              .one_group = plan->container_count == 1 && !plan->host_pid &&
                                           !plan->share_pids};
    int r = take_lock(&sandbox, err);
    if (r < 0)
        return r;
    protect_from_oom();
    r = make_groups(&sandbox, cgroups, err);
    if (r == 0)
        r = make_state(plan, err);
    if (r == 0)
        r = make_shm(&sandbox, err);
    if (r == 0)
        r = make_namespaces(&sandbox, err);
    if (r == 0)
        r = set_sysctls(&sandbox, err);
    *ret = sandbox;
    return r;
}

void sandbox_done(struct sandbox *sandbox)
{
    if (sandbox->lock_fd >= 0)
        close(sandbox->lock_fd);
    if (sandbox->userns.fd >= 0)
        close(sandbox->userns.fd);
    free(sandbox->shm);
}

const struct userns *sandbox_userns(const struct sandbox *sandbox)
{
    return sandbox->userns.fd >= 0 ? &sandbox->userns : NULL;
}
