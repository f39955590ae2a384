#include "controller/gateway/vitals.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_LEAST                                                                                 \
    ((uint64_t)16 * 1024 * 1024) /* bytes free, for what the store and its log need */

/* ---- the process ---- */

/* Number i (from 1) of a line of numbers and words of /proc, counted from behind the last ')'. */
static double number_of(const char *path, int i)
{
    char text[1024] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    char *at = strrchr(text, ')');
    at = at ? at + 1 : text;
    for (char *save, *word = strtok_r(at, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
        if (--i == 0)
            return strtod(word, NULL);
    return 0;
}

static double page_bytes(void)
{
    return (double)sysconf(_SC_PAGESIZE);
}

static void collect_resident(void *ctx, struct metric_out *out)
{
    (void)ctx;
    metric_value(out, "", number_of("/proc/self/statm", 2) * page_bytes());
}

static void collect_virtual(void *ctx, struct metric_out *out)
{
    (void)ctx;
    metric_value(out, "", number_of("/proc/self/statm", 1) * page_bytes());
}

static void collect_cpu(void *ctx, struct metric_out *out)
{
    struct rusage use;
    (void)ctx;
    if (getrusage(RUSAGE_SELF, &use) == 0)
        metric_value(out, "",
                     (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                         (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
}

static void collect_descriptors(void *ctx, struct metric_out *out)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the one that reads */
    (void)ctx;
    if (!dir)
        return;
    while (readdir(dir))
        count++;
    closedir(dir);
    metric_value(out, "", count);
}

static void collect_most_descriptors(void *ctx, struct metric_out *out)
{
    struct rlimit limit;
    (void)ctx;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_value(out, "", (double)limit.rlim_cur);
}

static double boot_time(void)
{
    char line[256];
    long long seconds = 0;
    FILE *file = fopen("/proc/stat", "re");
    while (file && fgets(line, sizeof(line), file))
        if (str_has_prefix(line, "btime "))
            seconds = strtoll(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return (double)seconds;
}

static void collect_start(void *ctx, struct metric_out *out)
{
    (void)ctx; /* proc_pid_stat(5): starttime is field 22, and the name is field 2 */
    metric_value(out, "",
                 boot_time() + number_of("/proc/self/stat", 20) / (double)sysconf(_SC_CLK_TCK));
}

static void collect_build(void *ctx, struct metric_out *out)
{
    (void)ctx;
    metric_value(out, "version=\"" LIMPET_VERSION "\"", 1);
}

/* ---- the store ---- */

static struct store_stats stats_of(void *ctx)
{
    const struct vitals *vitals = ctx;
    struct store_stats stats;
    store_stats(vitals->store, &stats);
    return stats;
}

static void collect_bytes(void *ctx, struct metric_out *out)
{
    metric_value(out, "", (double)stats_of(ctx).bytes);
}

static void collect_queued(void *ctx, struct metric_out *out)
{
    metric_value(out, "", (double)stats_of(ctx).queued_bytes);
}

static void collect_commits(void *ctx, struct metric_out *out)
{
    struct store_stats stats = stats_of(ctx);
    metric_histogram(out, "", &stats.commits);
}

static void collect_disk(void *ctx, struct metric_out *out)
{
    static const char *const files[] = {"store.db", "store.db-wal"};
    const struct vitals *vitals = ctx;
    double bytes = 0;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        autofree char *path = xasprintf("%s/%s", vitals->state_dir, files[i]);
        struct stat st;
        if (stat(path, &st) == 0)
            bytes += (double)st.st_size;
    }
    metric_value(out, "", bytes);
}

static double disk_free(const struct vitals *vitals)
{
    struct statvfs fs;
    if (statvfs(vitals->state_dir, &fs) < 0)
        return -1;
    return (double)fs.f_bavail * (double)fs.f_frsize;
}

static void collect_free(void *ctx, struct metric_out *out)
{
    double bytes = disk_free(ctx);
    if (bytes >= 0)
        metric_value(out, "", bytes);
}

/* ---- the nodes ---- */

static void collect_nodes(void *ctx, struct metric_out *out)
{
    const struct vitals *vitals = ctx;
    size_t ready, others;
    nodes_count(vitals->nodes, &ready, &others);
    metric_value(out, "ready=\"true\"", (double)ready);
    metric_value(out, "ready=\"false\"", (double)others);
}

static bool hears_bus(void *ctx)
{
    const struct vitals *vitals = ctx;
    return vitals->bus->is_connected(vitals->bus);
}

static void collect_bus(void *ctx, struct metric_out *out)
{
    metric_value(out, "", hears_bus(ctx));
}

/* ---- the tables ---- */

void vitals_register(struct vitals *vitals, struct metrics *metrics)
{
    static const struct metric table[] = {
        {"process_resident_memory_bytes", "Resident memory.", METRIC_GAUGE, collect_resident},
        {"process_virtual_memory_bytes", "Virtual memory.", METRIC_GAUGE, collect_virtual},
        {"process_cpu_seconds_total", "User and system CPU time.", METRIC_COUNTER, collect_cpu},
        {"process_open_fds", "Open descriptors.", METRIC_GAUGE, collect_descriptors},
        {"process_max_fds", "Descriptors that may be open.", METRIC_GAUGE,
         collect_most_descriptors},
        {"process_start_time_seconds", "Since when it runs, in seconds since 1970.", METRIC_GAUGE,
         collect_start},
        {"limpet_build_info", "The version; always 1.", METRIC_GAUGE, collect_build},
        {"limpet_store_memory_bytes", "Objects, as they are held in memory.", METRIC_GAUGE,
         collect_bytes},
        {"limpet_store_queued_bytes", "Writes that wait for the disk.", METRIC_GAUGE,
         collect_queued},
        {"limpet_store_commit_duration_seconds", "Transactions, until they are on disk.",
         METRIC_HISTOGRAM, collect_commits},
        {"apiserver_storage_size_bytes", "The store's files.", METRIC_GAUGE, collect_disk},
        {"limpet_disk_free_bytes", "What the gateway may still write where its state is.",
         METRIC_GAUGE, collect_free},
        {"limpet_nodes", "Nodes, ready or not.", METRIC_GAUGE, collect_nodes},
        {"limpet_bus_connected", "Whether the gateway has its connection to the broker.",
         METRIC_GAUGE, collect_bus},
    };
    metrics_add(metrics, table, ARRAY_LEN(table), vitals);
}

/* It stays so until the gateway is started again. */
static bool store_is_open(void *ctx)
{
    return !stats_of(ctx).fenced;
}

static bool store_writes(void *ctx)
{
    struct store_stats stats = stats_of(ctx);
    return !stats.fenced && !stats.full;
}

static bool disk_has_room(void *ctx)
{
    double bytes = disk_free(ctx);
    return bytes < 0 || bytes >= (double)DISK_LEAST;
}

static bool broker_runs(void *ctx)
{
    const struct vitals *vitals = ctx;
    return broker_is_up(vitals->broker);
}

const struct health_check vitals_checks[] = {
    {"store", HEALTH_LIVE, store_is_open}, {"store-writes", HEALTH_READY, store_writes},
    {"disk", HEALTH_READY, disk_has_room}, {"broker", HEALTH_READY, broker_runs},
    {"bus", HEALTH_READY, hears_bus},
};
const size_t vitals_check_count = ARRAY_LEN(vitals_checks);
