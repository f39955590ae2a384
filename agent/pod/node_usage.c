#include "agent/pod/node_usage.h"

#include "agent/pressure/proc_text.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"

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

int64_t node_usage_memory(const char *meminfo)
{
    int64_t total = proc_text_meminfo(meminfo, "MemTotal:"),
            available = proc_text_meminfo(meminfo, "MemAvailable:");
    return total < 0 || available < 0 || available > total ? -1 : total - available;
}

void node_usage_read(struct node_usage *ret)
{
    char text[TEXT_MAX];
    proc_text_read("/proc/stat", text, sizeof(text));
    ret->cpu_ns = node_usage_cpu(text, sysconf(_SC_CLK_TCK));
    proc_text_read("/proc/meminfo", text, sizeof(text));
    ret->memory_bytes = node_usage_memory(text);
}
