#include "common/loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct seen {
    int usr1, usr2;
    struct loop_signal *frees;
};

static void on_signal(void *ctx, int signo)
{
    struct seen *seen = ctx;
    seen->usr1 += signo == SIGUSR1;
    seen->usr2 += signo == SIGUSR2;
    loop_signal_free(seen->frees);
    seen->frees = NULL;
}

static void test_signal__is_delivered_in_the_loop(void **state)
{
    (void)state;
    struct loop *loop;
    struct err err = {0};
    struct seen seen = {0};
    struct loop_signal *one, *two, *again = NULL;
    assert_int_equal(loop_new(clock_system(), &loop, &err), 0);
    assert_int_equal(loop_signal_new(loop, SIGUSR1, on_signal, &seen, &one, &err), 0);
    assert_int_equal(loop_signal_new(loop, SIGUSR2, on_signal, &seen, &two, &err), 0);
    assert_int_equal(loop_signal_new(loop, SIGUSR1, on_signal, &seen, &again, &err), -EEXIST);
    assert_int_equal(loop_signal_new(loop, 999, on_signal, &seen, &again, &err), -EINVAL);
    assert_null(again);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    assert_int_equal(seen.usr1 + seen.usr2, 0); /* blocked, not delivered on the spot */
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_step(loop, 0), 0);
    assert_int_equal(seen.usr1, 1);
    assert_int_equal(seen.usr2, 1);
    seen.frees = one; /* its own, in its callback */
    kill(getpid(), SIGUSR1);
    assert_int_equal(loop_step(loop, 0), 0);
    assert_int_equal(seen.usr1, 2);
    kill(getpid(), SIGUSR1); /* nobody's any more, and blocked */
    assert_int_equal(loop_step(loop, 0), 0);
    assert_int_equal(seen.usr1, 2);
    assert_int_equal(loop_signal_new(loop, SIGUSR1, on_signal, &seen, &one, &err), 0);
    assert_int_equal(loop_step(loop, 0), 0); /* it was still pending */
    assert_int_equal(seen.usr1, 3);
    loop_signal_free(two);
    loop_free(loop); /* and with it the one that is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signal__is_delivered_in_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
