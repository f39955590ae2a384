#include "agent/volume/atomic_files.h"

#include "agent/volume/fs_group.h"
#include "agent/volume/label.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DATA "..data"
#define DATA_NEW "..data_tmp"
#define LINK_NEW "..link_tmp"
#define NAME_TRIES 1000
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static bool is_ours(const char *name)
{
    return name[0] == '.' && name[1] == '.';
}

/* What ..data leads to: a folder beside it. "" if there is none. */
static void read_data(int dir, char ret[NAME_MAX + 1])
{
    ssize_t len = readlinkat(dir, DATA, ret, NAME_MAX);
    ret[len > 0 ? len : 0] = '\0';
    if (!is_ours(ret) || strchr(ret, '/') || str_eq(ret, ".."))
        ret[0] = '\0';
}

/* ---- the set that is there ---- */

/* -ENOENT: there is no such file, or it is none of ours; -EFBIG. */
static int read_file(int folder, const char *path, struct stat *ret_st, struct buf *ret)
{
    autoclose int fd =
        folder < 0 ? -1 : path_open_in(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0 || fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode))
        return -ENOENT;
    if (ret_st->st_size > (off_t)FILE_SET_MAX_BYTES)
        return -EFBIG;
    size_t step = (size_t)ret_st->st_size + 1; /* one more, to find its end */
    while (true) {
        char *room = buf_reserve(ret, step);
        ssize_t n = room ? read(fd, room, step) : -1;
        if (n < 0 && room && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -EIO : 0;
        ret->len += (size_t)n;
    }
}

/* With the group that a pod's files are given, the mode has more bits than was asked for. */
static bool has_mode(const struct stat *st, const struct file *file, int64_t fs_group)
{
    mode_t mode = file->mode | (fs_group >= 0 ? 0440 : 0);
    uid_t owner = file->owner >= 0 ? (uid_t)file->owner : 0;
    gid_t group = fs_group >= 0 ? (gid_t)fs_group : 0;
    return (st->st_mode & 07777) == mode && (st->st_uid == owner || file->owner < 0) &&
           (st->st_gid == group || fs_group < 0);
}

static bool is_same(int folder, const struct file *file, int64_t fs_group)
{
    struct stat st;
    cleanup(buf_done) struct buf now;
    buf_init(&now, 2 * FILE_SET_MAX_BYTES + 2);
    return read_file(folder, file->path, &st, &now) == 0 && has_mode(&st, file, fs_group) &&
           now.len == file->len && (now.len == 0 || memcmp(now.data, file->data, now.len) == 0);
}

/* How many files are below a folder; SIZE_MAX: more than belong there, or what cannot. Takes fd. */
static size_t count_files(int fd, size_t most, int depth)
{
    size_t count = 0;
    DIR *dir = depth > FILE_SET_MAX_DEPTH ? NULL : fdopendir(fd);
    if (!dir) {
        close(fd);
        return SIZE_MAX;
    }
    for (const struct dirent *entry; count <= most && (entry = readdir(dir));) {
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
            continue;
        int below = openat(dirfd(dir), entry->d_name, OPEN_DIR);
        size_t more = below < 0 ? 1 : count_files(below, most, depth + 1);
        count = more == SIZE_MAX ? most + 1 : count + more;
    }
    closedir(dir);
    return count <= most ? count : SIZE_MAX;
}

static bool is_current(int folder, const struct file_set *set, int64_t fs_group)
{
    size_t len = file_set_len(set);
    if (folder < 0 || count_files(openat(folder, ".", OPEN_DIR), len, 0) != len)
        return false;
    const struct file *file;
    for (size_t i = 0; (file = file_set_next(set, &i));)
        if (!is_same(folder, file, fs_group))
            return false;
    return true;
}

static int resolve_kept(int folder, struct file_set *set, struct err *err)
{
    const struct file *file;
    for (size_t i = 0; (file = file_set_next(set, &i));) {
        if (!file->keep)
            continue;
        struct stat st;
        cleanup(buf_done) struct buf now;
        buf_init(&now, 2 * FILE_SET_MAX_BYTES + 2);
        bool there = read_file(folder, file->path, &st, &now) == 0;
        if (!there && file->must)
            return err_set(err, -EAGAIN, "%s is not here yet", file->path);
        file_set_resolve(set, file->path, there ? buf_str(&now) : NULL, now.len);
    }
    return 0;
}

/* ---- a new one ---- */

