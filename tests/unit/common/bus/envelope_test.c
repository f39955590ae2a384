#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/bus/envelope.h"
#include "common/data/json.h"

#include <errno.h>
#include <string.h>

#define NODE "pi-01.0123abcd"
#define BOOT "5f0c1f2e-0000-4000-8000-1234567890ab"
#define TIME_NS (INT64_C(1795224875) * NS_PER_S + 1000)

struct ends { /* of one boot: the controller's view and the node's */
    struct key *controller, *node;
    struct envelope_link link_c, link_n;
    struct envelope_line send, receive; /* "rpc", down */
};

static int setup(void **state)
{
    struct ends *e = calloc(1, sizeof(*e));

    assert_int_equal(key_generate(&e->controller, NULL), 0);
    assert_int_equal(key_generate(&e->node, NULL), 0);
    assert_int_equal(envelope_link_init(&e->link_c, e->controller, e->node, NODE, BOOT, NULL), 0);
    assert_int_equal(envelope_link_init(&e->link_n, e->node, e->controller, NODE, BOOT, NULL), 0);
    assert_int_equal(envelope_line_init(&e->send, &e->link_c, ENVELOPE_DOWN, "rpc", NULL), 0);
    assert_int_equal(envelope_line_init(&e->receive, &e->link_n, ENVELOPE_DOWN, "rpc", NULL), 0);
    *state = e;
    return 0;
}

static int teardown(void **state)
{
    struct ends *e = *state;

    key_free(e->controller);
    key_free(e->node);
    envelope_line_done(&e->send);
    envelope_line_done(&e->receive);
    envelope_link_done(&e->link_c);
    envelope_link_done(&e->link_n);
    free(e);
    return 0;
}

static void write_one(struct envelope_line *line, const char *channel, const char *raw,
                      struct buf *ret)
{
    cleanup(value_free) struct value *body = value_new_map();
    struct envelope_msg msg = {.channel = channel,
                               .time_ns = TIME_NS,
                               .echo = 9,
                               .body = body,
                               .raw = raw,
                               .raw_len = strlen(raw)};

    value_set_str(body, "op", "open");
    buf_init(ret, 0);
    assert_int_equal(envelope_write(line, &msg, ret, NULL), 0);
}

static int read_one(struct envelope_line *line, const char *channel, const struct buf *payload)
{
    cleanup(envelope_got_done) struct envelope_got got = {0};

    return envelope_read(line, channel, payload->data, payload->len, &got, NULL);
}

static void test_envelope__arrives_whole(void **state)
{
    struct ends *e = *state;
    cleanup(buf_done) struct buf payload;
    cleanup(envelope_got_done) struct envelope_got got = {0};

    write_one(&e->send, "rpc/abc", "raw\nbytes\n", &payload);
    assert_int_equal(envelope_read(&e->receive, "rpc/abc", payload.data, payload.len, &got, NULL),
                     0);
    assert_int_equal(got.seq, 1);
    assert_int_equal(got.echo, 9);
    assert_true(got.time_ns == TIME_NS);
    assert_string_equal(value_get_str(got.body, "op"), "open");
    assert_int_equal(got.raw_len, 10);
    assert_memory_equal(got.raw, "raw\nbytes\n", 10);
}

static void test_envelope__no_byte_can_be_changed(void **state)
{
    struct ends *e = *state;
    cleanup(buf_done) struct buf payload;

    write_one(&e->send, "rpc/abc", "raw", &payload);
    for (size_t i = 0; i < payload.len; i++) {
        payload.data[i] ^= 1;
        if (read_one(&e->receive, "rpc/abc", &payload) == 0)
            fail_msg("accepted with byte %zu changed", i);
        payload.data[i] ^= 1;
    }
    for (size_t len = payload.len; payload.len > 0; payload.len--)
        if (payload.len < len)
            assert_int_equal(read_one(&e->receive, "rpc/abc", &payload), -EBADMSG);
    assert_int_equal(e->receive.last, 0); /* failures leave no trace */
}

