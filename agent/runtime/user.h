#pragma once
/* Who a container runs as: "", "1000", "1000:1000", "app", "app:staff", looked up in the
 * container's own /etc/passwd and /etc/group (OCI image-spec config.md, User). */

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdint.h>

#define USER_MAX_GROUPS 256
#define USER_MAX_ID                                                                                \
    UINT32_C(2147483647) /* beyond it other programs wrap around to root (CVE-2024-40635) */
#define USER_FILE_MAX ((size_t)1024 * 1024)

struct user {
    uint32_t uid, gid;
    uint32_t groups[USER_MAX_GROUPS]; /* supplementary, from /etc/group, whatever group was asked
                                         for: as in Kubernetes */
    size_t group_count;
    char home[256]; /* "/" if unknown */
};

/* Pure. `passwd` and `group` are the files' texts ("" when there is none). -EINVAL, -ENOENT with a
 * message that names what is not there. */
nodiscard int user_resolve(const char *spec, const char *passwd, const char *group,
                           struct user *ret, struct err *err);
/* Reads a file of the root (links are resolved inside it); one that is missing or not a regular
 * file reads as empty. -EFBIG beyond USER_FILE_MAX. */
nodiscard int user_read_file(int root_fd, const char *path, struct buf *ret, struct err *err);
