#pragma once
/* Signals over an exec: handlers go by themselves; the mask, and what is ignored, do not, and
 * CLONE_CLEAR_SIGHAND leaves what is ignored too. */

#include <signal.h>

/* Those that this process ignores, its parent's doing included. Some sixty system calls: once a
 * process, not once a child. */
void signals_find_ignored(sigset_t *ret);
/* In a child before its exec: nothing is blocked, and of `ignored` (NULL: none is) nothing is
 * ignored. */
void signals_reset(const sigset_t *ignored);
