#include "agent/pod/node_usage.h"

#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Its first lines are what is wanted: more is not read. */
#define TEXT_MAX 4096

int64_t node_usage_cpu(const char *stat, long ticks_s)
{
    uint64_t user, nice, system, irq, softirq, steal;
    if (ticks_s <= 0 ||
        sscanf(stat,
               "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64,
               &user, &nice, &system, &irq, &softirq, &steal) != 6)
        return -1;
    uint64_t ticks = user + nice + system + irq + softirq;
    uint64_t most = (uint64_t)INT64_MAX / NS_PER_S * (uint64_t)ticks_s;
    return ticks > most ? -1 : (int64_t)(ticks * (NS_PER_S / (uint64_t)ticks_s));
}

static int64_t kib_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    int64_t kib;
    return at && sscanf(at + strlen(name), " %" SCNd64 " kB", &kib) == 1 && kib >= 0 &&
                   kib < INT64_MAX / 1024
               ? kib * 1024
               : -1;
}

int64_t node_usage_memory(const char *meminfo)
{
    int64_t total = kib_of(meminfo, "MemTotal:"), available = kib_of(meminfo, "MemAvailable:");
    return total < 0 || available < 0 || available > total ? -1 : total - available;
}

static void read_text(const char *path, char ret[TEXT_MAX])
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, TEXT_MAX - 1);
    ret[n < 0 ? 0 : n] = '\0';
}

void node_usage_read(struct node_usage *ret)
{
    char text[TEXT_MAX];
    read_text("/proc/stat", text);
    ret->cpu_ns = node_usage_cpu(text, sysconf(_SC_CLK_TCK));
    read_text("/proc/meminfo", text);
    ret->memory_bytes = node_usage_memory(text);
}
