#pragma once
/* Starting a program. No shell; the environment and descriptors are what is listed and nothing
 * else. */

#include "common/base/err.h"
#include "common/loop/loop.h"

#include <sys/types.h>

struct proc_spec {
    const char *path;          /* absolute, or searched in PATH when it has no '/' */
    const char *const *argv;   /* NULL-terminated */
    const char *const *envp;   /* NULL: the caller's */
    const char *cwd;           /* NULL: the caller's */
    int fd_in, fd_out, fd_err; /* -1: /dev/null */
    const int *keep;           /* further descriptors, kept under their own numbers... */
    size_t keep_count;         /* ...everything else is closed (close_range) */
    bool new_session;          /* setsid */
    int death_signal;          /* PR_SET_PDEATHSIG; 0: none */
};

/* Returns once the exec has happened or failed (the failure is reported through a pipe:
 * -ENOENT...). The child has default signal dispositions and an empty mask. Blocks for the length
 * of a fork and exec. */
nodiscard int proc_spawn(const struct proc_spec *spec, pid_t *ret_pid, struct err *err);

/* Runs a program to its end, collecting at most max bytes of its output (stdout and stderr
 * together; the rest is read and dropped). fn is called once, when the program itself has ended,
 * with status as from waitpid(2) (-1: killed after timeout_ns; <= 0: no limit) and output
 * (borrowed, terminated). With new_session its whole process group is killed. fd_out and fd_err of
 * the spec do not count. */
struct proc_run;
typedef void proc_run_fn(void *ctx, int status, const char *output, size_t len);
nodiscard int proc_run_new(struct loop *loop, const struct proc_spec *spec, size_t max,
                           int64_t timeout_ns, proc_run_fn *fn, void *ctx, struct proc_run **ret,
                           struct err *err);
void proc_run_free(struct proc_run *run); /* kills the program if it still runs; invalid after fn */

/* "exited with 3", "killed by SIGKILL", for messages. Static buffer of 4 rotating slots. */
const char *proc_status_text(int status);
