/* A layer as it comes: compressed or not, its entries read and their names judged; nothing is
 * written. */

#include "agent/fetch/layer_path.h"
#include "agent/fetch/tar.h"
#include "common/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TAR_MOST (16 << 20)

struct source {
    struct unzip *unzip;
    int64_t total;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static ssize_t next_bytes(void *ctx, const void **ret_data, struct err *err)
{
    struct source *source = ctx;
    ssize_t n = unzip_read(source->unzip, ret_data, err);
    if (n > 0)
        source->total += n;
    return source->total > TAR_MOST ? err_set(err, -27, "enough") : n;
}

/* What is accepted lies below the root, whatever the archive calls it. */
static void judge(const char *name)
{
    char path[LAYER_PATH_MAX];
    enum layer_name kind = LAYER_ENTRY;
    struct err err = {0};
    if (layer_path(name, &kind, path, &err) < 0) {
        check(*err.msg);
        return;
    }
    check(path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0);
    check(!strstr(path, "/../") && !strstr(path, "//"));
    size_t len = strlen(path);
    check(len < 3 || strcmp(path + len - 3, "/..") != 0);
    check(kind != LAYER_WHITEOUT || (len > 0 && path[len - 1] != '/'));
}

static void read_entries(struct tar *tar)
{
    struct tar_entry entry;
    struct err err = {0};
    for (int i = 0; i < 1000 && tar_next(tar, &entry, &err) > 0; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t len = 0;
        int64_t offset = 0;
        judge(entry.path);
        if (entry.link)
            judge(entry.link);
        while (tar_xattr(tar, &name, &value, &len))
            check(name != NULL);
        for (int k = 0; k < 1000 && tar_read(tar, &value, &len, &offset, &err) > 0; k++)
            check(len == 0 || value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autoclose int fd = memfd_create("layer", MFD_CLOEXEC);
    struct source source = {0};
    struct err err = {0};
    check(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    cleanup(unzip_free) struct unzip *unzip = NULL;
    cleanup(tar_free) struct tar *tar = NULL;
    if (unzip_new(fd, &unzip, &err) < 0)
        return 0;
    source.unzip = unzip;
    if (tar_new(next_bytes, &source, -1, &tar, &err) == 0)
        read_entries(tar);
    return 0;
}
