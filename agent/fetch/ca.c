/* The certificates that registries are checked with, read before the child is confined. */

#include "agent/fetch/registry.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

#include <errno.h>

#define CA_MAX (4 * 1024 * 1024)

static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
};

struct reading {
    const char *dir;
    struct buf *to;
    struct err *err;
};

static int read_one(void *ctx, const char *name, enum disk_type type)
{
    struct reading *reading = ctx;
    if (type != DISK_FILE || (!str_has_suffix(name, ".crt") && !str_has_suffix(name, ".pem")))
        return 0;
    autofree char *path = xasprintf("%s/%s", reading->dir, name);
    return registry_read_pem(path, reading->to, reading->err);
}

int registry_read_pem(const char *file, struct buf *ret, struct err *err)
{
    struct disk *disk = disk_posix();
    int rc = disk->read(disk, file, CA_MAX, ret, err);
    return rc < 0 ? rc : buf_addc(ret, '\n');
}

int registry_read_ca(const char *dir, struct buf *ret, struct err *err)
{
    struct disk *disk = disk_posix();
    for (size_t i = 0; i < ARRAY_LEN(bundles) && ret->len == 0; i++)
        if (disk->read(disk, bundles[i], CA_MAX, ret, NULL) == 0)
            (void)buf_addc(ret, '\n');
    if (!dir)
        return 0;
    struct reading reading = {dir, ret, err};
    int rc = disk->list(disk, dir, read_one, &reading, err);
    if (rc == -ENOENT)
        return 0;
    return rc < 0 ? err_wrap(err, "certificates of registries") : 0;
}
