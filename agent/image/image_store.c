#include "agent/image/image_store_parts.h"
#include "agent/image/layer_sum.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"
#include "common/fs/disk.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define RECORD_MAX (256 * 1024)

struct image_store {
    char *root;
    int root_fd;
    struct disk *disk;
    unsigned next_dir;
};

static char *below(const struct image_store *store, const char *folder, const char *name,
                   const char *suffix)
{
    return xasprintf("%s/%s/%s%s", store->root, folder, name, suffix);
}

static int make_folders(struct image_store *store, struct err *err)
{
    static const char *const folders[] = {"layers",  "manifests", "configs", "refs",
                                          "partial", "loaded",    "tmp"};
    int rc = store->disk->mkdirs(store->disk, store->root, 0700, err);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(folders); i++) {
        autofree char *path = xasprintf("%s/%s", store->root, folders[i]);
        rc = store->disk->mkdirs(store->disk, path, 0700, err);
    }
    return rc;
}

int image_store_open(const char *root, struct image_store **ret, struct err *err)
{
    cleanup(image_store_free) struct image_store *store = xcalloc(1, sizeof(*store));
    store->root = xstrdup(root);
    store->root_fd = -1;
    store->disk = disk_posix();
    int rc = make_folders(store, err);
    if (rc < 0)
        return err_wrap(err, "image store");
    store->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->root_fd < 0)
        return err_errno(err, errno, "image store %s", root);
    *ret = steal(store);
    return 0;
}

void image_store_free(struct image_store *store)
{
    if (!store)
        return;
    if (store->root_fd >= 0)
        close(store->root_fd);
    free(store->root);
    free(store);
}

const char *image_store_root(const struct image_store *store)
{
    return store->root;
}

int image_store_lock(struct image_store *store, bool exclusive, bool wait, struct err *err)
{
    int fd = openat(store->root_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, errno, "%s/lock", store->root);
    if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)) == 0)
        return fd;
    int error = errno;
    close(fd);
    return err_errno(err, error, "%s/lock", store->root);
}

/* The name of a reference's file: readable, and made unambiguous by a hash. */
static void ref_name(const char *text, char ret[160])
{
    char hash[SHA256_HEX + 1];
    sha256_hex(text, strlen(text), hash);
    size_t len = 0;
    for (; text[len] && len < 120; len++) {
        char c = text[len];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || (c == '.' && len > 0);
        ret[len] = plain ? c : '_';
    }
    snprintf(ret + len, 160 - len, "-%.16s", hash);
}

/* Reads JSON that we wrote ourselves. */
static int read_json(struct image_store *store, const char *path, struct value **ret,
                     struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, RECORD_MAX);
    int rc = store->disk->read(store->disk, path, RECORD_MAX, &text, err);
    return rc < 0 ? rc : json_parse(buf_str(&text), text.len, ret, err);
}

static int write_json(struct image_store *store, const char *path, const struct value *value,
                      struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, RECORD_MAX);
    if (json_write(value, &text) < 0)
        return err_set(err, -E2BIG, "%s: record too long", path);
    return store->disk->replace(store->disk, path, text.data, text.len, 0600, err);
}

/* Reads a file that is named by its digest, and believes it only if it has that digest. */
static int read_blob(struct image_store *store, const char *folder, const char *digest,
                     struct buf *ret, struct err *err)
{
    autofree char *path = below(store, folder, digest_hex(digest), "");
    int rc = store->disk->read(store->disk, path, MANIFEST_MAX_BYTES, ret, err);
    if (rc < 0)
        return rc;
    char hex[SHA256_HEX + 1];
    sha256_hex(buf_str(ret), ret->len, hex);
    if (!str_eq(hex, digest_hex(digest)) && !WEAKENED(IMAGE_STORE_DIGEST))
        return err_set(err, -ENOENT, "%s is damaged: its digest is sha256:%.12s...", path, hex);
    return 0;
}

int64_t image_store_layer_bytes(struct image_store *store, const char *diff_id,
                                struct image_layer_sum *ret_sum)
{
    autofree char *dir = below(store, "layers", digest_hex(diff_id), "");
    autofree char *record = below(store, "layers", digest_hex(diff_id), ".json");
    cleanup(value_free) struct value *value = NULL;
    struct disk_stat st;
    if (!WEAKENED(IMAGE_LAYER_RECORD) && read_json(store, record, &value, NULL) < 0)
        return -1;
    if (store->disk->stat(store->disk, dir, &st, NULL) < 0 || st.type != DISK_DIR)
        return -1;
    if (ret_sum)
        *ret_sum = (struct image_layer_sum){.known = value_get(value, "sum") != NULL,
                                            .value = (uint64_t)value_get_int(value, "sum", 0)};
    return value_get_int(value, "bytes", 0);
}