static int write_all(int fd, const void *data, size_t len)
{
    for (const char *p = data; len > 0;) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_file(int folder, const struct file *file)
{
    const char *slash = strrchr(file->path, '/');
    autofree char *parent =
        slash ? xstrndup(file->path, (size_t)(slash - file->path)) : xstrdup(".");
    autoclose int parent_fd = path_mkdirs_in(folder, parent, 0755);
    if (parent_fd < 0)
        return parent_fd;
    autoclose int fd = openat(parent_fd, slash ? slash + 1 : file->path,
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -errno : write_all(fd, file->data, file->len);
    if (rc == 0 && file->owner >= 0 && fchown(fd, (uid_t)file->owner, (gid_t)-1) < 0)
        rc = -errno;
    return rc < 0 ? rc : fchmod(fd, file->mode) < 0 ? -errno : 0;
}

/* A folder of that second whose name nobody has. */
static int make_folder(int dir, int64_t now_wall_ns, char ret[NAME_MAX + 1])
{
    time_t seconds = (time_t)(now_wall_ns / NS_PER_S);
    struct tm tm = {0};
    char stamp[32] = "";
    if (!gmtime_r(&seconds, &tm) || !strftime(stamp, sizeof(stamp), "%Y_%m_%d_%H_%M_%S", &tm))
        return -ERANGE;
    for (int64_t i = 0; i < NAME_TRIES; i++) {
        int64_t tail = (now_wall_ns % NS_PER_S + i) % NS_PER_S;
        snprintf(ret, NAME_MAX + 1, "..%s.%09lld", stamp, (long long)(tail < 0 ? -tail : tail));
        if (mkdirat(dir, ret, 0755) == 0)
            return fchmodat(dir, ret, 0755, 0) < 0 ? -errno : openat(dir, ret, OPEN_DIR);
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

/* A link in one step, whatever is there. A folder is in the way of a rename: of an older release,
 * which had no links. */
static int put_link(int dir, const char *target, const char *temporary, const char *name,
                    const char *label)
{
    if (unlinkat(dir, temporary, 0) < 0 && errno != ENOENT)
        return -errno;
    if (symlinkat(target, dir, temporary) < 0)
        return -errno;
    int rc = label_give(dir, temporary, label, false, NULL);
    if (rc == 0 && renameat(dir, temporary, dir, name) < 0)
        rc = -errno;
    if (rc == -EISDIR) {
        rc = path_remove_tree(dir, name);
        rc = rc == 0 && renameat(dir, temporary, dir, name) < 0 ? -errno : rc;
    }
    return rc;
}

static int link_tops(int dir, const struct map *tops, const char *label)
{
    const char *name;
    int rc = 0;
    for (size_t i = 0; rc == 0 && map_next(tops, &i, &name, NULL);) {
        autofree char *target = xasprintf("%s/%s", DATA, name);
        char now[PATH_MAX];
        ssize_t len = readlinkat(dir, name, now, sizeof(now) - 1);
        now[len > 0 ? len : 0] = '\0';
        if (!str_eq(now, target))
            rc = put_link(dir, target, LINK_NEW, name, label);
    }
    return rc;
}

/* All but the set that ..data leads to, and the links into it. */
static int remove_rest(int dir, const struct map *tops)
{
    char data[NAME_MAX + 1];
    read_data(dir, data);
    int fd = openat(dir, ".", OPEN_DIR);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list)
        return fd < 0 ? -errno : (close(fd), -ENOMEM);
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(list));) {
        const char *name = entry->d_name;
        if (str_eq(name, ".") || str_eq(name, "..") || str_eq(name, DATA) || str_eq(name, data))
            continue;
        if (is_ours(name) || !map_get(tops, name))
            rc = path_remove_tree(dir, name);
    }
    closedir(list);
    return rc;
}

static struct map *tops_of(struct file_set *set)
{
    struct map *tops = map_new();
    const struct file *file;
    for (size_t i = 0; (file = file_set_next(set, &i));) {
        autofree char *top = xstrndup(file->path, strcspn(file->path, "/"));
        (void)map_put(tops, top, set);
    }
    return tops;
}

static int write_set(int dir, const struct file_set *set, const struct map *tops, int64_t fs_group,
                     const char *label, int64_t now_wall_ns)
{
    char name[NAME_MAX + 1];
    autoclose int folder = make_folder(dir, now_wall_ns, name);
    int rc = folder < 0 ? folder : 0;
    const struct file *file;
    for (size_t i = 0; rc == 0 && (file = file_set_next(set, &i));)
        rc = write_file(folder, file);
    if (rc == 0 && fs_group >= 0)
        rc = fs_group_give(dir, name, FS_GROUP_TREE, (gid_t)fs_group, false, NULL);
    if (rc == 0)
        rc = label_give(dir, name, label, true, NULL);
    if (rc == 0)
        rc = link_tops(dir, tops, label);
    if (rc == 0 && WEAKENED(VOLUME_ATOMIC))
        (void)unlinkat(dir, DATA, 0);
    return rc < 0 ? rc : put_link(dir, name, DATA_NEW, DATA, label);
}

static int bring(int dir, struct file_set *set, const struct map *tops, int64_t fs_group,
                 const char *label, bool current, int64_t now_wall_ns)
{
    int rc =
        fs_group >= 0 ? fs_group_give(dir, ".", FS_GROUP_TOP, (gid_t)fs_group, false, NULL) : 0;
    if (rc == 0)
        rc = current ? link_tops(dir, tops, label)
                     : write_set(dir, set, tops, fs_group, label, now_wall_ns);
    int rest = remove_rest(dir, tops);
    return rc < 0 ? rc : rest < 0 ? rest : !current;
}

int atomic_files_write(int dir_fd, struct file_set *set, int64_t fs_group, const char *label,
                       int64_t now_wall_ns, struct err *err)
{
    char data[NAME_MAX + 1];
    read_data(dir_fd, data);
    autoclose int folder = data[0] ? openat(dir_fd, data, OPEN_DIR) : -1;
    int rc = resolve_kept(folder, set, err);
    if (rc < 0)
        return rc;
    struct map *tops = tops_of(set);
    rc = bring(dir_fd, set, tops, fs_group, label, is_current(folder, set, fs_group), now_wall_ns);
    map_free(tops, NULL);
    return rc < 0 ? err_errno(err, -rc, "its files cannot be written") : rc;
}
