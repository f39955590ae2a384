#include "agent/runtime/cgroup_file.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MAX_DEPTH 4 /* of groups below one that is removed */
#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN_US 1000 /* the kernel's */

int cgroup_file_path(const struct cgroup_tree *tree, const char *path, const char *file,
                     char ret[CGROUP_FILE_MAX])
{
    int n = snprintf(ret, CGROUP_FILE_MAX, "%s/%s%s%s", tree->mount, path, file ? "/" : "",
                     file ? file : "");
    return n < 0 || n >= CGROUP_FILE_MAX ? -ENAMETOOLONG : 0;
}

static int write_file(const char *path, const char *value)
{
    autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int write_group(const struct cgroup_tree *tree, const char *path, const char *file,
                       const char *value)
{
    char full[CGROUP_FILE_MAX];
    int r = cgroup_file_path(tree, path, file, full);
    return r < 0 ? r : write_file(full, value);
}

int cgroup_file_read(const struct cgroup_tree *tree, const char *path, const char *file, char *ret,
                     size_t size)
{
    char full[CGROUP_FILE_MAX];
    int r = cgroup_file_path(tree, path, file, full);
    if (r < 0)
        return r;
    autoclose int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, ret, size - 1);
    if (n < 0)
        return -errno;
    ret[n] = '\0';
    return 0;
}

/* ---- making ---- */

/* Lets the children of a group of the unified tree have the controllers. What cannot be enabled (a
 * group with processes of its own, a controller that was not delegated) shows as a limit file that
 * is missing. */
