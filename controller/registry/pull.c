/* Manifests and blobs on their way out. */

#include "controller/registry/service_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <unistd.h>

void pull_manifest(struct visit *visit)
{
    const struct target *target = &visit->target;
    cleanup(depot_manifest_done) struct depot_manifest manifest = {0};
    struct err err = {0};
    int r = -ENOENT;
    if (digest_valid(target->reference) || tag_valid(target->reference))
        r = depot_manifest(visit->service->spec.depot, target->repository, target->reference,
                           &manifest, &err);
    if (r == -ENOENT) {
        service_fail(visit, ERROR_MANIFEST_UNKNOWN, "%s:%.128s is not here", target->repository,
                     target->reference);
        return;
    }
    if (r) {
        service_fail_errno(visit, &err);
        return;
    }
    service_header(visit, "Docker-Content-Digest", "%s", manifest.digest);
    service_header(visit, "ETag", "\"%s\"", manifest.digest);
    http_answer_buf(visit->request, 200, manifest.type, &manifest.text);
}

/* ---- blobs ---- */

static void send_blob(struct visit *visit)
{
    int fd = steal_fd(&visit->fd);
    visit->transfers = true;
    visit->service->transfers++;
    http_answer_file(visit->request, visit->ranged ? 206 : 200, "application/octet-stream", fd,
                     visit->first, visit->size);
}

static void send_next(void *ctx)
{
    struct service *service = ctx;
    service->next = NULL;
    struct list *it, *tmp;
    list_each(it, tmp, &service->waiting)
    {
        struct visit *visit = container_of(it, struct visit, link);
        if (service->transfers >= SERVICE_TRANSFERS)
            return;
        list_remove(&visit->link);
        send_blob(visit);
    }
}

void pull_left(struct visit *visit)
{
    struct service *service = visit->service;
    list_remove(&visit->link);
    if (visit->fd >= 0)
        close(visit->fd);
    if (!visit->transfers)
        return;
    service->transfers--;
    if (!service->next && !list_empty(&service->waiting))
        service->next = loop_defer(service->spec.loop, send_next, service);
}

/* The part that is asked for; false after having answered. */
static bool choose_range(struct visit *visit, uint64_t whole)
{
    visit->size = whole;
    int r =
        byte_range_parse(http_header(visit->request, "Range"), whole, &visit->first, &visit->size);
    visit->ranged = r == 1;
    if (r == -ERANGE) {
        service_header(visit, "Content-Range", "bytes */%llu", (unsigned long long)whole);
        service_fail_code(visit->request, 416, ERROR_SIZE_INVALID,
                          "the blob has nothing in that range");
        return false;
    }
    if (visit->ranged)
        service_header(
            visit, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)visit->first,
            (unsigned long long)(visit->first + visit->size - 1), (unsigned long long)whole);
    return true;
}

void pull_blob(struct visit *visit)
{
    struct service *service = visit->service;
    const struct target *target = &visit->target;
    struct depot *depot = service->spec.depot;
    int64_t size;
    if (!digest_valid(target->reference)) {
        service_fail(visit, ERROR_DIGEST_INVALID, "that is no digest of sha256");
        return;
    }
    visit->fd = depot_blob(depot, target->repository, target->reference, &size);
    if (visit->fd < 0) {
        service_fail(visit, ERROR_BLOB_UNKNOWN, "%s has no %s", target->repository,
                     target->reference);
        return;
    }
    if (str_eq(http_method(visit->request), "HEAD")) /* mostly from who is about to push */
        (void)depot_keep(depot, target->repository, target->reference);
    service_header(visit, "Docker-Content-Digest", "%s", target->reference);
    service_header(visit, "ETag", "\"%s\"", target->reference);
    service_header(visit, "Accept-Ranges", "bytes");
    if (!choose_range(visit, (uint64_t)size))
        return;
    if (service->transfers < SERVICE_TRANSFERS)
        send_blob(visit);
    else
        list_append(&service->waiting, &visit->link);
}
