#include "agent/pressure/sample.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What is wanted stands in the first lines: more is not read. */
#define TEXT_MAX 2048

static const struct pressure_amount unknown = {-1, -1};

static int64_t kib_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    int64_t kib;
    return at && sscanf(at + strlen(name), " %" SCNd64 " kB", &kib) == 1 && kib >= 0 &&
                   kib < INT64_MAX / 1024
               ? kib * 1024
               : -1;
}

static struct pressure_amount memory_of(const char *meminfo)
{
    const struct pressure_amount memory = {kib_of(meminfo, "MemAvailable:"),
                                           kib_of(meminfo, "MemTotal:")};
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

static void read_text(const char *path, char ret[TEXT_MAX])
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, TEXT_MAX - 1);
    ret[n < 0 ? 0 : n] = '\0';
}

static int64_t number_in(const char *path)
{
    char text[TEXT_MAX];
    int64_t number;
    read_text(path, text);
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
    read_text("/proc/meminfo", meminfo);
    read_text("/proc/loadavg", loadavg);
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
