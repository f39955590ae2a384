/* The test is the gateway, and moves the clock. */

#include "agent/pod/tokens.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ASKS 128

struct world {
    struct clock clock;
    int64_t now;
    struct loop *loop;
    struct rng_seeded rng;
    struct tokens *tokens;
    uint64_t tickets[ASKS]; /* not answered yet, oldest first */
    size_t count, asked;
    int ask_rc;
    int changes, refusals;
    char changed[64], message[128];
    struct err err;
};

static const struct tokens_question web = {"default", "web", "u-1", NULL, 3607};

static int64_t now_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->now;
}

static void on_changed(void *ctx, const char *uid)
{
    struct world *world = ctx;
    world->changes++;
    snprintf(world->changed, sizeof(world->changed), "%s", uid);
}

static void on_refused(void *ctx, const char *uid, const char *message)
{
    struct world *world = ctx;
    assert_string_equal(uid, "u-1");
    world->refusals++;
    snprintf(world->message, sizeof(world->message), "%s", message);
}

static int on_ask(void *ctx, const struct tokens_question *question, uint64_t ticket,
                  struct err *err)
{
    struct world *world = ctx;
    assert_string_equal(question->ns, "default");
    if (world->ask_rc < 0)
        return err_set(err, world->ask_rc, "not now");
    assert_true(world->count < ASKS);
    world->tickets[world->count++] = ticket;
    world->asked++;
    return 0;
}

static void run(struct world *world)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
}

