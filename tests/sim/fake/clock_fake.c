#include "tests/sim/fake/clock_fake.h"

static int64_t fake_boot(const struct clock *clock)
{
    return ((const struct clock_fake *)clock)->boot_ns; /* its first member */
}

static int64_t fake_wall(const struct clock *clock)
{
    return ((const struct clock_fake *)clock)->wall_ns;
}

void clock_fake_init(struct clock_fake *fake, int64_t boot_ns, int64_t wall_ns)
{
    *fake = (struct clock_fake){
        .clock = {.boot_ns = fake_boot, .wall_ns = fake_wall},
        .boot_ns = boot_ns,
        .wall_ns = wall_ns,
    };
}

void clock_fake_advance(struct clock_fake *fake, int64_t ns)
{
    fake->boot_ns += ns;
    fake->wall_ns += ns;
}

void clock_fake_set_wall(struct clock_fake *fake, int64_t wall_ns)
{
    fake->wall_ns = wall_ns;
}

void clock_fake_reboot(struct clock_fake *fake, int64_t wall_ns)
{
    fake->boot_ns = 0;
    fake->wall_ns = wall_ns;
}
