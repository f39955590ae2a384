#pragma once
/* A folder whose files people change. */

#include "common/base/err.h"
#include "common/loop/loop.h"

struct folder_watch;

typedef void folder_watch_fn(void *ctx);

/* Calls fn soon after files of the folder (not below it) have changed: 2 ms after one was written
 * and closed or moved here, but 100 ms after one went away, since an editor may move the old file
 * aside before it writes the new one. Changes of that time are one call; however long they go on,
 * no call is put off further. The folder must be there. inotify(7); -errno if the kernel has no
 * watch to give. */
nodiscard int folder_watch_new(struct loop *loop, const char *path, folder_watch_fn *fn, void *ctx,
                               struct folder_watch **ret, struct err *err);
void folder_watch_free(struct folder_watch *watch);
