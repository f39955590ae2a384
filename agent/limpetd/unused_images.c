#include "agent/limpetd/unused_images.h"

#include "agent/keeper/pidfile.h"
#include "agent/link/identity.h"
#include "agent/pod/manifests.h"
#include "agent/volume/image.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdio.h>

#define PID_FILE_MAX (1024 * 1024)

struct search {
    const struct config *config;
    struct map *references; /* what manifests ask for */
    struct map *layers;     /* what keepers run from */
    char problem[200];      /* the first */
    struct err *err;
};

/* The disk as it stands: opening a desired state also puts its second copy right, which is the
 * agent's business alone, and it may be about to. */

static int leave_file(struct disk *disk, const char *path, const void *data, size_t len,
                      mode_t mode, struct err *err)
{
    (void)disk, (void)path, (void)data, (void)len, (void)mode, (void)err;
    return 0;
}

static int leave_folder(struct disk *disk, const char *path, mode_t mode, struct err *err)
{
    (void)disk, (void)path, (void)mode, (void)err;
    return 0;
}

static int leave_there(struct disk *disk, const char *path, struct err *err)
{
    (void)disk, (void)path, (void)err;
    return 0;
}

static struct disk untouched_disk(void)
{
    struct disk disk = *disk_posix();
    disk.replace = disk.overwrite = leave_file;
    disk.mkdirs = leave_folder;
    disk.remove = disk.remove_tree = leave_there;
    return disk;
}

/* What manifests ask for. */

static void note_problem(void *ctx, const char *file, const char *message)
{
    struct search *search = ctx;
    if (!search->problem[0])
        snprintf(search->problem, sizeof(search->problem), "%s: %s", file, message);
}

static void add_image(void *ctx, const char *image)
{
    struct search *search = ctx;
    char text[REFERENCE_MAX + 256];
    struct reference ref;
    if (reference_parse(image, &ref, NULL) < 0)
        return;
    reference_format(&ref, text);
    (void)map_put(search->references, text, search);
}

static int read_manifests(struct search *search, struct desired *desired, struct err *err)
{
    const struct manifests_spec spec = {.disk = disk_posix(),
                                        .static_dir = search->config->manifest_dir,
                                        .node_name = search->config->node,
                                        .desired = desired,
                                        .problem = note_problem,
                                        .ctx = search};
    struct manifests *manifests = manifests_new(&spec);
    manifests_read(manifests);
    bool sure = manifests_each_image(manifests, add_image, search);
    manifests_free(manifests);
    if (sure || WEAKENED(PRUNE_DOUBT))
        return 0;
    return err_set(err, -EAGAIN, "it is not certain what this node's pods need: %s",
                   search->problem[0] ? search->problem : "its desired state is not complete");
}

/* Without the identity the desired state cannot be read: if there is one, that is no "none". */
static int find_needed(struct search *search, struct err *err)
{
    struct disk untouched = untouched_disk(), *disk = &untouched;
    autofree char *identity_dir = xasprintf("%s/identity", search->config->state_dir);
    autofree char *dir = xasprintf("%s/desired", search->config->state_dir);
    cleanup(identity_free) struct identity *identity = NULL;
    struct disk_stat st;
    struct desired *desired = NULL;
    int rc = identity_load(disk, identity_dir, &identity, err);
    if (rc == -ENOENT && disk->stat(disk, dir, &st, NULL) == -ENOENT)
        return read_manifests(search, NULL, err);
    if (rc < 0)
        return err_wrap(err, "it is not certain what this node's pods need");
    const struct desired_spec spec = {.disk = disk,
                                      .dir = dir,
                                      .node = identity->node,
                                      .signer = identity->signer,
                                      .sealing = identity->sealing_key};
    rc = desired_open(&spec, &desired, err);
    if (rc == 0)
        rc = read_manifests(search, desired, err);
    desired_free(desired);
    return rc;
}

/* What keepers run from, whatever their manifests have come to say since. */

static void add_layer(void *ctx, const char *path)
{
    struct search *search = ctx;
    const char *slash = strrchr(path, '/');
    (void)map_put(search->layers, slash ? slash + 1 : path, search);
}

static int see_keeper(void *ctx, const char *name, enum disk_type type)
{
    struct search *search = ctx;
    struct disk *disk = disk_posix();
    cleanup(buf_done) struct buf text;
    buf_init(&text, PID_FILE_MAX);
    autofree char *path = xasprintf("%s/pods/%s/keeper.pid", search->config->run_dir, name);
    if (type != DISK_DIR || name[0] == '.')
        return 0;
    int rc = disk->read(disk, path, PID_FILE_MAX, &text, search->err);
    if (rc == 0)
        rc = pidfile_layers(buf_str(&text), add_layer, search);
    if (rc == 0)
        return 0;
    return err_set(search->err, -EAGAIN, "the keeper of pod %s does not say what it runs from",
                   name);
}

/* What of it is mounted as a volume of theirs. */

static int see_pod(void *ctx, const char *name, enum disk_type type)
{
    struct search *search = ctx;
    autofree char *path = xasprintf("%s/volumes/%s/" VOLUME_IMAGES, search->config->run_dir, name);
    int rc = type == DISK_DIR ? volume_image_layers(path, add_layer, search, search->err) : 0;
    return rc == -ENOENT ? 0 : rc; /* no volume of it is one */
}

static int find_layers(void *ctx, struct map *layers, struct err *err)
{
    static const struct {
        const char *name;
        disk_list_fn *see;
    } folders[] = {{"pods", see_keeper}, {"volumes", see_pod}};
    struct search *search = ctx;
    struct disk *disk = disk_posix();
    int rc = 0;
    search->layers = layers;
    search->err = err;
    for (size_t i = 0; i < ARRAY_LEN(folders) && rc == 0 && !(i && WEAKENED(PRUNE_VOLUMES)); i++) {
        autofree char *dir = xasprintf("%s/%s", search->config->run_dir, folders[i].name);
        rc = disk->list(disk, dir, folders[i].see, search, err);
        rc = rc == -ENOENT ? 0 : rc; /* no agent has run since the boot */
    }
    return rc;
}

int unused_images_remove(const struct config *config, const char *images_root,
                         const struct image_policy *policy, struct image_store_freed *ret,
                         struct err *err)
{
    struct search search = {.config = config, .references = map_new()};
    const struct image_store_wanted wanted = {search.references, find_layers, &search, *policy};
    cleanup(image_store_free) struct image_store *store = NULL;
    int rc = image_store_open(images_root, &store, err);
    if (rc == 0)
        rc = find_needed(&search, err);
    if (rc == 0)
        rc = image_store_remove_unused(store, &wanted, ret, err);
    map_free(search.references, NULL);
    return rc < 0 ? err_wrap(err, "nothing is removed") : 0;
}

int unused_images_check(const struct config *config, const char *images_root,
                        struct image_store_checked *ret, struct err *err)
{
    struct search search = {.config = config};
    const struct image_store_wanted wanted = {.in_use = find_layers, .ctx = &search};
    cleanup(image_store_free) struct image_store *store = NULL;
    int rc = image_store_open(images_root, &store, err);
    return rc < 0 ? rc : image_store_check(store, &wanted, ret, err);
}