static void test_envelope__replayed_and_overtaken_are_refused(void **state)
{
    struct ends *e = *state;
    cleanup(buf_done) struct buf first, second;

    write_one(&e->send, "rpc/a", "", &first);
    write_one(&e->send, "rpc/a", "", &second);
    assert_int_equal(read_one(&e->receive, "rpc/a", &second), 0);
    assert_int_equal(read_one(&e->receive, "rpc/a", &second), -ESTALE);
    assert_int_equal(read_one(&e->receive, "rpc/a", &first), -ESTALE);
}

/* Moved to another topic, node, boot, direction or class. */
static void test_envelope__counts_only_where_it_was_sent(void **state)
{
    struct ends *e = *state;
    struct envelope_link link;
    struct envelope_line line;
    cleanup(buf_done) struct buf payload;

    write_one(&e->send, "rpc/abc", "", &payload);
    assert_int_equal(read_one(&e->receive, "rpc/xyz", &payload), -EADDRNOTAVAIL);
    assert_int_equal(read_one(&e->receive, "lease", &payload), -EADDRNOTAVAIL);
    assert_int_equal(
        envelope_link_init(&link, e->node, e->controller, "pi-02.0123abcd", BOOT, NULL), 0);
    assert_int_equal(envelope_line_init(&line, &link, ENVELOPE_DOWN, "rpc", NULL), 0);
    assert_int_equal(read_one(&line, "rpc/abc", &payload), -EBADMSG);
    assert_int_equal(envelope_link_init(&link, e->node, e->controller, NODE, "another-boot", NULL),
                     0);
    assert_int_equal(envelope_line_init(&line, &link, ENVELOPE_DOWN, "rpc", NULL), 0);
    assert_int_equal(read_one(&line, "rpc/abc", &payload), -EBADMSG);
    assert_int_equal(envelope_line_init(&line, &e->link_n, ENVELOPE_UP, "rpc", NULL), 0);
    assert_int_equal(read_one(&line, "rpc/abc", &payload), -EBADMSG);
    assert_int_equal(envelope_line_init(&line, &e->link_n, ENVELOPE_DOWN, "lease", NULL), 0);
    assert_int_equal(read_one(&line, "lease", &payload), -EBADMSG);
    assert_int_equal(read_one(&e->receive, "rpc/abc", &payload), 0);
}

/* Classes of different QoS overtake each other: they do not share a counter. */
static void test_envelope__classes_do_not_wait_for_each_other(void **state)
{
    struct ends *e = *state;
    struct envelope_line lease_c, lease_n;
    cleanup(buf_done) struct buf rpc, lease;

    assert_int_equal(envelope_line_init(&lease_c, &e->link_c, ENVELOPE_DOWN, "lease", NULL), 0);
    assert_int_equal(envelope_line_init(&lease_n, &e->link_n, ENVELOPE_DOWN, "lease", NULL), 0);
    write_one(&e->send, "rpc/a", "", &rpc);
    write_one(&lease_c, "lease", "", &lease);
    assert_int_equal(read_one(&lease_n, "lease", &lease), 0);
    assert_int_equal(read_one(&e->receive, "rpc/a", &rpc), 0);
}

