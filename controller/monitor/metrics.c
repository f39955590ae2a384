#include "controller/monitor/metrics.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct source {
    const struct metric *table;
    size_t count;
    void *ctx;
};

struct metrics {
    struct source *sources;
    size_t count;
};

struct metric_out {
    const struct metric *metric;
    struct buf *text;
    bool begun;
};

struct metrics *metrics_new(void)
{
    return xcalloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    free(metrics->sources);
    free(metrics);
}

void metrics_add(struct metrics *metrics, const struct metric *table, size_t count, void *ctx)
{
    metrics->sources =
        xreallocarray(metrics->sources, metrics->count + 1, sizeof(*metrics->sources));
    metrics->sources[metrics->count++] = (struct source){table, count, ctx};
}

void metrics_write(const struct metrics *metrics, struct buf *ret)
{
    for (size_t s = 0; s < metrics->count; s++)
        for (size_t i = 0; i < metrics->sources[s].count; i++) {
            const struct source *source = &metrics->sources[s];
            struct metric_out out = {&source->table[i], ret, false};
            out.metric->collect(source->ctx, &out);
        }
}

static void begin(struct metric_out *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct metric *metric = out->metric;
    if (out->begun)
        return;
    out->begun = true;
    buf_addf(out->text, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
             types[metric->type]);
}

static void add_number(struct buf *text, double value)
{
    if (fabs(value) < 1e15 && value == (double)(int64_t)value)
        buf_addf(text, " %lld\n", (long long)value);
    else
        buf_addf(text, " %.15g\n", value);
}

/* suffix: "_sum" and the like; le: one more label; NULL: none. */
static void line(struct metric_out *out, const char *suffix, const char *labels, const char *le,
                 double value)
{
    struct buf *text = out->text;
    bool labelled = *labels, both = labelled && le;
    begin(out);
    buf_addf(text, "%s%s", out->metric->name, suffix);
    if (labelled || le)
        buf_addf(text, "{%s%s%s%s%s}", labels, both ? "," : "", le ? "le=\"" : "", le ? le : "",
                 le ? "\"" : "");
    add_number(text, value);
}

void metric_value(struct metric_out *out, const char *labels, double value)
{
    line(out, "", labels, NULL, value);
}

void metric_histogram(struct metric_out *out, const char *labels, const struct histogram *histogram)
{
    uint64_t below = 0;
    for (size_t i = 0; i < HISTOGRAM_CLASSES; i++) {
        char le[32] = "+Inf";
        below += histogram->counts[i];
        if (i < HISTOGRAM_CLASSES - 1)
            snprintf(le, sizeof(le), "%g", histogram_bound(i));
        line(out, "_bucket", labels, le, (double)below);
    }
    line(out, "_sum", labels, NULL, histogram->sum);
    line(out, "_count", labels, NULL, (double)histogram->total);
}

void metric_label(struct buf *labels, const char *name, const char *value)
{
    buf_addf(labels, "%s%s=\"", labels->len ? "," : "", name);
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\' || *p == '\n')
            buf_addc(labels, '\\');
        buf_addc(labels, *p == '\n' ? 'n' : *p);
    }
    buf_addc(labels, '"');
}
