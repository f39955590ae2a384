#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/disk.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TEMP_PREFIX ".limpet-tmp-"
#define LIST_MOST (1U << 20)

_Static_assert(sizeof(off_t) == 8 && sizeof(ino_t) == 8,
               "large files, and file systems with ids of 64 bits");

static int open_dir(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Where a path's last component lives. */
struct place {
    char *dir;
    int fd;           /* of dir */
    const char *name; /* points into the path */
};

static void place_done(struct place *place)
{
    if (place->fd >= 0)
        close(place->fd);
    free(place->dir);
}
CLEANUP_DEFINE_VALUE(struct place, place_done);

/* -EINVAL for what is no path of a file; otherwise why the folder does not open, said as what could
 * not be done. ret is initialised in any case. */
static int open_place(const char *path, const char *failed, struct place *ret, struct err *err)
{
    const char *slash = path[0] == '/' ? strrchr(path, '/') : NULL;
    *ret = (struct place){.fd = -1};
    if (!slash)
        return err_set(err, -EINVAL, "%s: not an absolute path", path);
    if (str_empty(slash + 1) || str_eq(slash + 1, ".") || str_eq(slash + 1, ".."))
        return err_set(err, -EINVAL, "%s: names no file", path);
    ret->dir = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
    ret->name = slash + 1;
    ret->fd = open_dir(ret->dir);
    return ret->fd < 0 ? err_errno(err, errno, "%s %s", failed, path) : 0;
}

/* A failed sync is said once and never tried again as if it proved anything: the kernel has dropped
 * the pages by then. */
static int sync_dir(int fd, const char *path, struct err *err)
{
    if (WEAKENED(DISK_DIR_FSYNC))
        return 0;
    if (fsync(fd) == 0 ||
        errno == EINVAL) /* EINVAL: a file system that has nothing to sync there */
        return 0;
    return err_set(err, -EIO, "%s: cannot sync the directory, what is on the medium is unknown: %s",
                   path, strerror(errno));
}

static int posix_read(struct disk *disk, const char *path, size_t max, struct buf *ret,
                      struct err *err)
{
    (void)disk;
    /* Not blocking on a pipe that somebody put there. */
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, errno, "cannot read %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "cannot read %s", path);
    if (S_ISDIR(st.st_mode))
        return err_errno(err, EISDIR, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "cannot read %s: not a regular file", path);
    size_t before = ret->len;
    for (;;) {
        char bytes[4096]; /* of the stack of keepers, too */
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        int r = n < 0 ? -errno : 0;
        if (n > 0 && ((size_t)n > max - (ret->len - before) || buf_add(ret, bytes, (size_t)n) < 0))
            r = -EFBIG;
        if (r < 0) {
            ret->len = before;
            if (ret->data)
                ret->data[before] = '\0';
        }
        if (r == -EFBIG)
            return err_set(err, r, "cannot read %s: it has more than %zu bytes", path, max);
        if (r < 0)
            return err_errno(err, -r, "cannot read %s", path);
    }
}

/* Opens the temporary file of `name`, empty and locked. There is one for each name, so that crashes
 * cannot fill the disk with them; the lock keeps two writers of one file apart. */
static int open_temp(int dir, const char *temp, mode_t mode)
{
    for (;;) {
        autoclose int fd = openat(dir, temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return -errno;
        while (flock(fd, LOCK_EX) < 0)
            if (errno != EINTR)
                return -errno;
        struct stat mine, named;
        if (fstat(fd, &mine) < 0)
            return -errno;
        if (fstatat(dir, temp, &named, AT_SYMLINK_NOFOLLOW) < 0 || mine.st_ino != named.st_ino ||
            mine.st_dev != named.st_dev)
            continue; /* the writer before us has renamed it away */
        if (ftruncate(fd, 0) < 0 || fchmod(fd, mode) < 0)
            return -errno;
        return steal_fd(&fd);
    }
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static void temp_name(const char *name, char ret[sizeof(TEMP_PREFIX) + 16])
{
    uint64_t hash =
        UINT64_C(0xcbf29ce484222325); /* FNV-1a; a collision only makes two writers wait */
    for (const char *c = name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    snprintf(ret, sizeof(TEMP_PREFIX) + 16, TEMP_PREFIX "%016llx", (unsigned long long)hash);
}

static int posix_replace(struct disk *disk, const char *path, const void *data, size_t len,
                         mode_t mode, struct err *err)
{
    (void)disk;
    cleanup(place_done) struct place place;
    int r = open_place(path, "cannot write", &place, err);
    if (r < 0)
        return r;
    char temp[sizeof(TEMP_PREFIX) + 16];
    temp_name(place.name, temp);
    autoclose int fd = open_temp(place.fd, temp, mode);
    if (fd < 0)
        return err_errno(err, -fd, "cannot write %s", path);
    r = write_all(fd, data, len);
    if (r >= 0 && !WEAKENED(DISK_FSYNC) && fsync(fd) < 0)
        r = -errno;
    if (r >= 0 && renameat(place.fd, temp, place.fd, place.name) < 0)
        r = -errno;
    if (r < 0) {
        unlinkat(place.fd, temp, 0);
        return err_errno(err, -r, "cannot write %s", path);
    }
    return sync_dir(place.fd, place.dir, err);
}

/* First the new bytes, then the end: who reads meanwhile never finds the file empty. */
static int write_over(int fd, const void *data, size_t len, mode_t mode)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
        return -errno;
    int r = write_all(fd, data, len);
    if (r == 0 && st.st_size > (off_t)len && ftruncate(fd, (off_t)len) < 0)
        r = -errno;
    return r;
}

static int posix_overwrite(struct disk *disk, const char *path, const void *data, size_t len,
                           mode_t mode, struct err *err)
{
    if (WEAKENED(DISK_IN_PLACE))
        return posix_replace(disk, path, data, len, mode, err);
    cleanup(place_done) struct place place;
    int r = open_place(path, "cannot write", &place, err);
    if (r < 0)
        return r;
    autoclose int fd = openat(place.fd, place.name,
                              O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    r = fd < 0 ? -errno : write_over(fd, data, len, mode);
    return r < 0 ? err_errno(err, -r, "cannot write %s", path) : 0;
}

static int posix_remove(struct disk *disk, const char *path, struct err *err)
{
    (void)disk;
    cleanup(place_done) struct place place;
    int r = open_place(path, "cannot remove", &place, err);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (unlinkat(place.fd, place.name, 0) < 0) {
        bool is_dir = errno == EISDIR;
        if ((!is_dir || unlinkat(place.fd, place.name, AT_REMOVEDIR) < 0) && errno != ENOENT)
            return err_errno(err, errno, "cannot remove %s", path);
    }
    /* Even if nothing was there: whoever removed it may not have come as far as this. */
    return sync_dir(place.fd, place.dir, err);
}

/* Makes one directory and syncs its parent. */
static int make_dir(const char *path, mode_t mode, bool last, struct err *err)
{
    bool made = mkdir(path, mode) == 0;
    if (!made && errno != EEXIST)
        return err_errno(err, errno, "cannot make the directory %s", path);
    if (!made && !last)
        return 0;
    autoclose int fd = open_dir(path); /* refuses what is not a directory */
    if (fd < 0)
        return err_errno(err, errno, "cannot make the directory %s", path);
    if (made && fchmod(fd, mode) < 0) /* whatever the umask says */
        return err_errno(err, errno, "cannot make the directory %s", path);
    cleanup(place_done) struct place parent;
    int r = open_place(path, "cannot make the directory", &parent, err);
    if (r < 0) /* it may stand in a directory that is not ours to read */
        return made || r == -EINVAL ? r : 0;
    return sync_dir(parent.fd, parent.dir, err);
}

static int posix_mkdirs(struct disk *disk, const char *path, mode_t mode, struct err *err)
{
    (void)disk;
    if (path[0] != '/')
        return err_set(err, -EINVAL, "%s: not an absolute path", path);
    autofree char *copy = xstrdup(path);
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = '\0';
    for (char *c = copy + 1; len > 1; c++) {
        if (*c != '/' && *c != '\0')
            continue;
        if (c[-1] == '/')
            continue;
        bool last = *c == '\0';
        *c = '\0';
        int r = make_dir(copy, mode, last, err);
        if (r < 0 || last)
            return r;
        *c = '/';
    }
    return 0;
}

static enum disk_type type_of(mode_t mode)
{
    return S_ISREG(mode) ? DISK_FILE : S_ISDIR(mode) ? DISK_DIR : DISK_OTHER;
}

static enum disk_type entry_type(int dir, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type == DT_REG)
        return DISK_FILE;
    if (entry->d_type == DT_DIR)
        return DISK_DIR;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return DISK_OTHER;
    return fstatat(dir, entry->d_name, &st, 0) < 0 ? DISK_OTHER : type_of(st.st_mode);
}

struct name {
    char *text;
    enum disk_type type;
};

struct names {
    struct name *items;
    size_t len, cap;
};

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->len; i++)
        free(names->items[i].text);
    free(names->items);
}
CLEANUP_DEFINE_VALUE(struct names, names_done);

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void closedir_(DIR *dir)
{
    closedir(dir);
}
CLEANUP_DEFINE(DIR, closedir_);

static int collect_names(DIR *dir, struct names *names)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            return -errno;
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..") ||
            str_has_prefix(entry->d_name, TEMP_PREFIX))
            continue;
        if (names->len == LIST_MOST)
            return -E2BIG;
        if (names->len == names->cap) {
            names->cap = names->cap ? 2 * names->cap : 16;
            names->items = xreallocarray(names->items, names->cap, sizeof(*names->items));
        }
        names->items[names->len++] =
            (struct name){xstrdup(entry->d_name), entry_type(dirfd(dir), entry)};
    }
}

