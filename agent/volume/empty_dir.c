#include "agent/volume/type.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/schema/quantity.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* A mount has another device than the folder it stands in. */
static bool is_mounted(const char *path)
{
    autofree char *parent = xasprintf("%s/..", path);
    struct stat inner, outer;
    return stat(path, &inner) == 0 && stat(parent, &outer) == 0 && inner.st_dev != outer.st_dev;
}

/* A tmpfs of its own below the run folder; one that is there already (a second try) is kept. */
static int mount_memory(const char *path, const struct value *source, struct err *err)
{
    int64_t size = quantity_units_of(value_get(source, "sizeLimit"), 0);
    autofree char *options =
        size > 0 ? xasprintf("mode=0777,size=%lld", (long long)size) : xstrdup("mode=0777");
    if (mount("limpet", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return err_errno(err, errno, "tmpfs on %s", path);
    return 0;
}

static int prepare(const struct volume_spec *spec, const char *name, const struct value *source,
                   struct volume *ret, struct err *err)
{
    bool memory = str_eq(value_get_str(source, "medium"), "Memory");
    const char *parent = memory ? spec->tmp_dir : spec->disk_dir;
    ret->host_path = volume_make_dir(parent, name, 0777, err);
    if (!ret->host_path)
        return err->code;
    if (!memory || is_mounted(ret->host_path))
        return 0;
    return mount_memory(ret->host_path, source, err);
}

const struct volume_type volume_empty_dir = {
    .field = "emptyDir", .prepare = prepare, .group = FS_GROUP_TOP};
