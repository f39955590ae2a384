#pragma once
/* Files that others write, by name. */

#include "common/base/err.h"
#include "common/loop/loop.h"

struct file_watch;

typedef void file_watch_fn(void *ctx);

/* Calls fn once for all that happens to the files (paths: absolute, ends with NULL, copied) within
 * settle_ns after a first change. By inotify(7) on their folders, with no looking again and again:
 * a file that is a symbolic link is watched where it stands and where it leads (/etc/resolv.conf
 * into /run), and a folder that is not there yet is waited for in the nearest one above it that is.
 * -errno if the kernel has no inotify, or no watch to give. */
nodiscard int file_watch_new(struct loop *loop, const char *const *paths, int64_t settle_ns,
                             file_watch_fn *fn, void *ctx, struct file_watch **ret,
                             struct err *err);
void file_watch_free(struct file_watch *watch);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct file_watch, file_watch_free);
