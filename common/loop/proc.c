#include "common/loop/proc.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

extern char **environ;

enum step { STEP_FDS, STEP_CWD, STEP_PARENT, STEP_EXEC };

/* What the child reports when it cannot become the program. */
struct failure {
    enum step step;
    int error;
};

/* All that the child needs, made ready before the fork: after it, nothing may allocate. */
struct launch {
    const struct proc_spec *spec;
    const char *path;
    int std[3];
    int report; /* the pipe's writing end; close-on-exec */
    int above;  /* the first number that no kept descriptor has */
    pid_t parent;
};

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Caller frees; NULL if there is none. Relative folders in PATH are passed over. */
static char *search_path(const char *name)
{
    const char *dirs = getenv("PATH");
    if (str_empty(dirs))
        dirs = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    for (const char *dir = dirs; dir;) {
        size_t len = strcspn(dir, ":");
        if (len > 0 && dir[0] == '/') {
            autofree char *path = xasprintf("%.*s/%s", (int)len, dir, name);
            if (is_program(path))
                return steal(path);
        }
        dir = dir[len] ? dir + len + 1 : NULL;
    }
    return NULL;
}

_Noreturn static void child_fail(const struct launch *launch, enum step step)
{
    struct failure failure = {.step = step, .error = errno};
    if (write(launch->report, &failure, sizeof(failure)) < 0) {
        /* the parent is gone */
    }
    _exit(127);
}

/* Marks everything from 3 on close-on-exec; the kept ones are unmarked afterwards. */
static int mark_all_close_on_exec(void)
{
    if (WEAKENED(PROC_CLOSE_FDS))
        return 0;
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return 0;
    struct rlimit limit; /* kernels before 5.11 */
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    for (int fd = 3; (rlim_t)fd < limit.rlim_cur && fd < INT32_MAX; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

static int child_fds(const struct launch *launch)
{
    int std[3];
    /* Out of the way of 0-2 first, since a source may itself be one of them. */
    for (int i = 0; i < 3; i++)
        if ((std[i] = fcntl(launch->std[i], F_DUPFD_CLOEXEC, launch->above)) < 0)
            return -1;
    for (int i = 0; i < 3; i++)
        if (dup2(std[i], i) < 0)
            return -1;
    if (mark_all_close_on_exec() < 0)
        return -1;
    for (size_t i = 0; i < launch->spec->keep_count; i++)
        if (fcntl(launch->spec->keep[i], F_SETFD, 0) < 0)
            return -1;
    return 0;
}

static void child_signals(void)
{
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void child(const struct launch *launch)
{
    const struct proc_spec *spec = launch->spec;
    if (spec->new_session)
        setsid();
    if (child_fds(launch) < 0)
        child_fail(launch, STEP_FDS);
    if (spec->death_signal) {
        prctl(PR_SET_PDEATHSIG, spec->death_signal);
        errno = ECHILD;
        if (getppid() != launch->parent) /* it died before the line above */
            child_fail(launch, STEP_PARENT);
    }
    if (spec->cwd && chdir(spec->cwd) < 0)
        child_fail(launch, STEP_CWD);
    child_signals();
    execve(launch->path, (char *const *)spec->argv,
           spec->envp ? (char *const *)spec->envp : environ);
    child_fail(launch, STEP_EXEC);
}

/* The mask is full across the fork, so that no handler of ours runs in the child. */
static pid_t fork_masked(const struct launch *launch)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child(launch);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

static int explain(const struct proc_spec *spec, const struct failure *failure, struct err *err)
{
    switch (failure->step) {
    case STEP_CWD:
        return err_errno(err, failure->error, "cannot run %s in %s", spec->path, spec->cwd);
    case STEP_FDS:
        return err_errno(err, failure->error, "cannot run %s: descriptors", spec->path);
    case STEP_PARENT:
    case STEP_EXEC:
        break;
    }
    return err_errno(err, failure->error, "cannot run %s", spec->path);
}

/* Waits for the exec (the pipe closes) or its failure. */
static int await_exec(const struct proc_spec *spec, pid_t pid, int report, struct err *err)
{
    struct failure failure;
    ssize_t n;
    do
        n = read(report, &failure, sizeof(failure));
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    if (n != (ssize_t)sizeof(failure))
        failure = (struct failure){.step = STEP_EXEC, .error = n < 0 ? errno : EIO};
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return explain(spec, &failure, err);
}

/* The number of the first descriptor above all that are kept, or -EINVAL. */
static int first_free(const struct proc_spec *spec)
{
    int above = 3;
    for (size_t i = 0; i < spec->keep_count; i++) {
        if (spec->keep[i] < 3)
            return -EINVAL; /* 0-2 have fields of their own */
        if (spec->keep[i] >= above)
            above = spec->keep[i] + 1;
    }
    return above;
}

int proc_spawn(const struct proc_spec *spec, pid_t *ret_pid, struct err *err)
{
    struct launch launch = {.spec = spec, .path = spec->path, .parent = getpid()};
    autofree char *found = NULL;
    if (!strchr(spec->path, '/')) {
        launch.path = found = search_path(spec->path);
        if (!found)
            return err_set(err, -ENOENT, "cannot run %s: no such program in PATH", spec->path);
    }
    launch.above = first_free(spec);
    if (launch.above < 0)
        return err_set(err, -EINVAL, "cannot run %s: 0-2 cannot be kept", spec->path);
    autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return err_errno(err, errno, "cannot open /dev/null");
    const int given[3] = {spec->fd_in, spec->fd_out, spec->fd_err};
    for (int i = 0; i < 3; i++)
        launch.std[i] = given[i] < 0 ? null : given[i];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot run %s: pipe", spec->path);
    autoclose int reading = ends[0];
    autoclose int writing = ends[1];
    /* Where neither stdio nor a kept number overwrites it. */
    autoclose int report = fcntl(writing, F_DUPFD_CLOEXEC, launch.above);
    if (report < 0)
        return err_errno(err, errno, "cannot run %s: pipe", spec->path);
    launch.report = report;
    pid_t pid = fork_masked(&launch);
    if (pid < 0)
        return err_errno(err, errno, "cannot run %s: fork", spec->path);
    close(steal_fd(&writing));
    close(steal_fd(&report));
    int r = await_exec(spec, pid, reading, err);
    if (r < 0)
        return r;
    *ret_pid = pid;
    return 0;
}

static const char *signal_name(int signo)
{
    static const struct {
        int signo;
        const char *name;
    } names[] = {
        {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
        {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
        {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
        {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"},
        {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].signo == signo)
            return names[i].name;
    return NULL;
}

const char *proc_status_text(int status)
{
    static _Thread_local char slots[4][48];
    static _Thread_local unsigned next;
    char *text = slots[next++ % ARRAY_LEN(slots)];
    const char *name;
    if (status == -1)
        snprintf(text, sizeof(slots[0]), "ended, status unknown");
    else if (WIFEXITED(status))
        snprintf(text, sizeof(slots[0]), "exited with %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status) && (name = signal_name(WTERMSIG(status))))
        snprintf(text, sizeof(slots[0]), "killed by %s", name);
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof(slots[0]), "killed by signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof(slots[0]), "wait status 0x%x", (unsigned)status);
    return text;
}
