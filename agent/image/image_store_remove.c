/* The half of the store that takes things away; only ever under the exclusive lock. */

#include "agent/image/image_store.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

struct walk {
    struct image_store *store;
    struct disk *disk;
    const char *folder;
    struct map *keep; /* names that stay */
};

static int remove_one(void *ctx, const char *name, enum disk_type type)
{
    struct walk *walk = ctx;
    (void)type;
    char hex[DIGEST_HEX + 1];
    snprintf(hex, sizeof(hex), "%.64s", name); /* of "<hex>" as of "<hex>.json" */
    if (walk->keep && map_get(walk->keep, hex))
        return 0;
    autofree char *path = xasprintf("%s/%s/%s", image_store_root(walk->store), walk->folder, name);
    (void)walk->disk->remove_tree(walk->disk, path, NULL); /* what is left goes the next time */
    return 0;
}

static void remove_all_but(struct image_store *store, const char *folder, struct map *keep)
{
    struct walk walk = {store, disk_posix(), folder, keep};
    autofree char *path = xasprintf("%s/%s", image_store_root(store), folder);
    (void)walk.disk->list(walk.disk, path, remove_one, &walk, NULL);
}

static int remove_torn(void *ctx, const char *name, enum disk_type type)
{
    struct walk *walk = ctx;
    char digest[DIGEST_LEN + 1];
    snprintf(digest, sizeof(digest), "sha256:%.64s", name);
    if (type != DISK_DIR || image_store_has_layer(walk->store, digest))
        return 0;
    autofree char *path = xasprintf("%s/layers/%s", image_store_root(walk->store), name);
    (void)walk->disk->remove_tree(walk->disk, path, NULL);
    return 0;
}

void image_store_sweep(struct image_store *store)
{
    autoclose int lock = image_store_lock(store, true, false, NULL);
    if (lock < 0)
        return;
    remove_all_but(store, "tmp", NULL);
    struct walk walk = {store, disk_posix(), "layers", NULL};
    autofree char *path = xasprintf("%s/layers", image_store_root(store));
    (void)walk.disk->list(walk.disk, path, remove_torn, &walk, NULL);
}

struct mark {
    struct image_store *store;
    image_store_keep_fn *keep;
    void *ctx;
    struct map *layers, *manifests, *configs, *refs;
};

static void mark(struct map *map, const char *name)
{
    map_put(map, name, map);
}

static int mark_one(void *ctx, const struct stored *stored)
{
    struct mark *m = ctx;
    if (!m->keep(m->ctx, stored->digest)) {
        mark(m->refs, stored->reference);
        return 0;
    }
    mark(m->manifests, digest_hex(stored->digest));
    mark(m->configs, digest_hex(stored->id));
    for (size_t i = 0; i < stored->config->diff_id_count; i++)
        mark(m->layers, digest_hex(stored->config->diff_ids[i]));
    return 0;
}

static int remove_marked(struct mark *m, struct err *err)
{
    const char *text = NULL;
    for (size_t i = 0; map_next(m->refs, &i, &text, NULL);) {
        struct reference ref;
        int rc = reference_parse(text, &ref, err);
        if (rc == 0)
            rc = image_store_forget(m->store, &ref, err);
        if (rc < 0)
            return rc;
    }
    remove_all_but(m->store, "manifests", m->manifests);
    remove_all_but(m->store, "configs", m->configs);
    remove_all_but(m->store, "layers", m->layers);
    remove_all_but(m->store, "partial", NULL);
    return 0;
}

int image_store_remove_unused(struct image_store *store, image_store_keep_fn *keep, void *ctx,
                              struct err *err)
{
    autoclose int lock = image_store_lock(store, true, false, err);
    if (lock < 0)
        return lock;
    struct mark m = {store, keep, ctx, map_new(), map_new(), map_new(), map_new()};
    int rc = image_store_list(store, mark_one, &m, err);
    if (rc == 0)
        rc = remove_marked(&m, err);
    struct map *maps[] = {m.layers, m.manifests, m.configs, m.refs};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        map_free(maps[i], NULL);
    return rc;
}
