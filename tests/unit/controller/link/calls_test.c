/* The gateway's end of streams; the test is the node, with the same keys. */

#include "controller/link/calls.h"

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/bus/envelope.h"
#include "common/bus/rpc.h"

#include "bus_stub.h"

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
    struct bus_stub stub;
    struct key *gateway, *node;
    struct calls *calls;
    struct envelope_line down, up, hint; /* the node's */
    struct call *call;
    char id[TOPIC_ID_MAX + 1]; /* of the call, as the node saw it */
    struct buf got;
    int64_t n; /* of the node's last message of the call */
    int ends, code, exit_code, opens, rooms, eofs, asked;
    char message[128];
    struct err err;
};

static int64_t now_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->now;
}

static void on_data(void *ctx, unsigned channel, const void *data, size_t len)
{
    struct world *world = ctx;
    assert_true(channel < RPC_CHANNELS);
    (void)buf_add(&world->got, data, len);
}

static void on_opened(void *ctx)
{
    ((struct world *)ctx)->opens++;
}

static void on_room(void *ctx)
{
    ((struct world *)ctx)->rooms++;
}

static void on_eof(void *ctx, unsigned channel)
{
    ((struct world *)ctx)->eofs |= 1 << channel;
}

static void on_end(void *ctx, const struct call_end *end)
{
    struct world *world = ctx;
    world->ends++;
    world->code = end->code;
    world->exit_code = end->exit_code;
    world->call = NULL;
    snprintf(world->message, sizeof(world->message), "%s", end->message);
}

static void on_ask(void *ctx, const char *node, const char *id, const struct value *question)
{
    struct world *world = ctx;
    assert_string_equal(node, NODE);
    assert_string_equal(id, world->id);
    assert_string_equal(value_get_str(question, "op"), "ask");
    world->asked++;
}

static struct key *public_of(const struct key *key)
{
    cleanup(buf_done) struct buf pem;
    struct key *public = NULL;
    struct err err = {0};
    buf_init(&pem, 0);
    assert_int_equal(key_write_public(key, &pem, &err), 0);
    assert_int_equal(key_parse_public(pem.data, pem.len, &public, &err), 0);
    return public;
}

/* A node boots: its lines, and the birth that the gateway hears. */
static void boot(struct world *world, const char *boot_id)
{
    struct envelope_link link;
    struct key *gateway = public_of(world->gateway), *node = public_of(world->node);
    assert_int_equal(envelope_link_init(&link, world->node, gateway, NODE, boot_id, &world->err),
                     0);
    assert_int_equal(envelope_line_init(&world->down, &link, ENVELOPE_DOWN, RPC_CLASS, &world->err),
                     0);
    assert_int_equal(envelope_line_init(&world->up, &link, ENVELOPE_UP, RPC_CLASS, &world->err), 0);
    assert_int_equal(envelope_line_init(&world->hint, &link, ENVELOPE_UP, "hint", &world->err), 0);
    envelope_link_done(&link);
    calls_boot(world->calls, NODE, boot_id, node);
    key_free(gateway);
    key_free(node);
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->clock = (struct clock){.wall_ns = now_ns, .boot_ns = now_ns};
    world->now = INT64_C(1800000000) * NS_PER_S;
    assert_int_equal(loop_new(&world->clock, &world->loop, &world->err), 0);
    assert_int_equal(key_generate(&world->gateway, &world->err), 0);
    assert_int_equal(key_generate(&world->node, &world->err), 0);
    bus_stub_init(&world->stub);
    world->calls = calls_new(&(struct calls_spec){.loop = world->loop,
                                                  .bus = &world->stub.bus,
                                                  .rng = rng_system(),
                                                  .sealing = world->gateway,
                                                  .ask = on_ask,
                                                  .ctx = world});
    buf_init(&world->got, 0);
    boot(world, "boot-1");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    calls_free(world->calls);
    bus_stub_drop(&world->stub);
    envelope_line_done(&world->down);
    envelope_line_done(&world->up);
    envelope_line_done(&world->hint);
    key_free(world->gateway);
    key_free(world->node);
    buf_done(&world->got);
    loop_free(world->loop);
    free(world);
    return 0;
}

