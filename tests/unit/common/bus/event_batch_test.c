#include "common/bus/event_batch.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define EVENT(fields) "{\"v\":1,\"boot\":\"b\",\"dropped\":0,\"events\":[{" fields "}]}"
#define POD "\"namespace\":\"shop\",\"name\":\"web\",\"uid\":\"u-1\","
#define REST "\"type\":\"Normal\",\"reason\":\"Started\",\"message\":\"it runs\",\"age\":7"

static void test_event_batch__reads(void **state)
{
    (void)state;
    static const char text[] =
        "{\"v\":1,\"boot\":\"b\",\"dropped\":3,\"events\":[{" POD REST
        "},{\"namespace\":\"\",\"name\":\"pi\",\"uid\":\"\"," REST ",\"new\":1}]}";
    cleanup(event_batch_done) struct event_batch batch = {0};
    struct node_event event = {0};
    struct err err = {0};
    assert_int_equal(event_batch_read(text, strlen(text), &batch, &err), 0);
    assert_int_equal(batch.dropped, 3);
    assert_int_equal(batch.count, 2);
    assert_int_equal(event_batch_at(&batch, 0, &event, &err), 0);
    assert_string_equal(event.ns, "shop");
    assert_string_equal(event.name, "web");
    assert_string_equal(event.uid, "u-1");
    assert_string_equal(event.type, "Normal");
    assert_string_equal(event.reason, "Started");
    assert_string_equal(event.message, "it runs");
    assert_int_equal(event.age_ms, 7);
    assert_int_equal(event_batch_at(&batch, 1, &event, &err), 0);
    assert_string_equal(event.ns, "");
}

static void test_event_batch__refuses_what_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", -EBADMSG},
        {"[]", -ENOTSUP},
        {"{\"v\":2,\"events\":[]}", -ENOTSUP},
        {"{\"v\":1}", -EBADMSG},
        {"{\"v\":1,\"events\":{}}", -EBADMSG},
        {"{\"v\":1,\"dropped\":-1,\"events\":[]}", -EBADMSG},
        {"{\"v\":1,\"dropped\":99999999999,\"events\":[]}", -EBADMSG},
        {"{\"v\":1,\"events\":[]", -EBADMSG},
    };
    struct event_batch batch = {0};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(event_batch_read(cases[i].text, strlen(cases[i].text), &batch, &err),
                         cases[i].code);
    char *large = xcalloc(1, EVENT_BATCH_MAX + 1);
    assert_int_equal(event_batch_read(large, EVENT_BATCH_MAX + 1, &batch, &err), -EBADMSG);
    free(large);
    assert_null(batch.events);
}

static void test_event_batch__refuses_events_of_another_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {EVENT(REST), "namespace: must be a string"},
        {EVENT("\"namespace\":\"a/b\",\"name\":\"w\",\"uid\":\"u\"," REST), "namespace: "},
        {EVENT("\"namespace\":\"a\",\"name\":\"\",\"uid\":\"u\"," REST), "name: "},
        {EVENT("\"namespace\":\"a\",\"name\":\"../w\",\"uid\":\"u\"," REST), "name: "},
        {EVENT("\"namespace\":\"a\",\"name\":\"w\",\"uid\":\"u u\"," REST), "uid: "},
        {EVENT("\"namespace\":\"a\",\"name\":\"w\",\"uid\":7," REST), "uid: must be a string"},
        {EVENT(POD "\"type\":\"Bad\",\"reason\":\"R\",\"message\":\"\",\"age\":0"), "type: "},
        {EVENT(POD "\"type\":\"Normal\",\"reason\":\"\",\"message\":\"\",\"age\":0"), "reason: "},
        {EVENT(POD "\"type\":\"Normal\",\"reason\":\"a b\",\"message\":\"\",\"age\":0"),
         "reason: must be one word"},
        {EVENT(POD "\"type\":\"Normal\",\"reason\":\"a\\u001b\",\"message\":\"\",\"age\":0"),
         "reason: must be one word"},
        {EVENT(POD "\"type\":\"Normal\",\"reason\":\"R\",\"message\":[],\"age\":0"), "message: "},
        {EVENT(POD "\"type\":\"Normal\",\"reason\":\"R\",\"message\":\"\""), "age: "},
        {EVENT(POD "\"type\":\"Normal\",\"reason\":\"R\",\"message\":\"\",\"age\":-1"), "age: "},
        {EVENT(POD "\"type\":\"Normal\",\"reason\":\"R\",\"message\":\"\",\"age\":1e300"), "age: "},
        {"{\"v\":1,\"events\":[null]}", "namespace: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(event_batch_done) struct event_batch batch = {0};
        struct node_event event = {.name = "untouched"};
        struct err err = {0};
        assert_int_equal(event_batch_read(cases[i].text, strlen(cases[i].text), &batch, &err), 0);
        assert_int_equal(event_batch_at(&batch, 0, &event, &err), -EBADMSG);
        if (!strstr(err.msg, cases[i].why))
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_string_equal(event.name, "untouched");
    }
}

static void test_event_batch__is_bounded(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    cleanup(event_batch_done) struct event_batch batch = {0};
    struct node_event event = {0};
    struct err err = {0};
    buf_addstr(&text, "{\"v\":1,\"dropped\":1,\"events\":[{" POD
                      "\"type\":\"Normal\",\"reason\":\"R\",\"age\":0,\"message\":\"x");
    for (int i = 0; i < 600; i++)
        buf_addstr(&text, "\xc3\xa4");
    buf_addstr(&text, "\"}");
    for (int i = 1; i < EVENT_BATCH_EVENTS + 10; i++)
        buf_addstr(&text, ",{}");
    buf_addstr(&text, "]}");
    assert_int_equal(event_batch_read(text.data, text.len, &batch, &err), 0);
    assert_int_equal(batch.count, EVENT_BATCH_EVENTS);
    assert_int_equal(batch.dropped, 11);
    assert_int_equal(event_batch_at(&batch, 0, &event, &err), 0);
    assert_int_equal(strlen(event.message), EVENT_MESSAGE_MAX - 1); /* no half letter */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_batch__reads),
        cmocka_unit_test(test_event_batch__refuses_what_is_malformed),
        cmocka_unit_test(test_event_batch__refuses_events_of_another_form),
        cmocka_unit_test(test_event_batch__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