static void enable_controllers(const struct cgroup_tree *tree, const char *path)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {{CGROUP_MEMORY, "+memory"},
                 {CGROUP_CPU, "+cpu"},
                 {CGROUP_PIDS, "+pids"},
                 {CGROUP_IO, "+io"},
                 {CGROUP_HUGETLB, "+hugetlb"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (tree->controllers & words[i].bit)
            (void)write_group(tree, path, "cgroup.subtree_control", words[i].word);
}

static int make_one(const struct cgroup_tree *tree, const char *path, size_t parent_len)
{
    char full[CGROUP_FILE_MAX];
    int r = cgroup_file_path(tree, path, NULL, full);
    if (r < 0)
        return r;
    if (mkdir(full, 0755) < 0)
        return errno == EEXIST ? 0 : -errno;
    if (tree->unified && tree->controllers) {
        char parent[CGROUP_PATH_MAX];
        memcpy(parent, path, parent_len);
        parent[parent_len] = '\0';
        enable_controllers(tree, parent);
    } else if (parent_len == 0 && (tree->controllers & CGROUP_MEMORY)) {
        /* Kernels before 5.11 do not count children in their parent unless told; inherited below.
         */
        (void)write_group(tree, path, "memory.use_hierarchy", "1");
    }
    return 0;
}

static int make_in_tree(const struct cgroup_tree *tree, const char *path)
{
    char full[CGROUP_FILE_MAX], part[CGROUP_PATH_MAX];
    int r = cgroup_file_path(tree, path, NULL, full);
    if (r < 0 || strlen(path) >= sizeof(part))
        return -ENAMETOOLONG;
    const char *last = strrchr(path, '/');
    r = make_one(tree, path, last ? (size_t)(last - path) : 0);
    if (r != -ENOENT)
        return r;
    for (size_t len = 0, parent = 0;; parent = len++) {
        len += strcspn(path + len, "/");
        memcpy(part, path, len);
        part[len] = '\0';
        r = make_one(tree, part, parent);
        if (r < 0 || !path[len])
            return r;
    }
}

int64_t cgroup_weight(int64_t shares)
{
    if (shares < 2)
        shares = 2;
    if (shares > 262144)
        shares = 262144;
    return 1 + (shares - 2) * 9999 / 262142;
}

struct setting {
    const char *file;
    char value[48];
    bool optional; /* the file may be missing */
};

static struct setting number(const char *file, int64_t value, bool optional)
{
    struct setting setting = {.file = file, .optional = optional};
    snprintf(setting.value, sizeof(setting.value), "%" PRId64, value);
    return setting;
}

static size_t memory_settings(const struct cgroup_tree *tree, const struct cgroup_limits *limits,
                              struct setting *ret)
{
    size_t count = 0;
    int64_t bytes = WEAKENED(MEMORY_LIMIT) ? 0 : limits->memory_bytes;
    /* Pods do not swap (a kubelet's NoSwap): a card would wear out, and a limit would mean little.
     * v1 can say so only together with a limit. */
    if (tree->unified)
        ret[count++] = (struct setting){.file = "memory.swap.max", .value = "0", .optional = true};
    if (tree->unified && bytes > 0 && limits->dies_whole)
        ret[count++] = (struct setting){.file = "memory.oom.group", .value = "1", .optional = true};
    static const char *const v1[] = {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"};
    for (size_t i = 0; bytes > 0 && i < (tree->unified ? 1 : ARRAY_LEN(v1)); i++)
        ret[count++] = number(tree->unified ? "memory.max" : v1[i], bytes, i > 0);
    return count;
}

static size_t cpu_settings(const struct cgroup_tree *tree, const struct cgroup_limits *limits,
                           struct setting *ret)
{
    size_t count = 0;
    int64_t quota = limits->cpu_quota_us;
    if (quota > 0 && quota < CPU_QUOTA_MIN_US)
        quota = CPU_QUOTA_MIN_US;
    if (quota > 0) { /* the period is 100,000 us in a new group, of both versions */
        ret[count] = (struct setting){.file = tree->unified ? "cpu.max" : "cpu.cfs_quota_us"};
        snprintf(ret[count].value, sizeof(ret[count].value),
                 tree->unified ? "%" PRId64 " %d" : "%" PRId64, quota, CPU_PERIOD_US);
        count++;
    }
    if (limits->cpu_shares > 0 && tree->unified)
        ret[count++] = number("cpu.weight", cgroup_weight(limits->cpu_shares), false);
    else if (limits->cpu_shares > 0)
        ret[count++] = number("cpu.shares", limits->cpu_shares, false);
    return count;
}

/* Who has a greater share of the processors has one of the disks, in the same proportion
 * (agent/decisions/0008). Only some of the kernel's schedulers know weights: what is not there is
 * left out. Each has its own range, and its own weight of a group that says nothing. */
static size_t io_settings(const struct cgroup_tree *tree, const struct cgroup_limits *limits,
                          struct setting *ret)
{
    static const struct {
        const char *file;
        bool unified;
        int64_t usual, least, most;
    } files[] = {{"io.weight", true, 100, 1, 10000},
                 {"io.bfq.weight", true, 100, 1, 1000},
                 {"blkio.weight", false, 500, 10, 1000}, /* cfq, before Linux 5.0 */
                 {"blkio.bfq.weight", false, 100, 1, 1000}};
    size_t count = 0;
    for (size_t i = 0; limits->cpu_shares > 0 && i < ARRAY_LEN(files); i++) {
        if (files[i].unified != tree->unified)
            continue;
        int64_t weight = cgroup_weight(limits->cpu_shares) * files[i].usual / 100;
        weight = weight < files[i].least ? files[i].least : weight;
        weight = weight > files[i].most ? files[i].most : weight;
        ret[count++] = number(files[i].file, weight, true);
    }
    return count;
}

static size_t huge_settings(const struct cgroup_tree *tree, const struct cgroup_limits *limits,
                            struct setting *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < HUGE_SIZES && !WEAKENED(HUGE_LIMIT); i++) {
        if (!(limits->huge_bounded & 1 << i))
            continue;
        const struct huge_size *size = &huge_sizes[i];
        ret[count++] = number(size->limit[!tree->unified], limits->huge[i], false);
        ret[count++] = number(size->reserved[!tree->unified], limits->huge[i], true);
    }
    return count;
}

/* Of v1's two memory limits the greater one goes first up and last down: what is refused is tried
 * again when the others are set. */
static int write_settings(const struct cgroup_tree *tree, const char *path,
                          const struct setting *settings, size_t count, struct err *err)
{
    size_t failed = 0;
    int error = -EINVAL;
    for (int pass = 0; pass < 2 && failed < count; pass++) {
        failed = count;
        for (size_t i = 0; i < count; i++) {
            int r = write_group(tree, path, settings[i].file, settings[i].value);
            if (r == 0 || (r == -ENOENT && settings[i].optional) || failed < count)
                continue;
            failed = i;
            error = r;
        }
    }
    if (failed == count)
        return 0;
    return err_errno(err, -error, "cannot set %s to %s in the control group %s",
                     settings[failed].file, settings[failed].value, path);
}

static int limit_tree(const struct cgroup_tree *tree, const char *path,
                      const struct cgroup_limits *limits, struct err *err)
{
    struct setting settings[10 + 2 * HUGE_SIZES];
    size_t count = 0;
    if (tree->controllers & CGROUP_MEMORY)
        count += memory_settings(tree, limits, settings + count);
    if (tree->controllers & CGROUP_CPU)
        count += cpu_settings(tree, limits, settings + count);
    if ((tree->controllers & CGROUP_PIDS) && limits->pids > 0)
        settings[count++] = number("pids.max", limits->pids, false);
    if (tree->controllers & CGROUP_IO)
        count += io_settings(tree, limits, settings + count);
    if (tree->controllers & CGROUP_HUGETLB)
        count += huge_settings(tree, limits, settings + count);
    return write_settings(tree, path, settings, count, err);
}

int cgroup_create_within(const struct cgroup_host *host, const char *path, struct err *err)
{
    for (size_t i = 0; i < host->count; i++) {
        char full[CGROUP_FILE_MAX];
        int r = cgroup_file_path(&host->trees[i], path, NULL, full);
        if (r == 0 && mkdir(full, 0755) < 0 && errno != EEXIST)
            r = -errno;
        if (r < 0)
            return err_errno(err, -r, "cannot make the control group %s/%s", host->trees[i].mount,
                             path);
    }
    return 0;
}

int cgroup_create(const struct cgroup_host *host, const char *path,
                  const struct cgroup_limits *limits, struct err *err)
{
    for (size_t i = 0; i < host->count; i++) {
        int r = make_in_tree(&host->trees[i], path);
        if (r < 0)
            return err_errno(err, -r, "cannot make the control group %s/%s", host->trees[i].mount,
                             path);
        r = limits ? limit_tree(&host->trees[i], path, limits, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int cgroup_limit(const struct cgroup_host *host, const char *path,
                 const struct cgroup_limits *limits, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < host->count && r == 0; i++) {
        char full[CGROUP_FILE_MAX];
        if (cgroup_file_path(&host->trees[i], path, NULL, full) == 0 && access(full, F_OK) == 0)
            r = limit_tree(&host->trees[i], path, limits, err);
    }
    return r;
}

bool cgroup_exists(const struct cgroup_host *host, const char *path)
{
    char full[CGROUP_FILE_MAX];
    for (size_t i = 0; i < host->count; i++)
        if (cgroup_file_path(&host->trees[i], path, NULL, full) < 0 || access(full, F_OK) < 0)
            return false;
    return true;
}

/* ---- joining ---- */

int cgroup_open_unified(const struct cgroup_host *host, const char *path)
{
    for (size_t i = 0; i < host->count; i++) {
        char full[CGROUP_FILE_MAX];
        if (!host->trees[i].unified)
            continue;
        int r = cgroup_file_path(&host->trees[i], path, NULL, full);
        if (r < 0)
            return r;
        int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    return -ENOENT;
}

int cgroup_join(const struct cgroup_host *host, const char *path, bool unified, struct err *err)
{
    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_tree *tree = &host->trees[i];
        if (tree->unified && !unified)
            continue;
        int r = write_group(tree, path, tree->unified ? "cgroup.procs" : "tasks", "0");
        if (r < 0)
            return err_errno(err, -r, "cannot join the control group %s/%s", tree->mount, path);
    }
    return 0;
}

/* ---- ending ---- */

typedef int group_fn(const struct cgroup_tree *tree, const char *path, int depth);

/* Calls fn for each group directly below; the first error is returned, after all were called. */
static int each_child(const struct cgroup_tree *tree, const char *path, group_fn *fn, int depth)
{
    char full[CGROUP_FILE_MAX];
    int r = cgroup_file_path(tree, path, NULL, full);
    DIR *dir = r < 0 ? NULL : opendir(full);
    if (!dir)
        return r < 0 ? r : errno == ENOENT ? 0 : -errno;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        char child[CGROUP_PATH_MAX];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        int n = snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
        int one = n < 0 || (size_t)n >= sizeof(child) ? -ENAMETOOLONG : fn(tree, child, depth + 1);
        if (one < 0 && r == 0)
            r = one;
    }
    closedir(dir);
    return r;
}

/* One round of SIGKILL over a group without cgroup.kill. */
static int kill_listed(const struct cgroup_tree *tree, const char *path, int depth)
{
    char full[CGROUP_FILE_MAX];
    int r = cgroup_file_path(tree, path, "cgroup.procs", full);
    FILE *file = r < 0 ? NULL : fopen(full, "re");
    if (!file)
        return r;
    int pid;
    while (fscanf(file, "%d", &pid) == 1)
        if (pid > 1)
            kill(pid, SIGKILL);
    fclose(file);
    return depth < MAX_DEPTH ? each_child(tree, path, kill_listed, depth) : 0;
}

/* ---- freezing ---- */

static const char *freeze_file(const struct cgroup_tree *tree)
{
    if (tree->unified)
        return "cgroup.freeze";
    return tree->controllers & CGROUP_FREEZER ? "freezer.state" : NULL;
}

int cgroup_freeze(const struct cgroup_host *host, const char *path, bool frozen)
{
    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_tree *tree = &host->trees[i];
        const char *file = freeze_file(tree);
        const char *word = tree->unified ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED");
        if (file)
            return write_group(tree, path, file, word);
    }
    return -ENOTSUP;
}

bool cgroup_is_frozen(const struct cgroup_host *host, const char *path)
{
    for (size_t i = 0; i < host->count; i++) {
        char text[16];
        const char *file = freeze_file(&host->trees[i]);
        if (file)
            return cgroup_file_read(&host->trees[i], path, file, text, sizeof(text)) == 0 &&
                   text[0] != '0' && text[0] != 'T';
    }
    return false;
}

int cgroup_kill(const struct cgroup_host *host, const char *path)
{
    for (size_t i = 0; i < host->count; i++)
        if (host->trees[i].controllers & CGROUP_FREEZER)
            (void)write_group(&host->trees[i], path, "freezer.state", "THAWED");
    for (size_t i = 0; i < host->count; i++)
        if (host->trees[i].unified && write_group(&host->trees[i], path, "cgroup.kill", "1") == 0)
            return 0;
    /* No fork may outrun the list. */
    for (size_t i = 0; i < host->count; i++)
        if (host->trees[i].controllers & CGROUP_PIDS)
            (void)write_group(&host->trees[i], path, "pids.max", "0");
    int r = 0;
    for (size_t i = 0; i < host->count; i++) {
        int one = kill_listed(&host->trees[i], path, 0);
        if (one < 0)
            r = one;
    }
    return r;
}

static int has_listed(const struct cgroup_tree *tree, const char *path, int depth)
{
    char text[16];
    int r = cgroup_file_read(tree, path, "cgroup.procs", text, sizeof(text));
    if (r == 0 && text[0])
        return -EBUSY;
    return depth < MAX_DEPTH ? each_child(tree, path, has_listed, depth) : 0;
}

bool cgroup_populated(const struct cgroup_host *host, const char *path)
{
    for (size_t i = 0; i < host->count; i++)
        if (has_listed(&host->trees[i], path, 0) == -EBUSY)
            return true;
    return false;
}

static int remove_one(const struct cgroup_tree *tree, const char *path, int depth)
{
    char full[CGROUP_FILE_MAX];
    int r = cgroup_file_path(tree, path, NULL, full);
    if (r < 0 || rmdir(full) == 0 || errno == ENOENT)
        return r;
    if (errno != EBUSY || depth >= MAX_DEPTH)
        return -errno;
    r = each_child(tree, path, remove_one, depth);
    if (rmdir(full) == 0 || errno == ENOENT)
        return 0;
    return r < 0 ? r : -errno;
}

int cgroup_remove(const struct cgroup_host *host, const char *path)
{
    int r = 0;
    for (size_t i = 0; i < host->count; i++) {
        int one = remove_one(&host->trees[i], path, 0);
        if (one < 0)
            r = one;
    }
    return r;
}

void cgroup_prune(const struct cgroup_host *host, const char *path)
{
    for (size_t i = 0; i < host->count; i++) {
        char part[CGROUP_PATH_MAX], full[CGROUP_FILE_MAX];
        int n = snprintf(part, sizeof(part), "%s", path);
        for (char *slash = part; n > 0 && (size_t)n < sizeof(part) && slash;) {
            if (cgroup_file_path(&host->trees[i], part, NULL, full) < 0 ||
                (rmdir(full) < 0 && errno != ENOENT))
                break;
            slash = strrchr(part, '/');
            if (slash)
                *slash = '\0';
        }
    }
}

/* ---- listing ---- */

void cgroup_list(const struct cgroup_host *host, const char *path,
                 void (*fn)(void *ctx, const char *name), void *ctx)
{
    for (size_t i = 0; i < host->count; i++) {
        char full[CGROUP_FILE_MAX];
        if (cgroup_file_path(&host->trees[i], path, NULL, full) < 0)
            continue;
        DIR *dir = opendir(full);
        const struct dirent *entry;
        while (dir && (entry = readdir(dir)))
            if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                fn(ctx, entry->d_name);
        if (dir)
            closedir(dir);
    }
}