static int open_call(struct world *world)
{
    static const struct call_handler handler = {
        .opened = on_opened, .data = on_data, .eof = on_eof, .room = on_room, .end = on_end};
    world->n = 0;
    cleanup(value_free) struct value *args = value_new_map();
    value_set_str(args, "pod", "web");
    return call_open(world->calls, NODE, "logs", args, &handler, world, &world->call, &world->err);
}

/* The next message to the node as "<op> <bytes>", "" if there is none; its id is noted. */
static char *take(struct world *world)
{
    if (world->stub.count == 0)
        return xstrdup("");
    const struct bus_msg *msg = world->stub.kept[0];
    struct topic topic;
    cleanup(envelope_got_done) struct envelope_got got = {0};
    assert_int_equal(topic_parse(msg->topic, &topic, &world->err), 0);
    assert_string_equal(topic.node, NODE);
    assert_int_equal(msg->expiry_s, RPC_EXPIRY_S);
    snprintf(world->id, sizeof(world->id), "%s", topic.id);
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, topic.id);
    int rc = envelope_read(&world->down, channel, msg->payload, msg->len, &got, &world->err);
    char *text = rc < 0
                     ? xasprintf("%d", rc)
                     : xasprintf("%s %lld", value_get_str(got.body, "op"),
                                 (long long)value_get_int(got.body, "bytes", (int64_t)got.raw_len));
    bus_msg_free(world->stub.kept[0]);
    world->stub.count--;
    memmove(world->stub.kept, world->stub.kept + 1,
            world->stub.count * sizeof(world->stub.kept[0]));
    return text;
}

static void expect_down(struct world *world, const char *text)
{
    autofree char *got = take(world);
    assert_string_equal(got, text);
}

/* The node says something of the call: number is the code of an end, bytes of credit, a channel. */
static void up(struct world *world, const char *op, int64_t number, const char *raw, size_t len)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", op);
    value_set_int(body, "n", ++world->n);
    if (str_eq(op, "end"))
        value_set_int(body, "code", number);
    else if (str_eq(op, "credit") || str_eq(op, "opened"))
        value_set_int(body, "bytes", number);
    else
        value_set_int(body, "ch", number);
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, world->id);
    const struct envelope_msg msg = {
        .channel = channel, .time_ns = world->now, .body = body, .raw = raw, .raw_len = len};
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    assert_int_equal(envelope_write(&world->up, &msg, &payload, &world->err), 0);
    calls_message(world->calls, NODE, world->id, payload.data, payload.len);
}

static void test_calls__stream(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    up(world, "data", 0, "hello ", 6);
    up(world, "data", 0, "world", 5);
    assert_string_equal(buf_str(&world->got), "hello world");
    up(world, "end", 0, NULL, 0);
    assert_int_equal(world->ends, 1);
    assert_int_equal(world->code, 0);
    up(world, "data", 0, "late", 4); /* of a call that has ended: the node need not go on */
    assert_string_equal(buf_str(&world->got), "hello world");
    expect_down(world, "close 0");
    up(world, "end", 0, "late", 4);
    expect_down(world, "");
}

static void test_calls__codes(void **state)
{
    struct world *world = *state;
    static const struct {
        int64_t said;
        int told;
    } cases[] = {{0, 0}, {404, 404}, {599, 599}, {200, 502}, {-1, 502}, {INT64_MAX, 502}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(open_call(world), 0);
        expect_down(world, "open 0");
        up(world, "end", cases[i].said, NULL, 0);
        assert_int_equal(world->code, cases[i].told);
    }
}

/* No more than was granted is ever held for a reader that takes nothing. */
static void test_calls__more_than_credit(void **state)
{
    struct world *world = *state;
    autofree char *piece = xcalloc(1, RPC_MAX_CHUNK);
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    for (int i = 0; i < RPC_CREDIT / RPC_MAX_CHUNK; i++)
        up(world, "data", 0, piece, RPC_MAX_CHUNK);
    assert_int_equal(world->got.len, RPC_CREDIT);
    assert_int_equal(world->ends, 0);
    up(world, "data", 0, "x", 1);
    assert_int_equal(world->got.len, RPC_CREDIT);
    assert_int_equal(world->ends, 1);
    assert_int_equal(world->code, 502);
    expect_down(world, "close 0");
}

/* Credit that the bus did not take goes with the next acknowledgement: else both sides would wait.
 */
