#include "agent/fetch/inflow.h"

#include "common/base/clock.h"

#include <limits.h>
#include <string.h>

#define QUEUE_NS (100 * NS_PER_MS) /* what others wait at most for us: RFC 6817's target */
#define QUEUE_SHARE 4              /* ... or this part of a round trip that takes long anyway */
#define BASE_MAX_NS (3 * NS_PER_S) /* who answers late does not get a longer queue for it */
#define MEASURE_NS (10 * NS_PER_MS)
#define MEASURE_SEGMENTS 8 /* fewer tell of single packets, not of a line */
/* Less than this is never asked for: two segments keep TCP's acknowledgements going, and over a
 * long way a line of 6 kB a second is assumed, so that losses are noticed by what comes after. */
#define SEGMENTS_MIN 2
#define RATE_MIN 6000
#define LIMIT_MAX (1 << 30)

void inflow_init(struct inflow *inflow)
{
    *inflow = (struct inflow){0};
}

static void begin(struct inflow *inflow, const struct inflow_sample *s)
{
    inflow->from_ns = s->now_ns;
    inflow->from_bytes = s->bytes;
}

static int64_t carries(int64_t rate, int64_t ns)
{
    return (int64_t)((double)rate * (double)ns / (double)NS_PER_S);
}

/* The fastest of the last few: one of them may have seen a loss, or a card that was busy. */
static int64_t best_rate(const struct inflow *inflow)
{
    int64_t best = 0;
    for (unsigned i = 0; i < INFLOW_RATES; i++)
        best = inflow->rates[i] > best ? inflow->rates[i] : best;
    return best;
}

/* While nothing queues, this is more than what was on its way, and so it grows until something
 * does; then it stays. */
static int limit(const struct inflow *inflow, int segment)
{
    int64_t base = inflow->base_ns, share = base / QUEUE_SHARE;
    int64_t least = SEGMENTS_MIN * (int64_t)segment + carries(RATE_MIN, base);
    int64_t want = carries(best_rate(inflow), base + (share > QUEUE_NS ? share : QUEUE_NS));
    want = want > least ? want : least;
    return want < LIMIT_MAX ? (int)want : LIMIT_MAX;
}

int inflow_limit(struct inflow *inflow, const struct inflow_sample *s)
{
    int64_t rtt = s->rtt_ns < BASE_MAX_NS ? s->rtt_ns : BASE_MAX_NS;
    if (rtt > 0 && (inflow->base_ns == 0 || rtt < inflow->base_ns))
        inflow->base_ns = rtt;
    if (inflow->from_ns == 0 || s->bytes < inflow->from_bytes) {
        begin(inflow, s);
        return 0;
    }
    int64_t took = s->now_ns - inflow->from_ns, came = s->bytes - inflow->from_bytes;
    if (took < MEASURE_NS || took < inflow->base_ns ||
        came < MEASURE_SEGMENTS * (int64_t)s->segment)
        return 0;
    inflow->rates[inflow->next++ % INFLOW_RATES] =
        (int64_t)((double)came * (double)NS_PER_S / (double)took);
    begin(inflow, s);
    return limit(inflow, s->segment);
}
