#include "controller/registry/uploads.h"

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)64 * 1024)

struct upload {
    struct list link; /* the one that was left longest first */
    struct uploads *uploads;
    char id[UPLOAD_ID_LEN + 1];
    int64_t size;
    struct sha256_ctx *sha; /* of its bytes; NULL: they were written by another process */
    int fd;                 /* while it is busy; else -1 */
};

struct uploads {
    struct depot *depot;
    struct disk *disk;
    struct rng *rng;
    struct list all;
    size_t count;
};

static struct upload *upload_new(struct uploads *uploads, const char *id, int64_t size)
{
    struct upload *upload = xcalloc(1, sizeof(*upload));
    upload->uploads = uploads;
    upload->size = size;
    upload->fd = -1;
    snprintf(upload->id, sizeof(upload->id), "%s", id);
    list_append(&uploads->all, &upload->link);
    uploads->count++;
    return upload;
}

static void drop_sha(struct upload *upload)
{
    uint8_t unused[SHA256_LEN];
    if (upload->sha)
        sha256_end(steal(upload->sha), unused);
}

static void upload_free(struct upload *upload)
{
    list_remove(&upload->link);
    upload->uploads->count--;
    drop_sha(upload);
    if (upload->fd >= 0)
        close(upload->fd);
    free(upload);
}

static char *path_of(const struct upload *upload)
{
    return depot_upload_path(upload->uploads->depot, upload->id);
}

static int take_up(void *ctx, const char *name, enum disk_type type)
{
    struct uploads *uploads = ctx;
    struct stat st;
    autofree char *path = depot_upload_path(uploads->depot, name);
    if (type == DISK_FILE && upload_id_valid(name) && stat(path, &st) == 0)
        (void)upload_new(uploads, name, st.st_size);
    return 0;
}

int uploads_new(struct depot *depot, struct disk *disk, struct rng *rng, struct uploads **ret,
                struct err *err)
{
    cleanup(uploads_free) struct uploads *uploads = xcalloc(1, sizeof(*uploads));
    autofree char *folder = depot_upload_path(depot, "");
    uploads->depot = depot;
    uploads->disk = disk;
    uploads->rng = rng;
    list_init(&uploads->all);
    int r = disk->list(disk, folder, take_up, uploads, err);
    if (r == 0)
        *ret = steal(uploads);
    return r;
}

void uploads_free(struct uploads *uploads)
{
    if (!uploads)
        return;
    struct list *it, *tmp;
    list_each(it, tmp, &uploads->all) upload_free(container_of(it, struct upload, link));
    free(uploads);
}

size_t uploads_count(const struct uploads *uploads)
{
    return uploads->count;
}

void uploads_sweep(struct uploads *uploads, int64_t now_s)
{
    struct list *it, *tmp;
    list_each(it, tmp, &uploads->all)
    {
        struct upload *upload = container_of(it, struct upload, link);
        autofree char *path = path_of(upload);
        struct stat st;
        if (upload->fd < 0 && (stat(path, &st) != 0 || now_s - st.st_mtim.tv_sec > UPLOADS_AGE_S))
            upload_cancel(upload);
    }
}

/* -EMFILE: all are busy. */
static int make_way(struct uploads *uploads, struct err *err)
{
    struct list *it, *tmp;
    if (WEAKENED(REGISTRY_UPLOADS_MAX))
        return 0;
    list_each(it, tmp, &uploads->all)
    {
        struct upload *upload = container_of(it, struct upload, link);
        if (uploads->count < UPLOADS_MAX)
            return 0;
        if (upload->fd < 0)
            upload_cancel(upload);
    }
    return uploads->count < UPLOADS_MAX
               ? 0
               : err_set(err, -EMFILE, "%d uploads are under way", UPLOADS_MAX);
}

