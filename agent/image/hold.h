#pragma once
/* Images in use: who runs from one holds a lock on the byte that stands for its digest in the file
 * `lock` of the store (beside flock, which is another kind of lock). It goes with the process and
 * writes nothing to the medium. */

#include "common/base/err.h"

/* The file, as a descriptor: what is taken through it is held until it is closed or dropped. On a
 * medium that cannot be written, where nobody can deny, for taking only. */
nodiscard int hold_open(const char *store_root, struct err *err);
/* Nobody removes the image of this manifest from now on. Once a digest. -EAGAIN: somebody is about
 * to. */
nodiscard int hold_take(int fd, const char *digest);
/* Nobody takes it from now on. -EAGAIN: somebody has. */
nodiscard int hold_deny(int fd, const char *digest);
void hold_drop(int fd, const char *digest);