bool image_store_has_layer(struct image_store *store, const char *diff_id)
{
    return image_store_layer_bytes(store, diff_id, NULL) >= 0;
}

/* overlayfs refuses a folder that is listed twice; the upper one hides the lower anyway. */
static bool again_above(const struct image_config *config, size_t i)
{
    for (size_t k = i + 1; k < config->diff_id_count; k++)
        if (str_eq(config->diff_ids[k], config->diff_ids[i]))
            return true;
    return false;
}

static int find_layers(struct image_store *store, struct stored *stored, struct err *err)
{
    const struct image_config *config = stored->config;
    stored->layers = xcalloc(config->diff_id_count + 1, sizeof(*stored->layers));
    size_t count = 0;
    for (size_t i = 0; i < config->diff_id_count; i++) {
        if (again_above(config, i))
            continue;
        int64_t bytes = image_store_layer_bytes(store, config->diff_ids[i], NULL);
        if (bytes < 0)
            return err_set(err, -ENOENT, "layer %zu/%zu (%.19s...) is not there", i + 1,
                           config->diff_id_count, config->diff_ids[i]);
        stored->bytes += bytes;
        stored->layers[count++] = below(store, "layers", digest_hex(config->diff_ids[i]), "");
    }
    return 0;
}

int image_store_read_config(struct image_store *store, struct stored *stored, struct err *err)
{
    cleanup(buf_done) struct buf text;
    cleanup(manifest_free) struct manifest *manifest = NULL;
    buf_init(&text, MANIFEST_MAX_BYTES);
    int rc = read_blob(store, "manifests", stored->digest, &text, err);
    if (rc == 0)
        rc = manifest_parse(buf_str(&text), text.len, NULL, &manifest, err);
    if (rc < 0 || manifest->kind != MANIFEST_IMAGE)
        return rc < 0 ? rc : err_set(err, -ENOENT, "an index is recorded as a manifest");
    memcpy(stored->id, manifest->config.digest, sizeof(stored->id));
    buf_done(&text);
    buf_init(&text, MANIFEST_MAX_BYTES);
    rc = read_blob(store, "configs", stored->id, &text, err);
    if (rc == 0)
        rc = image_config_parse(buf_str(&text), text.len, manifest->count, &stored->config, err);
    return rc;
}

int image_store_read_ref(struct image_store *store, const char *name, struct stored **ret,
                         struct err *err)
{
    autofree char *path = below(store, "refs", name, "");
    cleanup(value_free) struct value *record = NULL;
    int rc = read_json(store, path, &record, err);
    if (rc < 0)
        return rc == -ENOENT ? rc : err_set(err, -ENOENT, "%s is damaged", path);
    struct disk_stat st = {0};
    (void)store->disk->stat(store->disk, path, &st, NULL);
    const char *reference = value_get_str(record, "reference");
    const char *digest = value_get_str(record, "manifest");
    if (!reference || !digest_valid(digest))
        return err_set(err, -ENOENT, "%s is damaged", path);
    struct stored *stored = xcalloc(1, sizeof(*stored));
    stored->reference = xstrdup(reference);
    stored->time = value_get_int(record, "time", 0);
    stored->used = st.mtime_ns / NS_PER_S;
    snprintf(stored->digest, sizeof(stored->digest), "%.71s", digest);
    *ret = stored;
    return 0;
}

static int read_stored(struct image_store *store, const char *name, struct stored **ret,
                       struct err *err)
{
    cleanup(stored_free) struct stored *stored = NULL;
    int rc = image_store_read_ref(store, name, &stored, err);
    if (rc < 0)
        return rc;
    const char *reference = stored->reference;
    rc = image_store_read_config(store, stored, err);
    if (rc == 0)
        rc = find_layers(store, stored, err);
    if (rc < 0)
        return err ? err_set(err, -ENOENT, "image %.100s on this node is not whole: %.120s",
                             reference, err->msg)
                   : -ENOENT;
    *ret = steal(stored);
    return 0;
}

