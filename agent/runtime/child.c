#include "agent/runtime/child.h"

#include "agent/runtime/apparmor.h"
#include "agent/runtime/devices.h"
#include "agent/runtime/kernelfs.h"
#include "agent/runtime/mnt.h"
#include "agent/runtime/open_files.h"
#include "agent/runtime/privs.h"
#include "agent/runtime/propagation.h"
#include "agent/runtime/rootfs.h"
#include "agent/runtime/selinux.h"
#include "agent/runtime/signals.h"
#include "agent/runtime/sys.h"
#include "agent/runtime/terminal.h"
#include "agent/runtime/user.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_Noreturn static void fail(const struct child_spec *spec, enum child_stage stage,
                           const struct err *err)
{
    struct child_message message = {.stage = (int32_t)stage, .error = -err->code};
    snprintf(message.text, sizeof(message.text), "%.*s", (int)sizeof(message.text) - 1, err->msg);
    if (send(spec->report, &message, sizeof(message), MSG_NOSIGNAL) < 0) {
        /* the keeper is gone, and so are we */
    }
    _exit(127);
}

/* ---- ties to the keeper and the host ---- */

/* The keeper's other descriptors: sockets and pipes of the pod's other containers are not for this
 * one, and the agent waits for the keeper's side of them to close. */
static void close_inherited(const struct child_spec *spec)
{
    int keep[] = {spec->in, spec->out, spec->err, spec->report,
                  spec->userns ? spec->userns->fd : -1};
    unsigned from = 3;
    for (size_t done = 0; done < ARRAY_LEN(keep); done++) {
        int lowest = INT_MAX;
        for (size_t i = 0; i < ARRAY_LEN(keep); i++)
            if (keep[i] >= (int)from && keep[i] < lowest)
                lowest = keep[i];
        if (lowest == INT_MAX)
            break;
        if ((unsigned)lowest > from)
            sys_close_range(from, (unsigned)lowest - 1, 0);
        from = (unsigned)lowest + 1;
    }
    sys_close_range(from, ~0U, 0); /* kernels before 5.9: the exec closes them */
}

/* The child ends with its keeper; if the keeper was gone already, now. */
static int tie_to_keeper(int report, struct err *err)
{
    struct pollfd peer = {.fd = report, .events = 0};
    if (!WEAKENED(DEATH_SIGNAL) && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot tie the container to its keeper");
    if (poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR)))
        _exit(127);
    return 0;
}

/* Through the host's /proc, before the container's is there to lead writes astray (CVE-2025-52881).
 */
static void set_oom_score(int value)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%d", value);
    autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    /* Lowering it needs CAP_SYS_RESOURCE, which not every host gives us: then it stays as it is. */
    if (fd >= 0 && write(fd, text, (size_t)len) < 0)
        return;
}

static void reset_process(const struct child_spec *spec)
{
    struct rlimit core = {0, 0};
    signals_reset(spec->ignored);
    getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &core);
    open_files_limit();
    umask(0022);
    setsid();
}

static int isolate(const struct child_spec *spec, struct err *err)
{
    /* Nobody in the pod may look at this process while it still is the keeper's program. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int r = tie_to_keeper(spec->report, err);
    if (r == 0)
        r = cgroup_join(spec->cgroups, spec->cgroup, spec->join_unified, err);
    if (r < 0)
        return r;
    set_oom_score(spec->container->oom_score_adj);
    /* After the group was joined: the namespace's root is the group that we are in. */
    if (!spec->userns && spec->cgroups->count > 0 && unshare((int)SYS_CLONE_NEWCGROUP) < 0 &&
        errno != EINVAL)
        return err_errno(err, errno, "cannot make a cgroup namespace");
    return 0;
}

/* ---- the user namespace ---- */

/* Pipes that were made outside: who has no ids of the host could not hand them on. */
static int lend_stdio(const struct child_spec *spec, struct err *err)
{
    const int fds[] = {spec->in, spec->out, spec->err};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        struct stat st;
        if (fds[i] >= 0 && fstat(fds[i], &st) == 0 && S_ISFIFO(st.st_mode) &&
            fchown(fds[i], spec->userns->base, spec->userns->base) < 0)
            return err_errno(err, errno, "cannot hand standard input and output to the pod");
    }
    return 0;
}

/* Goes on in a child of the keeper's, in namespaces that the user namespace owns. The keeper knows
 * of it before it does anything; if it never will, there is none. */
