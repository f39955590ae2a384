#include "controller/registry/depot_impl.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- paths ---- */

const char *depot_hex(const char *digest)
{
    return digest + strlen("sha256:");
}

char *depot_blob_path(const struct depot *depot, const char *digest)
{
    return xasprintf("%s/blobs/%s", depot->dir, depot_hex(digest));
}

char *depot_upload_path(const struct depot *depot, const char *id)
{
    return xasprintf("%s/uploads/%s", depot->dir, id);
}

static void swap(char *text, char from, char to)
{
    for (char *at = text; *at; at++)
        if (*at == from)
            *at = to;
}

char *depot_place(const struct depot *depot, const char *repository, const char *what,
                  const char *name)
{
    autofree char *folder = xstrdup(repository);
    swap(folder, '/', '+');
    return xasprintf("%s/repositories/%s/%s%s%s", depot->dir, folder, what, *name ? "/" : "", name);
}

/* ---- the whole ---- */

static int count_file(void *ctx, const char *path)
{
    struct depot *depot = ctx;
    struct stat st;
    if (stat(path, &st) == 0)
        depot->used += st.st_size;
    return 0;
}

struct each {
    const char *dir;
    int (*fn)(void *ctx, const char *path);
    void *ctx;
};

static int on_file(void *ctx, const char *name, enum disk_type type)
{
    const struct each *each = ctx;
    autofree char *path = xasprintf("%s/%s", each->dir, name);
    return type == DISK_FILE ? each->fn(each->ctx, path) : 0;
}

int depot_open(const struct depot_spec *spec, struct depot **ret, struct err *err)
{
    static const char *const folders[] = {"blobs", "uploads", "repositories"};
    cleanup(depot_free) struct depot *depot = xcalloc(1, sizeof(*depot));
    int64_t free_bytes = 0;
    depot->disk = spec->disk;
    depot->dir = xstrdup(spec->dir);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        autofree char *path = xasprintf("%s/%s", depot->dir, folders[i]);
        const struct each each = {path, count_file, depot};
        int r = depot->disk->mkdirs(depot->disk, path, 0700, err);
        if (r == 0 && i < 2)
            r = depot->disk->list(depot->disk, path, on_file, (void *)(uintptr_t)&each, err);
        if (r)
            return r;
    }
    int r = depot->disk->space(depot->disk, depot->dir, &free_bytes, err);
    if (r)
        return r;
    depot->max = spec->max_bytes > 0 ? spec->max_bytes : (depot->used + free_bytes) / 2;
    *ret = steal(depot);
    return 0;
}

void depot_free(struct depot *depot)
{
    if (!depot)
        return;
    free(depot->dir);
    free(depot);
}

int64_t depot_used(const struct depot *depot)
{
    return depot->used;
}

int64_t depot_max(const struct depot *depot)
{
    return depot->max;
}

int depot_take(struct depot *depot, int64_t bytes, struct err *err)
{
    int64_t left = 0;
    if (bytes > depot->max - depot->used && !WEAKENED(REGISTRY_QUOTA))
        return err_set(err, -ENOSPC,
                       "the images of this gateway take %lld of the %lld bytes that they may: "
                       "remove some, or let them take more (registryBytes)",
                       (long long)depot->used, (long long)depot->max);
    int r = depot->disk->space(depot->disk, depot->dir, &left, err);
    if (r)
        return r;
    if (bytes > left - DEPOT_RESERVE)
        return err_set(err, -ENOSPC, "the disk of this gateway is full: %lld bytes are left",
                       (long long)left);
    depot->used += bytes;
    return 0;
}

void depot_give(struct depot *depot, int64_t bytes)
{
    depot->used -= bytes;
}

/* ---- blobs ---- */

static int sync_folder(const struct depot *depot, const char *name, struct err *err)
{
    autofree char *path = xasprintf("%s/%s", depot->dir, name);
    autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_errno(err, errno, "%s", path);
    return 0;
}

/* The repository has it from now on. */
static int mark(struct depot *depot, const char *repository, const char *what, const char *name,
                const char *text, struct err *err)
{
    autofree char *folder = depot_place(depot, repository, what, "");
    autofree char *path = depot_place(depot, repository, what, name);
    int r = depot->disk->mkdirs(depot->disk, folder, 0700, err);
    return r ? r : depot->disk->replace(depot->disk, path, text, strlen(text), 0600, err);
}