int image_store_get(struct image_store *store, const struct reference *ref, struct stored **ret,
                    struct err *err)
{
    char text[REFERENCE_MAX + 256], name[160];
    reference_format(ref, text);
    ref_name(text, name);
    return read_stored(store, name, ret, err);
}

void stored_free(struct stored *stored)
{
    if (!stored)
        return;
    free(stored->reference);
    image_config_free(stored->config);
    for (size_t i = 0; stored->layers && stored->layers[i]; i++)
        free(stored->layers[i]);
    free(stored->layers);
    free(stored);
}

struct list_walk {
    struct image_store *store;
    stored_fn *fn;
    void *ctx;
};

static int list_one(void *ctx, const char *name, enum disk_type type)
{
    struct list_walk *walk = ctx;
    cleanup(stored_free) struct stored *stored = NULL;
    if (type != DISK_FILE || read_stored(walk->store, name, &stored, NULL) < 0)
        return 0;
    return walk->fn(walk->ctx, stored);
}

int image_store_list(struct image_store *store, stored_fn *fn, void *ctx, struct err *err)
{
    struct list_walk walk = {store, fn, ctx};
    autofree char *path = xasprintf("%s/refs", store->root);
    return store->disk->list(store->disk, path, list_one, &walk, err);
}

int image_store_dir_new(struct image_store *store, struct image_store_dir *ret, struct err *err)
{
    struct image_store_dir dir = {.fd = -1};
    for (int i = 0; i < 1000; i++) {
        snprintf(dir.name, sizeof(dir.name), "%d.%u", (int)getpid(), store->next_dir++);
        autofree char *path = below(store, "tmp", dir.name, "");
        if (mkdir(path, 0755) < 0) {
            if (errno == EEXIST)
                continue;
            return err_errno(err, errno, "%s", path);
        }
        dir.fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir.fd < 0)
            return err_errno(err, errno, "%s", path);
        if (fchmod(dir.fd, 0755) < 0) { /* whatever the umask */
            close(dir.fd);
            return err_errno(err, errno, "%s", path);
        }
        *ret = dir;
        return 0;
    }
    return err_set(err, -EEXIST, "%s/tmp: no free name", store->root);
}

void image_store_dir_remove(struct image_store *store, const struct image_store_dir *dir)
{
    autofree char *path = below(store, "tmp", dir->name, "");
    (void)store->disk->remove_tree(store->disk, path, NULL);
}

static int sync_folder(struct image_store *store, const char *folder, struct err *err)
{
    autoclose int fd = openat(store->root_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_errno(err, errno, "cannot sync %s/%s", store->root, folder);
    return 0;
}

int image_store_add_layer(struct image_store *store, const struct image_store_dir *dir,
                          const char *diff_id, int64_t bytes, int64_t inodes, struct err *err)
{
    autofree char *from = below(store, "tmp", dir->name, "");
    autofree char *to = below(store, "layers", digest_hex(diff_id), "");
    autofree char *record = below(store, "layers", digest_hex(diff_id), ".json");
    int rc = store->disk->remove_tree(store->disk, to, err);
    if (rc < 0)
        return rc;
    if (syncfs(dir->fd) < 0) /* all of the layer is on the medium before it has its name */
        return err_errno(err, errno, "cannot sync %s", from);
    uint64_t sum = 0;
    rc = layer_sum(dir->fd, false, &sum, err);
    if (rc < 0)
        return err_wrap(err, "it cannot be read again");
    if (rename(from, to) < 0)
        return err_errno(err, errno, "%s", to);
    rc = sync_folder(store, "layers", err);
    if (rc < 0)
        return rc;
    cleanup(value_free) struct value *value = value_new_map();
    value_set_str(value, "layer", diff_id);
    value_set_int(value, "bytes", bytes);
    value_set_int(value, "inodes", inodes);
    value_set_int(value, "sum", (int64_t)sum);
    return write_json(store, record, value, err);
}

int image_store_partial(struct image_store *store, const char *digest, struct err *err)
{
    autofree char *path = below(store, "partial", digest_hex(digest), "");
    for (int i = 0; i < 100; i++) {
        autoclose int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct stat mine, there;
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &mine) < 0)
            return err_errno(err, errno, "%s", path);
        /* The one before us may have removed it while we waited. */
        if (stat(path, &there) == 0 && there.st_ino == mine.st_ino)
            return steal_fd(&fd);
    }
    return err_set(err, -EAGAIN, "%s: others keep removing it", path);
}

