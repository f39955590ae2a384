#include "agent/keeper/launcher.h"

#include "agent/keeper/proto.h"
#include "agent/runtime/signals.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#define PLAN_FD 3
#define AGENT_FD 4
#define FIRST_OTHER 5
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct launcher {
    int program; /* what is executed */
    char *group;
    struct cgroup_host cgroups;
    char *cgroup_text;
    sigset_t ignored; /* by this process */
};

/* A mount of the program alone that nobody can reach by a path and nobody can write through. */
static int open_read_only(const char *path)
{
    const struct sys_mount_attr attr = {.set = SYS_ATTR_RDONLY};
    autoclose int fd = sys_open_tree(AT_FDCWD, path, SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC);
    if (fd < 0 || sys_mount_setattr(fd, "", SYS_AT_EMPTY_PATH, &attr) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* Where the kernel (before 5.12) cannot do that: a sealed copy in memory. */
static int open_sealed(const char *path)
{
    struct stat st;
    autoclose int from = open(path, O_RDONLY | O_CLOEXEC);
    autoclose int to = memfd_create("limpet-keeper", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (from < 0 || to < 0 || fstat(from, &st) < 0)
        return -errno;
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        left -= n;
    }
    if (fchmod(to, 0500) < 0 || fcntl(to, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    return steal_fd(&to);
}

static int open_program(const char *path, struct err *err)
{
    if (access(path, X_OK) < 0)
        return err_errno(err, errno, "cannot run %s", path);
    if (WEAKENED(KEEPER_EXE)) {
        int fd = open(path, O_PATH | O_CLOEXEC);
        return fd < 0 ? err_errno(err, errno, "cannot open %s", path) : fd;
    }
    int fd = open_read_only(path);
    if (fd < 0)
        fd = open_sealed(path);
    return fd < 0 ? err_errno(err, -fd, "cannot make %s safe to run", path) : fd;
}

int launcher_new(const char *keeper_path, const char *cgroup_root,
                 const struct cgroup_host *cgroups, struct launcher **ret, struct err *err)
{
    int fd = open_program(keeper_path, err);
    if (fd < 0)
        return fd;
    struct launcher *launcher = xcalloc(1, sizeof(*launcher));
    launcher->program = fd;
    launcher->cgroups = *cgroups;
    launcher->cgroup_text = cgroup_print(cgroups);
    signals_find_ignored(&launcher->ignored);
    launcher->group = xasprintf("%s/keepers", cgroup_root);
    *ret = launcher;
    return 0;
}

void launcher_free(struct launcher *launcher)
{
    if (!launcher)
        return;
    close(launcher->program);
    free(launcher->group);
    free(launcher->cgroup_text);
    free(launcher);
}

int launcher_plan_fd(const void *bytes, size_t len, struct err *err)
{
    autoclose int fd = memfd_create("launch-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_errno(err, errno, "cannot make a memory file");
    if (write(fd, bytes, len) != (ssize_t)len || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return err_errno(err, errno, "cannot write the launch plan to memory");
    return steal_fd(&fd);
}

/* ---- the child ---- */

_Noreturn static void child_fail(int agent_fd, int error)
{
    cleanup(buf_done) struct buf bytes;
    char text[96];
    buf_init(&bytes, PROTO_MAX_BYTES);
    snprintf(text, sizeof(text), "cannot run limpet-keeper: %s", strerror(error));
    const struct proto message = {.type = PROTO_FAILED, .text = text};
    if (agent_fd >= 0 && proto_encode(&message, &bytes) == 0 &&
        send(agent_fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        _exit(126);
    _exit(127);
}

/* Puts descriptors at 0-4 (those given as -1: /dev/null); everything else closes with the exec. */
static int child_fds(int plan_fd, int agent_fd)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int want[FIRST_OTHER] = {null, null, null, plan_fd, agent_fd};
    int high[FIRST_OTHER];
    if (null < 0)
        return -errno;
    for (int i = 0; i < FIRST_OTHER; i++) {
        high[i] = fcntl(want[i] < 0 ? null : want[i], F_DUPFD_CLOEXEC, FIRST_OTHER);
        if (high[i] < 0)
            return -errno;
    }
    for (int i = 0; i < FIRST_OTHER; i++)
        if (dup2(high[i], i) < 0)
            return -errno;
    return 0;
}

_Noreturn static void child(const struct launcher *launcher, char *const argv[], int plan_fd,
                            int agent_fd)
{
    char *const env[] = {NULL};
    signals_reset(&launcher->ignored); /* a keeper relies on it: it ignores none */
    setsid();
    /* Above those that are put in place. */
    int program = fcntl(launcher->program, F_DUPFD_CLOEXEC, FIRST_OTHER + 3);
    int r = program < 0 ? -errno : child_fds(plan_fd, agent_fd);
    if (r < 0)
        child_fail(agent_fd, -r);
    if (sys_close_range(FIRST_OTHER, ~0U, SYS_CLOSE_RANGE_CLOEXEC) < 0)
        for (int fd = FIRST_OTHER; fd < 4096; fd++) /* kernels before 5.11 */
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
    child_fail(plan_fd >= 0 ? AGENT_FD : -1, errno);
}

/* In the keepers' group of the unified tree; of the v1 trees it joins the groups itself. */
static int fork_child(const struct launcher *launcher, struct err *err)
{
    sigset_t all, before;
    int r = cgroup_create(&launcher->cgroups, launcher->group, NULL, err);
    if (r < 0)
        return r;
    autoclose int group = cgroup_open_unified(&launcher->cgroups, launcher->group);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    int pid = sys_fork(0, group);
    if (pid < 0 && group >= 0)
        pid = sys_fork(0, -1);
    if (pid != 0)
        sigprocmask(SIG_SETMASK, &before, NULL);
    return pid < 0 ? err_errno(err, -pid, "cannot start a process") : pid;
}

int launcher_start(const struct launcher *launcher, const char *name, int plan_fd, int agent_fd,
                   pid_t *ret_pid, struct err *err)
{
    autofree char *title = xstrdup(name);
    char program[] = "limpet-keeper", option[] = "--pod";
    char *const argv[] = {program, option, title, launcher->cgroup_text, NULL};
    int pid = fork_child(launcher, err);
    if (pid == 0)
        child(launcher, argv, plan_fd, agent_fd);
    if (pid < 0)
        return pid;
    *ret_pid = pid;
    return 0;
}

int launcher_remove_tree(const struct launcher *launcher, const char *parent, const char *name,
                         pid_t *ret_pid, struct err *err)
{
    autofree char *where = xstrdup(parent);
    autofree char *what = xstrdup(name);
    char program[] = "limpet-keeper", option[] = "--remove-tree";
    char *const argv[] = {program, option, where, what, NULL};
    int pid = fork_child(launcher, err);
    if (pid == 0)
        child(launcher, argv, -1, -1);
    if (pid < 0)
        return pid;
    *ret_pid = pid;
    return 0;
}
