/* Blobs and manifests on their way in. */

#include "controller/registry/service_impl.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <errno.h>

#define DROP_MAX                                                                                   \
    ((uint64_t)64 << 20) /* read of what cannot be kept, so that the answer is heard               \
                          */

/* ---- bodies of blobs ---- */

static bool on_piece(void *ctx, const void *data, size_t len)
{
    struct visit *visit = ctx;
    if (visit->error) {
        visit->dropped += len;
        return visit->dropped < DROP_MAX;
    }
    visit->received += len;
    visit->error = upload_add(visit->upload, data, len, &visit->why);
    return true;
}

/* What is not needed goes before anybody is refused. */
static int make_room(struct visit *visit, struct err *err)
{
    struct depot *depot = visit->service->spec.depot;
    int64_t now_s = clock_wall(clock_system()) / NS_PER_S;
    if (visit->length > (uint64_t)(UPLOAD_MAX - upload_size(visit->upload)))
        return err_set(err, -EFBIG, "a blob is at most %lld bytes", (long long)UPLOAD_MAX);
    int r = depot_take(depot, (int64_t)visit->length, err);
    if (r == -ENOSPC) {
        depot_collect(depot, now_s, DEPOT_GRACE_S);
        r = depot_take(depot, (int64_t)visit->length, err);
    }
    if (r == 0) /* it is counted as it comes */
        depot_give(depot, (int64_t)visit->length);
    return r;
}

/* The body goes to the upload from here on. */
static bool take_body(struct visit *visit, struct upload *upload)
{
    struct err err = {0};
    int r = upload_open(upload, &err);
    if (r == 0) {
        visit->upload = upload;
        r = make_room(visit, &err);
    }
    if (r) {
        service_fail_errno(visit, &err);
        return false;
    }
    http_take_body(visit->request, on_piece, visit);
    return true;
}

static void tell_upload(struct visit *visit, const struct upload *upload)
{
    long long size = (long long)upload_size(upload);
    service_header(visit, "Location", "/v2/%s/blobs/uploads/%s", visit->target.repository,
                   upload_id(upload));
    service_header(visit, "Range", "0-%lld", size > 0 ? size - 1 : 0);
    service_header(visit, "Docker-Upload-UUID", "%s", upload_id(upload));
}

static void tell_blob(struct visit *visit, const char *digest)
{
    service_header(visit, "Location", "/v2/%s/blobs/%s", visit->target.repository, digest);
    service_header(visit, "Docker-Content-Digest", "%s", digest);
    service_done(visit, 201);
}

/* The upload is whole, if the digest says so. */
static void commit(struct visit *visit, const char *digest)
{
    struct upload *upload = steal(visit->upload);
    struct err err = {0};
    int r = visit->error;
    if (r == 0)
        r = upload_commit(upload, visit->target.repository, digest, &err);
    if (r == 0) {
        tell_blob(visit, digest);
        return;
    }
    upload_close(upload);
    if (r == -EBADMSG || visit->alone) /* nobody goes on from there */
        upload_cancel(upload);
    service_fail_errno(visit, visit->error ? &visit->why : &err);
}

/* ---- beginning ---- */

/* NULL: none, or after having answered (*ret_answered). */
static const char *digest_param(struct visit *visit, const char *name, bool *ret_answered)
{
    const char *digest = url_param(&visit->url, name);
    *ret_answered = digest && !digest_valid(digest);
    if (!*ret_answered)
        return digest;
    service_fail(visit, ERROR_DIGEST_INVALID, "%s is no digest of sha256", name);
    return NULL;
}

bool push_begin_admit(struct visit *visit)
{
    bool answered;
    struct err err = {0};
    struct upload *upload;
    if (!digest_param(visit, "digest", &answered))
        return !answered;
    visit->alone = true;
    if (upload_begin(visit->service->spec.uploads, &upload, &err) == 0)
        return take_body(visit, upload);
    service_fail_errno(visit, &err);
    return false;
}

/* Whether the blob of another repository was given to this one. */
static bool mount(struct visit *visit, const char *digest)
{
    const char *from = url_param(&visit->url, "from");
    struct err err = {0};
    if (!digest || !from || !repository_valid(from) || !service_may(visit, "get", from))
        return false;
    return depot_mount(visit->service->spec.depot, from, visit->target.repository, digest, &err) ==
           0;
}

void push_begin(struct visit *visit)
{
    bool answered;
    struct err err = {0};
    struct upload *upload;
    if (visit->upload) {
        commit(visit, url_param(&visit->url, "digest"));
        return;
    }
    const char *digest = digest_param(visit, "mount", &answered);
    if (answered)
        return;
    if (mount(visit, digest)) {
        tell_blob(visit, digest);
        return;
    }
    if (upload_begin(visit->service->spec.uploads, &upload, &err) != 0) {
        service_fail_errno(visit, &err);
        return;
    }
    tell_upload(visit, upload);
    service_done(visit, 202);
}

/* ---- going on ---- */

/* NULL after having answered. */
static struct upload *find_upload(struct visit *visit)
{
    const char *id = visit->target.reference;
    struct upload *upload =
        upload_id_valid(id) ? upload_find(visit->service->spec.uploads, id) : NULL;
    if (!upload)
        service_fail(visit, ERROR_UPLOAD_UNKNOWN, "that upload is not (or no more) under way");
    return upload;
}

