#pragma once
/* What this node has decided of a pod for good: it is Failed, ends if it runs, and is not started
 * again here, after a reboot neither (evicted, no room for it, its time is over). */

#include "common/base/err.h"
#include "common/fs/disk.h"

#include <stdbool.h>
#include <stdint.h>

struct verdict {
    char *reason;    /* a word of Kubernetes': "Evicted", "OutOfmemory" */
    char *message;   /* for people */
    bool ran;        /* its containers did */
    int64_t grace_s; /* that they get to stop */
    bool disrupted;  /* for what the node ran out of, not for what it did or asked for */
};

struct verdict *verdict_new(const char *reason, const char *message, bool ran, int64_t grace_s);
void verdict_free(struct verdict *verdict);

/* state_dir: the pod's own, made if it is missing. */
nodiscard int verdict_write(struct disk *disk, const char *state_dir, const struct verdict *verdict,
                            struct err *err);
/* -ENOENT: there is none. -EINVAL: damaged. */
nodiscard int verdict_read(struct disk *disk, const char *state_dir, struct verdict **ret,
                           struct err *err);

CLEANUP_DEFINE(struct verdict, verdict_free);
