#include "agent/pod/pull_progress.h"

#include "common/base/clock.h"

#include <stdbool.h>
#include <stdio.h>

#define FIRST_NS (10 * NS_PER_S)
#define INTERVAL_MIN_NS (30 * NS_PER_S)
#define INTERVAL_MAX_NS (600 * NS_PER_S)
#define EVENT_FROM_NS (30 * NS_PER_S)

void pull_progress_ask(struct pull_progress *p, int64_t now)
{
    *p = (struct pull_progress){.asked_ns = now, .told = -1, .event = 0};
}

static int percent(const struct pull_progress *p)
{
    if (p->total <= 0 || p->done <= 0)
        return 0;
    return p->done >= p->total ? 100 : (int)(100.0 * (double)p->done / (double)p->total);
}

static int begin(struct pull_progress *p, int64_t now)
{
    if (p->began_ns)
        return 0;
    p->began_ns = now;
    p->next_ns = now + FIRST_NS;
    p->interval_ns = INTERVAL_MIN_NS;
    return PULL_TELL_BEGUN;
}

int pull_progress_step(struct pull_progress *p, int64_t now, int64_t done, int64_t total)
{
    int tell = begin(p, now);
    p->done = done;
    p->total = total;
    int is = percent(p);
    if (total <= 0 || now < p->began_ns + FIRST_NS || is == p->told)
        return tell;
    bool quarter = p->told >= 0 && is / 25 > p->told / 25;
    if (!quarter && now < p->next_ns)
        return tell;
    if (now >= p->next_ns) {
        p->next_ns = now + p->interval_ns;
        p->interval_ns =
            2 * p->interval_ns < INTERVAL_MAX_NS ? 2 * p->interval_ns : INTERVAL_MAX_NS;
    }
    p->told = is;
    snprintf(p->text, sizeof(p->text), "%d%% of %.1f MB", is, (double)total / 1e6);
    tell |= PULL_TELL_STATUS;
    if (is / 25 > p->event / 25 && is < 100 && now >= p->began_ns + EVENT_FROM_NS) {
        p->event = is;
        tell |= PULL_TELL_EVENT;
    }
    return tell;
}

void pull_progress_end(const struct pull_progress *p, int64_t now, const char *image, int64_t bytes,
                       struct buf *ret)
{
    if (!p->began_ns)
        (void)buf_addf(ret, "Container image \"%s\" already present on machine", image);
    else
        (void)buf_addf(ret,
                       "Successfully pulled image \"%s\" in %.3fs (%.3fs including waiting). Image "
                       "size: %lld bytes.",
                       image, (double)(now - p->began_ns) / 1e9, (double)(now - p->asked_ns) / 1e9,
                       (long long)bytes);
}
