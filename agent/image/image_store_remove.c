/* The half of the store that takes things away; only ever under the exclusive lock. */

#include "agent/image/hold.h"
#include "agent/image/image_store_parts.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <stdio.h>

static char *path_of(struct image_store *store, const char *folder, const char *name)
{
    return xasprintf("%s/%s/%s", image_store_root(store), folder, name);
}

static int each(struct image_store *store, const char *folder, disk_list_fn *fn, void *ctx,
                struct err *err)
{
    autofree char *path = path_of(store, folder, "");
    return disk_posix()->list(disk_posix(), path, fn, ctx, err);
}

/* Sweeping. */

struct sweep {
    struct image_store *store;
    const char *folder;
    int64_t before_ns; /* only what has not changed since; INT64_MAX: all */
    int64_t bytes;     /* of files that went */
};

static int sweep_one(void *ctx, const char *name, enum disk_type type)
{
    struct sweep *sweep = ctx;
    struct disk_stat st = {0};
    autofree char *path = path_of(sweep->store, sweep->folder, name);
    (void)disk_posix()->stat(disk_posix(), path, &st, NULL);
    if (st.mtime_ns >= sweep->before_ns)
        return 0;
    if (disk_posix()->remove_tree(disk_posix(), path, NULL) == 0 && type == DISK_FILE)
        sweep->bytes += st.size; /* what is left goes the next time */
    return 0;
}

static int64_t sweep_folder(struct image_store *store, const char *folder, int64_t before_ns)
{
    struct sweep sweep = {store, folder, before_ns, 0};
    (void)each(store, folder, sweep_one, &sweep, NULL);
    return sweep.bytes;
}

static int remove_torn(void *ctx, const char *name, enum disk_type type)
{
    struct image_store *store = ctx;
    char digest[DIGEST_LEN + 1];
    snprintf(digest, sizeof(digest), "sha256:%.64s", name);
    if (type != DISK_DIR || image_store_has_layer(store, digest))
        return 0;
    autofree char *path = path_of(store, "layers", name);
    (void)disk_posix()->remove_tree(disk_posix(), path, NULL);
    return 0;
}

void image_store_sweep(struct image_store *store)
{
    autoclose int lock = image_store_lock(store, true, false, NULL);
    if (lock < 0)
        return;
    (void)sweep_folder(store, "tmp", INT64_MAX);
    (void)each(store, "layers", remove_torn, store, NULL);
}

void image_store_sweep_old(struct image_store *store, int64_t before_s)
{
    autoclose int lock = image_store_lock(store, true, false, NULL);
    if (lock < 0)
        return;
    (void)sweep_folder(store, "partial", before_s * INT64_C(1000000000));
    (void)sweep_folder(store, "tmp", before_s * INT64_C(1000000000));
}

/* Marking what stays. */

struct mark {
    struct image_store *store;
    struct map *wanted;                       /* references */
    struct map *layers, *manifests, *configs; /* digits that stay */
    struct map *refs;                         /* files of references that go -> struct stored */
    int held_fd;
    bool doubt; /* what an image that stays consists of cannot be read: then all layers stay */
};

static void add(struct map *map, const char *name)
{
    (void)map_put(map, name, map);
}

static void doubt(struct mark *m, const struct err *err)
{
    m->doubt = true;
    log_warn("no layer is removed: an image cannot be read: error=%s", log_quote(err->msg));
}

static void keep_manifest(struct mark *m, struct stored *stored)
{
    add(m->manifests, digest_hex(stored->digest));
    struct err err = {0};
    if (image_store_read_config(m->store, stored, &err) < 0) {
        doubt(m, &err);
        return;
    }
    add(m->configs, digest_hex(stored->id));
    for (size_t i = 0; i < stored->config->diff_id_count; i++)
        add(m->layers, digest_hex(stored->config->diff_ids[i]));
}

/* From now on nobody can begin to use an image that goes. */
static bool is_in_use(struct mark *m, const char *digest)
{
    bool held = hold_deny(m->held_fd, digest) < 0;
    return held && !WEAKENED(IMAGE_HELD);
}

static void free_stored(void *stored)
{
    stored_free(stored);
}