static void test_calls__credit(void **state)
{
    struct world *world = *state;
    autofree char *piece = xcalloc(1, RPC_CREDIT);
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    up(world, "data", 0, piece, RPC_CREDIT);
    call_took(world->call, 1000); /* not worth a message yet */
    expect_down(world, "");
    world->stub.room = 0;
    call_took(world->call, RPC_CREDIT - 1000);
    world->stub.room = SIZE_MAX;
    expect_down(world, "");
    calls_acked(world->calls, 0);
    expect_down(world, "credit 65536");
    calls_acked(world->calls, 0);
    expect_down(world, "");
    up(world, "data", 0, piece, RPC_CREDIT);
    assert_int_equal(world->ends, 0);
    call_close(world->call);
    expect_down(world, "close 0");
    assert_int_equal(world->ends, 0);
}

static void test_calls__no_answer(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    world->now += (RPC_EXPIRY_S + 3) * NS_PER_S;
    assert_int_equal(loop_step(world->loop, 0), 0);
    assert_int_equal(world->code, 504);
    assert_string_equal(world->message, "node " NODE " does not answer");
    up(world, "data", 0, "late", 4);
    assert_int_equal(world->got.len, 0);
}

/* Bytes to the node: as many as it grants, in pieces, in order; what it does not take waits with
 * the caller. */
static void test_calls__send(void **state)
{
    struct world *world = *state;
    autofree char *bytes = xcalloc(1, RPC_CREDIT);
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    assert_int_equal(call_send(world->call, RPC_STDIN, "x", 1, false), 0); /* not opened yet */
    up(world, "opened", 20000, NULL, 0);
    assert_int_equal(world->opens, 1);
    assert_int_equal(world->rooms, 0);
    assert_int_equal(call_send(world->call, RPC_STDIN, bytes, RPC_CREDIT, false), 20000);
    expect_down(world, "data 16384");
    expect_down(world, "data 3616");
    calls_acked(world->calls, 1);
    up(world, "credit", 100, NULL, 0);
    assert_int_equal(world->rooms, 1);
    assert_int_equal(call_send(world->call, RPC_RESIZE, bytes, 101, true), 0); /* whole or not */
    expect_down(world, "");
    assert_int_equal(call_send(world->call, RPC_RESIZE, bytes, 100, true), 100);
    expect_down(world, "data 100");
    call_eof(world->call, RPC_STDIN);
    expect_down(world, "eof 0");
    up(world, "eof", RPC_STDERR, NULL, 0);
    assert_int_equal(world->eofs, 1 << RPC_STDERR);
    up(world, "end", 0, NULL, 0);
    assert_int_equal(world->ends, 1);
}

/* A full bus: nothing is taken, and nothing of what is to be said is forgotten. */
static void test_calls__full_bus(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    up(world, "opened", 1000, NULL, 0);
    world->stub.room = 0;
    assert_int_equal(call_send(world->call, RPC_STDIN, "abc", 3, false), 0);
    call_eof(world->call, RPC_STDIN);
    expect_down(world, "");
    calls_acked(world->calls, 0); /* still full */
    expect_down(world, "");
    world->stub.room = SIZE_MAX;
    calls_acked(world->calls, 0);
    expect_down(world, "eof 0");
    call_close(world->call);
}

/* What is lost on the way is never passed over: the stream ends with an error. */
static void test_calls__gap(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    up(world, "data", RPC_STDOUT, "one", 3);
    world->n++;
    up(world, "data", RPC_STDOUT, "three", 5);
    assert_string_equal(buf_str(&world->got), "one");
    assert_int_equal(world->ends, 1);
    assert_int_equal(world->code, 502);
    expect_down(world, "close 0");
}

/* A node that is gone without a word. */
static void test_calls__silence(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    up(world, "opened", 1000, NULL, 0);
    for (int i = 0; i < RPC_SILENCE_S / 5; i++) {
        world->now += 5 * NS_PER_S;
        assert_int_equal(loop_step(world->loop, 0), 0);
        assert_int_equal(world->ends, 0);
    }
    expect_down(world, "credit 0"); /* we are there ourselves */
    world->now += 6 * NS_PER_S;
    assert_int_equal(loop_step(world->loop, 0), 0);
    assert_int_equal(world->ends, 1);
    assert_int_equal(world->code, 504);
}

