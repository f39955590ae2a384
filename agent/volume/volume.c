#include "agent/volume/volume.h"

#include "agent/volume/type.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const struct volume_type *const types[] = {
    &volume_empty_dir,
    &volume_host_path,
    &volume_config_map,
    &volume_secret,
};

char *volume_make_dir(const char *dir, const char *name, mode_t mode, bool fresh, struct err *err)
{
    autofree char *path = xasprintf("%s/volumes/%s", dir, name);
    autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autofree char *parent = xasprintf("%s/volumes", dir);
    autoclose int fd = path_mkdirs_in(root, parent, 0700);
    if (fd < 0) {
        (void)err_errno(err, -fd, "%s", parent);
        return NULL;
    }
    int rc = fresh ? path_remove_tree(fd, name) : 0;
    if (rc < 0) {
        (void)err_errno(err, -rc, "%s", path);
        return NULL;
    }
    /* The mode as asked for, whatever the umask is. */
    if ((mkdirat(fd, name, mode) < 0 && errno != EEXIST) || fchmodat(fd, name, mode, 0) < 0) {
        (void)err_errno(err, errno, "%s", path);
        return NULL;
    }
    return steal(path);
}

static const struct volume_type *type_of(const struct value *volume)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (value_get(volume, types[i]->field))
            return types[i];
    return NULL;
}

static int prepare_one(const struct volume_spec *spec, const struct value *volume,
                       struct volume *ret, struct err *err)
{
    const char *name = value_get_str(volume, "name");
    const struct volume_type *type = type_of(volume);
    if (!type)
        return err_set(err, -EINVAL, "volume \"%s\": this node does not know its type", name);
    ret->name = xstrdup(name);
    int rc = type->prepare(spec, name, value_get(volume, type->field), ret, err);
    if (rc == 0 && spec->fs_group >= 0)
        rc =
            fs_group_give(ret->host_path, type->group, (gid_t)spec->fs_group, !ret->read_only, err);
    if (rc < 0)
        (void)err_wrap(err, "volume \"%s\"", name);
    return rc;
}

int volumes_prepare(const struct volume_spec *spec, const struct value *volumes,
                    struct volume **ret, size_t *ret_count, struct err *err)
{
    size_t count = value_len(volumes);
    struct volume *list = xcalloc(count ? count : 1, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        int rc = prepare_one(spec, value_at(volumes, i), &list[i], err);
        if (rc < 0) {
            volumes_free(list, count);
            return rc;
        }
    }
    *ret = list;
    *ret_count = count;
    return 0;
}

void volumes_free(struct volume *volumes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(volumes[i].name);
        free(volumes[i].host_path);
    }
    free(volumes);
}

void volumes_remove(const struct volume_spec *spec)
{
    autofree char *tmp = xasprintf("%s/volumes", spec->tmp_dir);
    autoclose int pod = open(spec->tmp_dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int list = openat(pod, "volumes", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = list < 0 ? NULL : fdopendir(list);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        autofree char *path = xasprintf("%s/%s", tmp, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW); /* of medium Memory; else EINVAL */
    }
    if (dir)
        closedir(dir);
    const char *const parents[] = {spec->tmp_dir, spec->disk_dir};
    for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
        autoclose int fd = open(parents[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && path_remove_tree(fd, "volumes") < 0)
            continue; /* swept again when the pod's folders go */
    }
}
