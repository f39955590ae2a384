#include "agent/volume/volume.h"

#include "agent/volume/atomic_files.h"
#include "agent/volume/label.h"
#include "agent/volume/type.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const struct volume_type *const types[] = {
    &volume_empty_dir, &volume_host_path, &volume_config_map, &volume_secret, &volume_downward_api,
    &volume_projected, &volume_claim,     &volume_ephemeral,  &volume_image,
};

char *volume_make_dir(const char *dir, const char *name, mode_t mode, struct err *err)
{
    autofree char *path = xasprintf("%s/volumes/%s", dir, name);
    autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autofree char *parent = xasprintf("%s/volumes", dir);
    autoclose int fd = path_mkdirs_in(root, parent, 0700);
    if (fd < 0) {
        (void)err_errno(err, -fd, "%s", parent);
        return NULL;
    }
    /* The mode as asked for, whatever the umask is. */
    if ((mkdirat(fd, name, mode) < 0 && errno != EEXIST) || fchmodat(fd, name, mode, 0) < 0) {
        (void)err_errno(err, errno, "%s", path);
        return NULL;
    }
    return steal(path);
}

/* A mount has another device than the folder it stands in. */
bool volume_is_mounted(const char *path)
{
    autofree char *parent = xasprintf("%s/..", path);
    struct stat inner, outer;
    return stat(path, &inner) == 0 && stat(parent, &outer) == 0 && inner.st_dev != outer.st_dev;
}

static const struct volume_type *type_of(const struct value *volume)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (value_get(volume, types[i]->field))
            return types[i];
    return NULL;
}

/* Returns 1 if the files at dir were written, 0 if they were as they should be. */
static int write_files(const struct volume_spec *spec, const struct volume_type *type,
                       const struct value *source, const char *dir, struct err *err)
{
    cleanup(file_set_free) struct file_set *files = file_set_new();
    mode_t mode = (mode_t)value_get_int(source, "defaultMode", 0644);
    int rc = type->collect(spec, source, mode, files, err);
    if (rc < 0)
        return rc;
    autoclose int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "%s", dir);
    rc = atomic_files_write(fd, files, spec->fs_group, spec->label, spec->now_wall_ns, err);
    int labelled = rc < 0 ? 0 : label_give(AT_FDCWD, dir, spec->label, rc > 0, NULL);
    return labelled < 0 ? err_errno(err, -labelled, "label %s", spec->label) : rc;
}

static int prepare_files(const struct volume_spec *spec, const struct volume_type *type,
                         const char *name, const struct value *source, struct volume *ret,
                         struct err *err)
{
    ret->read_only = true;
    ret->host_path = volume_make_dir(spec->tmp_dir, name, 0755, err);
    int rc = ret->host_path ? write_files(spec, type, source, ret->host_path, err) : err->code;
    return rc < 0 ? rc : 0;
}

/* Little is given at once. What outlives pods may hold any number of files. */
static int give(const struct volume_spec *spec, const struct volume *volume, struct err *err)
{
    const struct gift gift = {.path = volume->host_path,
                              .label = spec->label,
                              .group = spec->fs_group,
                              .write = !volume->read_only,
                              .part = volume->group};
    size_t left = VOLUME_AT_ONCE;
    bool later = volume->group == FS_GROUP_LASTING && spec->source && spec->source->give &&
                 !WEAKENED(VOLUME_AT_ONCE);
    if (later && spec->source->given(spec->source->ctx, &gift))
        return 0;
    int rc = gift_give(&gift, later ? &left : NULL, err);
    return rc == -EINPROGRESS ? spec->source->give(spec->source->ctx, &gift, err) : rc;
}

static int prepare_mounted(const struct volume_spec *spec, const struct volume_type *type,
                           const char *name, const struct value *source, struct volume *ret,
                           struct err *err)
{
    ret->group = type->group;
    int rc = type->prepare(spec, name, source, ret, err);
    /* What the node makes for pods, and no path of its own; and nothing that others write. */
    if (rc < 0 || ret->group == FS_GROUP_NOTHING ||
        (ret->read_only && ret->group == FS_GROUP_LASTING))
        return rc;
    return give(spec, ret, err);
}

/* In the words of a kubelet, which some errors have already. */
static int failed(const char *name, int rc, struct err *err)
{
    if (!err || !str_has_prefix(err->msg, "MountVolume."))
        (void)err_wrap(err, "MountVolume.SetUp failed for volume \"%s\" ", name);
    return rc;
}

static int prepare_one(const struct volume_spec *spec, const struct value *volume,
                       struct volume *ret, struct err *err)
{
    const char *name = value_get_str(volume, "name");
    const struct volume_type *type = type_of(volume);
    if (!type)
        return err_set(err, -EINVAL, "volume \"%s\": this node does not know its type", name);
    ret->name = xstrdup(name);
    const struct value *source = value_get(volume, type->field);
    int rc = type->collect ? prepare_files(spec, type, name, source, ret, err)
                           : prepare_mounted(spec, type, name, source, ret, err);
    return rc < 0 && rc != -EINPROGRESS ? failed(name, rc, err) : rc;
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

static int refresh_one(const struct volume_spec *spec, const struct value *volume, struct err *err)
{
    const char *name = value_get_str(volume, "name");
    const struct volume_type *type = type_of(volume);
    if (!type || !type->collect)
        return 0;
    autofree char *dir = xasprintf("%s/volumes/%s", spec->tmp_dir, name);
    int rc = write_files(spec, type, value_get(volume, type->field), dir, err);
    return rc < 0 && rc != -EAGAIN ? failed(name, rc, err) : rc;
}

int volumes_refresh(const struct volume_spec *spec, const struct value *volumes, struct err *err)
{
    int changed = 0, first = 0;
    for (size_t i = 0; i < value_len(volumes); i++) {
        struct err own = {0};
        int rc = refresh_one(spec, value_at(volumes, i), &own);
        if (rc >= 0)
            changed += rc;
        else if (rc != -EAGAIN && first == 0) {
            first = rc;
            *err = own;
        }
    }
    return first < 0 ? first : changed;
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
