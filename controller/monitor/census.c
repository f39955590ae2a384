#include "controller/monitor/census.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/api_impl.h"
#include "controller/merge/splice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const phases[] = {"Pending", "Running", "Succeeded", "Failed", "Unknown"};

struct census {
    struct store_watch *watch;
    size_t counts[ARRAY_LEN(phases)];
};

/* The place of its phase; one without, or with another, is pending: so it is born. */
static size_t phase_of(const struct store_item *item)
{
    size_t len;
    const char *phase = splice_status(item->value, item->len, "phase", &len);
    for (size_t i = 0; phase && i < ARRAY_LEN(phases); i++)
        if (strlen(phases[i]) == len && memcmp(phases[i], phase, len) == 0)
            return i;
    return 0;
}

static void on_event(void *ctx, const struct store_event *event)
{
    struct census *census = ctx;
    if (event->previous)
        census->counts[phase_of(event->previous)]--;
    if (event->type == STORE_PUT)
        census->counts[phase_of(event->item)]++;
}

int census_new(struct store *store, struct census **ret, struct err *err)
{
    struct census *census = xcalloc(1, sizeof(*census));
    autofree char *prefix = api_key(&kind_pod, "", NULL);
    int r = store_watch(store, prefix, 0, on_event, census, &census->watch);
    if (r < 0) {
        census_free(census);
        return err_set(err, r, "census: the store cannot be watched");
    }
    *ret = census;
    return 0;
}

void census_free(struct census *census)
{
    if (!census)
        return;
    if (census->watch)
        store_watch_free(census->watch);
    free(census);
}

static void collect(void *ctx, struct metric_out *out)
{
    const struct census *census = ctx;
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        char label[40];
        snprintf(label, sizeof(label), "phase=\"%s\"", phases[i]);
        metric_value(out, label, (double)census->counts[i]);
    }
}

void census_register(struct census *census, struct metrics *metrics)
{
    static const struct metric table[] = {
        {"limpet_pods", "Pods by their phase.", METRIC_GAUGE, collect},
    };
    metrics_add(metrics, table, ARRAY_LEN(table), census);
}