static int move_on(const struct child_spec *spec, struct err *err)
{
    struct child_message message = {.stage = CHILD_MOVED};
    int gate[2];
    char go = 0;
    if (pipe2(gate, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    int pid = sys_fork(CLONE_PARENT | CLONE_NEWPID | CLONE_NEWNS | SYS_CLONE_NEWCGROUP, -1);
    if (pid == 0) {
        close(gate[1]);
        if (read(gate[0], &go, 1) != 1)
            _exit(127);
        close(gate[0]);
        return tie_to_keeper(spec->report, err);
    }
    if (pid < 0)
        return err_errno(err, -pid, "cannot make the container's namespaces");
    message.error = pid;
    if (send(spec->report, &message, sizeof(message), MSG_NOSIGNAL) < 0 ||
        write(gate[1], &go, 1) < 0)
        _exit(127);
    _exit(0);
}

/* The root is made, with all rights. From here on they hold in the pod's user namespace alone, and
 * what was mounted so far can neither be changed nor be taken away in it (mount_namespaces(7)).
 * Returns the new root there. */
static int cross(const struct child_spec *spec, int root, struct err *err)
{
    if (fchdir(root) < 0) /* which follows into a copy of the mount namespace */
        return err_errno(err, errno, "cannot enter the root file system");
    int r = lend_stdio(spec, err);
    if (r == 0)
        r = userns_enter(spec->userns, err);
    if (r == 0 && spec->own_pids)
        r = move_on(spec, err);
    else if (r == 0 && unshare(CLONE_NEWNS | (int)SYS_CLONE_NEWCGROUP) < 0)
        r = err_errno(err, errno, "cannot make the container's namespaces");
    if (r < 0)
        return r;
    /* Nor could it become the root: a copy can. */
    autoclose int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int tree = here < 0 ? -errno : mnt_copy(here, true);
    r = tree < 0 ? tree : mnt_attach(tree, here);
    return r < 0 ? err_errno(err, -r, "cannot take the root file system along") : steal_fd(&tree);
}

/* ---- entering ---- */

static int open_ns(pid_t target, const char *name, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)target, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? err_errno(err, errno, "the container does not run any more") : fd;
}

/* Into the container that runs. Its root is ours after that: no path leads out of it. */
static int enter(const struct child_spec *spec, struct err *err)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int r = tie_to_keeper(spec->report, err);
    autoclose int mounts = r < 0 ? r : open_ns(spec->target, "mnt", err);
    if (mounts < 0)
        return mounts;
    autoclose int groups = open_ns(spec->target, "cgroup", NULL); /* not of every kernel */
    r = spec->userns ? lend_stdio(spec, err) : 0;
    if (r == 0)
        r = cgroup_join(spec->cgroups, spec->cgroup, spec->join_unified, err);
    if (r < 0)
        return r;
    set_oom_score(spec->container->oom_score_adj);
    if (groups >= 0 && setns(groups, (int)SYS_CLONE_NEWCGROUP) < 0)
        return err_errno(err, errno, "cannot enter the container's cgroup namespace");
    if (setns(mounts, CLONE_NEWNS) < 0)
        return err_errno(err, errno, "cannot enter the container's mounts");
    return spec->userns && !WEAKENED(USERNS_EXEC) ? userns_enter(spec->userns, err) : 0;
}

/* ---- the root ---- */

