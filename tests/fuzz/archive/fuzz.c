/* An archive of images that somebody was given. */

#include "tools/cli/bundle.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(bundle_free) struct bundle *bundle = NULL;
    struct err err = {0};
    autoclose int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        return 0;
    autofree char *path = xasprintf("/proc/self/fd/%d", fd);
    int r = bundle_open(path, NULL, NULL, &bundle, &err);
    if (r < 0 ? bundle != NULL || !*err.msg : bundle->count == 0)
        abort();
    for (size_t i = 0; bundle && i < bundle->count; i++)
        for (size_t n = 0; n < bundle->images[i].count; n++) {
            const struct piece *piece = &bundle->images[i].steps[n].piece;
            if (piece->at < 0 || piece->size < 0 || piece->size > (int64_t)size - piece->at)
                abort();
        }
    return 0;
}
