#include "agent/cache/desired.h"

#include "agent/cache/early.h"
#include "agent/cache/kept.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/bus.h"
#include "common/bus/index.h"
#include "common/bus/sealed.h"
#include "common/data/yaml.h"

#include <errno.h>

/* Layout of the folder: index.a and index.b, the signed payload of the committed index twice;
 * m/<digest>, the manifests. The order of writing is manifests, index.a (the commit), and when it
 * is quiet again index.b, then removals: at any cut one good copy lists only files that are there,
 * and nothing waits for more of the card than it needs. kept: what is kept beside an index that
 * says adopt, written before the first one of its epoch is committed. */
static const char *const copies[] = {"index.a", "index.b"};
#define KEPT "kept"
#define KEPT_MAX ((size_t)8 * 1024 * 1024)

struct staged {
    struct index index;
    struct buf payload;
    bool valid;
};

struct desired {
    struct desired_spec spec; /* strings owned */
    struct index index;       /* committed */
    bool committed;
    bool doubtful;      /* a copy was damaged, and may have been newer; until the next commit */
    struct kept kept;   /* beside index */
    bool kept_doubtful; /* there may be more, which cannot be read */
    bool kept_dirty;    /* the file says more than is kept */
    bool kept_written;  /* there is a file of that name */
    struct staged staged;
    struct map *present; /* digest -> (not NULL): a verified file is on disk */
    struct early *early;
    bool changed;
    bool made;             /* the folder is there */
    struct buf unfinished; /* what was committed, until its second copy and the removals are done */
};

static char *manifest_path(const struct desired *desired, const char *digest)
{
    return xasprintf("%s/m/%s", desired->spec.dir, digest);
}

static bool is_present(const struct desired *desired, const char *digest)
{
    return map_get(desired->present, digest) != NULL;
}

static void set_present(struct desired *desired, const char *digest)
{
    (void)map_put(desired->present, digest, desired);
}

static bool digest_fits(const void *payload, size_t len, const char *digest)
{
    char hex[SHA256_HEX + 1];
    sha256_hex(payload, len, hex);
    return str_eq(hex, digest) || WEAKENED(CACHE_DIGEST);
}

/* Reading. */

static int open_payload(const struct desired *desired, const void *payload, size_t len,
                        struct index *ret, struct err *err)
{
    const struct key *keys[] = {desired->spec.signer};
    const struct index_trust trust = {keys, ARRAY_LEN(keys)};
    return index_open(payload, len, &trust, desired->spec.node, ret, err);
}

/* The newer of two good copies wins. *same counts the copies that hold the winner's bytes. */
static void load_copy(struct desired *desired, const char *name, struct buf *payload, size_t *same)
{
    struct err err = {0};
    struct disk *disk = desired->spec.disk;
    autofree char *path = xasprintf("%s/%s", desired->spec.dir, name);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    int rc = disk->read(disk, path, INDEX_MAX_PAYLOAD, &text, &err);
    if (rc == -ENOENT)
        return;
    cleanup(index_done) struct index index;
    index_init(&index);
    if (rc == 0)
        rc = open_payload(desired, text.data, text.len, &index, &err);
    if (rc < 0) {
        log_error("copy of the desired state is damaged: file=%s error=%s", path,
                  log_quote(err.msg));
        desired->doubtful = true;
        return;
    }
    switch (index_accept(desired->committed ? &desired->index : NULL, &index, &err)) {
    case INDEX_ACCEPT:
        index_done(&desired->index);
        index_init(&desired->index);
        index_copy(&index, &desired->index);
        desired->committed = true;
        buf_done(payload);
        (void)buf_add(payload, text.data, text.len);
        *same = 1;
        break;
    case INDEX_SAME:
        (*same)++;
        break;
    case INDEX_OLDER:
    case INDEX_REFUSED:
        break;
    }
}

static int make_folder(struct desired *desired, struct err *err)
{
    autofree char *dir = xasprintf("%s/m", desired->spec.dir);
    int rc = desired->made ? 0 : desired->spec.disk->mkdirs(desired->spec.disk, dir, 0700, err);
    desired->made = rc == 0;
    return rc;
}

