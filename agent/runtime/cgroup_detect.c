/* Which trees there are. */
#include "agent/runtime/cgroup.h"

#include "agent/runtime/io_scheduler.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <fcntl.h>

#define MOUNTINFO_MAX ((size_t)1024 * 1024)

static const struct {
    const char *name;
    unsigned bit;
} controllers[] = {{"memory", CGROUP_MEMORY},   {"cpu", CGROUP_CPU}, {"pids", CGROUP_PIDS},
                   {"freezer", CGROUP_FREEZER}, {"io", CGROUP_IO},   {"blkio", CGROUP_IO},
                   {"hugetlb", CGROUP_HUGETLB}};

/* The controllers named in a list separated by `sep`. */
static unsigned controllers_in(const char *list, size_t len, char sep)
{
    unsigned found = 0;
    for (size_t at = 0; at < len;) {
        size_t end = at;
        while (end < len && list[end] != sep && list[end] != '\n')
            end++;
        for (size_t i = 0; i < ARRAY_LEN(controllers); i++)
            if (strlen(controllers[i].name) == end - at &&
                memcmp(controllers[i].name, list + at, end - at) == 0)
                found |= controllers[i].bit;
        at = end + 1;
    }
    return found;
}

struct piece {
    const char *at;
    size_t len;
};

/* The number of words, at most max, that a line was cut into. */
static size_t words(const char *line, size_t len, struct piece *ret, size_t max)
{
    size_t count = 0;
    for (size_t at = 0; at < len && count < max;) {
        size_t end = at;
        while (end < len && line[end] != ' ')
            end++;
        ret[count++] = (struct piece){line + at, end - at};
        at = end + 1;
    }
    return count;
}

static bool piece_is(const struct piece *piece, const char *text)
{
    return piece->len == strlen(text) && memcmp(piece->at, text, piece->len) == 0;
}

static bool piece_copy(const struct piece *piece, char ret[CGROUP_MOUNT_MAX])
{
    /* A backslash is an escaped character: nobody mounts a control group there. */
    if (piece->len >= CGROUP_MOUNT_MAX || memchr(piece->at, '\\', piece->len) ||
        memchr(piece->at, ';', piece->len))
        return false;
    memcpy(ret, piece->at, piece->len);
    ret[piece->len] = '\0';
    return true;
}

static unsigned seen(const struct cgroup_host *host)
{
    unsigned all = 0;
    for (size_t i = 0; i < host->count; i++)
        all |= host->trees[i].controllers;
    return all;
}

static bool has_unified(const struct cgroup_host *host)
{
    for (size_t i = 0; i < host->count; i++)
        if (host->trees[i].unified)
            return true;
    return false;
}

/* The name part of v1's super options: "rw,cpu,cpuacct" -> "cpu,cpuacct". */
static struct piece without_rw(struct piece options)
{
    while (options.len > 3 &&
           (memcmp(options.at, "rw,", 3) == 0 || memcmp(options.at, "ro,", 3) == 0)) {
        options.at += 3;
        options.len -= 3;
    }
    return options;
}

static void add_line(const char *line, size_t len, struct cgroup_host *host)
{
    struct piece word[32];
    size_t count = words(line, len, word, ARRAY_LEN(word)), dash = 6;
    while (dash < count && !piece_is(&word[dash], "-"))
        dash++;
    if (dash + 3 >= count || host->count == CGROUP_MAX_TREES)
        return;
    struct cgroup_tree tree = {.unified = piece_is(&word[dash + 1], "cgroup2")};
    if (!tree.unified && !piece_is(&word[dash + 1], "cgroup"))
        return;
    if (!piece_copy(&word[4], tree.mount))
        return;
    if (tree.unified) {
        if (!has_unified(host))
            host->trees[host->count++] = tree;
        return;
    }
    struct piece names = without_rw(word[dash + 3]);
    tree.controllers = controllers_in(names.at, names.len, ',') & ~seen(host);
    if (tree.controllers && piece_copy(&names, tree.names))
        host->trees[host->count++] = tree;
}

static void drop(struct cgroup_host *host, unsigned unwanted)
{
    size_t kept = 0;
    for (size_t i = 0; i < host->count; i++) {
        host->trees[i].controllers &= ~unwanted;
        if (host->trees[i].controllers || host->trees[i].unified)
            host->trees[kept++] = host->trees[i];
    }
    host->count = kept;
}

