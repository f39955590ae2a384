#include "agent/pod/disk_usage.h"

#include "common/base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64 /* descriptors that are open at once */

struct walk {
    struct disk_usage *usage;
    size_t left;
    dev_t dev;
};

static void walk_folder(struct walk *walk, int folder, int depth);

static void add_entry(struct walk *walk, int folder, const char *name, int depth)
{
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != walk->dev)
        return;
    walk->usage->bytes += (int64_t)st.st_blocks * 512;
    walk->usage->inodes++;
    if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
        walk_folder(walk, openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                    depth + 1);
}

/* Takes the descriptor. */
static void walk_folder(struct walk *walk, int folder, int depth)
{
    DIR *dir = folder < 0 ? NULL : fdopendir(folder);
    if (!dir) {
        if (folder >= 0)
            close(folder);
        return;
    }
    for (const struct dirent *entry; walk->left > 0 && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        walk->left--;
        add_entry(walk, folder, entry->d_name, depth);
    }
    closedir(dir);
}

void disk_usage_add(const char *path, size_t entries_max, struct disk_usage *ret)
{
    struct walk walk = {ret, entries_max, 0};
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (folder < 0)
        return;
    if (fstat(folder, &st) < 0) {
        close(folder);
        return;
    }
    walk.dev = st.st_dev;
    walk_folder(&walk, folder, 0);
}