/* A node that connects anew has forgotten its streams; a request on its way to it is still good. */
static void test_calls__born_again(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    boot(world, "boot-1");
    assert_int_equal(world->ends, 0);
    up(world, "data", 0, "a", 1);
    boot(world, "boot-1");
    assert_int_equal(world->ends, 1);
    assert_int_equal(world->code, 503);
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    boot(world, "boot-2");
    assert_int_equal(world->ends, 2);
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0"); /* under the new boot's keys */
    calls_forget(world->calls, NODE);
    assert_int_equal(world->ends, 3);
    assert_int_equal(open_call(world), -ENOTCONN);
}

/* A node that has seen higher counters refuses, hints, and gets the request again. */
static void test_calls__hint(void **state)
{
    struct world *world = *state;
    world->down.last = UINT64_C(1) << 50;
    assert_int_equal(open_call(world), 0);
    autofree char *stale = xasprintf("%d", -ESTALE);
    expect_down(world, stale);
    cleanup(buf_done) struct buf hint;
    buf_init(&hint, 0);
    assert_int_equal(
        envelope_hint_write(&world->hint, &world->down, world->now, &hint, &world->err), 0);
    calls_message(world->calls, NODE, world->id, hint.data, hint.len);
    expect_down(world, "open 0");
    for (int i = 0; i < 10; i++) /* replayed: a few times, no more */
        calls_message(world->calls, NODE, world->id, hint.data, hint.len);
    assert_true(world->stub.count < 4);
    while (world->stub.count > 0)
        expect_down(world, "open 0");
    up(world, "end", 0, NULL, 0);
    assert_int_equal(world->ends, 1);
}

static void test_calls__forged(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_call(world), 0);
    expect_down(world, "open 0");
    static const char *const payloads[] = {"", "x", "{}\n\n", "{\"seq\":1}\nAAAA\nraw"};
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
        calls_message(world->calls, NODE, world->id, payloads[i], strlen(payloads[i]));
    calls_message(world->calls, "other.01234567", world->id, "x", 1);
    world->up.key[0] ^= 1;
    up(world, "end", 0, NULL, 0);
    assert_int_equal(world->ends, 0);
    assert_int_equal(world->got.len, 0);
    calls_lost(world->calls, NULL);
    assert_int_equal(world->ends, 1);
}

/* The node asks, and is answered, on no call of ours; a restarted gateway catches up first. */
static void test_calls__ask(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *body = value_new_map();
    snprintf(world->id, sizeof(world->id), "q1");
    up(world, "ask", 0, NULL, 0);
    assert_int_equal(world->asked, 1);
    assert_int_equal(calls_answer(world->calls, NODE, "q1", body, "raw", 3, &world->err), 0);
    expect_down(world, "answer 3");
    assert_string_equal(world->id, "q1");
    assert_int_equal(calls_answer(world->calls, "other.01234567", "q1", body, "", 0, &world->err),
                     -ENOTCONN);
    /* Its counters are above ours: what we say is refused, and it says so. */
    world->down.last += 1000000;
    assert_int_equal(calls_answer(world->calls, NODE, "q1", body, "raw", 3, &world->err), 0);
    autofree char *refused = take(world);
    assert_int_equal(atoi(refused), -ESTALE);
    cleanup(buf_done) struct buf hint = {0};
    assert_int_equal(
        envelope_hint_write(&world->hint, &world->down, world->now, &hint, &world->err), 0);
    calls_message(world->calls, NODE, "q1", hint.data, hint.len);
    assert_int_equal(calls_answer(world->calls, NODE, "q1", body, "raw", 3, &world->err), 0);
    expect_down(world, "answer 3");
    /* What is forged asks nothing. */
    world->up.key[0] ^= 1;
    up(world, "ask", 0, NULL, 0);
    assert_int_equal(world->asked, 1);
    expect_down(world, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_calls__stream),   TEST(test_calls__codes),     TEST(test_calls__more_than_credit),
        TEST(test_calls__credit),   TEST(test_calls__no_answer), TEST(test_calls__born_again),
        TEST(test_calls__hint),     TEST(test_calls__forged),    TEST(test_calls__send),
        TEST(test_calls__full_bus), TEST(test_calls__gap),       TEST(test_calls__silence),
        TEST(test_calls__ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
