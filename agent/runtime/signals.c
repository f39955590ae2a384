#include "agent/runtime/signals.h"

#include "common/base/weaken.h"

#include <stddef.h>

void signals_find_ignored(sigset_t *ret)
{
    sigemptyset(ret);
    for (int signo = 1; signo < NSIG; signo++) {
        struct sigaction action;
        if (sigaction(signo, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            sigaddset(ret, signo);
    }
}

void signals_reset(const sigset_t *ignored)
{
    const struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int signo = 1; ignored && signo < NSIG && !WEAKENED(SIGNALS_IGNORED); signo++)
        if (sigismember(ignored, signo) == 1)
            sigaction(signo, &dfl, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
