#include "agent/pressure/proc_text.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void proc_text_read(const char *path, char *ret, size_t size)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
    ret[n < 0 ? 0 : n] = '\0';
}

int64_t proc_text_meminfo(const char *meminfo, const char *name)
{
    const char *at = strstr(meminfo, name);
    int64_t kib;
    return at && sscanf(at + strlen(name), " %" SCNd64 " kB", &kib) == 1 && kib >= 0 &&
                   kib < INT64_MAX / 1024
               ? kib * 1024
               : -1;
}
