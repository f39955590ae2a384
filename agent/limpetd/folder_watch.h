#pragma once
/* A folder whose files people change. */

#include "common/base/err.h"
#include "common/loop/loop.h"

struct folder_watch;

typedef void folder_watch_fn(void *ctx);
typedef bool folder_watch_counts_fn(const char *name);

/* Calls fn soon after files of the folder (not below it) whose names count have changed: 2 ms after
 * one was written and closed or moved here, but 100 ms after one went away, since an editor may
 * move the old file aside before it writes the new one. Changes of that time are one call; however
 * long they go on, no call is put off further. By inotify(7).
 *
 * The path is looked at every 20 s too (a stat): a folder that was replaced, by another or by a
 * link that leads elsewhere, or that was not there at first, is watched from then on, and fn is
 * called. -errno if the kernel has no watch to give; a folder that is not there is no error. */
nodiscard int folder_watch_new(struct loop *loop, const char *path, folder_watch_counts_fn *counts,
                               folder_watch_fn *fn, void *ctx, struct folder_watch **ret,
                               struct err *err);
void folder_watch_free(struct folder_watch *watch);
