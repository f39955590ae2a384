#include "agent/fetch/pull.h"

#include "agent/fetch/archive_file.h"
#include "agent/fetch/origins.h"
#include "agent/fetch/source.h"
#include "agent/fetch/unpack.h"
#include "agent/image/image_store.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#define INODES_MAX INT64_C(1000000) /* of a layer */
#define LAYER_MAX (INT64_C(16) << 30)
#define RATIO_FROM (INT64_C(64) << 20)
#define RATIO 300
#define RESERVE_BYTES (INT64_C(32) << 20) /* stay free for the node itself */
#define RESERVE_INODES 1000
#define CA_MAX (16 * 1024 * 1024)

struct pull {
    const struct job *job;
    struct image_store *store;
    struct source *source;
    struct platform platforms[PLATFORMS_MAX];
    size_t platform_count;
    struct job_progress progress;
    int64_t done; /* bytes of layers that are finished */
    char *reason; /* of 32 bytes */
    char **images;
    size_t image_count;
};

static void set_reason(struct pull *p, const char *reason)
{
    snprintf(p->reason, 32, "%s", reason);
}

static void on_progress(void *ctx, int64_t done)
{
    struct pull *p = ctx;
    job_tell(&p->progress, p->done + done);
}

static void on_unpack(void *ctx, int64_t done)
{
    (void)ctx; /* the bytes were counted when they came */
    (void)done;
}

static int ask(struct pull *p, const struct source_request *request, int fd,
               struct source_reply *reply, struct err *err)
{
    bool blob = request->kind == SOURCE_BLOB;
    int rc = source_get(p->source, request, fd, blob ? on_progress : NULL, p, reply, err);
    if (rc < 0 && reply->reason[0])
        set_reason(p, reply->reason);
    return rc;
}

/* Fetches a document into memory and believes the source nothing. */
static int get_document(struct pull *p, const struct source_request *request, struct blob *ret,
                        char type[128], struct err *err)
{
    autoclose int fd = memfd_create("limpet-fetch", MFD_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "memfd");
    struct source_reply reply = {0};
    int rc = ask(p, request, fd, &reply, err);
    if (rc < 0)
        return rc;
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size > MANIFEST_MAX_BYTES)
        return err_set(err, -EFBIG, "a document of more than %d bytes", MANIFEST_MAX_BYTES);
    char *to = buf_reserve(&ret->text, (size_t)st.st_size);
    if (!to || pread(fd, to, (size_t)st.st_size, 0) != st.st_size)
        return err_set(err, -EIO, "cannot read what was fetched");
    ret->text.len += (size_t)st.st_size;
    memcpy(ret->digest, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    sha256_hex(buf_str(&ret->text), ret->text.len, ret->digest + strlen(DIGEST_PREFIX));
    if (request->digest[0] && !str_eq(ret->digest, request->digest) &&
        !WEAKENED(IMAGE_MANIFEST_DIGEST))
        return err_set(err, -EBADMSG, "digest mismatch (want %.19s..., got %.19s...)",
                       request->digest, ret->digest);
    if (type)
        memcpy(type, reply.type, sizeof(reply.type));
    return 0;
}

/* What an image may still take: nobody's disk is filled to the brim by one. */
static void measure(struct pull *p, struct extract_limits *ret)
{
    struct statvfs fs;
    *ret = (struct extract_limits){LAYER_MAX, INODES_MAX, RATIO_FROM, RATIO};
    if (statvfs(image_store_root(p->store), &fs) < 0)
        return;
    int64_t bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize - RESERVE_BYTES;
    int64_t inodes = (int64_t)fs.f_favail - RESERVE_INODES;
    if (bytes < ret->bytes)
        ret->bytes = bytes > 0 ? bytes : 0;
    if (fs.f_files > 0 && inodes < ret->inodes) /* some file systems do not count them */
        ret->inodes = inodes > 0 ? inodes : 0;
}

static int unpack_layer(struct pull *p, int blob_fd, const char *diff_id, struct err *err)
{
    struct image_store_dir dir;
    struct extract_limits limits;
    struct extract_result result = {0};
    measure(p, &limits);
    int rc = image_store_dir_new(p->store, &dir, err);
    if (rc < 0)
        return rc;
    rc = unpack(blob_fd, dir.fd, &limits, on_unpack, p, &result, err);
    if (rc == 0 && !str_eq(result.diff_id, diff_id) && !WEAKENED(IMAGE_DIFF_ID))
        rc = err_set(err, -EBADMSG,
                     "digest of the unpacked layer differs (want %.19s..., got %.19s...)", diff_id,
                     result.diff_id);
    if (rc == 0)
        rc = image_store_add_layer(p->store, &dir, diff_id, result.bytes, result.inodes, err);
    close(dir.fd);
    if (rc < 0)
        image_store_dir_remove(p->store, &dir);
    return rc;
}