/* In steps of at most a second. */
static void pass(struct world *world, int64_t ns)
{
    int64_t end = world->now + ns;
    while (world->now < end) {
        world->now += end - world->now < NS_PER_S ? end - world->now : NS_PER_S;
        run(world);
    }
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->clock = (struct clock){.wall_ns = now_ns, .boot_ns = now_ns};
    world->now = 1000 * NS_PER_S;
    rng_seeded_init(&world->rng, 7);
    assert_int_equal(loop_new(&world->clock, &world->loop, &world->err), 0);
    world->tokens = tokens_new(&(struct tokens_spec){.loop = world->loop,
                                                     .rng = &world->rng.rng,
                                                     .changed = on_changed,
                                                     .refused = on_refused,
                                                     .ctx = world});
    tokens_serve(world->tokens, on_ask, world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    tokens_free(world->tokens);
    loop_free(world->loop);
    free(world);
    return 0;
}

static int get(struct world *world, const struct tokens_question *question, const char **ret)
{
    int rc = tokens_get(world->tokens, question, ret, &world->err);
    run(world);
    return rc;
}

static void expect(struct world *world, int rc)
{
    const char *text = NULL;
    assert_int_equal(get(world, &web, &text), rc);
}

static void expect_text(struct world *world, const char *wanted)
{
    const char *text = NULL;
    assert_int_equal(tokens_get(world->tokens, &web, &text, &world->err), 0);
    assert_string_equal(text, wanted);
}

static void answer_as(struct world *world, const struct tokens_answer *answer)
{
    assert_true(world->count > 0);
    uint64_t ticket = world->tickets[0];
    world->count--;
    memmove(world->tickets, world->tickets + 1, world->count * sizeof(world->tickets[0]));
    tokens_answer(world->tokens, ticket, answer);
    run(world);
}

static void answer(struct world *world, const char *text)
{
    answer_as(world, &(struct tokens_answer){.text = text, .seconds = web.seconds});
}

static void refuse(struct world *world, int code, const char *message)
{
    answer_as(world, &(struct tokens_answer){.code = code, .message = message});
}

static void test_tokens__first_need(void **state)
{
    struct world *world = *state;
    tokens_contact(world->tokens, true);
    run(world);
    assert_int_equal(world->asked, 0); /* nobody needs one */
    expect(world, -EAGAIN);
    expect(world, -EAGAIN);
    assert_int_equal(world->asked, 1);
    answer(world, "one");
    assert_int_equal(world->changes, 1);
    assert_string_equal(world->changed, "u-1");
    expect_text(world, "one");
    assert_int_equal(world->asked, 1);
}

/* No pod waits for long, whatever is not answered; what comes later is told all the same. */
static void test_tokens__pods_do_not_wait(void **state)
{
    struct world *world = *state;
    tokens_contact(world->tokens, true);
    expect(world, -EAGAIN);
    pass(world, TOKENS_WAIT_NS - NS_PER_S);
    expect(world, -EAGAIN);
    pass(world, NS_PER_S);
    expect(world, -ENOENT);
    /* Another of the same pod does not begin anew. */
    const struct tokens_question more = {"default", "web", "u-1", "vault", 600};
    const struct tokens_question other = {"default", "db", "u-2", NULL, 3607};
    const char *text;
    assert_int_equal(get(world, &more, &text), -ENOENT);
    assert_int_equal(get(world, &other, &text), -EAGAIN);
    assert_int_equal(world->asked, 3);
    answer(world, "late");
    assert_int_equal(world->changes, 1);
    expect_text(world, "late");
}

static void test_tokens__no_contact(void **state)
{
    struct world *world = *state;
    /* It is not known yet: a moment. */
    expect(world, -EAGAIN);
    pass(world, TOKENS_HOPE_NS);
    expect(world, -ENOENT);
    assert_int_equal(world->asked, 0);
    tokens_contact(world->tokens, false);
    assert_int_equal(world->changes, 1);
    expect(world, -ENOENT);
    for (int i = 0; i < 50; i++) {
        tokens_contact(world->tokens, false); /* another try that failed */
        pass(world, 600 * NS_PER_S);
    }
    assert_int_equal(world->asked, 0);
    assert_int_equal(world->changes, 1);
    expect(world, -ENOENT);
    tokens_contact(world->tokens, true);
    run(world);
    assert_int_equal(world->asked, 1);
    expect(world, -EAGAIN);
    tokens_contact(world->tokens, false); /* who waits is told that it is not worth it any more */
    assert_int_equal(world->changes, 2);
    expect(world, -ENOENT);
}

static void test_tokens__renewal(void **state)
{
    struct world *world = *state;
    tokens_contact(world->tokens, true);
    expect(world, -EAGAIN);
    answer(world, "one");
    pass(world, web.seconds * NS_PER_S / 100 * 80 - TOKENS_JITTER_NS - NS_PER_S);
    assert_int_equal(world->asked, 1);
    pass(world, TOKENS_JITTER_NS + 2 * NS_PER_S);
    assert_int_equal(world->asked, 2);
    expect_text(world, "one"); /* which holds on */
    answer(world, "two");
    assert_int_equal(world->changes, 2);
    expect_text(world, "two");
    assert_int_equal(world->asked, 2);
}

/* However long a token holds, it is not kept for more than a day. */
static void test_tokens__a_day(void **state)
{
    struct world *world = *state;
    tokens_contact(world->tokens, true);
    expect(world, -EAGAIN);
    answer_as(world, &(struct tokens_answer){.text = "one", .seconds = INT64_C(1) << 32});
    pass(world, TOKENS_AGE_NS - TOKENS_JITTER_NS - NS_PER_S);
    assert_int_equal(world->asked, 1);
    pass(world, TOKENS_JITTER_NS + NS_PER_S);
    assert_int_equal(world->asked, 2);
}

/* A renewal that fails is tried again, ever less often; what has ended is no token any more. */
static void test_tokens__backoff(void **state)
{
    struct world *world = *state;
    tokens_contact(world->tokens, true);
    expect(world, -EAGAIN);
    answer(world, "one");
    pass(world, web.seconds * NS_PER_S / 100 * 80);
    assert_int_equal(world->asked, 2);
    size_t before = world->asked;
    for (int64_t left = 600; left > 0; left--) {
        if (world->count)
            refuse(world, 503, "the gateway rests");
        pass(world, NS_PER_S);
    }
    assert_in_range(world->asked - before, 4, 10);
    assert_int_equal(world->refusals, 0);
    expect_text(world, "one");
    pass(world, 200 * NS_PER_S);
    const char *text;
    assert_int_not_equal(get(world, &web, &text), 0);
    /* Nobody takes a question: no harm. */
    world->ask_rc = -EBUSY;
    if (world->count)
        refuse(world, 504, "late");
    pass(world, 3600 * NS_PER_S);
    world->ask_rc = 0;
    pass(world, 400 * NS_PER_S);
    answer(world, "two");
    expect_text(world, "two");
}

/* What was due while there was no contact is asked for when there is, not by all at once. */
static void test_tokens__makes_up(void **state)
{
    struct world *world = *state;
    tokens_contact(world->tokens, true);
    expect(world, -EAGAIN);
    answer(world, "one");
    tokens_contact(world->tokens, false);
    pass(world, web.seconds * NS_PER_S / 100 * 90);
    assert_int_equal(world->asked, 1);
    tokens_contact(world->tokens, true);
    pass(world, TOKENS_JITTER_NS);
    assert_int_equal(world->asked, 2);
    answer(world, "two");
    expect_text(world, "two");
}

static void test_tokens__refused(void **state)
{
    struct world *world = *state;
    tokens_contact(world->tokens, true);
    expect(world, -EAGAIN);
    refuse(world, 404, "serviceaccounts \"robot\" not found");
    assert_int_equal(world->changes, 1);
    assert_int_equal(world->refusals, 1);
    expect(world, -ENOENT);
    assert_string_equal(world->err.msg,
                        "failed to fetch token: serviceaccounts \"robot\" not found");
    for (int i = 0; i < 100; i++) {
        pass(world, 60 * NS_PER_S);
        if (world->count)
            refuse(world, 404, "serviceaccounts \"robot\" not found");
    }
    assert_int_equal(world->refusals, 1);
    assert_in_range(world->asked, 10, 40);
    pass(world, 400 * NS_PER_S);
    answer(world, "one"); /* it is there again */
    expect_text(world, "one");
}

/* What no gateway of ours would say. */
static void test_tokens__bad_answers(void **state)
{
    struct world *world = *state;
    static const struct tokens_answer cases[] = {
        {.text = "", .seconds = 3600},
        {.text = NULL, .seconds = 3600},
        {.text = "t", .seconds = 0},
        {.text = "t", .seconds = -1},
        {.text = "t", .seconds = INT64_MAX},
        {.code = -5, .text = "t", .seconds = 3600},
        {.code = 200, .text = "t", .seconds = 3600},
    };
    tokens_contact(world->tokens, true);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *text;
        assert_int_not_equal(get(world, &web, &text), 0);
        pass(world, 400 * NS_PER_S);
        answer_as(world, &cases[i]);
        assert_int_not_equal(get(world, &web, &text), 0);
    }
    const struct tokens_answer good = {.text = "t", .seconds = 3600};
    tokens_answer(world->tokens, 0, &good);
    tokens_answer(world->tokens, 1, &good); /* that was answered */
    tokens_answer(world->tokens, UINT64_MAX, &good);
    expect(world, -ENOENT);
}

