/* What no tag leads to any more. Within a repository everything is marked that its tags, young
 * manifests and young blobs lead to; then, over all of them, blobs that none has. Nothing else runs
 * meanwhile. */

#include "controller/registry/depot_impl.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct collection {
    struct depot *depot;
    int64_t now_s, untagged_s;
    struct map *had; /* hex of every blob and manifest that some repository still has */
    const char *repository;
    struct map *live;  /* of that repository: hex of what stays */
    char **open;       /* manifests that stay, not read yet: digests */
    size_t open_count; /* of them */
    size_t removed;
    int error; /* of something that could not be read, and leads to who knows what */
};

static char there; /* what the maps hold */

static int64_t age_of(const struct collection *c, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -1;
    return c->now_s - st.st_mtim.tv_sec;
}

/* ---- marking ---- */

static void keep(struct collection *c, const char *digest, bool manifest)
{
    if (map_put(c->live, depot_hex(digest), &there) || !manifest)
        return;
    c->open = xreallocarray(c->open, c->open_count + 1, sizeof(*c->open));
    c->open[c->open_count++] = xstrdup(digest);
}

static int keep_tagged(void *ctx, const char *tag)
{
    struct collection *c = ctx;
    struct err err = {0};
    cleanup(depot_manifest_done) struct depot_manifest manifest = {0};
    int r = depot_manifest(c->depot, c->repository, tag, &manifest, &err);
    if (r == 0)
        keep(c, manifest.digest, true);
    return r == -ENOENT ? 0 : r;
}

/* Of a manifest that was found. NULL: it cannot be read. */
static struct content *content_of(struct collection *c, const char *digest)
{
    struct err err = {0};
    struct content *content = NULL;
    cleanup(depot_manifest_done) struct depot_manifest manifest = {0};
    int r = depot_manifest(c->depot, c->repository, digest, &manifest, &err);
    if (r == 0)
        r = content_parse(buf_str(&manifest.text), manifest.text.len, manifest.type, &content,
                          &err);
    if (r != 0 && r != -ENOENT)
        c->error = r;
    return content;
}

static void follow(struct collection *c)
{
    while (c->open_count > 0) {
        autofree char *digest = c->open[--c->open_count];
        cleanup(content_free) struct content *content = content_of(c, digest);
        for (size_t i = 0; content && i < content->count; i++)
            keep(c, content->needs[i].digest, content->needs[i].manifest);
    }
}

static int keep_young(void *ctx, const char *name, enum disk_type type)
{
    struct collection *c = ctx;
    char digest[DIGEST_LEN + 1];
    (void)type;
    snprintf(digest, sizeof(digest), "sha256:%.64s", name);
    if (!digest_valid(digest))
        return 0;
    autofree char *place = depot_place(c->depot, c->repository, DEPOT_MANIFESTS, name);
    if (age_of(c, place) < c->untagged_s)
        keep(c, digest, true);
    return 0;
}

/* Signatures and the like stay with what they are about. */
static int keep_about(void *ctx, const char *name, enum disk_type type)
{
    struct collection *c = ctx;
    char digest[DIGEST_LEN + 1];
    (void)type;
    snprintf(digest, sizeof(digest), "sha256:%.64s", name);
    if (!digest_valid(digest) || map_get(c->live, name))
        return 0;
    cleanup(content_free) struct content *content = content_of(c, digest);
    if (content && *content->subject && map_get(c->live, depot_hex(content->subject)))
        keep(c, digest, true);
    return 0;
}

static int list(struct collection *c, const char *what, disk_list_fn *fn)
{
    struct err err = {0};
    autofree char *path = depot_place(c->depot, c->repository, what, "");
    int r = c->depot->disk->list(c->depot->disk, path, fn, c, &err);
    return r == -ENOENT ? 0 : r;
}

/* ---- sweeping ---- */

static int sweep(struct collection *c, const char *what, const char *name)
{
    struct err err = {0};
    autofree char *place = depot_place(c->depot, c->repository, what, name);
    bool young = age_of(c, place) < DEPOT_GRACE_S && !WEAKENED(REGISTRY_COLLECT_GRACE);
    if (map_get(c->live, name) || young) {
        map_put(c->had, name, &there);
        return 0;
    }
    if (c->depot->disk->remove(c->depot->disk, place, &err) == 0)
        c->removed++;
    return 0;
}

static int sweep_blob(void *ctx, const char *name, enum disk_type type)
{
    (void)type;
    return sweep(ctx, DEPOT_BLOBS, name);
}

static int sweep_manifest(void *ctx, const char *name, enum disk_type type)
{
    (void)type;
    return sweep(ctx, DEPOT_MANIFESTS, name);
}

/* Goes if nothing is in it. */
static void sweep_repository(struct collection *c)
{
    static const char *const folders[] = {DEPOT_BLOBS, DEPOT_MANIFESTS, DEPOT_TAGS};
    bool empty = true;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        autofree char *path = depot_place(c->depot, c->repository, folders[i], "");
        empty &= rmdir(path) == 0 || errno == ENOENT;
    }
    autofree char *path = depot_place(c->depot, c->repository, "", "");
    if (empty)
        (void)rmdir(path);
}

static int collect_repository(void *ctx, const char *repository)
{
    struct collection *c = ctx;
    c->repository = repository;
    c->live = map_new();
    int r = depot_tags(c->depot, repository, keep_tagged, c);
    if (r == 0 || r == -ENOENT)
        r = list(c, DEPOT_MANIFESTS, keep_young);
    follow(c);
    if (r == 0)
        r = list(c, DEPOT_MANIFESTS, keep_about);
    follow(c);
    if (r == 0)
        r = c->error;
    if (r == 0)
        r = list(c, DEPOT_BLOBS, sweep_blob);
    if (r == 0)
        r = list(c, DEPOT_MANIFESTS, sweep_manifest);
    if (r == 0)
        sweep_repository(c);
    map_free(c->live, NULL);
    return r;
}

static int sweep_bytes(void *ctx, const char *name, enum disk_type type)
{
    struct collection *c = ctx;
    struct stat st;
    autofree char *path = xasprintf("%s/blobs/%s", c->depot->dir, name);
    if (type != DISK_FILE || map_get(c->had, name) || stat(path, &st) != 0 ||
        (c->now_s - st.st_mtim.tv_sec < DEPOT_GRACE_S && !WEAKENED(REGISTRY_COLLECT_GRACE)))
        return 0;
    if (unlink(path) == 0) {
        c->removed++;
        depot_give(c->depot, st.st_size);
    }
    return 0;
}

void depot_collect(struct depot *depot, int64_t now_s, int64_t untagged_s)
{
    struct err err = {0};
    struct collection c = {.depot = depot, .now_s = now_s, .untagged_s = untagged_s};
    autofree char *blobs = xasprintf("%s/blobs", depot->dir);
    int64_t before = depot->used;
    c.had = map_new();
    int r = depot_repositories(depot, collect_repository, &c);
    if (r == 0) /* or something that could not be read may be needed */
        r = depot->disk->list(depot->disk, blobs, sweep_bytes, &c, &err);
    map_free(c.had, NULL);
    free(c.open);
    if (r != 0)
        log_warn("images that nothing needs stay error=%s", log_quote(strerror(-r)));
    else if (c.removed > 0)
        log_info("images that nothing needed are gone freed_bytes=%lld",
                 (long long)(before - depot->used));
}
