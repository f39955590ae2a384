#pragma once
/* The two clocks. Leases, timers and backoff use boot time; wall time is for people and
 * certificates. */

#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

struct clock {
    int64_t (*boot_ns)(const struct clock *clock); /* CLOCK_BOOTTIME: monotonic, counts suspend */
    int64_t (*wall_ns)(
        const struct clock *clock); /* CLOCK_REALTIME since 1970; may be wrong, may jump */
};

const struct clock *clock_system(void);

static inline int64_t clock_boot(const struct clock *clock)
{
    return clock->boot_ns(clock);
}
static inline int64_t clock_wall(const struct clock *clock)
{
    return clock->wall_ns(clock);
}

#define CLOCK_RFC3339_LEN 31 /* "2026-11-21T01:02:03.123456789Z" and NUL */
/* UTC. Digits of the fraction: 0, 6 or 9. */
void clock_format(int64_t wall_ns, int fraction_digits, char ret[CLOCK_RFC3339_LEN]);
/* RFC 3339 with any offset and fraction (what is finer than a nanosecond is dropped); 0, -EINVAL,
 * or -ERANGE for what 64 bits of nanoseconds cannot hold (before September 1677, after April 2262).
 */
int clock_parse(const char *text, int64_t *ret_wall_ns);