static void test_envelope__a_restarted_sender_catches_up(void **state)
{
    struct ends *e = *state;
    struct envelope_line hint_n, hint_c;
    bool moved = false;

    assert_int_equal(envelope_line_init(&hint_n, &e->link_n, ENVELOPE_UP, "hint", NULL), 0);
    assert_int_equal(envelope_line_init(&hint_c, &e->link_c, ENVELOPE_UP, "hint", NULL), 0);
    for (int i = 0; i < 5; i++) {
        cleanup(buf_done) struct buf payload;

        write_one(&e->send, "rpc/a", "", &payload);
        assert_int_equal(read_one(&e->receive, "rpc/a", &payload), 0);
    }
    assert_int_equal(envelope_line_init(&e->send, &e->link_c, ENVELOPE_DOWN, "rpc", NULL), 0);
    cleanup(buf_done) struct buf refused, hint, again, old;
    write_one(&e->send, "rpc/b", "", &refused);
    assert_int_equal(read_one(&e->receive, "rpc/b", &refused), -ESTALE);
    buf_init(&hint, 0);
    assert_int_equal(envelope_hint_write(&hint_n, &e->receive, TIME_NS, &hint, NULL), 0);
    assert_int_equal(envelope_hint_apply(&hint_c, hint.data, hint.len, &e->send, &moved, NULL), 0);
    assert_true(moved);
    write_one(&e->send, "rpc/b", "", &again);
    assert_int_equal(read_one(&e->receive, "rpc/b", &again), 0);
    /* A hint replayed moves nothing back, and one of another class nothing at all. */
    assert_int_equal(envelope_hint_apply(&hint_c, hint.data, hint.len, &e->send, &moved, NULL),
                     -ESTALE);
    struct envelope_line lease;
    assert_int_equal(envelope_line_init(&lease, &e->link_c, ENVELOPE_DOWN, "lease", NULL), 0);
    buf_init(&old, 0);
    assert_int_equal(envelope_hint_write(&hint_n, &e->receive, TIME_NS, &old, NULL), 0);
    assert_int_equal(envelope_hint_apply(&hint_c, old.data, old.len, &lease, &moved, NULL),
                     -EADDRNOTAVAIL);
    assert_int_equal(e->send.last, 6);
    /* Nobody can write one without the key. */
    cleanup(key_free) struct key *thief = NULL;
    struct envelope_link link;
    assert_int_equal(key_generate(&thief, NULL), 0);
    assert_int_equal(envelope_link_init(&link, thief, e->controller, NODE, BOOT, NULL), 0);
    assert_int_equal(envelope_line_init(&hint_n, &link, ENVELOPE_UP, "hint", NULL), 0);
    hint_n.last = 50;
    e->receive.last = ENVELOPE_MAX_SEQ - 1;
    buf_done(&old);
    assert_int_equal(envelope_hint_write(&hint_n, &e->receive, TIME_NS, &old, NULL), 0);
    assert_int_equal(envelope_hint_apply(&hint_c, old.data, old.len, &e->send, &moved, NULL),
                     -EBADMSG);
}

static void test_envelope__caps_and_names(void **state)
{
    struct ends *e = *state;
    cleanup(value_free) struct value *list = value_new_list();
    cleanup(value_free) struct value *body = value_new_map();
    cleanup(buf_done) struct buf out, big;
    struct envelope_link link;
    struct envelope_line line;
    const struct envelope_msg bad[] = {
        {.channel = NULL},
        {.channel = "lease"},
        {.channel = "rpcx"},
        {.channel = "rpc/a\"b"},
        {.channel = "rpc", .body = list},
    };

    buf_init(&out, 0);
    buf_init(&big, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(envelope_write(&e->send, &bad[i], &out, NULL), -EINVAL);
    assert_non_null(buf_reserve(&big, ENVELOPE_MAX_RAW + 1));
    memset(big.data, 'x', ENVELOPE_MAX_RAW + 1);
    big.data[ENVELOPE_MAX_RAW + 1] = '\0';
    struct envelope_msg raw = {.channel = "rpc", .raw = big.data, .raw_len = ENVELOPE_MAX_RAW + 1};
    assert_int_equal(envelope_write(&e->send, &raw, &out, NULL), -E2BIG);
    value_set_str(body, "x", big.data);
    struct envelope_msg head = {.channel = "rpc", .body = body};
    assert_int_equal(envelope_write(&e->send, &head, &out, NULL), -E2BIG);
    assert_int_equal(out.len, 0);
    assert_int_equal(e->send.last, 0);
    e->send.last = ENVELOPE_MAX_SEQ;
    struct envelope_msg fine = {.channel = "rpc"};
    assert_int_equal(envelope_write(&e->send, &fine, &out, NULL), -EOVERFLOW);
    assert_int_equal(envelope_link_init(&link, e->node, e->controller, "pi", BOOT, NULL), -EINVAL);
    assert_int_equal(envelope_link_init(&link, e->node, e->controller, NODE, "", NULL), -EINVAL);
    assert_int_equal(envelope_link_init(&link, e->node, e->controller, NODE, "a/b", NULL), -EINVAL);
    assert_int_equal(envelope_line_init(&line, &e->link_n, ENVELOPE_UP, "a b", NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_envelope__arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope__no_byte_can_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope__replayed_and_overtaken_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_envelope__counts_only_where_it_was_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_envelope__classes_do_not_wait_for_each_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_envelope__a_restarted_sender_catches_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_envelope__caps_and_names, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