int upload_begin(struct uploads *uploads, struct upload **ret, struct err *err)
{
    uint8_t random[UPLOAD_ID_LEN / 2];
    char id[UPLOAD_ID_LEN + 1];
    int r = make_way(uploads, err);
    if (r)
        return r;
    rng_fill(uploads->rng, random, sizeof(random));
    hex_encode(random, sizeof(random), id);
    autofree char *path = depot_upload_path(uploads->depot, id);
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "%s", path);
    *ret = upload_new(uploads, id, 0);
    (*ret)->sha = sha256_new();
    return 0;
}

struct upload *upload_find(struct uploads *uploads, const char *id)
{
    struct list *it, *tmp;
    list_each(it, tmp, &uploads->all)
    {
        struct upload *upload = container_of(it, struct upload, link);
        if (str_eq(upload->id, id))
            return upload;
    }
    return NULL;
}

const char *upload_id(const struct upload *upload)
{
    return upload->id;
}

int64_t upload_size(const struct upload *upload)
{
    return upload->size;
}

int upload_open(struct upload *upload, struct err *err)
{
    autofree char *path = path_of(upload);
    if (upload->fd >= 0)
        return err_set(err, -EBUSY, "another request is writing to this upload");
    upload->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (upload->fd < 0)
        return err_errno(err, errno, "%s", path);
    list_remove(&upload->link);
    list_append(&upload->uploads->all, &upload->link);
    return 0;
}

void upload_close(struct upload *upload)
{
    if (upload->fd >= 0)
        close(upload->fd);
    upload->fd = -1;
}

static int write_all(struct upload *upload, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        ssize_t n = pwrite(upload->fd, data, len, upload->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : EIO, "cannot write");
        if (upload->sha)
            sha256_add(upload->sha, data, (size_t)n);
        upload->size += n;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int upload_add(struct upload *upload, const void *data, size_t len, struct err *err)
{
    struct depot *depot = upload->uploads->depot;
    int64_t before = upload->size;
    if (upload->size + (int64_t)len > UPLOAD_MAX)
        return err_set(err, -EFBIG, "a blob is at most %lld bytes", (long long)UPLOAD_MAX);
    int r = depot_take(depot, (int64_t)len, err);
    if (r)
        return r;
    r = write_all(upload, data, len, err);
    depot_give(depot, (int64_t)len - (upload->size - before));
    return r;
}

/* From the file, if this process has not seen all of its bytes. */
static int digest_of(struct upload *upload, char ret[DIGEST_LEN + 1], struct err *err)
{
    uint8_t sum[SHA256_LEN];
    char hex[SHA256_HEX + 1];
    autofree char *block = xmalloc(BLOCK);
    if (!upload->sha) {
        upload->sha = sha256_new();
        for (int64_t at = 0; at < upload->size;) {
            ssize_t n = pread(upload->fd, block, BLOCK, at);
            if (n <= 0) {
                drop_sha(upload);
                return err_errno(err, n < 0 ? errno : EIO, "cannot read");
            }
            sha256_add(upload->sha, block, (size_t)n);
            at += n;
        }
    }
    sha256_end(steal(upload->sha), sum); /* read again if it is asked for again */
    hex_encode(sum, sizeof(sum), hex);
    snprintf(ret, DIGEST_LEN + 1, "sha256:%s", hex);
    return 0;
}

int upload_commit(struct upload *upload, const char *repository, const char *digest,
                  struct err *err)
{
    char is[DIGEST_LEN + 1];
    int r = digest_of(upload, is, err);
    if (r)
        return r;
    if (!str_eq(is, digest) && !WEAKENED(REGISTRY_DIGEST))
        return err_set(err, -EBADMSG, "what was sent is %s, not %s", is, digest);
    r = depot_commit(upload->uploads->depot, upload->id, upload->fd, repository, digest, err);
    if (r == 0)
        upload_free(upload);
    return r;
}

void upload_cancel(struct upload *upload)
{
    autofree char *path = path_of(upload);
    struct depot *depot = upload->uploads->depot;
    (void)unlink(path);
    depot_give(depot, upload->size);
    upload_free(upload);
}