int depot_commit(struct depot *depot, const char *id, int fd, const char *repository,
                 const char *digest, struct err *err)
{
    autofree char *from = depot_upload_path(depot, id);
    autofree char *to = depot_blob_path(depot, digest);
    struct stat st, old;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "%s", from);
    bool known = stat(to, &old) == 0;
    if (fsync(fd) < 0 || rename(from, to) < 0)
        return err_errno(err, errno, "%s", to);
    if (known)
        depot_give(depot, old.st_size);
    int r = sync_folder(depot, "blobs", err);
    return r ? r : mark(depot, repository, DEPOT_BLOBS, depot_hex(digest), "", err);
}

static bool has(const struct depot *depot, const char *repository, const char *digest)
{
    static const char *const kinds[] = {DEPOT_BLOBS, DEPOT_MANIFESTS};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        autofree char *place = depot_place(depot, repository, kinds[i], depot_hex(digest));
        if (access(place, F_OK) == 0)
            return true;
    }
    return WEAKENED(REGISTRY_OTHERS_BLOB);
}

int depot_blob(struct depot *depot, const char *repository, const char *digest, int64_t *ret_size)
{
    autofree char *path = depot_blob_path(depot, digest);
    struct stat st;
    if (!has(depot, repository, digest))
        return -ENOENT;
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    *ret_size = st.st_size;
    return steal_fd(&fd);
}

bool depot_keep(struct depot *depot, const char *repository, const char *digest)
{
    static const char *const kinds[] = {DEPOT_BLOBS, DEPOT_MANIFESTS};
    autofree char *path = depot_blob_path(depot, digest);
    bool kept = false;
    if (access(path, F_OK) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        autofree char *place = depot_place(depot, repository, kinds[i], depot_hex(digest));
        kept |= utimensat(AT_FDCWD, place, NULL, 0) == 0;
    }
    return kept;
}

int depot_mount(struct depot *depot, const char *from, const char *repository, const char *digest,
                struct err *err)
{
    if (!depot_keep(depot, from, digest))
        return err_set(err, -ENOENT, "%s has no %s", from, digest);
    return mark(depot, repository, DEPOT_BLOBS, depot_hex(digest), "", err);
}

/* 0, -ENOENT. */
static int unmark(struct depot *depot, const char *repository, const char *what, const char *name,
                  struct err *err)
{
    autofree char *place = depot_place(depot, repository, what, name);
    if (access(place, F_OK) != 0)
        return err_set(err, -ENOENT, "%s has no %s", repository, name);
    return depot->disk->remove(depot->disk, place, err);
}

int depot_blob_remove(struct depot *depot, const char *repository, const char *digest,
                      struct err *err)
{
    return unmark(depot, repository, DEPOT_BLOBS, depot_hex(digest), err);
}

/* ---- manifests ---- */

void depot_manifest_done(struct depot_manifest *manifest)
{
    buf_done(&manifest->text);
}

