#pragma once
/* The registry of what the gateway counts, and its text for Prometheus (exposition format 0.0.4).
 * What is counted stays with who counts it: a table of metrics says how to ask for it. Pure. */

#include "common/base/buf.h"
#include "common/base/histogram.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_out;
struct metric {
    const char *name, *help;
    enum metric_type type;
    /* Tells its values, by the functions below; one that tells none is left out. */
    void (*collect)(void *ctx, struct metric_out *out);
};

struct metrics;
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics); /* NULL is fine */
/* The table is borrowed, and its count of metrics are asked with ctx. */
void metrics_add(struct metrics *metrics, const struct metric *table, size_t count, void *ctx);
/* What is known at this moment. */
void metrics_write(const struct metrics *metrics, struct buf *ret);

/* Inside of collect. labels: as metric_label made them, or "". */
void metric_value(struct metric_out *out, const char *labels, double value);
void metric_histogram(struct metric_out *out, const char *labels,
                      const struct histogram *histogram);
/* Appends name="value" to labels, escaped. */
void metric_label(struct buf *labels, const char *name, const char *value);
