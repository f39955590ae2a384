#include "agent/runtime/open_files.h"

#include "common/base/cleanup.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

void open_files_limit(void)
{
    struct rlimit files = {OPEN_FILES_SOFT, OPEN_FILES_HARD}, was;
    if (WEAKENED(OPEN_FILES_LIMIT) || setrlimit(RLIMIT_NOFILE, &files) == 0 ||
        getrlimit(RLIMIT_NOFILE, &was) < 0)
        return;
    if (files.rlim_max > was.rlim_max)
        files.rlim_max = was.rlim_max;
    if (files.rlim_cur > files.rlim_max)
        files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

int open_files_unbound(const char *file, struct err *err)
{
    char text[32] = "";
    autoclose int fd = open(file, O_RDWR | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return err_errno(err, errno, "%s", file);
    if (strtoul(text, NULL, 10) >= LONG_MAX || WEAKENED(OPEN_FILES_NODE))
        return 0;
    int len = snprintf(text, sizeof(text), "%ld\n", LONG_MAX);
    if (pwrite(fd, text, (size_t)len, 0) != len)
        return err_errno(err, errno, "%s", file);
    return 1;
}