static int write_copy(struct desired *desired, const char *name, const struct buf *payload,
                      struct err *err)
{
    struct disk *disk = desired->spec.disk;
    autofree char *path = xasprintf("%s/%s", desired->spec.dir, name);
    int rc = make_folder(desired, err);
    return rc < 0 ? rc : disk->replace(disk, path, payload->data, payload->len, 0600, err);
}

static int write_copies(struct desired *desired, const struct buf *payload, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(copies) && rc == 0; i++)
        rc = write_copy(desired, copies[i], payload, err);
    return rc;
}

/* Reads both copies, and makes them equal again if the power went between them or one was damaged.
 */
static void load_copies(struct desired *desired)
{
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    size_t same = 0;
    for (size_t i = 0; i < ARRAY_LEN(copies); i++)
        load_copy(desired, copies[i], &payload, &same);
    struct err err = {0};
    if (desired->committed && same < ARRAY_LEN(copies) && write_copies(desired, &payload, &err) < 0)
        log_warn("desired state has one good copy only: error=%s", log_quote(err.msg));
}

/* Appends the verified bytes of a manifest. */
static int read_manifest(struct desired *desired, const char *digest, struct buf *ret,
                         struct err *err)
{
    autofree char *path = manifest_path(desired, digest);
    int rc = desired->spec.disk->read(desired->spec.disk, path, BUS_MAX_PAYLOAD, ret, err);
    if (rc == 0 && !digest_fits(ret->data, ret->len, digest))
        rc = err_set(err, -EBADMSG, "%s: damaged: its bytes do not have that digest", path);
    return rc;
}

static void verify_manifest(struct desired *desired, const char *path, const char *digest)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    if (read_manifest(desired, digest, &text, &err) == 0)
        set_present(desired, digest);
    else
        log_error("manifest not readable: path=%s error=%s", path, log_quote(err.msg));
}

static void verify_manifests(struct desired *desired)
{
    for (size_t i = 0; i < desired->index.count; i++)
        verify_manifest(desired, desired->index.entries[i].path, desired->index.entries[i].digest);
    for (size_t i = 0; i < desired->kept.count; i++)
        verify_manifest(desired, desired->kept.entries[i].path, desired->kept.entries[i].digest);
}

/* What is kept beside the committed index. One of another epoch was written for an index that was
 * not committed any more: what it was to be beside is not known, and nothing is let go of. */
static void load_kept(struct desired *desired)
{
    struct disk *disk = desired->spec.disk;
    autofree char *path = xasprintf("%s/" KEPT, desired->spec.dir);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    int rc = disk->read(disk, path, KEPT_MAX, &text, &err);
    desired->kept_written = rc != -ENOENT;
    if (rc == -ENOENT || !desired->committed || !(desired->index.flags & INDEX_FLAG_ADOPT))
        return;
    if (rc == 0)
        rc = kept_read(buf_str(&text), text.len, &desired->kept, &err);
    if (rc == 0 && desired->kept.epoch != desired->index.epoch)
        rc = err_set(&err, -ESTALE, "of another epoch");
    desired->kept_doubtful = rc < 0 && !WEAKENED(CACHE_KEPT_DOUBT);
    if (rc == 0) {
        desired->kept_dirty = kept_prune(&desired->kept, &desired->index);
        return;
    }
    kept_done(&desired->kept);
    log_error("what is kept from before the gateway was restored cannot be read, nothing is "
              "stopped: file=%s error=%s",
              path, log_quote(err.msg));
}

/* Writing. */

static bool lists_digest(const struct index *index, const char *digest)
{
    for (size_t i = 0; i < index->count; i++)
        if (str_eq(index->entries[i].digest, digest))
            return true;
    return false;
}

struct sweep {
    struct desired *desired;
    struct map *drop;
};

static int sweep_file(void *ctx, const char *name, enum disk_type type)
{
    struct sweep *sweep = ctx;
    if (type == DISK_FILE && !lists_digest(&sweep->desired->index, name) &&
        !kept_has_digest(&sweep->desired->kept, name))
        (void)map_put(sweep->drop, name, sweep);
    return 0;
}

