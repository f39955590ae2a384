#include "common/fs/path.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WALK_DEPTH 128 /* directories below the root that the walk keeps open at once */
#define WALK_LINKS 40  /* as the kernel's own limit */
#define RACE_TRIES 64

/* As in <linux/openat2.h>, which libc headers do not bring everywhere. */
struct how {
    uint64_t flags, mode, resolve;
};
#define HOW_NO_MAGICLINKS 0x02
#define HOW_IN_ROOT 0x10

/* A walk from the root, one component at a time. Every directory on the way stays open, so that
 * ".." goes to where we came from even if somebody moves directories meanwhile. */
struct walk {
    int root;
    int fds[WALK_DEPTH];
    size_t depth;
    int links;
    char rest[PATH_MAX];
};

static void walk_done(struct walk *walk)
{
    while (walk->depth > 0)
        close(walk->fds[--walk->depth]);
}
CLEANUP_DEFINE_VALUE(struct walk, walk_done);

static int walk_fd(const struct walk *walk)
{
    return walk->depth ? walk->fds[walk->depth - 1] : walk->root;
}

/* Takes the next component off the rest; false at the end. "dir": it must be one. */
static bool walk_take(struct walk *walk, char name[NAME_MAX + 1], bool *ret_last, bool *ret_dir,
                      int *ret_error)
{
    char *from = walk->rest;
    while (*from == '/')
        from++;
    size_t len = strcspn(from, "/");
    if (len > NAME_MAX) {
        *ret_error = -ENAMETOOLONG;
        return false;
    }
    memcpy(name, from, len);
    name[len] = '\0';
    char *after = from + len;
    *ret_dir = *after == '/';
    while (*after == '/')
        after++;
    *ret_last = *after == '\0';
    memmove(walk->rest, after, strlen(after) + 1);
    return len > 0;
}

/* Puts the target of a link before the rest. */
static int walk_follow(struct walk *walk, int link, bool dir)
{
    char target[PATH_MAX], joined[PATH_MAX];
    if (++walk->links > WALK_LINKS)
        return -ELOOP;
    ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
    if (n < 0)
        return -errno;
    if (n == 0)
        return -ENOENT;
    target[n] = '\0';
    int len = snprintf(joined, sizeof(joined), "%s%s%s", target, dir ? "/" : "", walk->rest);
    if (len < 0 || (size_t)len >= sizeof(joined))
        return -ENAMETOOLONG;
    memcpy(walk->rest, joined, (size_t)len + 1);
    if (target[0] == '/')
        walk_done(walk);
    if (target[0] == '/' && WEAKENED(PATH_LINK_IN_ROOT))
        walk->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return 0;
}

static int walk_push(struct walk *walk, int fd)
{
    if (walk->depth == WALK_DEPTH) {
        close(fd);
        return -ENAMETOOLONG;
    }
    walk->fds[walk->depth++] = fd;
    return 0;
}

/* Makes the directory if it is missing; the mode as given, whatever the umask says. */
static int make_one(int parent, const char *name, mode_t mode)
{
    if (mkdirat(parent, name, mode) < 0)
        return errno == EEXIST ? 0 : -errno;
    autoclose int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -errno; /* made without the right to read it */
    return fchmod(fd, mode) < 0 ? -errno : 0;
}

struct request {
    int flags;
    mode_t mode, dir_mode;
    bool make;      /* what is missing: directories on the way, and what stands at the end */
    bool directory; /* that stands at the end, whatever the flags say */
};

/* Makes what is missing: a directory, or at the end an empty file. */
static int make_missing(int parent, const char *name, bool file, const struct request *request)
{
    if (!file)
        return make_one(parent, name, request->dir_mode);
    autoclose int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    return fchmod(fd, request->mode) < 0 ? -errno : 0;
}

/* One component that is not "." or "..". Returns 1 to go on, a negative errno, or with last set the
 * final descriptor in *ret_fd and 0. */
