/* image: the files of an image, for reading (KEP-4639). */

#include "agent/volume/image.h"

#include "agent/runtime/selinux.h"
#include "agent/volume/type.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1024 * 1024)
#define OPTIONS_MAX 4095 /* the kernel takes a page */
#define LAYERS_MAX 200   /* that fit there by their descriptors */

/* An agent that comes later knows from it what must not be removed. */
static int note_layers(const struct volume_spec *spec, const char *name, const char *const *layers,
                       struct err *err)
{
    struct disk *disk = disk_posix();
    autofree char *dir = xasprintf("%s/" VOLUME_IMAGES, spec->tmp_dir);
    autofree char *path = xasprintf("%s/%s", dir, name);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    for (; *layers; layers++)
        (void)buf_addf(&text, "%s\n", *layers);
    int rc = disk->mkdirs(disk, dir, 0700, err);
    return rc < 0 ? rc : disk->replace(disk, path, text.data, text.len, 0600, err);
}

struct reading {
    const char *dir;
    volume_layer_fn *fn;
    void *ctx;
    struct err *err;
};

static int read_layers(void *ctx, const char *name, enum disk_type type)
{
    const struct reading *reading = ctx;
    autofree char *path = xasprintf("%s/%s", reading->dir, name);
    cleanup(buf_done) struct buf text;
    buf_init(&text, FILE_MAX);
    int rc = type == DISK_FILE
                 ? disk_posix()->read(disk_posix(), path, FILE_MAX, &text, reading->err)
                 : 0;
    for (const char *at = buf_str(&text); rc == 0 && *at;) {
        size_t len = strcspn(at, "\n");
        autofree char *line = xstrndup(at, len);
        reading->fn(reading->ctx, line);
        at += len + (at[len] != '\0');
    }
    return rc;
}

int volume_image_layers(const char *dir, volume_layer_fn *fn, void *ctx, struct err *err)
{
    struct reading reading = {dir, fn, ctx, err};
    return disk_posix()->list(disk_posix(), dir, read_layers, &reading, err);
}

struct lower {
    int fds[LAYERS_MAX + 1];
    size_t count;
};

static void lower_done(struct lower *lower)
{
    for (size_t i = 0; i < lower->count; i++)
        close(lower->fds[i]);
}
CLEANUP_DEFINE_VALUE(struct lower, lower_done);

static int add(struct lower *lower, const char *path, struct err *err)
{
    if (lower->count == ARRAY_LEN(lower->fds))
        return err_set(err, -E2BIG, "an image of more than %d layers cannot be mounted",
                       LAYERS_MAX);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "%s", path);
    lower->fds[lower->count++] = fd;
    return 0;
}

/* The kernel wants two folders at least: the lowest is the empty one that is mounted over. */
static int mount_layers(const char *const *layers, const char *path, const char *label,
                        struct err *err)
{
    cleanup(lower_done) struct lower lower = {.count = 0};
    cleanup(buf_done) struct buf options;
    buf_init(&options, OPTIONS_MAX);
    int rc = add(&lower, path, err);
    for (; rc == 0 && *layers; layers++)
        rc = add(&lower, *layers, err);
    if (rc < 0)
        return rc;
    for (size_t i = lower.count; i-- > 0;)
        (void)buf_addf(&options, "%s/proc/self/fd/%d",
                       options.len ? ":" : "lowerdir=", lower.fds[i]);
    const unsigned long flags = MS_RDONLY | MS_NOEXEC | MS_NOSUID | MS_NODEV;
    autofree char *labelled = selinux_mount_data(buf_str(&options), label);
    if (mount("limpet", path, "overlay", flags, labelled) < 0)
        return err_errno(err, errno, "cannot mount the image's %zu layers", lower.count - 1);
    return 0;
}

static int prepare(const struct volume_spec *spec, const char *name, const struct value *source,
                   struct volume *ret, struct err *err)
{
    (void)source;
    const char *const *layers = spec->source->layers(spec->source->ctx, name);
    autofree char *path = xasprintf("%s/volumes/%s", spec->tmp_dir, name);
    bool mounted = volume_is_mounted(path);
    ret->read_only = true;
    if (!layers && !mounted)
        return err_set(err, -ENOENT, "its image is not here");
    if (!layers) { /* of a pod that runs */
        ret->host_path = steal(path);
        return 0;
    }
    if (mounted && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
        return err_errno(err, errno, "%s", path);
    ret->host_path = volume_make_dir(spec->tmp_dir, name, 0755, err);
    if (!ret->host_path)
        return err->code;
    int rc = note_layers(spec, name, layers, err);
    return rc < 0 ? rc : mount_layers(layers, ret->host_path, spec->label, err);
}

const struct volume_type volume_image = {
    .field = "image", .prepare = prepare, .group = FS_GROUP_NOTHING};