/* A small file as text, without what ends its line. */
static int read_text(struct depot *depot, const char *path, size_t max, char *ret)
{
    struct err err = {0};
    cleanup(buf_done) struct buf text = {0};
    int r = depot->disk->read(depot->disk, path, max, &text, &err);
    if (r == 0)
        snprintf(ret, max + 1, "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
    return r;
}

static int find_digest(struct depot *depot, const char *repository, const char *reference,
                       char ret[DIGEST_LEN + 1])
{
    autofree char *path = NULL;
    if (digest_valid(reference)) {
        snprintf(ret, DIGEST_LEN + 1, "%s", reference);
        return 0;
    }
    path = depot_place(depot, repository, DEPOT_TAGS, reference);
    int r = read_text(depot, path, DIGEST_LEN, ret);
    if (r)
        return r;
    return digest_valid(ret) ? 0 : -ENOENT;
}

int depot_manifest(struct depot *depot, const char *repository, const char *reference,
                   struct depot_manifest *ret, struct err *err)
{
    cleanup(depot_manifest_done) struct depot_manifest found = {0};
    int r = find_digest(depot, repository, reference, found.digest);
    if (r)
        return err_set(err, r, "%s has no %s", repository, reference);
    autofree char *place = depot_place(depot, repository, DEPOT_MANIFESTS, depot_hex(found.digest));
    autofree char *path = depot_blob_path(depot, found.digest);
    r = read_text(depot, place, CONTENT_TYPE_MAX, found.type);
    if (r)
        return err_set(err, r, "%s has no %s", repository, reference);
    r = depot->disk->read(depot->disk, path, CONTENT_MAX_BYTES, &found.text, err);
    if (r == 0) {
        *ret = found;
        found.text = (struct buf){0};
    }
    return r;
}

static int write_blob(struct depot *depot, const char *digest, const struct buf *text,
                      struct err *err)
{
    autofree char *path = depot_blob_path(depot, digest);
    if (access(path, F_OK) == 0)
        return 0;
    int r = depot_take(depot, (int64_t)text->len, err);
    if (r)
        return r;
    r = depot->disk->replace(depot->disk, path, text->data, text->len, 0600, err);
    if (r)
        depot_give(depot, (int64_t)text->len);
    return r;
}

int depot_manifest_put(struct depot *depot, const char *repository, const char *tag,
                       const struct buf *text, const struct content *content,
                       char ret_digest[DIGEST_LEN + 1], char ret_missing[DIGEST_LEN + 1],
                       struct err *err)
{
    char hex[SHA256_HEX + 1];
    for (size_t i = 0; i < content->count; i++)
        if (!depot_keep(depot, repository, content->needs[i].digest)) {
            memcpy(ret_missing, content->needs[i].digest, DIGEST_LEN + 1);
            return err_set(err, -ENOENT, "%s has no %s", repository, ret_missing);
        }
    sha256_hex(text->data, text->len, hex);
    snprintf(ret_digest, DIGEST_LEN + 1, "sha256:%s", hex);
    int r = write_blob(depot, ret_digest, text, err);
    if (r == 0)
        r = mark(depot, repository, DEPOT_MANIFESTS, hex, content->type, err);
    if (r == 0 && tag)
        r = mark(depot, repository, DEPOT_TAGS, tag, ret_digest, err);
    return r;
}

int depot_untag(struct depot *depot, const char *repository, const char *tag, struct err *err)
{
    return unmark(depot, repository, DEPOT_TAGS, tag, err);
}

struct untag {
    struct depot *depot;
    const char *repository, *digest;
};

static int untag_one(void *ctx, const char *tag)
{
    const struct untag *untag = ctx;
    struct err err = {0};
    char digest[DIGEST_LEN + 1];
    if (find_digest(untag->depot, untag->repository, tag, digest) != 0 ||
        !str_eq(digest, untag->digest))
        return 0;
    return depot_untag(untag->depot, untag->repository, tag, &err);
}

int depot_manifest_remove(struct depot *depot, const char *repository, const char *digest,
                          struct err *err)
{
    struct untag untag = {depot, repository, digest};
    int r = depot_tags(depot, repository, untag_one, &untag);
    if (r < 0 && r != -ENOENT)
        return err_set(err, r, "a tag of %s stays", digest);
    return unmark(depot, repository, DEPOT_MANIFESTS, depot_hex(digest), err);
}

/* ---- lists ---- */

struct names {
    depot_name_fn *fn;
    void *ctx;
};

static int on_tag(void *ctx, const char *name, enum disk_type type)
{
    const struct names *names = ctx;
    return type == DISK_FILE && tag_valid(name) ? names->fn(names->ctx, name) : 0;
}

int depot_tags(struct depot *depot, const char *repository, depot_name_fn *fn, void *ctx)
{
    struct err err = {0};
    struct names names = {fn, ctx};
    autofree char *path = depot_place(depot, repository, DEPOT_TAGS, "");
    autofree char *whole = depot_place(depot, repository, "", "");
    int r = depot->disk->list(depot->disk, path, on_tag, &names, &err);
    return r == -ENOENT && access(whole, F_OK) == 0 ? 0 : r; /* nothing in it has a name yet */
}

static int on_repository(void *ctx, const char *name, enum disk_type type)
{
    const struct names *names = ctx;
    autofree char *repository = xstrdup(name);
    swap(repository, '+', '/');
    return type == DISK_DIR && repository_valid(repository) ? names->fn(names->ctx, repository) : 0;
}

int depot_repositories(struct depot *depot, depot_name_fn *fn, void *ctx)
{
    struct err err = {0};
    struct names names = {fn, ctx};
    autofree char *path = xasprintf("%s/repositories", depot->dir);
    return depot->disk->list(depot->disk, path, on_repository, &names, &err);
}
