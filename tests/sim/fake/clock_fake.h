#pragma once
/* A clock that stands still until a test moves it. */

#include "common/base/clock.h"

struct clock_fake {
    struct clock clock;
    int64_t boot_ns, wall_ns;
};

/* In place. */
void clock_fake_init(struct clock_fake *fake, int64_t boot_ns, int64_t wall_ns);
/* Time passes: both clocks go on. */
void clock_fake_advance(struct clock_fake *fake, int64_t ns);
/* Somebody sets the wall clock, back or forward. */
void clock_fake_set_wall(struct clock_fake *fake, int64_t wall_ns);
/* The machine starts anew: boot time from 0, the wall clock as given (0: there is no battery). */
void clock_fake_reboot(struct clock_fake *fake, int64_t wall_ns);
