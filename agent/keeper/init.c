#include "agent/keeper/init.h"

#include "agent/runtime/rootfs.h"
#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* An empty root that cannot be written. */
static int leave_files(const char *dir, struct err *err)
{
    int r = rootfs_detach(err);
    if (r < 0)
        return r;
    if (mount("none", dir, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0") < 0)
        return err_errno(err, errno, "cannot mount over %s", dir);
    int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? err_errno(err, errno, "cannot open %s", dir) : rootfs_enter(root, err);
}

/* What the keeper was started with is not for the pod's processes to read. */
static void hide_arguments(void)
{
    char text[4096];
    size_t name = strlen(program_invocation_name);
    autoclose int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n > 0 && (size_t)n > name)
        memset(program_invocation_name + name, 0, (size_t)n - name);
}

/* Goes on in a child of the keeper's, which is told of it, and is tied to it by `life` until it has
 * tied itself. */
static int move_on(const struct userns *userns, int told)
{
    struct err err = {0};
    if (userns_enter(userns, &err) < 0)
        return -1;
    int pid = sys_fork(CLONE_PARENT | CLONE_NEWPID, -1);
    if (pid == 0)
        return 0;
    if (pid > 0 && write(told, &pid, sizeof(pid)) != sizeof(pid))
        kill(pid, SIGKILL);
    _exit(1);
}

/* life: ends with the keeper. */
_Noreturn static void run(const char *dir, int life, const struct userns *userns, int told)
{
    struct err err = {0};
    struct pollfd keeper = {.fd = life};
    sigset_t none;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    hide_arguments();
    prctl(PR_SET_NAME, "limpet-init", 0, 0, 0);
    if (leave_files(dir, &err) < 0 || (userns && move_on(userns, told) < 0))
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (poll(&keeper, 1, 0) > 0 && (keeper.revents & POLLHUP))
        _exit(1);
    sys_close_range(0, ~0U, 0);
    sigemptyset(&none);
    signal(SIGCHLD, SIG_IGN); /* who ends is reaped by that */
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (;;)
        pause();
}

void init_init(struct init *init)
{
    *init = (struct init){.life = -1};
}

bool init_reaped(struct init *init, pid_t pid)
{
    if (pid != init->pid || pid <= 0)
        return false;
    close(init->life);
    init_init(init);
    return true;
}

void init_done(struct init *init)
{
    pid_t pid = init->pid;
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    (void)init_reaped(init, pid);
}

/* The process itself, or who it made. told: where that one is told. */
static int wait_for(int pid, const struct userns *userns, int told)
{
    if (pid > 0 && userns && read(told, &pid, sizeof(pid)) != sizeof(pid))
        return -ECHILD;
    return pid;
}

int init_start(struct init *init, const char *dir, const struct userns *userns, struct err *err)
{
    int fds[2], tell[2];
    if (init->pid > 0)
        return 0;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    autoclose int life = fds[1];
    autoclose int theirs = fds[0];
    if (pipe2(tell, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    autoclose int told = tell[0];
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the child inherits it */
    int pid = sys_fork(CLONE_NEWNS | (userns ? 0 : (uint64_t)CLONE_NEWPID), -1);
    if (pid == 0) {
        close(life);
        run(dir, theirs, userns, tell[1]);
    }
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    close(tell[1]);
    pid = wait_for(pid, userns, told);
    if (pid < 0)
        return err_errno(err, -pid, "cannot start the pod's first process");
    *init = (struct init){.pid = pid, .life = steal_fd(&life)};
    return 0;
}