static int check_room(struct pull *p, int64_t size, struct err *err)
{
    struct statvfs fs;
    if (statvfs(image_store_root(p->store), &fs) < 0)
        return 0;
    int64_t free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize - RESERVE_BYTES;
    if (size > free_bytes)
        return err_set(err, -ENOSPC, "no room: %lld bytes to fetch, %lld may be used",
                       (long long)size, (long long)(free_bytes > 0 ? free_bytes : 0));
    return 0;
}

/* One layer, from the first byte to its commit. The lock of the partial file makes a second process
 * that wants the same layer wait, and find it done. */
static int get_layer(struct pull *p, const struct descriptor *layer, const char *diff_id,
                     struct err *err)
{
    autoclose int fd = image_store_partial(p->store, layer->digest, err);
    if (fd < 0)
        return fd;
    int rc = 0;
    if (!image_store_has_layer(p->store, diff_id)) {
        struct source_request request = {.kind = SOURCE_BLOB, .size = layer->size};
        memcpy(request.digest, layer->digest, sizeof(request.digest));
        struct source_reply reply = {0};
        rc = check_room(p, layer->size, err);
        if (rc == 0)
            rc = ask(p, &request, fd, &reply, err);
        if (rc < 0)
            return rc; /* what has come is kept for the next time */
        rc = unpack_layer(p, fd, diff_id, err);
    }
    image_store_partial_remove(p->store, layer->digest);
    p->done += layer->size;
    return rc;
}

/* An image that will not fit is refused before its first byte: unpacked it is hardly smaller. */
static int get_layers(struct pull *p, const struct manifest *manifest,
                      const struct image_config *config, struct err *err)
{
    int64_t total = 0, here = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        if (image_store_has_layer(p->store, config->diff_ids[i]))
            continue;
        total += manifest->items[i].size;
        here += image_store_partial_bytes(p->store, manifest->items[i].digest);
    }
    p->progress.total += total;
    int room = WEAKENED(IMAGE_ROOM_BEFORE) ? 0 : check_room(p, total - here, err);
    if (room < 0)
        return room;
    for (size_t i = 0; i < manifest->count; i++) {
        if (image_store_has_layer(p->store, config->diff_ids[i]))
            continue;
        int rc = get_layer(p, &manifest->items[i], config->diff_ids[i], err);
        if (rc < 0)
            return err_wrap(err, "layer %zu/%zu", i + 1, manifest->count);
    }
    return 0;
}

static int get_config(struct pull *p, const struct manifest *manifest, struct blob *ret,
                      struct image_config **ret_config, struct err *err)
{
    struct source_request request = {.kind = SOURCE_BLOB, .size = manifest->config.size};
    memcpy(request.digest, manifest->config.digest, sizeof(request.digest));
    int rc = get_document(p, &request, ret, NULL, err);
    if (rc < 0)
        return err_wrap(err, "config");
    rc = image_config_parse(buf_str(&ret->text), ret->text.len, manifest->count, ret_config, err);
    if (rc == 0)
        rc = image_config_fits(*ret_config, p->platforms, p->platform_count, err);
    return rc;
}

static int install(struct pull *p, const struct reference *ref, const struct blob *blob,
                   const struct manifest *manifest, struct err *err)
{
    cleanup(blob_done) struct blob config_blob;
    cleanup(image_config_free) struct image_config *config = NULL;
    blob_init(&config_blob);
    int rc = get_config(p, manifest, &config_blob, &config, err);
    if (rc == 0)
        rc = get_layers(p, manifest, config, err);
    if (rc == 0)
        rc = image_store_put(p->store, ref, blob, &config_blob, err);
    if (rc < 0)
        return rc;
    char text[REFERENCE_MAX + 256];
    reference_format(ref, text);
    p->images = xreallocarray(p->images, p->image_count + 2, sizeof(*p->images));
    p->images[p->image_count++] = xstrdup(text);
    p->images[p->image_count] = NULL;
    return 0;
}

