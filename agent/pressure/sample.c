#include "agent/pressure/sample.h"

#include "agent/pressure/proc_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What is wanted stands in the first lines: more is not read. */
#define TEXT_MAX 2048

static const struct pressure_amount unknown = {-1, -1};

static struct pressure_amount memory_of(const char *meminfo)
{
    const struct pressure_amount memory = {proc_text_meminfo(meminfo, "MemAvailable:"),
                                           proc_text_meminfo(meminfo, "MemTotal:")};
    return memory.available < 0 || memory.capacity <= 0 ? unknown : memory;
}

/* "0.20 0.18 0.12 1/80 11206": 80 tasks there are. */
static struct pressure_amount tasks_of(const char *loadavg, int64_t tasks_max)
{
    int64_t tasks;
    if (tasks_max <= 0 || sscanf(loadavg, "%*s %*s %*s %*[0-9]/%" SCNd64, &tasks) != 1 || tasks < 0)
        return unknown;
    return (struct pressure_amount){tasks < tasks_max ? tasks_max - tasks : 0, tasks_max};
}

void pressure_sample_parse(const char *meminfo, const char *loadavg, int64_t tasks_max,
                           struct pressure_sample *ret)
{
    ret->of[SIGNAL_MEMORY_AVAILABLE] = memory_of(meminfo);
    ret->of[SIGNAL_PID_AVAILABLE] = tasks_of(loadavg, tasks_max);
}

static int64_t number_in(const char *path)
{
    char text[TEXT_MAX];
    int64_t number;
    proc_text_read(path, text, sizeof(text));
    return sscanf(text, "%" SCNd64, &number) == 1 ? number : -1;
}

static int64_t tasks_max(void)
{
    int64_t pids = number_in("/proc/sys/kernel/pid_max");
    int64_t threads = number_in("/proc/sys/kernel/threads-max");
    return pids > 0 && (threads <= 0 || pids < threads) ? pids : threads;
}

void pressure_sample_read(const char *state_dir, struct pressure_sample *ret)
{
    char meminfo[TEXT_MAX], loadavg[TEXT_MAX];
    struct statvfs fs;
    proc_text_read("/proc/meminfo", meminfo, sizeof(meminfo));
    proc_text_read("/proc/loadavg", loadavg, sizeof(loadavg));
    pressure_sample_parse(meminfo, loadavg, tasks_max(), ret);
    bool known = statvfs(state_dir, &fs) == 0;
    ret->of[SIGNAL_NODEFS_AVAILABLE] =
        known && fs.f_blocks > 0
            ? (struct pressure_amount){(int64_t)fs.f_bavail * (int64_t)fs.f_frsize,
                                       (int64_t)fs.f_blocks * (int64_t)fs.f_frsize}
            : unknown;
    /* Some file systems (btrfs) have no fixed number of inodes, and say none. */
    ret->of[SIGNAL_NODEFS_INODES_FREE] =
        known && fs.f_files > 0
            ? (struct pressure_amount){(int64_t)fs.f_favail, (int64_t)fs.f_files}
            : unknown;
}
