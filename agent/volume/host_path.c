#include "agent/volume/type.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    mode_t type; /* what must be there; 0 = anything */
    mode_t made; /* what is made where nothing is; 0 = nothing */
    const char *noun;
} host_types[] = {
    /* Without a type nothing is checked, and what is missing is made a directory: as the container
     * runtimes below a kubelet do it. */
    {"", 0, S_IFDIR, NULL},
    {"Directory", S_IFDIR, 0, "directory"},
    {"DirectoryOrCreate", S_IFDIR, S_IFDIR, "directory"},
    {"File", S_IFREG, 0, "file"},
    {"FileOrCreate", S_IFREG, S_IFREG, "file"},
    {"Socket", S_IFSOCK, 0, "socket file"},
    {"CharDevice", S_IFCHR, 0, "character device"},
    {"BlockDevice", S_IFBLK, 0, "block device"},
};

static int make_directories(const char *path)
{
    autofree char *copy = xstrdup(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(copy, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Never opens what is there: a FIFO would stop the agent, a device may act on being opened. */
static int make(const char *path, mode_t type)
{
    if (type == S_IFDIR)
        return make_directories(path);
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
    return fd < 0 && errno != EEXIST ? -errno : 0;
}

/* What stands at the path, made where the type asks for it. */
static int look(const char *path, mode_t made, struct stat *ret)
{
    if (stat(path, ret) == 0)
        return 0;
    if (errno != ENOENT || !made)
        return -errno;
    int rc = make(path, made);
    return rc < 0 ? rc : stat(path, ret) < 0 ? -errno : 0;
}

static int prepare(const struct volume_spec *spec, const char *name, const struct value *source,
                   struct volume *ret, struct err *err)
{
    (void)spec;
    (void)name;
    const char *path = value_get_str(source, "path");
    const char *type = value_get_str(source, "type");
    if (path[0] != '/')
        return err_set(err, -EINVAL, "hostPath %s: must be an absolute path", path);
    size_t i = 0;
    while (i < ARRAY_LEN(host_types) && !str_eq(host_types[i].name, type ? type : ""))
        i++;
    if (i == ARRAY_LEN(host_types))
        return err_set(err, -EINVAL, "%s is an invalid volume type", type);
    struct stat st;
    int rc = look(path, host_types[i].made, &st);
    bool missing = rc == -ENOENT && host_types[i].type;
    if (rc < 0 && !missing)
        return err_errno(err, -rc, "hostPath %s", path);
    if (missing || (host_types[i].type && (st.st_mode & S_IFMT) != host_types[i].type))
        return err_set(err, missing ? -ENOENT : -EINVAL,
                       "hostPath type check failed: %s is not a %s", path, host_types[i].noun);
    ret->host_path = realpath(path, NULL); /* a keeper follows no link at the end of a source */
    return ret->host_path ? 0 : err_errno(err, errno, "hostPath %s", path);
}

const struct volume_type volume_host_path = {
    .field = "hostPath", .prepare = prepare, .group = FS_GROUP_NOTHING};
