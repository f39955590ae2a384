/* Asking nodes what they use; the test is the calls, and time. */

#include "controller/link/usages.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CALLS 200
#define ANSWER "{\"window\":1000,\"node\":{\"cpu\":5,\"memory\":2048},\"pods\":[]}"

struct call {
    char node[64];
    const struct call_handler *handler;
    void *ctx;
    size_t took;
    bool open;
};

struct world {
    struct clock clock;
    int64_t now;
    struct loop *loop;
    struct usages *usages;
    struct node_usage_source source;
    struct call calls[CALLS];
    size_t count;
    int told, dropped;
};

/* calls.h, as the usages see it. */
void call_took(struct call *call, size_t bytes)
{
    assert_true(call->open);
    call->took += bytes;
}

void call_close(struct call *call)
{
    assert_true(call->open);
    call->open = false;
}

static int open_call(void *ctx, const char *node, const struct call_handler *handler,
                     void *handler_ctx, struct call **ret, struct err *err)
{
    struct world *world = ctx;
    if (str_eq(node, "away"))
        return err_set(err, -503, "not connected");
    assert_true(world->count < CALLS);
    struct call *call = &world->calls[world->count++];
    snprintf(call->node, sizeof(call->node), "%s", node);
    call->handler = handler;
    call->ctx = handler_ctx;
    call->open = true;
    *ret = call;
    return 0;
}

static int64_t now_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->now;
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err = {0};
    world->clock = (struct clock){.wall_ns = now_ns, .boot_ns = now_ns};
    world->now = 1000 * NS_PER_S;
    assert_int_equal(loop_new(&world->clock, &world->loop, &err), 0);
    const struct usages_spec spec = {.loop = world->loop, .ctx = world, .call = open_call};
    world->usages = usages_new(&spec);
    world->source = usages_source(world->usages);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    usages_free(world->usages);
    loop_free(world->loop);
    free(world);
    return 0;
}

static void run(struct world *world)
{
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
}

static void pass(struct world *world, int64_t ns)
{
    world->now += ns;
    run(world);
}

static void on_told(void *ctx, bool answered)
{
    struct world *world = ctx;
    world->told += answered;
    world->dropped += !answered;
}

/* nodes: words. */
static int ask(struct world *world, const char *nodes)
{
    cleanup(value_free) struct value *list = value_new_list();
    for (const char *at = nodes; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        value_append(list, value_new_strn(at, len));
        at += len;
    }
    int rc = world->source.ask(world->source.ctx, list, on_told, world);
    run(world);
    return rc;
}

static void answer(struct world *world, size_t i, const char *text, int code)
{
    struct call *call = &world->calls[i];
    assert_true(call->open);
    if (*text)
        call->handler->data(call->ctx, 1, text, strlen(text));
    call->open = false;
    call->handler->end(call->ctx, &(struct call_end){.code = code, .message = ""});
    run(world);
}

static bool knows(struct world *world, const char *node)
{
    struct node_usage_answer answer;
    if (world->source.find(world->source.ctx, node, &answer) < 0)
        return false;
    node_usage_answer_done(&answer);
    return true;
}

/* Many who ask at once, and a while later: one question a node; then it is asked anew. */
static void test_usages__one_question(void **state)
{
    struct world *world = *state;
    assert_int_equal(ask(world, "a b"), 0);
    assert_int_equal(ask(world, "b a"), 0);
    assert_int_equal(world->count, 2);
    answer(world, 0, ANSWER, 0);
    assert_int_equal(world->told, 0);
    answer(world, 1, ANSWER, 0);
    assert_int_equal(world->told, 2);
    assert_true(knows(world, "a") && knows(world, "b"));
    pass(world, USAGES_KEPT_NS - NS_PER_S);
    assert_int_equal(ask(world, "a"), 0);
    assert_int_equal(world->count, 2);
    assert_int_equal(world->told, 3);
    pass(world, 2 * NS_PER_S);
    assert_false(knows(world, "a")); /* nothing is kept for nobody */
    assert_int_equal(ask(world, "a"), 0);
    assert_int_equal(world->count, 3);
}

/* Nobody asks: nothing is sent. */
static void test_usages__nobody_asks(void **state)
{
    struct world *world = *state;
    assert_int_equal(ask(world, "a"), 0);
    answer(world, 0, ANSWER, 0);
    for (int i = 0; i < 100; i++)
        pass(world, 10 * NS_PER_S);
    assert_int_equal(world->count, 1);
}

/* Left out: who is away, too late, fails, says nothing or nonsense, too much. */
static void test_usages__left_out(void **state)
{
    struct world *world = *state;
    assert_int_equal(ask(world, "away late fails silent odd big good"), 0);
    assert_int_equal(world->count, 6);
    answer(world, 1, ANSWER, 500);
    answer(world, 2, "", 0);
    answer(world, 3, "{\"window\":", 0);
    struct call *big = &world->calls[4];
    autofree char *piece = xcalloc(1, 16 * 1024 + 1);
    memset(piece, ' ', 16 * 1024);
    for (int i = 0; i < 17; i++)
        big->handler->data(big->ctx, 1, piece, strlen(piece));
    run(world);
    assert_false(big->open);
    assert_int_equal(big->took, USAGES_ANSWER_MAX);
    answer(world, 5, ANSWER, 0);
    assert_int_equal(world->told, 0);
    pass(world, USAGES_LATE_NS);
    assert_false(world->calls[0].open);
    assert_int_equal(world->told, 1);
    static const char *const bad[] = {"away", "late", "fails", "silent", "odd", "big"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (knows(world, bad[i]))
            fail_msg("%s has answered", bad[i]);
    assert_true(knows(world, "good"));
}

/* So many at a time, so many who wait; who is through makes room. */
static void test_usages__bounds(void **state)
{
    struct world *world = *state;
    cleanup(buf_done) struct buf names;
    buf_init(&names, 0);
    for (int i = 0; i < 2 * USAGES_CALLS; i++)
        buf_addf(&names, "n%d ", i);
    assert_int_equal(ask(world, buf_str(&names)), 0);
    assert_int_equal(world->count, USAGES_CALLS);
    answer(world, 7, ANSWER, 0);
    assert_int_equal(world->count, USAGES_CALLS + 1);
    for (int i = 1; i < USAGES_ASKERS; i++)
        assert_int_equal(ask(world, "n0"), 0);
    assert_int_equal(ask(world, "n0"), -EBUSY);
    for (int64_t waited = 0; waited < USAGES_ASKER_NS; waited += USAGES_LATE_NS)
        pass(world, USAGES_LATE_NS);
    assert_int_equal(world->told, USAGES_ASKERS);
    assert_int_equal(ask(world, "none"), 0);
}

/* The gateway ends: who waits frees what is his. */
static void test_usages__end(void **state)
{
    struct world *world = *state;
    assert_int_equal(ask(world, "a b"), 0);
    usages_free(world->usages);
    world->usages = NULL;
    assert_int_equal(world->dropped, 1);
    assert_false(world->calls[0].open);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_usages__one_question), TEST(test_usages__nobody_asks),
        TEST(test_usages__left_out),     TEST(test_usages__bounds),
        TEST(test_usages__end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
