#include "agent/runtime/propagation.h"

#include "agent/runtime/mnt.h"
#include "agent/runtime/sys.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

#define MOUNTINFO_MAX ((size_t)16 * 1024 * 1024)

static int read_file(const char *path, struct buf *ret)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (true) {
        char *room = buf_reserve(ret, 65536);
        ssize_t n = room ? read(fd, room, 65536) : -1;
        if (n < 0 && room && errno == EINTR)
            continue;
        if (n <= 0)
            return !room ? -E2BIG : n < 0 ? -errno : 0;
        ret->len += (size_t)n;
    }
}

static long mount_id_of(int fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 128 * 1024);
    if (read_file(path, &text) < 0)
        return -1;
    const char *line = strstr(buf_str(&text), "mnt_id:");
    return line ? strtol(line + strlen("mnt_id:"), NULL, 10) : -1;
}

/* Copies a word, and returns what comes after it and its blank. */
static const char *take_word(const char *line, char *ret)
{
    size_t len = strcspn(line, " \n");
    size_t kept = len < PATH_MAX ? len : PATH_MAX - 1;
    memcpy(ret, line, kept);
    ret[kept] = '\0';
    return line + len + (line[len] == ' ');
}

/* "36 35 98:0 /root /point options shared:1 master:2 - type source options" */
bool propagation_find(const char *mountinfo, long mount_id, char *ret_fields, char *ret_point)
{
    char word[PATH_MAX];
    for (const char *line = mountinfo; *line;) {
        const char *end = line + strcspn(line, "\n"), *p = line;
        if (strtol(line, NULL, 10) == mount_id) {
            for (int i = 0; i < 4; i++)
                p = take_word(p, word);
            p = take_word(p, ret_point);
            p = take_word(p, word);
            const char *dash = strstr(p, "- ");
            size_t len = dash && dash < end ? (size_t)(dash - p) : 0;
            snprintf(ret_fields, PATH_MAX, "%.*s", (int)(len < PATH_MAX ? len : 0), p);
            return true;
        }
        line = end + (*end == '\n');
    }
    return false;
}

/* The mount that fd stands in. */
static int find_mount(int fd, const char *path, char fields[PATH_MAX], char point[PATH_MAX],
                      struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, MOUNTINFO_MAX);
    int r = read_file("/proc/self/mountinfo", &text);
    if (r < 0)
        return err_errno(err, -r, "cannot read the host's mounts");
    if (!propagation_find(buf_str(&text), mount_id_of(fd), fields, point))
        return err_set(err, -EINVAL, "%s: its mount is not among the host's", path);
    return 0;
}

static int check_host(int source, const struct launch_mount *mount, struct err *err)
{
    char fields[PATH_MAX], point[PATH_MAX];
    int r = find_mount(source, mount->source, fields, point, err);
    if (r < 0)
        return r;
    bool both = mount->propagation == LAUNCH_PROPAGATION_SHARED;
    if (strstr(fields, "shared:") || (!both && strstr(fields, "master:")))
        return 0;
    return err_set(err, -EINVAL, "path \"%s\" is mounted on \"%s\" but it is not a shared%s mount",
                   mount->source, point, both ? "" : " or slave");
}

int propagation_take(const struct launch_container *container, int *ret_trees, struct err *err)
{
    for (size_t i = 0; i < container->mount_count; i++) {
        const struct launch_mount *mount = &container->mounts[i];
        ret_trees[i] = -1;
        if (mount->type != LAUNCH_MOUNT_BIND || mount->propagation == LAUNCH_PROPAGATION_PRIVATE)
            continue;
        autoclose int source = mnt_open_source(mount, err);
        int r = source < 0 ? source : check_host(source, mount, err);
        if (r < 0)
            return r;
        ret_trees[i] = mnt_copy(source, mount->recursive);
        if (ret_trees[i] < 0)
            return err_errno(err, -ret_trees[i], "cannot copy the mount at %s", mount->source);
    }
    return 0;
}

bool propagation_is_asked(const struct launch_plan *plan)
{
    for (size_t c = 0; c < plan->container_count; c++)
        for (size_t i = 0; i < plan->containers[c].mount_count; i++)
            if (plan->containers[c].mounts[i].propagation == LAUNCH_PROPAGATION_SHARED)
                return true;
    return false;
}

/* Blanks and the like are written as \\040 there. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *p = text; *p; to++) {
        bool octal = p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
                     p[3] >= '0' && p[3] <= '7';
        *to = octal ? (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + p[3] - '0') : *p;
        p += octal ? 4 : 1;
    }
    *to = '\0';
}

int propagation_cut(const char *path, struct err *err)
{
    char fields[PATH_MAX], point[PATH_MAX];
    autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    int r = find_mount(fd, path, fields, point, err);
    if (r < 0)
        return r;
    unescape(point);
    return mount(NULL, point, NULL, MS_SLAVE, NULL) < 0
               ? err_errno(err, errno, "cannot cut off the mount at %s", point)
               : 0;
}

int propagation_set(int tree_fd, enum launch_propagation propagation)
{
    static const unsigned long flags[] = {
        [LAUNCH_PROPAGATION_PRIVATE] = MS_PRIVATE,
        [LAUNCH_PROPAGATION_SLAVE] = MS_SLAVE,
        [LAUNCH_PROPAGATION_SHARED] = MS_SHARED,
    };
    const struct sys_mount_attr attr = {.propagation = flags[propagation]};
    return sys_mount_setattr(tree_fd, "", SYS_AT_EMPTY_PATH | SYS_AT_RECURSIVE, &attr) < 0 ? -errno
                                                                                           : 0;
}