static int send_terminal(int report, int ptmx)
{
    struct child_message message = {.stage = CHILD_TERMINAL};
    struct iovec part = {&message, sizeof(message)};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &ptmx, sizeof(int));
    return sendmsg(report, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* All but what must be mounted in the container's own namespaces, where it has a user namespace. */
static int build_root(const struct child_spec *spec, struct devices *ret, struct err *err)
{
    const struct launch_container *container = spec->container;
    const struct devices_pod pod = {
        .shm = spec->shm, .label = spec->plan->selinux_files, .userns = spec->userns};
    autofree int *trees = xcalloc(container->mount_count + 1, sizeof(*trees));
    autoclose int message = -1;
    int r = propagation_take(container, trees, err);
    if (r == 0)
        r = rootfs_detach(err);
    if (r == 0)
        r = mnt_message_open(spec->dir, container, &message, err);
    autoclose int root = r < 0 ? r : rootfs_mount(container, spec->userns, spec->dir, err);
    if (root < 0)
        return root;
    r = kernelfs_mount_sys(root, container->privileged, err);
    if (r == 0 && !spec->userns)
        r = kernelfs_mount_own(root, spec->cgroups, spec->container->privileged, err);
    if (r == 0)
        r = devices_make(root, container, &pod, ret, err);
    if (r == 0)
        r = mnt_volumes(root, container, trees, spec->userns, err);
    if (r == 0)
        r = mnt_message(root, message, container, spec->userns, err);
    return r < 0 ? r : steal_fd(&root);
}

static int own_root(const struct child_spec *spec, int built, struct devices *devices,
                    struct err *err)
{
    autoclose int root = cross(spec, built, err);
    int r =
        root < 0 ? root : kernelfs_mount_own(root, spec->cgroups, spec->container->privileged, err);
    if (r < 0)
        return r;
    close(devices->null);
    devices->null = devices_open_null(root);
    return devices->null < 0 ? err_errno(err, -devices->null, "cannot open /dev/null")
                             : steal_fd(&root);
}

static int make_root(const struct child_spec *spec, int *ret_tty, struct err *err)
{
    struct devices devices;
    const struct launch_container *container = spec->container;
    autoclose int built = build_root(spec, &devices, err);
    if (built < 0)
        return built;
    autoclose int root = spec->userns ? own_root(spec, built, &devices, err) : steal_fd(&built);
    if (root < 0)
        return root;
    int r = 0;
    if (!container->privileged && !container->unmasked)
        r = kernelfs_mask(root, devices.null, container, err);
    if (r == 0 && devices.ptmx >= 0) {
        r = send_terminal(spec->report, devices.ptmx);
        if (r < 0)
            r = err_errno(err, -r, "cannot hand over the terminal");
        *ret_tty = devices.tty;
    }
    return r < 0 ? r : rootfs_enter(root, err);
}

/* The working directory, made if missing; refused when it is not below the new root, to which a
 * descriptor of the host's that was left open could lead (CVE-2024-21626). */
static int enter_cwd(int root, const char *cwd, struct err *err)
{
    if (str_empty(cwd))
        cwd = "/";
    if (WEAKENED(CWD_INSIDE) && chdir(cwd) == 0)
        return 0;
    autoclose int fd = path_mkdirs_in(root, cwd, 0755);
    if (fd < 0)
        return err_errno(err, -fd, "cannot make the working directory %s", cwd);
    if (fchdir(fd) < 0)
        return err_errno(err, errno, "cannot enter the working directory %s", cwd);
    char where[PATH_MAX];
    if (syscall(SYS_getcwd, where, sizeof(where)) < 0 || where[0] != '/')
        return err_set(err, -EPERM, "the working directory %s is outside the container", cwd);
    return 0;
}

static int find_user(int root, const struct launch_container *container, struct user *ret,
                     struct err *err)
{
    cleanup(buf_done) struct buf passwd, group;
    buf_init(&passwd, USER_FILE_MAX + 8192);
    buf_init(&group, USER_FILE_MAX + 8192);
    int r = user_read_file(root, "/etc/passwd", &passwd, err);
    if (r == 0)
        r = user_read_file(root, "/etc/group", &group, err);
    if (r == 0)
        r = user_resolve(container->user, buf_str(&passwd), buf_str(&group), ret, err);
    if (r == 0 && container->strict_groups && !WEAKENED(STRICT_GROUPS))
        ret->group_count = 0;
    if (r == 0 && container->run_as_non_root && ret->uid == 0)
        r = err_set(err, -EPERM, "container has runAsNonRoot and image will run as root (user %s)",
                    str_empty(container->user) ? "not given" : container->user);
    return r;
}

/* ---- the program ---- */

static int set_stdio(const struct child_spec *spec, int tty, struct err *err)
{
    const int from[3] = {tty >= 0 ? tty : spec->in, tty >= 0 ? tty : spec->out,
                         tty >= 0 ? tty : spec->err};
    /* The keeper gives numbers above 2, so that none is overwritten before it is copied. */
    for (int i = 0; i < 3; i++)
        if (dup2(from[i], i) < 0)
            return err_errno(err, errno, "cannot set up standard input and output");
    if (tty >= 0 && ioctl(tty, TIOCSCTTY, 0) < 0)
        return err_errno(err, errno, "cannot take the terminal");
    return 0;
}

/* Programs open /dev/stdout and the like by /proc, under the ids that they are about to get: pipes
 * and terminal are theirs then. Without a terminal a device is the host's /dev/null. */
static int give_stdio(uint32_t uid, int tty, struct err *err)
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0)
            return err_errno(err, errno, "cannot look at standard input and output");
        bool own = tty >= 0 || S_ISFIFO(st.st_mode);
        if (own && st.st_uid != uid && fchown(fd, uid, (gid_t)-1) < 0)
            return err_errno(err, errno, "cannot hand standard input and output to user %u", uid);
    }
    return 0;
}

