#pragma once
/* A backup becomes the state of a gateway that does not run: the whole file is checked before
 * anything is touched. */

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>

/* In the state folder while a restore writes there; a gateway does not start on it. */
#define RESTORE_MARK "restore.unfinished"

struct restore_spec {
    const char *file;
    const char *config_file; /* where it is; made of the backup's if it is missing */
    bool config_given;       /* then it must be there, or in the backup */
    const struct buf *passphrase;
    bool force; /* what is there is moved aside */
};
/* Says what it does on stderr. -EEXIST (a gateway is there), -EBUSY (it runs), -EKEYREJECTED (the
 * passphrase), -EBADMSG and -ENOTSUP (the backup: nothing was touched), -ENOSPC... */
nodiscard int restore_run(const struct restore_spec *spec, struct err *err);
