#include "agent/keeper/fork.h"

#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

/* Nobody there may look at the child while it still is this program: what it inherits from us is
 * that it is not dumpable. */
int fork_into(pid_t target, uint64_t flags, int unified)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)target);
    autoclose int theirs = open(path, O_RDONLY | O_CLOEXEC);
    autoclose int ours = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (theirs < 0 || ours < 0 || setns(theirs, CLONE_NEWPID) < 0)
        return -errno;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int pid = sys_fork(flags, unified);
    if (pid == 0)
        return 0;
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (setns(ours, CLONE_NEWPID) < 0)
        abort(); /* the next container would be born in this one */
    return pid;
}
