#include "controller/server/request_stats.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/subresource.h"

#include <stdio.h>
#include <stdlib.h>

struct request_stats {
    struct map *totals;    /* labels -> uint64_t */
    struct map *durations; /* labels -> struct histogram */
};

struct request_stats *request_stats_new(void)
{
    struct request_stats *stats = xcalloc(1, sizeof(*stats));
    stats->totals = map_new();
    stats->durations = map_new();
    return stats;
}

void request_stats_free(struct request_stats *stats)
{
    if (!stats)
        return;
    map_free(stats->totals, free);
    map_free(stats->durations, free);
    free(stats);
}

/* The series of these labels, made if there is room for it. */
static void *series(struct map *map, const char *labels, size_t size, size_t room)
{
    void *found = map_get(map, labels);
    if (found || (map_len(map) >= room && !WEAKENED(METRICS_SERIES)))
        return found;
    found = xcalloc(1, size);
    (void)map_put(map, labels, found);
    return found;
}

static void make_labels(struct buf *labels, const struct attributes *attributes,
                        const struct route *route, int code)
{
    bool objects = route && route->what == ROUTE_OBJECTS;
    char number[16];
    snprintf(number, sizeof(number), "%d", code);
    metric_label(labels, "code", number);
    metric_label(labels, "group", objects ? route->kind->group : "");
    metric_label(labels, "resource", objects ? route->kind->plural : "");
    /* Any other word after the name is the client's own. */
    metric_label(labels, "subresource",
                 objects && subresource_find(route->kind, route->subresource) ? route->subresource
                                                                              : "");
    metric_label(labels, "verb", attributes->report);
    metric_label(labels, "version", objects ? route->kind->version : "");
}

void request_stats_count(struct request_stats *stats, const struct attributes *attributes,
                         const struct route *route, int code, int64_t ns)
{
    cleanup(buf_done) struct buf labels;
    buf_init(&labels, 0);
    make_labels(&labels, attributes, route, code);
    uint64_t *total = series(stats->totals, buf_str(&labels), sizeof(*total), REQUEST_STATS_SERIES);
    if (!total) {
        static const struct attributes other = {"other", "other", false};
        buf_drop(&labels, labels.len);
        make_labels(&labels, &other, NULL, code);
        total = series(stats->totals, buf_str(&labels), sizeof(*total), SIZE_MAX); /* a code each */
    }
    ++*total;
    if (ns < 0)
        return;
    buf_drop(&labels, labels.len);
    metric_label(&labels, "verb", attributes->report);
    struct histogram *duration =
        series(stats->durations, buf_str(&labels), sizeof(*duration), SIZE_MAX); /* a verb each */
    histogram_add(duration, ns);
}

static void collect_totals(void *ctx, struct metric_out *out)
{
    const struct request_stats *stats = ctx;
    const char *labels;
    void *total;
    size_t cursor = 0;
    while (map_next(stats->totals, &cursor, &labels, &total))
        metric_value(out, labels, (double)*(uint64_t *)total);
}

static void collect_durations(void *ctx, struct metric_out *out)
{
    const struct request_stats *stats = ctx;
    const char *labels;
    void *duration;
    size_t cursor = 0;
    while (map_next(stats->durations, &cursor, &labels, &duration))
        metric_histogram(out, labels, duration);
}

void request_stats_register(struct request_stats *stats, struct metrics *metrics)
{
    static const struct metric table[] = {
        {"apiserver_request_total", "Requests that were answered; watches as they began.",
         METRIC_COUNTER, collect_totals},
        {"apiserver_request_duration_seconds",
         "From a request's headers to its answer; of no streams.", METRIC_HISTOGRAM,
         collect_durations},
    };
    metrics_add(metrics, table, ARRAY_LEN(table), stats);
}
