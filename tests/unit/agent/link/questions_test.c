/* Questions of the node and their answers, and tokens asked for by them: the test is the gateway.
 */

#include "agent/link/questions.h"
#include "agent/link/token_asks.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/podtoken.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODE "pi.01234567"

struct world {
    struct clock clock;
    int64_t now;
    struct loop *loop;
    struct rng_seeded rng;
    struct questions *questions;
    char id[65]; /* of the last question */
    struct value *question;
    int send_rc;
    int answers, code;
    uint64_t ticket;
    char message[64];
    int changes;
    struct err err;
};

static int64_t now_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->now;
}

static int on_send(void *ctx, const char *id, const struct value *body, struct err *err)
{
    struct world *world = ctx;
    if (world->send_rc < 0)
        return err_set(err, world->send_rc, "no");
    snprintf(world->id, sizeof(world->id), "%s", id);
    value_free(world->question);
    world->question = value_copy(body);
    return 0;
}

static void on_answer(void *ctx, uint64_t ticket, const struct questions_answer *answer)
{
    struct world *world = ctx;
    assert_string_equal(answer->id, world->id);
    world->answers++;
    world->ticket = ticket;
    world->code = answer->code;
    snprintf(world->message, sizeof(world->message), "%s", answer->message);
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->clock = (struct clock){.wall_ns = now_ns, .boot_ns = now_ns};
    world->now = 1000 * NS_PER_S;
    rng_seeded_init(&world->rng, 7);
    assert_int_equal(loop_new(&world->clock, &world->loop, &world->err), 0);
    const struct questions_spec spec = {
        .loop = world->loop, .rng = &world->rng.rng, .send = on_send, .ctx = world};
    world->questions = questions_new(&spec);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    questions_free(world->questions);
    value_free(world->question);
    loop_free(world->loop);
    free(world);
    return 0;
}

static int ask(struct world *world, uint64_t ticket)
{
    cleanup(value_free) struct value *args = value_new_map();
    return questions_open(world->questions, "token", args, on_answer, world, ticket, &world->err);
}

static void say(struct world *world, const char *id, const char *op, int64_t code,
                const struct buf *raw)
{
    struct envelope_got got = {.body = value_new_map()};
    value_set_str(got.body, "op", op);
    value_set_int(got.body, "code", code);
    value_set_int(got.body, "seconds", 600);
    value_set_str(got.body, "message", "why");
    if (raw) {
        got.raw = raw->data;
        got.raw_len = raw->len;
    }
    questions_message(world->questions, id, &got);
    value_free(got.body);
}

static void test_questions__one_answer(void **state)
{
    struct world *world = *state;
    assert_int_equal(ask(world, 7), 0);
    assert_string_equal(value_get_str(world->question, "op"), "ask");
    assert_string_equal(value_get_str(world->question, "method"), "token");
    assert_int_equal(strlen(world->id), 32);
    say(world, "0123456789abcdef", "answer", 0, NULL); /* to what nobody asked */
    say(world, world->id, "data", 0, NULL);
    assert_int_equal(world->answers, 0);
    say(world, world->id, "answer", 0, NULL);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->ticket, 7);
    assert_int_equal(world->code, 0);
    say(world, world->id, "answer", 0, NULL);
    assert_int_equal(world->answers, 1);
}

static void test_questions__failures(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *op;
        int64_t said;
        int told;
    } cases[] = {
        {"answer", 403, 403}, {"answer", 599, 599},       {"answer", -1, 502}, {"answer", 200, 502},
        {"answer", 600, 502}, {"answer", INT64_MAX, 502}, {"close", 0, 501},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(ask(world, i), 0);
        say(world, world->id, cases[i].op, cases[i].said, NULL);
        if (world->code != cases[i].told || world->ticket != i)
            fail_msg("case %zu: %d", i, world->code);
    }
    int before = world->answers;
    assert_int_equal(ask(world, 8), 0);
    world->now += 60 * NS_PER_S;
    assert_int_equal(loop_step(world->loop, 0), 0);
    assert_int_equal(world->code, 504);
    assert_int_equal(ask(world, 9), 0);
    questions_reset(world->questions);
    assert_int_equal(world->code, 503);
    assert_int_equal(world->answers, before + 2);
    world->send_rc = -ENOBUFS;
    assert_int_equal(ask(world, 10), -ENOBUFS);
    world->send_rc = 0;
    for (int i = 0; i < QUESTIONS_UNDER_WAY; i++)
        assert_int_equal(ask(world, 11), 0);
    assert_int_equal(ask(world, 11), -EBUSY);
    assert_int_equal(world->answers, before + 2);
}

static void on_changed(void *ctx, const char *uid)
{
    (void)uid;
    ((struct world *)ctx)->changes++;
}

static void on_refused(void *ctx, const char *uid, const char *message)
{
    (void)ctx;
    (void)uid;
    fail_msg("refused: %s", message);
}

/* Asks for it, and is answered with one that was sealed for that id; NULL: for the question's. */
static int fetch(struct world *world, struct tokens *tokens, const struct key *key, const char *id)
{
    static const struct tokens_question question = {"default", "web", "u-1", "vault", 600};
    cleanup(buf_done) struct buf sealed = {0};
    const char *text = NULL;
    assert_int_equal(tokens_get(tokens, &question, &text, &world->err), -EAGAIN);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
    const struct value *args = value_get(world->question, "args");
    assert_string_equal(value_get_str(args, "pod"), "web");
    assert_string_equal(value_get_str(args, "audience"), "vault");
    assert_int_equal(value_get_int(args, "expirationSeconds", 0), 600);
    assert_int_equal(podtoken_seal(key, NODE, id ? id : world->id, "a.b.c", &sealed, &world->err),
                     0);
    say(world, world->id, "answer", 0, &sealed);
    int rc = tokens_get(tokens, &question, &text, &world->err);
    if (rc == 0)
        assert_string_equal(text, "a.b.c");
    tokens_forget(tokens, "u-1");
    return rc;
}

static void test_questions__token(void **state)
{
    struct world *world = *state;
    cleanup(key_free) struct key *key = NULL;
    cleanup(key_free) struct key *other = NULL;
    assert_int_equal(key_generate(&key, &world->err), 0);
    assert_int_equal(key_generate(&other, &world->err), 0);
    struct tokens *tokens = tokens_new(&(struct tokens_spec){.loop = world->loop,
                                                             .rng = &world->rng.rng,
                                                             .changed = on_changed,
                                                             .refused = on_refused,
                                                             .ctx = world});
    struct token_asks *token_asks = token_asks_new(tokens, world->questions, NODE, key);
    tokens_contact(tokens, true);
    assert_int_equal(fetch(world, tokens, key, NULL), 0);
    assert_int_equal(world->changes, 1);
    assert_int_equal(fetch(world, tokens, key, "another"), -EAGAIN); /* it opens for its own */
    assert_int_equal(fetch(world, tokens, other, NULL), -EAGAIN);
    assert_int_equal(world->changes, 1);
    token_asks_free(token_asks);
    tokens_free(tokens);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_questions__one_answer),
        TEST(test_questions__failures),
        TEST(test_questions__token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
