#include "agent/link/outbox.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/bus/event_batch.h"
#include "common/bus/report.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct value *pod_of(const char *uid, const char *phase)
{
    struct value *pod = value_new_map();
    struct value *meta = value_set(pod, "metadata", value_new_map());
    value_set_str(meta, "uid", uid);
    value_set_str(meta, "name", "web");
    value_set_str(meta, "namespace", "default");
    value_set_str(value_set(pod, "status", value_new_map()), "phase", phase);
    return pod;
}

static void put(struct outbox *outbox, const char *uid, const char *phase, bool gone)
{
    cleanup(value_free) struct value *pod = pod_of(uid, phase);
    outbox_status(outbox, uid, pod, gone);
}

/* The next message as a report, or false. */
static bool next(struct outbox *outbox, struct report *ret)
{
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    const char *uid = NULL;
    if (!outbox_next(outbox, &uid, &payload))
        return false;
    struct err err = {0};
    assert_int_equal(report_read(payload.data, payload.len, uid, ret, &err), 0);
    return true;
}

static void test_outbox__only_the_latest_is_said(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new("boot-1", 100);
    put(outbox, "a", "Pending", false);
    put(outbox, "a", "Running", false);
    cleanup(report_done) struct report report = {0};
    assert_true(next(outbox, &report));
    assert_string_equal(value_str(value_path(report.pod, "status", "phase", NULL)), "Running");
    assert_int_equal(report.seq, 102);
    assert_string_equal(report.boot, "boot-1");
    outbox_sent(outbox, "a", 7);
    struct report none = {0};
    assert_false(next(outbox, &none));
    outbox_acked(outbox, 7, true);
    assert_false(next(outbox, &none));
    outbox_free(outbox);
}

/* A change while the older state is in flight is said too; the late acknowledgement is not taken
 * for it. */
static void test_outbox__change_in_flight(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new("boot-1", 0);
    put(outbox, "a", "Pending", false);
    outbox_sent(outbox, "a", 7);
    put(outbox, "a", "Running", false);
    outbox_acked(outbox, 7, true);
    cleanup(report_done) struct report report = {0};
    assert_true(next(outbox, &report));
    assert_int_equal(report.seq, 2);
    outbox_free(outbox);
}

static void test_outbox__sent_again_after_a_break(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new("boot-1", 0);
    put(outbox, "a", "Running", false);
    put(outbox, "b", "Running", false);
    outbox_sent(outbox, "a", 1);
    outbox_acked(outbox, 1, true);
    outbox_sent(outbox, "b", 2);
    outbox_reset(outbox, false); /* b was in flight */
    cleanup(report_done) struct report report = {0};
    assert_true(next(outbox, &report));
    assert_string_equal(value_str(value_path(report.pod, "metadata", "uid", NULL)), "b");
    outbox_sent(outbox, "b", 3);
    outbox_acked(outbox, 3, true);
    struct report none = {0};
    assert_false(next(outbox, &none));
    outbox_reset(outbox, true); /* the broker lost everything */
    cleanup(report_done) struct report again = {0};
    assert_true(next(outbox, &again));
    outbox_free(outbox);
}

static void test_outbox__gone_leaves_the_hash(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new("boot-1", 0);
    uint8_t empty[8], one[8], two[8], after[8];
    outbox_hash(outbox, empty);
    put(outbox, "a", "Running", false);
    outbox_hash(outbox, one);
    put(outbox, "b", "Running", false);
    outbox_hash(outbox, two);
    assert_memory_not_equal(empty, one, 8);
    assert_memory_not_equal(one, two, 8);
    put(outbox, "b", "Failed", true);
    outbox_hash(outbox, after);
    assert_memory_equal(one, after, 8);
    outbox_free(outbox);
}

static bool all_listed(void *ctx, const char *path)
{
    (void)ctx;
    assert_string_equal(path, "Pod/default/web");
    return true;
}

static bool none_listed(void *ctx, const char *path)
{
    (void)ctx;
    (void)path;
    return false;
}

/* The last word on a pod is said again to a broker that lost it, until the gateway let the pod go.
 */
