#pragma once
/* Folders of volumes that outlive their pods, by name below one folder of the node:
 *
 *   <name>/         the data
 *   .new/<name>/    is being made: it gets its mode before its name
 *   .gone/<name>/   is to be removed: nothing mounts it any more
 *
 * Each is renamed whole, so that a crash leaves no half of one; what .new and .gone hold belongs to
 * nobody. */

#include "common/base/err.h"

#define PERSISTENT_DIR_NEW ".new"
#define PERSISTENT_DIR_GONE ".gone"

/* "<dir>/<name>", made with mode 0777 if it is not there: then it is on the medium. *ret is the
 * caller's. -EINVAL: the name could lead elsewhere; -ENOTDIR: something else stands there. Blocks
 * for a few writes that are synced where it is made. */
nodiscard int persistent_dir_make(const char *dir, const char *name, char **ret, struct err *err);
/* Takes it out of use, for good. One that is not there is success; -EBUSY: one of that name that
 * went earlier is not removed yet. Blocks as above. */
nodiscard int persistent_dir_retire(const char *dir, const char *name, struct err *err);
/* Moves another folder of that file system to those that are to be removed, as `name`. -ENOENT: it
 * is not there; -EXDEV: it lies elsewhere; -ENOTEMPTY, -EEXIST: one of that name is there still.
 * Nothing is synced: after a crash it may be where it was. */
nodiscard int persistent_dir_bury(const char *dir, const char *from, const char *name,
                                  struct err *err);