/* Fetches a manifest and, if it is an index, the one of this node's platform from there. */
static int fetch_image(struct pull *p, const struct source_request *from,
                       const struct reference *ref, struct err *err)
{
    struct source_request request = *from;
    for (int depth = 0; depth < 3; depth++) {
        cleanup(blob_done) struct blob blob;
        cleanup(manifest_free) struct manifest *manifest = NULL;
        char type[128] = "";
        blob_init(&blob);
        int rc = get_document(p, &request, &blob, type, err);
        if (rc == 0)
            rc = manifest_parse(buf_str(&blob.text), blob.text.len, type, &manifest, err);
        if (rc < 0)
            return rc;
        if (manifest->kind == MANIFEST_IMAGE)
            return install(p, ref, &blob, manifest, err);
        const struct descriptor *chosen = NULL;
        rc = manifest_choose(manifest, p->platforms, p->platform_count, &chosen, err);
        if (rc < 0)
            return rc;
        memcpy(request.digest, chosen->digest, sizeof(request.digest));
    }
    return err_set(err, -EINVAL, "an index within an index within an index");
}

static bool is_insecure(const struct job *job, const char *registry)
{
    for (size_t i = 0; job->insecure[i]; i++)
        if (str_eq(job->insecure[i], registry))
            return true;
    return false;
}

/* What the downloader knows of its endpoints: files are read before it is confined. */
struct endpoints {
    struct registry_spec specs[JOB_ENDPOINTS_MAX];
    struct buf ca[JOB_ENDPOINTS_MAX], cert[JOB_ENDPOINTS_MAX], key[JOB_ENDPOINTS_MAX];
};

static void endpoints_done(struct endpoints *e)
{
    for (size_t i = 0; i < JOB_ENDPOINTS_MAX; i++) {
        buf_done(&e->ca[i]);
        buf_done(&e->cert[i]);
        buf_done(&e->key[i]);
    }
}
CLEANUP_DEFINE_VALUE(struct endpoints, endpoints_done);

static int read_endpoint(const struct job *job, size_t i, const struct buf *ca,
                         struct endpoints *ret, struct err *err)
{
    const struct job_endpoint *endpoint = &job->endpoints[i];
    const struct {
        const char *file;
        struct buf *to;
    } files[] = {{endpoint->ca_file, &ret->ca[i]},
                 {endpoint->cert_file, &ret->cert[i]},
                 {endpoint->key_file, &ret->key[i]}};
    int rc = buf_add(&ret->ca[i], buf_str(ca), ca->len);
    for (size_t f = 0; rc == 0 && f < ARRAY_LEN(files); f++)
        if (files[f].file)
            rc = registry_read_pem(files[f].file, files[f].to, err);
    return rc;
}

static int read_endpoints(const struct job *job, const struct reference *ref, struct endpoints *ret,
                          struct err *err)
{
    cleanup(buf_done) struct buf ca;
    buf_init(&ca, CA_MAX);
    int rc = registry_read_ca(job->ca_dir, &ca, err);
    for (size_t i = 0; i < JOB_ENDPOINTS_MAX; i++) {
        buf_init(&ret->ca[i], CA_MAX);
        buf_init(&ret->cert[i], CA_MAX);
        buf_init(&ret->key[i], CA_MAX);
        ret->specs[i] = (struct registry_spec){.ref = ref,
                                               .endpoint = &job->endpoints[i],
                                               .rate = job->rate,
                                               .insecure = is_insecure(job, ref->registry),
                                               .ca = &ret->ca[i],
                                               .cert = &ret->cert[i],
                                               .key = &ret->key[i]};
    }
    for (size_t i = 0; rc == 0 && i < job->endpoint_count; i++)
        rc = read_endpoint(job, i, &ca, ret, err);
    return rc;
}

static int pull_registry(struct pull *p, struct err *err)
{
    struct reference ref;
    cleanup(endpoints_done) struct endpoints endpoints = {0};
    int rc = reference_parse(p->job->reference, &ref, err);
    if (rc < 0) {
        set_reason(p, "InvalidImageName");
        return rc;
    }
    rc = read_endpoints(p->job, &ref, &endpoints, err);
    if (rc < 0)
        return rc;
    struct origins *origins = origins_new(endpoints.specs, p->job->endpoint_count);
    const struct source_spec source = {
        .net = true, .keep_fd = -1, .get = origins_get, .ctx = origins};
    rc = source_new(&source, &p->source, err);
    struct source_request request = {.kind = SOURCE_MANIFEST, .size = MANIFEST_MAX_BYTES};
    memcpy(request.digest, ref.digest, sizeof(request.digest));
    memcpy(request.tag, ref.tag, sizeof(ref.tag));
    if (rc == 0)
        rc = fetch_image(p, &request, &ref, err);
    origins_free(origins);
    return rc < 0 ? err_wrap(err, "image %.120s", p->job->reference) : 0;
}

