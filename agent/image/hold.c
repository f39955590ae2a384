#include "agent/image/hold.h"

#include "agent/image/reference.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int hold_open(const char *store_root, struct err *err)
{
    autofree char *path = xasprintf("%s/lock", store_root);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EROFS)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? err_errno(err, errno, "%s", path) : fd;
}

/* Where two digests share a byte (off_t may have 31 bits), one that is held keeps the other too. */
static int set_lock(int fd, const char *digest, short type)
{
    char head[8] = "";
    memcpy(head, digest_hex(digest), sizeof(head) - 1);
    struct flock lock = {.l_type = type,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)strtoul(head, NULL, 16),
                         .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

int hold_take(int fd, const char *digest)
{
    return set_lock(fd, digest, F_RDLCK);
}

int hold_deny(int fd, const char *digest)
{
    return set_lock(fd, digest, F_WRLCK);
}

void hold_drop(int fd, const char *digest)
{
    (void)!set_lock(fd, digest, F_UNLCK);
}