static int walk_step(struct walk *walk, const char *name, bool last, bool dir,
                     const struct request *request, int *ret_fd)
{
    int parent = walk_fd(walk);
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && request->make) {
        bool file = last && !request->directory;
        int r = file && dir ? -EISDIR : make_missing(parent, name, file, request);
        if (r < 0)
            return r;
        fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    }
    int error = fd < 0 ? errno : 0;
    autoclose int found = fd;
    struct stat st = {0};
    if (found >= 0 && fstat(found, &st) < 0)
        return -errno;
    bool is_link = found >= 0 && S_ISLNK(st.st_mode);
    bool as_is = last && !dir && !request->directory &&
                 (request->flags & O_NOFOLLOW ||
                  (request->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL));
    if (is_link && !as_is) {
        int r = walk_follow(walk, found, dir || !last);
        return r < 0 ? r : 1;
    }
    if (last && !request->directory) {
        if (found < 0 && error != ENOENT)
            return -error;
        if (dir && request->flags & O_CREAT)
            return -EISDIR;
        int flags = request->flags | O_NOFOLLOW | O_CLOEXEC | (dir ? O_DIRECTORY : 0);
        autoclose int opened = openat(parent, name, flags, request->mode);
        if (opened < 0)
            return -errno;
        /* With O_PATH a link that was put there just now would be opened, not refused. */
        if (!as_is && fstat(opened, &st) == 0 && S_ISLNK(st.st_mode))
            return -ELOOP;
        *ret_fd = steal_fd(&opened);
        return 0;
    }
    if (found < 0)
        return -error;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return walk_push(walk, steal_fd(&found)) < 0 ? -ENAMETOOLONG : 1;
}

static int walk_open(int root_fd, const char *path, const struct request *request)
{
    cleanup(walk_done) struct walk walk = {.root = root_fd};
    if (str_empty(path))
        return -ENOENT;
    if (strlen(path) >= sizeof(walk.rest))
        return -ENAMETOOLONG;
    memcpy(walk.rest, path, strlen(path) + 1);
    char name[NAME_MAX + 1];
    bool last, dir;
    int r = 0;
    while (walk_take(&walk, name, &last, &dir, &r)) {
        if (str_eq(name, "."))
            continue;
        if (str_eq(name, "..")) {
            if (walk.depth > 0) /* the root is its own parent */
                close(walk.fds[--walk.depth]);
            continue;
        }
        int fd = -1;
        r = walk_step(&walk, name, last, dir, request, &fd);
        if (r <= 0)
            return r < 0 ? r : fd;
        r = 0;
    }
    if (r < 0)
        return r;
    int flags = request->directory ? O_PATH | O_DIRECTORY : request->flags;
    int fd = openat(walk_fd(&walk), ".", flags | O_CLOEXEC, request->mode);
    return fd < 0 ? -errno : fd;
}

/* -ENOSYS where the kernel has no openat2 or a filter hides it. */
static int kernel_open(int root_fd, const char *path, int flags, mode_t mode)
{
    bool creates = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
    if (!(flags & O_PATH))
        flags |= O_LARGEFILE; /* open(2) adds it by itself, openat2 does not */
    struct how how = {
        .flags = (uint32_t)flags | O_CLOEXEC,
        .mode = creates ? mode & 07777 : 0, /* anything else is refused */
        .resolve = HOW_IN_ROOT | HOW_NO_MAGICLINKS,
    };
#ifdef SYS_openat2
    for (int i = 0; i < RACE_TRIES; i++) {
        long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno == EPERM)
            return -ENOSYS;  /* perhaps a filter; if not, the walk is told the same */
        if (errno != EAGAIN) /* somebody moved a directory while ".." was looked up */
            return -errno;
    }
    return -EAGAIN;
#else
    (void)root_fd;
    (void)path;
    (void)how;
    return -ENOSYS;
#endif
}

int path_open_in(int root_fd, const char *path, int flags, mode_t mode)
{
    if (WEAKENED(PATH_IN_ROOT)) {
        while (*path == '/')
            path++;
        int fd = openat(root_fd, *path ? path : ".", flags | O_CLOEXEC, mode);
        return fd < 0 ? -errno : fd;
    }
    int fd = kernel_open(root_fd, path, flags, mode);
    if (fd != -ENOSYS)
        return fd;
    return path_walk_in(root_fd, path, flags, mode);
}

int path_walk_in(int root_fd, const char *path, int flags, mode_t mode)
{
    return walk_open(root_fd, path, &(struct request){.flags = flags, .mode = mode});
}

int path_mkdirs_in(int root_fd, const char *path, mode_t mode)
{
    return walk_open(root_fd, path,
                     &(struct request){.dir_mode = mode, .make = true, .directory = true});
}

int path_mkfile_in(int root_fd, const char *path, mode_t mode)
{
    int fd = path_open_in(root_fd, path, O_PATH, 0); /* one call where it is there */
    if (fd != -ENOENT)
        return fd;
    return walk_open(
        root_fd, path,
        &(struct request){.flags = O_PATH, .mode = mode, .dir_mode = 0755, .make = true});
}
