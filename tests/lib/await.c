#include "await.h"

#include "common/loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PATIENCE_NS (30 * NS_PER_S)
#define QUIET_TURNS                                                                                \
    50 /* an answer takes a handful: a descriptor, a deferred call, a timer that is due */

int64_t await_begin(void)
{
    return clock_boot(clock_system()) + PATIENCE_NS;
}

void await_check(int64_t end, const char *condition, const char *file, int line)
{
    if (clock_boot(clock_system()) < end)
        return;
    print_error("waited in vain for: %s\n", condition);
    _fail(file, line);
}

void await_turn(struct loop *loop)
{
    assert_int_equal(loop_step(loop, 10 * NS_PER_MS), 0);
}

void await_quiet(struct loop *loop)
{
    for (int i = 0; i < QUIET_TURNS; i++)
        assert_int_equal(loop_step(loop, 0), 0);
}