/* Files that the committed index does not list. A failure leaves them for the next time. */
static void sweep_files(struct desired *desired)
{
    struct disk *disk = desired->spec.disk;
    struct sweep sweep = {desired, map_new()};
    struct err err = {0};
    autofree char *dir = xasprintf("%s/m", desired->spec.dir);
    (void)disk->list(disk, dir, sweep_file, &sweep, &err);
    const char *digest;
    for (size_t i = 0; map_next(sweep.drop, &i, &digest, NULL);) {
        autofree char *path = manifest_path(desired, digest);
        (void)disk->remove(disk, path, &err);
        (void)map_del(desired->present, digest);
    }
    map_free(sweep.drop, NULL);
}

static int store_manifest(struct desired *desired, const char *digest, const void *payload,
                          size_t len, struct err *err)
{
    if (is_present(desired, digest))
        return 0;
    autofree char *path = manifest_path(desired, digest);
    int rc = make_folder(desired, err);
    if (rc == 0)
        rc = desired->spec.disk->replace(desired->spec.disk, path, payload, len, 0600, err);
    if (rc < 0) {
        (void)err_wrap(err, "desired state");
        return rc;
    }
    set_present(desired, digest);
    return 0;
}

static void drop_staged(struct desired *desired)
{
    index_done(&desired->staged.index);
    buf_done(&desired->staged.payload);
    desired->staged.valid = false;
}

static int write_kept(struct desired *desired, const struct kept *kept, struct err *err)
{
    autofree char *path = xasprintf("%s/" KEPT, desired->spec.dir);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    kept_write(kept, &text);
    int rc = desired->spec.disk->replace(desired->spec.disk, path, text.data, text.len, 0600, err);
    desired->kept_written |= rc == 0;
    desired->kept_dirty &= rc < 0;
    return rc;
}

static bool begins_adoption(const struct desired *desired)
{
    const struct index *next = &desired->staged.index;
    return desired->committed && next->flags & INDEX_FLAG_ADOPT &&
           next->epoch > desired->index.epoch && !WEAKENED(CACHE_ADOPT);
}

/* Before the staged index is committed: what is to be kept beside it. The file may be one commit
 * behind, never two: what was let go of and is gone again must not come back. */
static int keep_beside(struct desired *desired, struct kept *ret, struct err *err)
{
    if (!begins_adoption(desired))
        return desired->kept_dirty ? write_kept(desired, &desired->kept, err) : 0;
    kept_gather(&desired->index, &desired->kept, &desired->staged.index, ret);
    return write_kept(desired, ret, err);
}

static void commit_kept(struct desired *desired, struct kept *fresh)
{
    bool adopts = desired->index.flags & INDEX_FLAG_ADOPT;
    if (fresh->epoch || !adopts) {
        kept_done(&desired->kept);
        desired->kept = *fresh;
        kept_init(fresh);
        desired->kept_doubtful = false;
    }
    desired->kept_dirty |= kept_prune(&desired->kept, &desired->index);
}

/* The file follows what is still kept. */
static int finish_kept(struct desired *desired, struct err *err)
{
    if (!desired->kept_written || desired->kept_doubtful)
        return 0;
    if (desired->index.flags & INDEX_FLAG_ADOPT)
        return desired->kept_dirty ? write_kept(desired, &desired->kept, err) : 0;
    autofree char *path = xasprintf("%s/" KEPT, desired->spec.dir);
    int rc = desired->spec.disk->remove(desired->spec.disk, path, err);
    desired->kept_written = rc < 0;
    desired->kept_dirty &= rc < 0;
    return rc;
}

/* Commits the staged index once every manifest that it lists is on disk. */
static int try_commit(struct desired *desired, struct err *err)
{
    struct staged *staged = &desired->staged;
    for (size_t i = 0; staged->valid && i < staged->index.count; i++)
        if (!is_present(desired, staged->index.entries[i].digest) && !WEAKENED(CACHE_COMPLETE))
            return 0;
    if (!staged->valid)
        return 0;
    cleanup(kept_done) struct kept kept;
    kept_init(&kept);
    int rc = keep_beside(desired, &kept, err);
    if (rc == 0)
        rc = write_copy(desired, copies[0], &staged->payload, err);
    if (rc < 0) {
        (void)err_wrap(err, "desired state");
        return rc;
    }
    index_done(&desired->index);
    desired->index = staged->index;
    index_init(&staged->index);
    buf_done(&desired->unfinished);
    desired->unfinished = staged->payload;
    buf_init(&staged->payload, 0);
    drop_staged(desired);
    index_init(&staged->index);
    commit_kept(desired, &kept);
    desired->committed = true;
    desired->doubtful = false;
    desired->changed = true;
    return 0;
}