static int posix_list(struct disk *disk, const char *path, disk_list_fn *fn, void *ctx,
                      struct err *err)
{
    (void)disk;
    cleanup(closedir_) DIR *dir = opendir(path);
    if (!dir)
        return err_errno(err, errno, "cannot list %s", path);
    cleanup(names_done) struct names names = {0};
    int r = collect_names(dir, &names);
    if (r < 0)
        return err_errno(err, -r, "cannot list %s", path);
    if (names.len)
        qsort(names.items, names.len, sizeof(*names.items), compare_names);
    for (size_t i = 0; i < names.len && r == 0; i++)
        r = fn(ctx, names.items[i].text, names.items[i].type);
    return r;
}

static int posix_stat(struct disk *disk, const char *path, struct disk_stat *ret, struct err *err)
{
    (void)disk;
    struct stat st;
    if (stat(path, &st) < 0)
        return err_errno(err, errno, "%s", path);
    *ret = (struct disk_stat){
        .type = type_of(st.st_mode),
        .size = st.st_size,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec,
    };
    return 0;
}

static int posix_space(struct disk *disk, const char *path, int64_t *ret_free, struct err *err)
{
    (void)disk;
    struct statvfs fs;
    if (statvfs(path, &fs) < 0)
        return err_errno(err, errno, "cannot see how much is free at %s", path);
    int64_t bytes;
    if (__builtin_mul_overflow(fs.f_bavail, fs.f_frsize, &bytes))
        bytes = INT64_MAX;
    *ret_free = bytes;
    return 0;
}

static int posix_remove_tree(struct disk *disk, const char *path, struct err *err)
{
    (void)disk;
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return err_set(err, -EINVAL, "cannot remove %s: not an absolute path below /", path);
    autofree char *parent = xstrndup(path, (size_t)(slash - path));
    autoclose int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : path_remove_tree(fd, slash + 1);
    return r < 0 && r != -ENOENT ? err_errno(err, -r, "cannot remove %s", path) : 0;
}

struct disk *disk_posix(void)
{
    static const struct disk disk = {
        .read = posix_read,
        .replace = posix_replace,
        .overwrite = posix_overwrite,
        .remove = posix_remove,
        .remove_tree = posix_remove_tree,
        .mkdirs = posix_mkdirs,
        .list = posix_list,
        .stat = posix_stat,
        .space = posix_space,
    };
    return (struct disk *)&disk; /* stateless: nobody writes to it */
}