/* The reference under which an archive's image is kept: the one given, or what the archive says. */
static int name_image(struct pull *p, const struct descriptor *entry, struct reference *ret,
                      struct err *err)
{
    if (p->job->reference)
        return reference_parse(p->job->reference, ret, err);
    if (!strpbrk(entry->name, ":/")) /* a bare tag, or nothing */
        return err_set(
            err, -EINVAL, "the archive does not name its image%s%.60s%s: give a reference",
            entry->name[0] ? " (only the tag \"" : "", entry->name, entry->name[0] ? "\")" : "");
    return reference_parse(entry->name, ret, err);
}

/* Of the entries of one name, the one for this node. */
static int choose_named(struct pull *p, const struct manifest *index, size_t first,
                        const struct descriptor **ret, struct err *err)
{
    struct manifest same = {.kind = MANIFEST_INDEX};
    autofree struct descriptor *items = xcalloc(index->count, sizeof(*items));
    same.items = items;
    for (size_t i = first; i < index->count; i++)
        if (str_eq(index->items[i].name, index->items[first].name) &&
            (i == first || index->items[i].platform.arch[0]))
            items[same.count++] = index->items[i];
    if (same.count == 1) { /* its config says what it is for */
        *ret = &index->items[first];
        return 0;
    }
    const struct descriptor *chosen = NULL;
    int rc = manifest_choose(&same, p->platforms, p->platform_count, &chosen, err);
    for (size_t i = 0; rc == 0 && i < index->count; i++)
        if (str_eq(index->items[i].digest, chosen->digest))
            *ret = &index->items[i];
    return rc;
}

static bool named_before(const struct manifest *index, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (str_eq(index->items[i].name, index->items[at].name))
            return true;
    return false;
}

static int load_entries(struct pull *p, const struct manifest *index, struct err *err)
{
    for (size_t i = 0; i < index->count; i++) {
        const struct descriptor *entry = NULL;
        struct reference ref;
        if (named_before(index, i))
            continue;
        if (i > 0 && p->job->reference)
            return err_set(err, -EINVAL,
                           "the archive has several images: load it without a "
                           "reference");
        int rc = choose_named(p, index, i, &entry, err);
        if (rc == 0)
            rc = name_image(p, entry, &ref, err);
        if (rc < 0)
            return rc;
        struct source_request request = {.kind = SOURCE_MANIFEST, .size = MANIFEST_MAX_BYTES};
        memcpy(request.digest, entry->digest, sizeof(request.digest));
        rc = fetch_image(p, &request, &ref, err);
        if (rc < 0)
            return rc;
    }
    return index->count > 0 ? 0 : err_set(err, -EINVAL, "there is no image in it");
}

static int load_archive(struct pull *p, struct err *err)
{
    cleanup(blob_done) struct blob blob;
    cleanup(manifest_free) struct manifest *index = NULL;
    blob_init(&blob);
    int file = open(p->job->file, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return err_errno(err, errno, "%s", p->job->file);
    const struct source_spec source = {
        .net = false, .keep_fd = file, .get = archive_file_get, .ctx = &file};
    const struct source_request request = {.kind = SOURCE_MANIFEST, .size = MANIFEST_MAX_BYTES};
    int rc = source_new(&source, &p->source, err);
    if (rc == 0)
        rc = get_document(p, &request, &blob, NULL, err);
    if (rc == 0)
        rc = manifest_parse(buf_str(&blob.text), blob.text.len, NULL, &index, err);
    if (rc == 0 && index->kind != MANIFEST_INDEX)
        rc = err_set(err, -EINVAL, "its index.json is not an index");
    if (rc == 0)
        rc = load_entries(p, index, err);
    close(file);
    return rc < 0 ? err_wrap(err, "%.150s", p->job->file) : 0;
}

int pull_job(const struct job *job, char ***ret_images, char reason[32], struct err *err)
{
    cleanup(image_store_free) struct image_store *store = NULL;
    struct utsname host;
    struct pull p = {.job = job, .reason = reason};
    set_reason(&p, "ErrImagePull");
    int rc = image_store_open(job->root, &store, err);
    if (rc < 0)
        return rc;
    image_store_sweep(store);
    autoclose int lock = image_store_lock(store, false, true, err);
    if (lock < 0)
        return lock;
    p.store = store;
    p.platform_count = platforms_host(uname(&host) == 0 ? host.machine : "", p.platforms);
    rc = job->load ? load_archive(&p, err) : pull_registry(&p, err);
    source_free(p.source);
    if (rc == 0) {
        *ret_images = p.images;
        return 0;
    }
    for (size_t i = 0; i < p.image_count; i++)
        free(p.images[i]);
    free(p.images);
    return rc;
}
