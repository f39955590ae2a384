#include "common/bus/rpc_window.h"

#include "common/base/clock.h"
#include "common/bus/rpc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STREAMS 100

/* A stream sends a piece if it may; how much. */
static size_t send(struct rpc_window *window, struct rpc_turn *turn, uint32_t id, int64_t now)
{
    size_t room = rpc_window_room(window, turn, RPC_MAX_CHUNK);
    if (room > 0)
        rpc_window_sent(window, turn, id, room, now);
    return room;
}

/* A hundred streams that all want to send all the time get about the same each. */
static void test_rpc_window__fair(void **state)
{
    (void)state;
    struct rpc_window window;
    struct rpc_turn turns[STREAMS] = {0};
    size_t sent[STREAMS] = {0};
    uint32_t last = 0, first = 1;
    rpc_window_init(&window);
    for (size_t i = 0; i < STREAMS; i++) /* there is room for two at first */
        sent[i] += send(&window, &turns[i], i < 2 ? ++last : 0, 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(rpc_window_room(&window, &turns[i], 1), 0);
    for (int round = 0; round < 10000; round++) {
        assert_true(rpc_window_acked(&window, first++, 0));
        struct rpc_turn *turn;
        while ((turn = rpc_window_next(&window))) {
            size_t i = (size_t)(turn - turns), bytes = send(&window, turn, last + 1, 0);
            last += bytes > 0;
            sent[i] += bytes;
            assert_int_equal(rpc_window_room(&window, turn, 1), 0); /* a piece a turn */
        }
        rpc_window_rest(&window);
    }
    size_t least = sent[0], most = sent[0];
    for (size_t i = 0; i < STREAMS; i++) {
        least = sent[i] < least ? sent[i] : least;
        most = sent[i] > most ? sent[i] : most;
    }
    assert_true(least > 0 && most - least <= 2 * RPC_MAX_CHUNK);
}

/* One alone need not wait for anybody. */
static void test_rpc_window__alone(void **state)
{
    (void)state;
    struct rpc_window window;
    struct rpc_turn turn = {0};
    rpc_window_init(&window);
    size_t sum = 0, bytes;
    for (uint32_t id = 1; (bytes = send(&window, &turn, id, 0)) > 0; id++)
        sum += bytes;
    assert_int_equal(sum, RPC_WINDOW_FIRST);
    assert_true(rpc_window_acked(&window, 1, 0));
    assert_false(rpc_window_acked(&window, 1, 0));
    assert_ptr_equal(rpc_window_next(&window), &turn);
    assert_int_equal(send(&window, &turn, 9, 0), RPC_MAX_CHUNK);
}

/* A connection that is slow gets little at once, so that other things are said soon; one that is
 * quick gets much. */
static void test_rpc_window__learns(void **state)
{
    (void)state;
    static const struct {
        int64_t took;
        size_t limit;
    } cases[] = {{NS_PER_S, RPC_WINDOW_MIN}, {NS_PER_MS, RPC_WINDOW_MAX}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rpc_window window;
        struct rpc_turn turn = {0};
        rpc_window_init(&window);
        for (uint32_t id = 1; id < 200; id++) {
            assert_true(send(&window, &turn, id, 0) > 0);
            assert_true(rpc_window_acked(&window, id, cases[i].took));
        }
        assert_int_equal(window.limit, cases[i].limit);
    }
}

static void test_rpc_window__reset(void **state)
{
    (void)state;
    struct rpc_window window;
    struct rpc_turn a = {0}, b = {0};
    rpc_window_init(&window);
    for (uint32_t id = 1; send(&window, &a, id, 0) > 0; id++)
        ;
    assert_int_equal(send(&window, &b, 99, 0), 0);
    rpc_window_reset(&window);
    assert_null(rpc_window_next(&window));
    assert_false(rpc_window_acked(&window, 1, 0));
    assert_true(send(&window, &b, 1, 0) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rpc_window__fair),
        cmocka_unit_test(test_rpc_window__alone),
        cmocka_unit_test(test_rpc_window__learns),
        cmocka_unit_test(test_rpc_window__reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