/* A chunk goes where the last one ended (416 else, with where that is). */
static bool fits(struct visit *visit, struct upload *upload)
{
    const char *range = http_header(visit->request, "Content-Range");
    uint64_t first, last;
    if (!range)
        return true;
    bool good = chunk_range_parse(range, &first, &last) == 0 &&
                first == (uint64_t)upload_size(upload) &&
                (!visit->has_length || visit->length == last - first + 1);
    if (!good) {
        tell_upload(visit, upload);
        service_fail(visit, ERROR_UPLOAD_INVALID, "the upload goes on at byte %lld",
                     (long long)upload_size(upload));
    }
    return good;
}

bool push_chunk_admit(struct visit *visit)
{
    struct upload *upload = find_upload(visit);
    return upload && fits(visit, upload) && take_body(visit, upload);
}

void push_chunk(struct visit *visit)
{
    struct upload *upload = steal(visit->upload);
    upload_close(upload);
    if (visit->error) {
        service_fail_errno(visit, &visit->why);
        return;
    }
    tell_upload(visit, upload);
    service_done(visit, 202);
}

void push_finish(struct visit *visit)
{
    bool answered;
    const char *digest = digest_param(visit, "digest", &answered);
    if (digest)
        commit(visit, digest);
    else if (!answered)
        service_fail(visit, ERROR_DIGEST_INVALID, "the digest is missing");
}

void push_status(struct visit *visit)
{
    const struct upload *upload = find_upload(visit);
    if (!upload)
        return;
    tell_upload(visit, upload);
    service_done(visit, 204);
}

void push_cancel(struct visit *visit)
{
    struct upload *upload = find_upload(visit);
    struct err err = {0};
    if (!upload)
        return;
    if (upload_open(upload, &err) != 0) {
        service_fail_errno(visit, &err);
        return;
    }
    upload_cancel(upload);
    service_done(visit, 204);
}

/* ---- manifests ---- */

static bool read_manifest(struct visit *visit, const struct buf *text, struct content **ret)
{
    struct err err = {0};
    const char *type = http_header(visit->request, "Content-Type");
    if (content_parse(buf_str(text), text->len, type, ret, &err) == 0)
        return true;
    service_fail(visit, ERROR_MANIFEST_INVALID, "that is no manifest: %s", err.msg);
    return false;
}

static void put_manifest(struct visit *visit, const struct buf *text, const char *tag)
{
    const struct target *target = &visit->target;
    char digest[DIGEST_LEN + 1], missing[DIGEST_LEN + 1] = "";
    struct err err = {0};
    cleanup(content_free) struct content *content = NULL;
    if (!read_manifest(visit, text, &content))
        return;
    int r = depot_manifest_put(visit->service->spec.depot, target->repository, tag, text, content,
                               digest, missing, &err);
    if (r && *missing) {
        service_fail(visit, ERROR_MANIFEST_BLOB_UNKNOWN, "%s", err.msg);
    } else if (r) {
        service_fail_errno(visit, &err);
    } else {
        log_info("image pushed repository=%s tag=%s digest=%s user=%s", target->repository,
                 tag ? tag : "", digest, log_quote(visit->who));
        service_header(visit, "Location", "/v2/%s/manifests/%s", target->repository, digest);
        service_header(visit, "Docker-Content-Digest", "%s", digest);
        service_done(visit, 201);
    }
}

void push_manifest(struct visit *visit)
{
    const char *reference = visit->target.reference;
    struct buf text = {0};
    char digest[DIGEST_LEN + 1] = "sha256:";
    text.data = (char *)(uintptr_t)http_body(visit->request, &text.len); /* borrowed */
    sha256_hex(text.data, text.len, digest + strlen(digest));
    bool by_digest = digest_valid(reference);
    if (by_digest && !str_eq(reference, digest))
        service_fail(visit, ERROR_DIGEST_INVALID, "what was sent is %s", digest);
    else if (!by_digest && !tag_valid(reference))
        service_fail(visit, ERROR_TAG_INVALID, "%.128s is no tag", reference);
    else
        put_manifest(visit, &text, by_digest ? NULL : reference);
}

/* ---- removing ---- */

void remove_manifest(struct visit *visit)
{
    const struct target *target = &visit->target;
    struct depot *depot = visit->service->spec.depot;
    struct err err = {0};
    int r = -ENOENT;
    if (digest_valid(target->reference))
        r = depot_manifest_remove(depot, target->repository, target->reference, &err);
    else if (tag_valid(target->reference))
        r = depot_untag(depot, target->repository, target->reference, &err);
    if (r == -ENOENT)
        service_fail(visit, ERROR_MANIFEST_UNKNOWN, "%s:%.128s is not here", target->repository,
                     target->reference);
    else if (r)
        service_fail_errno(visit, &err);
    else
        log_info("image removed repository=%s reference=%s user=%s", target->repository,
                 target->reference, log_quote(visit->who));
    if (r == 0)
        service_done(visit, 202);
}

void remove_blob(struct visit *visit)
{
    const struct target *target = &visit->target;
    struct err err = {0};
    int r = -ENOENT;
    if (digest_valid(target->reference))
        r = depot_blob_remove(visit->service->spec.depot, target->repository, target->reference,
                              &err);
    if (r == -ENOENT)
        service_fail(visit, ERROR_BLOB_UNKNOWN, "%s has no %.128s", target->repository,
                     target->reference);
    else if (r)
        service_fail_errno(visit, &err);
    else
        service_done(visit, 202);
}