void cgroup_parse_mountinfo(const char *text, struct cgroup_host *ret)
{
    *ret = (struct cgroup_host){.count = 0};
    while (*text) {
        size_t len = strcspn(text, "\n");
        add_line(text, len, ret);
        text += len;
        text += *text == '\n';
    }
    if (has_unified(ret)) /* which freezes by itself */
        drop(ret, CGROUP_FREEZER);
}

static int read_text(const char *path, struct buf *ret)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (;;) {
        char *to = buf_reserve(ret, 4096);
        if (!to)
            return -EFBIG;
        ssize_t n = read(fd, to, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        ret->len += (size_t)n;
        ret->data[ret->len] = '\0';
    }
}

/* Those that a group of the unified tree may use. */
static unsigned unified_controllers(const struct cgroup_tree *tree, const char *path)
{
    cleanup(buf_done) struct buf list;
    autofree char *file = xasprintf("%s/%s/cgroup.controllers", tree->mount, path);
    buf_init(&list, MOUNTINFO_MAX);
    return read_text(file, &list) < 0 ? 0 : controllers_in(buf_str(&list), list.len, ' ');
}

/* A tree more costs each pod's start a little. */
static bool has_huge_pages(void)
{
    for (size_t i = 0; i < HUGE_SIZES; i++)
        if (huge_pages_total(HUGE_PAGES_DIR, i) > 0)
            return true;
    return false;
}

/* The first generation's tree for disks; the second has all in one. */
static bool has_blkio(const struct cgroup_host *host)
{
    for (size_t i = 0; i < host->count; i++)
        if (!host->trees[i].unified && (host->trees[i].controllers & CGROUP_IO))
            return true;
    return false;
}

int cgroup_detect(struct cgroup_host *ret, struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, MOUNTINFO_MAX);
    int r = read_text("/proc/self/mountinfo", &text);
    if (r < 0)
        return err_errno(err, -r, "cannot read /proc/self/mountinfo");
    cgroup_parse_mountinfo(buf_str(&text), ret);
    for (size_t i = 0; i < ret->count; i++) {
        struct cgroup_tree *tree = &ret->trees[i];
        if (!tree->unified)
            continue;
        tree->controllers = unified_controllers(tree, "");
    }
    if (!has_huge_pages())
        drop(ret, CGROUP_HUGETLB);
    if (has_blkio(ret) && !io_scheduler_weighs(IO_SCHEDULER_DIR))
        drop(ret, CGROUP_IO);
    return 0;
}

void cgroup_narrow(struct cgroup_host *host, const char *path)
{
    for (size_t i = 0; i < host->count; i++)
        if (host->trees[i].unified)
            host->trees[i].controllers &= unified_controllers(&host->trees[i], path);
}

/* "<controllers, hexadecimal>:<unified>:<names>:<mount>;" for each. Neither names nor mounts of
 * control groups hold ';'. */
char *cgroup_print(const struct cgroup_host *host)
{
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_tree *tree = &host->trees[i];
        buf_addf(&text, "%x:%d:%s:%s;", tree->controllers, tree->unified, tree->names, tree->mount);
    }
    return buf_steal(&text, NULL);
}

static bool scan_tree(const char **text, struct cgroup_tree *ret)
{
    size_t len = strcspn(*text, ";"), used = 0;
    const char *at = *text;
    if (at[len] != ';' || len < 5 || !isxdigit((unsigned char)at[0]) || at[1] != ':' ||
        (at[2] != '0' && at[2] != '1') || at[3] != ':')
        return false;
    ret->controllers = (unsigned)strtoul(at, NULL, 16);
    ret->unified = at[2] == '1';
    const char *colon = memchr(at + 4, ':', len - 4);
    used = colon ? (size_t)(colon - at) + 1 : len;
    const struct piece names = {at + 4, used - 5}, mount = {at + used, len - used};
    *text += len + 1;
    return colon && mount.len > 0 && piece_copy(&names, ret->names) &&
           piece_copy(&mount, ret->mount);
}

int cgroup_scan(const char *text, struct cgroup_host *ret)
{
    struct cgroup_host host = {.count = 0};
    while (*text)
        if (host.count == CGROUP_MAX_TREES || !scan_tree(&text, &host.trees[host.count++]))
            return -EINVAL;
    *ret = host;
    return 0;
}

unsigned cgroup_missing(const struct cgroup_host *host)
{
    return CGROUP_ALL & ~seen(host);
}

const char *cgroup_controller_names(unsigned bits)
{
    static const char *const names[] = {"",     "memory",       "cpu",       "memory, cpu",
                                        "pids", "memory, pids", "cpu, pids", "memory, cpu, pids"};
    return names[bits & CGROUP_ALL];
}