static int mark_ref(void *ctx, const char *name, enum disk_type type)
{
    struct mark *m = ctx;
    struct stored *stored = NULL;
    struct err err = {0};
    (void)type;
    if (image_store_read_ref(m->store, name, &stored, &err) < 0)
        doubt(m, &err);
    else if (map_get(m->wanted, stored->reference) || is_in_use(m, stored->digest)) {
        keep_manifest(m, stored);
        stored_free(stored);
    } else {
        (void)map_put(m->refs, name, stored);
    }
    return 0;
}

/* Of a tag that has moved on since. */
static int mark_manifest(void *ctx, const char *name, enum disk_type type)
{
    struct mark *m = ctx;
    cleanup(stored_free) struct stored *stored = xcalloc(1, sizeof(*stored));
    (void)type;
    snprintf(stored->digest, sizeof(stored->digest), "sha256:%.64s", name);
    if (digest_valid(stored->digest) && !map_get(m->manifests, name) &&
        is_in_use(m, stored->digest))
        keep_manifest(m, stored);
    return 0;
}

/* An archive that lies here is to be had without a network: so are its images. */
static int mark_archive(void *ctx, const char *name, enum disk_type type)
{
    struct mark *m = ctx;
    cleanup(value_free) struct value *record = NULL;
    if (type != DISK_FILE || !str_has_suffix(name, ".tar") || WEAKENED(IMAGE_ARCHIVE_KEPT) ||
        image_store_read_loaded(m->store, name, &record) < 0)
        return 0;
    const struct value *images = value_get(record, "images");
    for (size_t i = 0; i < value_len(images); i++)
        if (value_str(value_at(images, i)))
            add(m->wanted, value_str(value_at(images, i)));
    return 0;
}

/* Not all that nothing needs goes. */

static int64_t bytes_of(void *ctx, const char *diff_id)
{
    const struct mark *m = ctx;
    return image_store_layer_bytes(m->store, diff_id, NULL);
}

static void keep_some(struct mark *m, const struct image_policy *policy)
{
    const char *name = NULL;
    void *p = NULL;
    size_t count = 0;
    autofree struct image_candidate *items = xcalloc(map_len(m->refs) + 1, sizeof(*items));
    for (size_t i = 0; map_next(m->refs, &i, &name, &p);) {
        struct stored *stored = p;
        (void)!image_store_read_config(m->store, stored, NULL);
        items[count++] = (struct image_candidate){
            .used_s = stored->used, .config = stored->config, .ctx = (void *)(uintptr_t)name};
    }
    image_pick(items, count, m->layers, bytes_of, m, policy);
    for (size_t i = 0; i < count; i++) {
        if (items[i].goes)
            continue;
        struct stored *stored = map_del(m->refs, items[i].ctx);
        image_config_free(stored->config);
        stored->config = NULL;
        keep_manifest(m, stored);
        stored_free(stored);
    }
}

static int mark_all(struct mark *m, const struct image_store_wanted *wanted, struct err *err)
{
    const char *reference = NULL;
    size_t next = 0;
    while (!wanted->bad && map_next(wanted->references, &next, &reference, NULL))
        add(m->wanted, reference);
    /* What is bad goes unless it is in use, whoever wants it. */
    int rc = wanted->bad ? 0 : each(m->store, "", mark_archive, m, err);
    if (rc == 0)
        rc = each(m->store, "refs", mark_ref, m, err);
    if (rc == 0)
        rc = each(m->store, "manifests", mark_manifest, m, err);
    if (rc == 0)
        rc = wanted->in_use(wanted->ctx, m->layers, err);
    if (rc == 0 && (wanted->policy.unused_since_s || wanted->policy.bytes))
        keep_some(m, &wanted->policy);
    return rc;
}

/* Removing what is not marked. */

struct removal {
    struct mark *mark;
    const char *folder;
    const struct map *keep;
    struct image_store_freed *freed;
};

static int remove_blob(void *ctx, const char *name, enum disk_type type)
{
    const struct removal *removal = ctx;
    (void)type;
    if (map_get(removal->keep, name))
        return 0;
    autofree char *path = path_of(removal->mark->store, removal->folder, name);
    (void)disk_posix()->remove_tree(disk_posix(), path, NULL);
    return 0;
}

