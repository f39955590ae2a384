#include "agent/volume/label.h"

#include "agent/runtime/selinux.h"
#include "agent/volume/tree.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

static int give_one(void *ctx, int fd, const struct stat *st)
{
    (void)st;
    const char *label = ctx;
    return selinux_has_label(fd, label) ? 0 : selinux_label(fd, label);
}

int label_give(int parent_fd, const char *dir, const char *label, bool all, size_t *left)
{
    struct stat st;
    if (!label)
        return 0;
    autoclose int fd = tree_open(parent_fd, dir, &st);
    if (fd < 0)
        return fd;
    void *ctx = (void *)(uintptr_t)label;
    int rc = S_ISDIR(st.st_mode) && (all || !selinux_has_label(fd, label))
                 ? tree_walk(fd, give_one, ctx, left)
                 : 0;
    return rc < 0 ? rc : give_one(ctx, fd, &st);
}