/* Everything but stdio is closed by the exec. */
static int close_others(struct err *err)
{
    struct rlimit limit;
    if (sys_close_range(3, ~0U, SYS_CLOSE_RANGE_CLOEXEC) == 0)
        return 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return err_errno(err, errno, "cannot close the keeper's descriptors");
    for (int fd = 3; fd < INT_MAX && (rlim_t)fd < limit.rlim_cur; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

static const char *env_value(const char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; env && *env; env++)
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return *env + len + 1;
    return NULL;
}

/* The plan's environment, with HOME from the user's entry and TERM for a terminal where it has
 * none. Gone with the exec. */
static char *const *make_env(const char *const *env, const struct user *user, bool tty)
{
    size_t count = 0;
    while (env && env[count])
        count++;
    char **made = xcalloc(count + 3, sizeof(*made));
    for (size_t i = 0; i < count; i++)
        made[i] = (char *)(uintptr_t)env[i];
    if (!env_value(env, "HOME"))
        made[count++] = xasprintf("HOME=%s", user->home);
    if (tty && !env_value(env, "TERM"))
        made[count] = xstrdup("TERM=xterm");
    return made;
}

static void try_exec(const char *path, const char *const *argv, char *const *env)
{
    execve(path, (char *const *)(uintptr_t)argv, env);
}

/* Returns only on failure: the errno that says most. */
static int exec_in_path(const char *const *argv, char *const *env)
{
    const char *name = argv[0], *dirs = env_value((const char *const *)env, "PATH");
    int error = ENOENT;
    char path[PATH_MAX];
    for (const char *dir = dirs ? dirs : DEFAULT_PATH; dir;) {
        size_t len = strcspn(dir, ":");
        int n = snprintf(path, sizeof(path), "%.*s%s%s", (int)len, dir, len ? "/" : "./", name);
        if (n > 0 && (size_t)n < sizeof(path)) {
            struct stat st;
            if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
                try_exec(path, argv, env);
                if (errno != ENOENT && errno != ENOTDIR)
                    error = errno;
            }
        }
        dir = dir[len] ? dir + len + 1 : NULL;
    }
    return error;
}

_Noreturn static void exec_program(const struct child_spec *spec, const struct user *user, bool tty)
{
    const char *const *argv = spec->argv ? spec->argv : spec->container->argv;
    const char *name = argv[0];
    char *const *env = make_env(spec->container->env, user, tty);
    struct err err = {0};
    int error;
    if (strchr(name, '/')) {
        try_exec(name, argv, env);
        error = errno;
        struct stat st;
        if (error == ENOENT && stat(name, &st) == 0)
            err_set(&err, -ENOENT, "exec: \"%s\": its interpreter or loader is not in the image",
                    name);
        else
            err_errno(&err, error, "exec: \"%s\"", name);
    } else {
        error = exec_in_path(argv, env);
        if (error == ENOENT)
            err_set(&err, -ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
        else
            err_errno(&err, error, "exec: \"%s\"", name);
    }
    fail(spec, CHILD_EXEC, &err);
}

/* Before ids change: the file is one of the process as it is now. */
static int confine(const struct launch_container *container, struct err *err)
{
    int r = container->apparmor ? apparmor_on_exec("/proc", container->apparmor, err) : 0;
    if (r == 0 && container->selinux)
        r = selinux_on_exec("/proc", container->selinux, err);
    return r;
}

/* From the container's root on: who, where, with what, and go. */
_Noreturn static void become(const struct child_spec *spec, int tty)
{
    struct err err = {0};
    struct user user;
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        err_errno(&err, errno, "cannot open /");
        fail(spec, CHILD_SETUP, &err);
    }
    if (find_user(root, spec->container, &user, &err) < 0)
        fail(spec, CHILD_CONFIG, &err);
    if (enter_cwd(root, spec->container->cwd, &err) < 0 ||
        (!spec->target && rootfs_seal(spec->container, &err) < 0) ||
        set_stdio(spec, tty, &err) < 0 || give_stdio(user.uid, tty, &err) < 0 ||
        close_others(&err) < 0 || confine(spec->container, &err) < 0 ||
        privs_drop(spec->container, &user, &err) < 0)
        fail(spec, CHILD_SETUP, &err);
    /* A change of ids has cleared it. */
    if (tie_to_keeper(spec->report, &err) < 0)
        fail(spec, CHILD_SETUP, &err);
    exec_program(spec, &user, tty >= 0);
}

void child_run(const struct child_spec *spec)
{
    struct err err = {0};
    int tty = -1;
    close_inherited(spec);
    reset_process(spec);
    if (isolate(spec, &err) < 0 || make_root(spec, &tty, &err) < 0)
        fail(spec, CHILD_SETUP, &err);
    become(spec, tty);
}

static int enter_terminal(const struct child_spec *spec, int *ret_tty, struct err *err)
{
    struct terminal terminal;
    autoclose int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = dev < 0 ? -errno : terminal_open(dev, &terminal);
    if (r == 0) {
        *ret_tty = terminal.tty;
        r = send_terminal(spec->report, terminal.ptmx);
    }
    return r < 0 ? err_errno(err, -r, "cannot make a terminal") : 0;
}

void child_enter(const struct child_spec *spec)
{
    struct err err = {0};
    int tty = -1;
    close_inherited(spec);
    reset_process(spec);
    if (enter(spec, &err) < 0 || (spec->tty && enter_terminal(spec, &tty, &err) < 0))
        fail(spec, CHILD_SETUP, &err);
    become(spec, tty);
}