/* Its record first: a layer that is removed in part must not pass for one that is whole. */
static int drop_layer(const struct removal *removal, const char *name, enum disk_type type,
                      struct err *err)
{
    struct image_store *store = removal->mark->store;
    struct disk *disk = disk_posix();
    char digest[DIGEST_LEN + 1];
    snprintf(digest, sizeof(digest), "sha256:%.64s", name); /* of "<hex>" as of "<hex>.json" */
    if (!digest_valid(digest) || map_get(removal->keep, digest_hex(digest)))
        return 0;
    autofree char *dir = path_of(store, "layers", digest_hex(digest));
    autofree char *record = xasprintf("%s.json", dir);
    int64_t bytes = image_store_layer_bytes(store, digest, NULL);
    int rc = disk->remove(disk, record, err);
    if (rc == 0)
        rc = disk->remove_tree(disk, dir, err);
    if (rc < 0)
        return rc;
    removal->freed->layers += type == DISK_DIR;
    removal->freed->bytes += bytes > 0 ? bytes : 0;
    return 0;
}

static int remove_layer(void *ctx, const char *name, enum disk_type type)
{
    (void)!drop_layer(ctx, name, type, NULL); /* what is left goes the next time */
    return 0;
}

/* References first, so that none leads to what is being removed. */
static int remove_refs(struct mark *m, struct image_store_freed *freed, struct err *err)
{
    const char *name = NULL;
    void *stored = NULL;
    for (size_t i = 0; map_next(m->refs, &i, &name, &stored);) {
        autofree char *path = path_of(m->store, "refs", name);
        int rc = disk_posix()->remove(disk_posix(), path, err);
        if (rc < 0)
            return rc;
        add(freed->images, ((const struct stored *)stored)->reference);
    }
    return 0;
}

static int remove_unmarked(struct mark *m, const struct image_policy *policy,
                           struct image_store_freed *freed, struct err *err)
{
    int64_t before =
        policy->parts_before_s ? policy->parts_before_s * INT64_C(1000000000) : INT64_MAX;
    int rc = remove_refs(m, freed, err);
    if (rc == 0 && !m->doubt) {
        struct removal removal = {m, "manifests", m->manifests, freed};
        (void)each(m->store, removal.folder, remove_blob, &removal, NULL);
        removal = (struct removal){m, "configs", m->configs, freed};
        (void)each(m->store, removal.folder, remove_blob, &removal, NULL);
        removal = (struct removal){m, "layers", m->layers, freed};
        (void)each(m->store, removal.folder, remove_layer, &removal, NULL);
    }
    freed->bytes += sweep_folder(m->store, "partial", before);
    freed->bytes += sweep_folder(m->store, "tmp", INT64_MAX);
    return rc;
}

static void remove_bad(struct mark *m, struct map *bad, struct image_store_freed *freed)
{
    struct removal removal = {m, "layers", m->layers, freed};
    const char *name = NULL;
    freed->failed = map_new();
    for (size_t i = 0; map_next(bad, &i, &name, NULL);) {
        struct err err = {0};
        if (drop_layer(&removal, name, DISK_DIR, &err) < 0)
            (void)map_put(freed->failed, name, xstrdup(err.msg));
    }
}

int image_store_remove_unused(struct image_store *store, const struct image_store_wanted *wanted,
                              struct image_store_freed *ret, struct err *err)
{
    autoclose int lock = image_store_lock(store, true, false, err);
    if (lock == -EWOULDBLOCK)
        return err_set(err, lock, "images are being pulled, loaded or removed just now: try again");
    autoclose int held_fd = lock < 0 ? lock : hold_open(image_store_root(store), err);
    if (held_fd < 0)
        return held_fd;
    struct mark m = {store, map_new(), map_new(), map_new(), map_new(), map_new(), held_fd, false};
    struct image_store_freed freed = {.images = map_new()};
    int rc = mark_all(&m, wanted, err);
    if (rc == 0 && wanted->bad && m.doubt)
        rc = err_set(err, -EBADMSG, "an image's record cannot be read");
    else if (rc == 0 && wanted->bad)
        remove_bad(&m, wanted->bad, &freed);
    else if (rc == 0)
        rc = remove_unmarked(&m, &wanted->policy, &freed, err);
    if (rc == 0)
        *ret = freed;
    else
        map_free(freed.images, NULL);
    struct map *maps[] = {m.wanted, m.layers, m.manifests, m.configs};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        map_free(maps[i], NULL);
    map_free(m.refs, free_stored);
    return rc;
}
