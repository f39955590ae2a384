#include "agent/volume/type.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    mode_t type; /* what must be there; 0 = anything, or nothing */
    bool create;
} host_types[] = {
    {"", 0, false},
    {"Directory", S_IFDIR, false},
    {"DirectoryOrCreate", S_IFDIR, true},
    {"File", S_IFREG, false},
    {"FileOrCreate", S_IFREG, true},
    {"Socket", S_IFSOCK, false},
    {"CharDevice", S_IFCHR, false},
    {"BlockDevice", S_IFBLK, false},
};

static int create(const char *path, mode_t type)
{
    if (type == S_IFDIR)
        return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    return fd < 0 ? -errno : 0;
}

static int prepare(const struct volume_spec *spec, const char *name, const struct value *source,
                   struct volume *ret, struct err *err)
{
    (void)spec;
    (void)name;
    const char *path = value_get_str(source, "path");
    const char *type = value_get_str(source, "type");
    size_t i = 0;
    while (i < ARRAY_LEN(host_types) && !str_eq(host_types[i].name, type ? type : ""))
        i++;
    if (i == ARRAY_LEN(host_types))
        return err_set(err, -EINVAL, "hostPath type \"%s\" is not known", type);
    int rc = host_types[i].create ? create(path, host_types[i].type) : 0;
    if (rc < 0)
        return err_errno(err, -rc, "hostPath %s", path);
    struct stat st;
    if (stat(path, &st) < 0)
        return err_errno(err, errno, "hostPath %s", path);
    if (host_types[i].type && (st.st_mode & S_IFMT) != host_types[i].type)
        return err_set(err, -EINVAL, "hostPath type check failed: %s is not a %s", path, type);
    ret->host_path = xstrdup(path);
    return 0;
}

const struct volume_type volume_host_path = {"hostPath", prepare};
