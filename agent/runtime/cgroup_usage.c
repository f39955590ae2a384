/* What the processes of control groups have used. */

#include "agent/runtime/cgroup_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t cgroup_oom_kills(const struct cgroup_host *host, const char *path)
{
    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_tree *tree = &host->trees[i];
        char text[512];
        if (!(tree->controllers & CGROUP_MEMORY))
            continue;
        if (cgroup_file_read(tree, path, tree->unified ? "memory.events" : "memory.oom_control",
                             text, sizeof(text)) < 0)
            return 0;
        const char *at = strstr(text, "oom_kill ");
        return at ? strtoull(at + strlen("oom_kill "), NULL, 10) : 0;
    }
    return 0;
}

int64_t cgroup_stat_find(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) != 0 || line[len] != ' ')
            continue;
        char *end;
        errno = 0;
        int64_t n = strtoll(line + len + 1, &end, 10);
        return errno == 0 && end > line + len + 1 && n >= 0 ? n : -1;
    }
    return -1;
}

static int64_t read_number(const struct cgroup_tree *tree, const char *path, const char *file)
{
    char text[64], *end;
    if (cgroup_file_read(tree, path, file, text, sizeof(text)) < 0)
        return -1;
    errno = 0;
    int64_t n = strtoll(text, &end, 10);
    return errno == 0 && end > text && n >= 0 ? n : -1;
}

/* The unified tree counts time whether it has the controller or not, so on a hybrid host too. */
static int64_t read_cpu(const struct cgroup_tree *tree, const char *path)
{
    char text[1024];
    if (!tree->unified)
        return strstr(tree->names, "cpuacct") ? read_number(tree, path, "cpuacct.usage") : -1;
    if (cgroup_file_read(tree, path, "cpu.stat", text, sizeof(text)) < 0)
        return -1;
    int64_t us = cgroup_stat_find(text, "usage_usec");
    return us < 0 || us > INT64_MAX / 1000 ? -1 : us * 1000;
}

static int64_t read_memory(const struct cgroup_tree *tree, const char *path)
{
    char text[4096]; /* memory.stat of kernel 6.18: 1.6 KiB */
    if (!(tree->controllers & CGROUP_MEMORY))
        return -1;
    int64_t all =
        read_number(tree, path, tree->unified ? "memory.current" : "memory.usage_in_bytes");
    if (all < 0 || cgroup_file_read(tree, path, "memory.stat", text, sizeof(text)) < 0)
        return all;
    int64_t idle = cgroup_stat_find(text, tree->unified ? "inactive_file" : "total_inactive_file");
    return idle > all ? 0 : idle < 0 ? all : all - idle;
}

void cgroup_usage(const struct cgroup_host *host, const char *path, struct cgroup_usage *ret)
{
    *ret = (struct cgroup_usage){-1, -1};
    for (size_t i = 0; i < host->count; i++) {
        if (ret->cpu_ns < 0)
            ret->cpu_ns = read_cpu(&host->trees[i], path);
        if (ret->memory_bytes < 0)
            ret->memory_bytes = read_memory(&host->trees[i], path);
    }
}

int64_t cgroup_pids(const struct cgroup_host *host, const char *path)
{
    int64_t pids = -1;
    for (size_t i = 0; i < host->count && pids < 0; i++)
        if (host->trees[i].controllers & CGROUP_PIDS)
            pids = read_number(&host->trees[i], path, "pids.current");
    return pids;
}
