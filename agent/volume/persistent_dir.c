#include "agent/volume/persistent_dir.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of one component that is not hidden: those are ours. */
static int check_name(const char *name, struct err *err)
{
    bool bad = str_empty(name) || name[0] == '.' || strchr(name, '/');
    return bad && !WEAKENED(PERSISTENT_DIR_NAME)
               ? err_set(err, -EINVAL, "\"%s\" is no name of a volume", name ? name : "")
               : 0;
}

static int open_at(int parent, const char *path)
{
    int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* dir and what of it is to be there. */
static int open_parent(const char *dir, const char *below, struct err *err)
{
    autofree char *path = xasprintf("%s/%s", dir, below);
    int rc = disk_posix()->mkdirs(disk_posix(), path, 0700, err);
    int fd = rc < 0 ? rc : open_at(AT_FDCWD, dir);
    return rc == 0 && fd < 0 ? err_errno(err, -fd, "%s", dir) : fd;
}

/* Anybody writes there, as in an emptyDir: whoever needs it otherwise changes it, and it stays so.
 */
static int make(int parent, const char *name)
{
    autofree char *path = xasprintf(PERSISTENT_DIR_NEW "/%s", name);
    if (mkdirat(parent, path, 0777) < 0 && errno != EEXIST)
        return -errno;
    autoclose int fd = open_at(parent, path);
    if (fd < 0)
        return fd;
    if (fchmod(fd, 0777) < 0 || fsync(fd) < 0 || renameat(parent, path, parent, name) < 0 ||
        fsync(parent) < 0)
        return -errno;
    return 0;
}

int persistent_dir_make(const char *dir, const char *name, char **ret, struct err *err)
{
    int rc = check_name(name, err);
    if (rc < 0)
        return rc;
    autofree char *path = xasprintf("%s/%s", dir, name);
    autoclose int there = open_at(AT_FDCWD, path);
    if (there == -ENOENT) {
        autoclose int parent = open_parent(dir, PERSISTENT_DIR_NEW, err);
        if (parent < 0)
            return parent;
        rc = make(parent, name);
    } else if (there < 0) {
        rc = there;
    }
    if (rc < 0)
        return err_errno(err, -rc, "%s", path);
    *ret = steal(path);
    return 0;
}

int persistent_dir_bury(const char *dir, const char *from, const char *name, struct err *err)
{
    int rc = check_name(name, err);
    if (rc < 0)
        return rc;
    if (faccessat(AT_FDCWD, from, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, errno, "%s", from);
    autoclose int parent = open_parent(dir, PERSISTENT_DIR_GONE, err);
    if (parent < 0)
        return parent;
    autofree char *path = xasprintf(PERSISTENT_DIR_GONE "/%s", name);
    return renameat(AT_FDCWD, from, parent, path) < 0 ? err_errno(err, errno, "%s", from) : 0;
}

int persistent_dir_retire(const char *dir, const char *name, struct err *err)
{
    int rc = check_name(name, err);
    if (rc < 0)
        return rc;
    autofree char *path = xasprintf(PERSISTENT_DIR_GONE "/%s", name);
    autoclose int parent = open_at(AT_FDCWD, dir);
    if (parent == -ENOENT) /* no volume was ever here */
        return 0;
    if (parent < 0)
        return err_errno(err, -parent, "%s", dir);
    if (faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return 0;
    if (mkdirat(parent, PERSISTENT_DIR_GONE, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "%s/" PERSISTENT_DIR_GONE, dir);
    if (renameat(parent, name, parent, path) < 0)
        return err_errno(err, errno == ENOTEMPTY || errno == EEXIST ? EBUSY : errno, "%s/%s", dir,
                         name);
    autoclose int gone = open_at(parent, PERSISTENT_DIR_GONE);
    if (gone < 0 || fsync(gone) < 0 || fsync(parent) < 0)
        return err_errno(err, gone < 0 ? -gone : errno, "%s/%s", dir, name);
    return 0;
}