static int finish_commit(struct desired *desired, struct err *err)
{
    if (desired->unfinished.len == 0)
        return 0;
    int rc =
        WEAKENED(CACHE_SECOND_COPY) ? 0 : write_copy(desired, copies[1], &desired->unfinished, err);
    if (rc < 0) {
        (void)err_wrap(err, "desired state, second copy");
        return rc;
    }
    rc = finish_kept(desired, err);
    if (rc < 0) {
        (void)err_wrap(err, "desired state, what is kept");
        return rc;
    }
    buf_done(&desired->unfinished);
    sweep_files(desired);
    return 0;
}

/* What came before the index that lists it. */
static int take_early(struct desired *desired, struct err *err)
{
    for (size_t i = 0; i < desired->staged.index.count; i++) {
        const char *digest = desired->staged.index.entries[i].digest;
        size_t len = 0;
        const void *payload = early_get(desired->early, digest, &len);
        if (!payload)
            continue;
        int rc = store_manifest(desired, digest, payload, len, err);
        if (rc < 0)
            return rc;
        early_del(desired->early, digest);
    }
    return 0;
}

/* Public. */

int desired_open(const struct desired_spec *spec, struct desired **ret, struct err *err)
{
    (void)err;
    struct desired *desired = xcalloc(1, sizeof(*desired));
    desired->spec = *spec;
    desired->spec.dir = xstrdup(spec->dir);
    desired->spec.node = xstrdup(spec->node);
    desired->present = map_new();
    desired->early = early_new();
    index_init(&desired->index);
    index_init(&desired->staged.index);
    struct err refused = {0};
    if (make_folder(desired, &refused) < 0)
        log_error("desired state has no folder: error=%s", log_quote(refused.msg));
    load_copies(desired);
    load_kept(desired);
    verify_manifests(desired);
    desired->changed = desired->committed;
    *ret = desired;
    return 0;
}

void desired_free(struct desired *desired)
{
    if (!desired)
        return;
    index_done(&desired->index);
    kept_done(&desired->kept);
    drop_staged(desired);
    buf_done(&desired->unfinished);
    map_free(desired->present, NULL);
    early_free(desired->early);
    free((char *)desired->spec.dir);
    free((char *)desired->spec.node);
    free(desired);
}

bool desired_is_known(const struct desired *desired)
{
    return desired->committed && !desired->kept_doubtful;
}

bool desired_is_certain(const struct desired *desired)
{
    return desired_is_known(desired) && !desired->doubtful;
}

bool desired_lists(const struct desired *desired, const char *path)
{
    return index_find(&desired->index, path) || kept_find(&desired->kept, path);
}

size_t desired_kept(const struct desired *desired)
{
    return desired->kept.count;
}

uint64_t desired_epoch(const struct desired *desired)
{
    return desired->committed ? desired->index.epoch : 0;
}

uint64_t desired_generation(const struct desired *desired)
{
    return desired->committed ? desired->index.generation : 0;
}

/* Whether `index` may follow what is in force: 0, 1 (the same), or refused. */
static int follows(const struct index *current, const struct index *index, struct err *err)
{
    switch (index_accept(current, index, err)) {
    case INDEX_ACCEPT:
        return 0;
    case INDEX_SAME:
        return 1;
    case INDEX_OLDER:
        return WEAKENED(CACHE_OLDER) ? 0 : -ESTALE;
    case INDEX_REFUSED:
        break;
    }
    return -EBADMSG;
}

