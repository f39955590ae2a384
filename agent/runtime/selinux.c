#include "agent/runtime/selinux.h"

#include "agent/runtime/exec_attr.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define ATTRIBUTE "security.selinux"
#define LABEL_MAX 4096 /* the kernel's own is a page */

int selinux_on_exec(const char *proc, const char *label, struct err *err)
{
    int r = exec_attr_write(proc, NULL, label);
    return r < 0 ? err_errno(err, -r, "cannot set SELinux label \"%.100s\"", label) : 0;
}

char *selinux_mount_data(const char *data, const char *label)
{
    const char *given = data ? data : "";
    return label ? xasprintf("%s%scontext=\"%s\"", given, given[0] ? "," : "", label)
                 : xstrdup(given);
}

static void fd_path(int fd, char ret[32])
{
    snprintf(ret, 32, "/proc/self/fd/%d", fd);
}

int selinux_label(int fd, const char *label)
{
    char path[32];
    fd_path(fd, path);
    bool set = !label || setxattr(path, ATTRIBUTE, label, strlen(label) + 1, 0) == 0;
    return set || errno == EOPNOTSUPP ? 0 : -errno;
}

bool selinux_has_label(int fd, const char *label)
{
    char path[32], now[LABEL_MAX];
    fd_path(fd, path);
    ssize_t n = getxattr(path, ATTRIBUTE, now, sizeof(now) - 1);
    now[n > 0 ? n : 0] = '\0';
    return strcmp(now, label) == 0;
}