static void test_outbox__gone_is_kept_while_listed(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new("boot-1", 0);
    put(outbox, "a", "Running", true);
    outbox_settle(outbox, all_listed, NULL);
    outbox_sent(outbox, "a", 1);
    outbox_acked(outbox, 1, true);
    outbox_reset(outbox, true);
    cleanup(report_done) struct report again = {0};
    assert_true(next(outbox, &again));
    assert_true(again.gone);
    outbox_sent(outbox, "a", 2);
    outbox_settle(outbox, none_listed, NULL); /* in flight: until it is there */
    outbox_acked(outbox, 2, true);
    outbox_reset(outbox, true);
    struct report none = {0};
    assert_false(next(outbox, &none));
    outbox_free(outbox);
}

static void test_outbox__gone_makes_way_for_the_next_of_its_name(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new("boot-1", 0);
    put(outbox, "a", "Running", true);
    outbox_sent(outbox, "a", 1);
    outbox_acked(outbox, 1, true);
    put(outbox, "b", "Running", false);
    outbox_settle(outbox, all_listed, NULL);
    outbox_sent(outbox, "b", 2);
    outbox_acked(outbox, 2, true);
    outbox_reset(outbox, true);
    cleanup(report_done) struct report again = {0};
    assert_true(next(outbox, &again));
    assert_false(again.gone);
    outbox_sent(outbox, "b", 3);
    struct report none = {0};
    assert_false(next(outbox, &none));
    outbox_free(outbox);
}

static void test_outbox__events_drop_the_oldest_and_say_so(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new("boot-1", 0);
    for (int i = 0; i < OUTBOX_EVENTS + 3; i++) {
        struct value *event = value_new_map();
        value_set_int(event, "n", i);
        outbox_event(outbox, event, i * NS_PER_S);
    }
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    assert_true(outbox_events(outbox, (OUTBOX_EVENTS + 10) * NS_PER_S, &payload));
    cleanup(value_free) struct value *message = NULL;
    struct err err = {0};
    assert_int_equal(json_parse(payload.data, payload.len, &message, &err), 0);
    assert_int_equal(value_get_int(message, "dropped", -1), 3);
    const struct value *events = value_get(message, "events");
    assert_int_equal(value_len(events), OUTBOX_EVENTS);
    assert_int_equal(value_get_int(value_at(events, 0), "n", -1), 3);
    assert_int_equal(value_get_int(value_at(events, 0), "age", -1), (OUTBOX_EVENTS + 7) * 1000);
    assert_int_equal(value_get_int(value_at(events, OUTBOX_EVENTS - 1), "age", -1), 8000);
    outbox_events_sent(outbox);
    struct buf none;
    buf_init(&none, 0);
    assert_false(outbox_events(outbox, 0, &none));
    outbox_free(outbox);
}

/* The ring is bounded in bytes too, and what is cut is still text. */
static void test_outbox__long_messages_are_cut(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new("boot-1", 0);
    struct value *event = value_new_map();
    char text[3 * OUTBOX_MESSAGE + 1] = "";
    for (size_t i = 0; i < OUTBOX_MESSAGE; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 4);
    value_set_str(event, "message", text);
    outbox_event(outbox, event, 0);
    cleanup(buf_done) struct buf payload = {0};
    assert_true(outbox_events(outbox, 0, &payload));
    cleanup(event_batch_done) struct event_batch batch = {0};
    struct err err = {0};
    assert_int_equal(event_batch_read(payload.data, payload.len, &batch, &err), 0);
    const char *sent = value_get_str(value_at(batch.events, 0), "message");
    assert_int_equal(strlen(sent), OUTBOX_MESSAGE / 3 * 3);
    outbox_free(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outbox__only_the_latest_is_said),
        cmocka_unit_test(test_outbox__change_in_flight),
        cmocka_unit_test(test_outbox__sent_again_after_a_break),
        cmocka_unit_test(test_outbox__gone_leaves_the_hash),
        cmocka_unit_test(test_outbox__gone_is_kept_while_listed),
        cmocka_unit_test(test_outbox__gone_makes_way_for_the_next_of_its_name),
        cmocka_unit_test(test_outbox__events_drop_the_oldest_and_say_so),
        cmocka_unit_test(test_outbox__long_messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
