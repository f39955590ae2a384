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

/* As add does with that many zeros. */
static uint64_t add_zeros(uint64_t hash, uint64_t count)
{
    for (uint64_t power = FNV_PRIME; count; count >>= 1, power *= power)
        hash *= count & 1 ? power : 1;
    return hash;
}

/* Where the next data are, and how many, a chunk at most; 0: at the end. What a file system cannot
 * tell are data. */
static size_t find_data(int fd, off_t at, off_t *ret)
{
    off_t data = lseek(fd, at, SEEK_DATA);
    bool over = data < 0 && errno == ENXIO;
    off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
    *ret = over ? lseek(fd, 0, SEEK_END) : data < 0 ? at : data;
    return over ? 0 : hole > *ret && (size_t)(hole - *ret) < CHUNK ? (size_t)(hole - *ret) : CHUNK;
}

/* Holes are not read: a file of a few bytes may seem to have many. */
static int add_data(const struct sum *sum, int fd, uint64_t *hash)
{
    off_t at = 0, data = 0;
    ssize_t n = 1;
    while (n > 0) {
        size_t len = find_data(fd, at, &data);
        *hash = add_zeros(*hash, data > at ? (uint64_t)(data - at) : 0);
        n = len ? pread(fd, sum->chunk, len, data) : 0;
        *hash = add(*hash, sum->chunk, n > 0 ? (size_t)n : 0);
        at = data + n;
    }
    return n < 0 ? -errno : 0;
}

static int add_content(const struct sum *sum, int parent, const char *name, uint64_t *hash)
{
    autoclose int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return failed(sum, errno, name);
    if (sum->medium)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    int rc = add_data(sum, fd, hash);
    if (rc < 0)
        return failed(sum, -rc, name);
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