int desired_offer_index(struct desired *desired, const void *payload, size_t len, struct err *err)
{
    cleanup(index_done) struct index index;
    index_init(&index);
    int rc = open_payload(desired, payload, len, &index, err);
    if (rc == 0)
        rc = follows(desired->committed ? &desired->index : NULL, &index, err);
    if (rc == 0 && desired->staged.valid)
        rc = follows(&desired->staged.index, &index, err);
    if (rc < 0)
        return rc;
    if (rc == 0) {
        drop_staged(desired);
        index_init(&desired->staged.index);
        index_copy(&index, &desired->staged.index);
        (void)buf_add(&desired->staged.payload, payload, len);
        desired->staged.valid = true;
    }
    /* The same one again: an earlier commit may have failed for want of space. */
    int written = take_early(desired, err);
    if (written == 0)
        written = try_commit(desired, err);
    return written < 0 ? written : rc;
}

int desired_offer_manifest(struct desired *desired, const char *path, const char *digest,
                           const void *payload, size_t len, struct err *err)
{
    if (!digest_fits(payload, len, digest))
        return err_set(err, -EBADMSG, "manifest %s: its bytes do not have the digest of its topic",
                       path);
    const struct index *lists[] = {&desired->staged.index, &desired->index};
    bool listed = false;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct index_entry *entry = index_find(lists[i], path);
        listed |= entry && str_eq(entry->digest, digest);
    }
    if (!listed) {
        early_put(desired->early, digest, payload, len);
        return -ENOENT;
    }
    bool was_missing = !is_present(desired, digest);
    int rc = store_manifest(desired, digest, payload, len, err);
    if (rc < 0)
        return rc;
    const struct index_entry *entry = index_find(&desired->index, path);
    desired->changed |= was_missing && entry && str_eq(entry->digest, digest);
    return try_commit(desired, err);
}

int desired_finish(struct desired *desired, struct err *err)
{
    int rc = take_early(desired, err);
    if (rc == 0)
        rc = try_commit(desired, err);
    return rc < 0 ? rc : finish_commit(desired, err);
}

bool desired_is_unfinished(const struct desired *desired)
{
    return desired->staged.valid || desired->unfinished.len > 0;
}

bool desired_take_changed(struct desired *desired)
{
    bool changed = desired->changed;
    desired->changed = false;
    return changed;
}

/* Opens a sealed Secret in memory. */
static int open_secret(const struct desired *desired, const char *path, struct buf *text,
                       struct err *err)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    cleanup(value_free) struct value *manifest = NULL;
    int rc = yaml_parse(text->data, text->len, &manifest, &diags);
    if (rc < 0)
        return err_set(err, rc, "secret %s: not YAML", path);
    if (desired->spec.sealing)
        rc = sealed_open(manifest, desired->spec.sealing, desired->spec.node, path, err);
    buf_done(text);
    return rc < 0 ? rc : yaml_write(manifest, text);
}

int desired_each(struct desired *desired, desired_each_fn *fn, void *ctx)
{
    for (size_t i = 0; i < desired->index.count; i++) {
        const struct index_entry *entry = &desired->index.entries[i];
        if (!is_present(desired, entry->digest) || kept_find(&desired->kept, entry->path))
            continue;
        int rc = fn(ctx, entry->path, entry->digest);
        if (rc != 0)
            return rc;
    }
    for (size_t i = 0; i < desired->kept.count; i++) {
        const struct kept_entry *entry = &desired->kept.entries[i];
        int rc = is_present(desired, entry->digest) ? fn(ctx, entry->path, entry->digest) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int desired_read(struct desired *desired, const char *path, const char *digest, struct buf *ret,
                 struct err *err)
{
    int rc = read_manifest(desired, digest, ret, err);
    if (rc < 0)
        (void)map_del(desired->present, digest);
    else if (str_has_prefix(path, "Secret/"))
        rc = open_secret(desired, path, ret, err);
    return rc;
}

int desired_missing(struct desired *desired, desired_missing_fn *fn, void *ctx)
{
    const struct index *lists[] = {&desired->index, &desired->staged.index};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            const struct index_entry *entry = &lists[l]->entries[i];
            if (is_present(desired, entry->digest))
                continue;
            int rc = fn(ctx, entry->path, entry->digest);
            if (rc != 0)
                return rc;
        }
    }
    for (size_t i = 0; i < desired->kept.count; i++) {
        const struct kept_entry *entry = &desired->kept.entries[i];
        int rc = is_present(desired, entry->digest) ? 0 : fn(ctx, entry->path, entry->digest);
        if (rc != 0)
            return rc;
    }
    return 0;
}
