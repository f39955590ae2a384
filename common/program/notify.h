#pragma once
/* What a service manager is told (sd_notify(3)): that the program is ready, that it ends, and,
 * where it asks for that (WATCHDOG_USEC), that its loop still turns. Needs no library. */

#include "common/loop/loop.h"

struct notify;

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment: no
 * child may speak for us. NULL if nobody listens; all functions here take that. */
struct notify *notify_new(struct loop *loop);
/* Once, when what clients ask for can be done. From now on the watchdog is fed, by a timer of the
 * loop: one that no longer turns feeds nobody. Waits 2 s at most for a manager that is busy. */
void notify_ready(struct notify *notify);
void notify_stopping(struct notify *notify);
void notify_free(struct notify *notify);
