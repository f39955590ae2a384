#include "agent/volume/disk_usage.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct count {
    dev_t device;
    int64_t blocks; /* of 512 bytes, times SCALE */
    int64_t inodes; /* times SCALE */
    int64_t entries;
    bool whole;
};
#define SCALE 1024 /* thousandths of a file that has many links */

static void add_one(struct count *count, const struct stat *st)
{
    int64_t links = S_ISDIR(st->st_mode) || st->st_nlink == 0 ? 1 : (int64_t)st->st_nlink;
    count->blocks += (int64_t)st->st_blocks * SCALE / links;
    count->inodes += SCALE / links;
    count->entries++;
}

static void walk(int fd, struct count *count, int depth);

static void see(int parent, const char *name, struct count *count, int depth)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* gone meanwhile */
    if (st.st_dev != count->device)
        return;
    add_one(count, &st);
    if (!S_ISDIR(st.st_mode))
        return;
    int fd = depth < DISK_USAGE_MAX_DEPTH
                 ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                 : -1;
    if (fd < 0)
        count->whole = false;
    else
        walk(fd, count, depth + 1);
}

/* Takes fd. */
static void walk(int fd, struct count *count, int depth)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        count->whole = false;
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
            continue;
        if (count->entries >= DISK_USAGE_MAX_ENTRIES) {
            count->whole = false;
            break;
        }
        see(dirfd(dir), entry->d_name, count, depth);
    }
    closedir(dir);
}

int disk_usage_add(const char *path, struct disk_usage *usage)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    struct count count = {.device = st.st_dev, .whole = true};
    add_one(&count, &st);
    walk(fd, &count, 0);
    usage->bytes += count.blocks / SCALE * 512;
    usage->inodes += count.inodes / SCALE;
    usage->whole = usage->whole && count.whole;
    return 0;
}
