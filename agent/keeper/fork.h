#pragma once
/* A child in a PID namespace that is there already. */

#include <stdint.h>
#include <sys/types.h>

/* As sys_fork with these flags and this group, with a child in the target's PID namespace. */
int fork_into(pid_t target, uint64_t flags, int unified);
