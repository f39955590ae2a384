#include "agent/image/layer_sum.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FNV-1a, of 64 bits (draft-eastlake-fnv): one byte that differs always makes another number. */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define CHUNK ((size_t)64 * 1024)

struct sum {
    bool medium;
    uint64_t total; /* of all entries, in whatever order the folders have them */
    char *chunk;
    struct err *err;
};

static uint64_t add(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * FNV_PRIME;
    return hash;
}

static int failed(const struct sum *sum, int error, const char *name)
{
    return err_errno(sum->err, error, "%.120s", name);
}

static int add_content(const struct sum *sum, int parent, const char *name, uint64_t *hash)
{
    autoclose int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;
    if (fd >= 0 && sum->medium)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    while (fd >= 0 && (n = read(fd, sum->chunk, CHUNK)) > 0)
        *hash = add(*hash, sum->chunk, (size_t)n);
    if (n < 0)
        return failed(sum, errno, name);
    if (sum->medium) /* the programs that run here need the memory more */
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return 0;
}

static int add_target(const struct sum *sum, int parent, const char *name, uint64_t *hash)
{
    ssize_t n = readlinkat(parent, name, sum->chunk, CHUNK);
    if (n < 0)
        return failed(sum, errno, name);
    *hash = add(*hash, sum->chunk, (size_t)n);
    return 0;
}

static int walk(struct sum *sum, int fd, uint64_t above, int depth);

static int add_entry(struct sum *sum, int parent, const char *name, uint64_t above, int depth)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(sum, errno, name);
    bool file = S_ISREG(st.st_mode), folder = S_ISDIR(st.st_mode);
    const uint64_t facts[] = {st.st_mode, st.st_uid, st.st_gid, file ? (uint64_t)st.st_size : 0,
                              file || folder ? 0 : st.st_rdev};
    uint64_t hash = add(add(above, name, strlen(name) + 1), facts, sizeof(facts));
    int rc = file                  ? add_content(sum, parent, name, &hash)
             : S_ISLNK(st.st_mode) ? add_target(sum, parent, name, &hash)
                                   : 0;
    sum->total += hash;
    if (rc < 0 || !folder || depth == LAYER_SUM_DEPTH)
        return rc;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? failed(sum, errno, name) : walk(sum, fd, hash, depth + 1);
}

/* Takes fd. */
static int walk(struct sum *sum, int fd, uint64_t above, int depth)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int rc = failed(sum, errno, ".");
        close(fd);
        return rc;
    }
    const struct dirent *entry;
    int rc = 0;
    while (rc == 0 && (errno = 0, entry = readdir(dir)))
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            rc = add_entry(sum, dirfd(dir), entry->d_name, above, depth);
    if (rc == 0 && errno)
        rc = failed(sum, errno, ".");
    closedir(dir);
    return rc;
}

int layer_sum(int dir_fd, bool medium, uint64_t *ret, struct err *err)
{
    autofree char *chunk = xmalloc(CHUNK);
    struct sum sum = {.medium = medium, .chunk = chunk, .err = err};
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? err_errno(err, errno, "cannot open it") : walk(&sum, fd, FNV_BASIS, 0);
    if (rc == 0)
        *ret = sum.total;
    return rc;
}
