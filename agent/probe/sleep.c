/* sleep, of hooks: a while goes by. */

#include "agent/probe/type.h"

#include "common/base/mem.h"

#include <stdlib.h>

static void over(void *ctx)
{
    attempt_end(ctx, PROBE_SUCCESS, NULL);
}

static int begin(struct attempt *attempt, struct err *err)
{
    int64_t seconds = value_get_int(attempt->action, "seconds", 0);
    (void)err;
    struct loop_timer *timer = loop_timer_new(attempt->spec.loop, over, attempt);
    attempt->state = timer;
    loop_timer_after(timer, (seconds < INT32_MAX ? seconds : INT32_MAX) * NS_PER_S);
    return 0;
}

static char *late(const struct attempt *attempt)
{
    (void)attempt;
    return xstrdup("container terminated before sleep hook finished");
}

static void end(struct attempt *attempt)
{
    loop_timer_free(attempt->state);
}

const struct attempt_type attempt_sleep = {
    .field = "sleep", .begin = begin, .late = late, .close = end};