int64_t image_store_partial_bytes(struct image_store *store, const char *digest)
{
    autofree char *path = below(store, "partial", digest_hex(digest), "");
    struct disk_stat st = {0};
    return store->disk->stat(store->disk, path, &st, NULL) == 0 ? (int64_t)st.size : 0;
}

void image_store_partial_remove(struct image_store *store, const char *digest)
{
    autofree char *path = below(store, "partial", digest_hex(digest), "");
    (void)unlink(path);
}

static int put_blob(struct image_store *store, const char *folder, const struct blob *blob,
                    struct err *err)
{
    autofree char *path = below(store, folder, digest_hex(blob->digest), "");
    return store->disk->replace(store->disk, path, buf_str(&blob->text), blob->text.len, 0600, err);
}

int image_store_put(struct image_store *store, const struct reference *ref,
                    const struct blob *manifest, const struct blob *config, struct err *err)
{
    char text[REFERENCE_MAX + 256], name[160];
    reference_format(ref, text);
    ref_name(text, name);
    int rc = put_blob(store, "manifests", manifest, err);
    if (rc == 0)
        rc = put_blob(store, "configs", config, err);
    if (rc < 0)
        return rc;
    cleanup(value_free) struct value *record = value_new_map();
    value_set_str(record, "reference", text);
    value_set_str(record, "manifest", manifest->digest);
    value_set_int(record, "time", clock_wall(clock_system()) / NS_PER_S);
    autofree char *path = below(store, "refs", name, "");
    return write_json(store, path, record, err);
}

/* The time of its record's last change is that of its last use. */
void image_store_touch(struct image_store *store, const char *reference)
{
    char name[160];
    ref_name(reference, name);
    autofree char *path = below(store, "refs", name, "");
    (void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW); /* read-only: it stays as it is */
}

int image_store_forget(struct image_store *store, const struct reference *ref, struct err *err)
{
    char text[REFERENCE_MAX + 256], name[160];
    reference_format(ref, text);
    ref_name(text, name);
    autofree char *path = below(store, "refs", name, "");
    return store->disk->remove(store->disk, path, err);
}

/* An archive is known by its size and the time of its last change. */
char *image_store_archive_mark(struct image_store *store, const char *name)
{
    autofree char *path = xasprintf("%s/%s", store->root, name);
    struct disk_stat st;
    if (store->disk->stat(store->disk, path, &st, NULL) < 0)
        return NULL;
    return xasprintf("%lld %lld", (long long)st.size, (long long)st.mtime_ns);
}

static char *loaded_path(struct image_store *store, const char *name)
{
    char file[160];
    ref_name(name, file);
    return below(store, "loaded", file, "");
}

static bool is_whole(struct image_store *store, const char *text)
{
    struct reference ref;
    cleanup(stored_free) struct stored *stored = NULL;
    return text && reference_parse(text, &ref, NULL) == 0 &&
           image_store_get(store, &ref, &stored, NULL) == 0;
}

int image_store_read_loaded(struct image_store *store, const char *name, struct value **ret)
{
    autofree char *path = loaded_path(store, name);
    return read_json(store, path, ret, NULL);
}

bool image_store_is_loaded(struct image_store *store, const char *name)
{
    autofree char *mark = image_store_archive_mark(store, name);
    cleanup(value_free) struct value *value = NULL;
    if (!mark || image_store_read_loaded(store, name, &value) < 0 ||
        !str_eq(value_get_str(value, "file"), mark))
        return false;
    const struct value *images = value_get(value, "images");
    for (size_t i = 0; i < value_len(images); i++)
        if (!is_whole(store, value_str(value_at(images, i))))
            return false;
    return true;
}

int image_store_set_loaded(struct image_store *store, const char *name, const char *const *images,
                           struct err *err)
{
    autofree char *path = loaded_path(store, name);
    autofree char *mark = image_store_archive_mark(store, name);
    if (!mark)
        return err_set(err, -ENOENT, "%s/%s is gone", store->root, name);
    cleanup(value_free) struct value *value = value_new_map();
    value_set_str(value, "file", mark);
    struct value *list = value_set(value, "images", value_new_list());
    for (size_t i = 0; images[i]; i++)
        value_append(list, value_new_str(images[i]));
    return write_json(store, path, value, err);
}