/* Dead with the pod; who asks again begins anew. */
static void test_tokens__forgotten(void **state)
{
    struct world *world = *state;
    tokens_contact(world->tokens, true);
    expect(world, -EAGAIN);
    tokens_forget(world->tokens, "u-1");
    answer(world, "one"); /* for nobody */
    assert_int_equal(world->changes, 0);
    expect(world, -EAGAIN);
    answer(world, "two");
    tokens_forget(world->tokens, "u-1");
    expect(world, -EAGAIN);
    pass(world, web.seconds * NS_PER_S);
    assert_int_equal(world->asked, 3);
}

/* Many pods ask a few at a time, and one pod for not too much. */
static void test_tokens__many(void **state)
{
    struct world *world = *state;
    const char *text;
    tokens_contact(world->tokens, true);
    for (int i = 0; i < 100; i++) {
        char uid[16];
        snprintf(uid, sizeof(uid), "many-%d", i);
        const struct tokens_question question = {"default", "p", uid, NULL, 600};
        assert_int_equal(get(world, &question, &text), -EAGAIN);
    }
    assert_int_equal(world->count, TOKENS_UNDER_WAY);
    for (int i = 0; i < 100; i++) {
        assert_in_range(world->count, 1, TOKENS_UNDER_WAY);
        answer(world, "t");
    }
    assert_int_equal(world->asked, 100);
    for (int i = 0; i < 2 * TOKENS_PER_POD; i++) {
        const struct tokens_question question = {"default", "p", "greedy", NULL, 600 + i};
        assert_int_equal(get(world, &question, &text), i < TOKENS_PER_POD ? -EAGAIN : -ENOENT);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_tokens__first_need),  TEST(test_tokens__pods_do_not_wait),
        TEST(test_tokens__no_contact),  TEST(test_tokens__renewal),
        TEST(test_tokens__a_day),       TEST(test_tokens__backoff),
        TEST(test_tokens__makes_up),    TEST(test_tokens__refused),
        TEST(test_tokens__bad_answers), TEST(test_tokens__forgotten),
        TEST(test_tokens__many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
