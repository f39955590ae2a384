#include "common/bus/report.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POD(uid)                                                                                   \
    "{\"metadata\":{\"uid\":\"" uid "\",\"name\":\"n\",\"namespace\":\"d\"},\"status\":{}}"

static void test_report__there_and_back(void **state)
{
    (void)state;
    struct report report = {.boot = "b", .seq = UINT64_C(9007199254740991), .gone = true};
    report.pod = value_new_map();
    struct value *meta = value_set(report.pod, "metadata", value_new_map());
    value_set_str(meta, "uid", "u1");
    value_set_str(meta, "name", "web");
    value_set_str(meta, "namespace", "default");
    value_set_str(value_set(report.pod, "status", value_new_map()), "phase", "Running");
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    assert_int_equal(report_write(&report, &payload), 0);
    cleanup(report_done) struct report back = {0};
    struct err err = {0};
    assert_int_equal(report_read(payload.data, payload.len, "u1", &back, &err), 0);
    assert_true(back.seq == report.seq);
    assert_true(back.gone);
    assert_string_equal(back.boot, "b");
    assert_true(value_equal(back.pod, report.pod));
    struct report none = {0};
    assert_int_equal(report_read(payload.data, payload.len, "u2", &none, &err), -EBADMSG);
    report_done(&report);
}

static void test_report__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        {"", -EBADMSG},
        {"{\"v\":1", -EBADMSG},
        {"{\"v\":2,\"boot\":\"b\",\"seq\":1,\"pod\":" POD("u1") "}", -ENOTSUP},
        {"{\"v\":1,\"seq\":1,\"pod\":" POD("u1") "}", -EBADMSG},
        {"{\"v\":1,\"boot\":\"b\",\"seq\":0,\"pod\":" POD("u1") "}", -EBADMSG},
        {"{\"v\":1,\"boot\":\"b\",\"seq\":-4,\"pod\":" POD("u1") "}", -EBADMSG},
        {"{\"v\":1,\"boot\":\"b\",\"seq\":1,\"pod\":" POD("other") "}", -EBADMSG},
        {"{\"v\":1,\"boot\":\"b\",\"seq\":1}", -EBADMSG},
        {"{\"v\":1,\"boot\":\"b\",\"seq\":1,\"pod\":{\"metadata\":{\"uid\":\"u1\",\"name\":\"n\","
         "\"namespace\":\"d\"},\"status\":[]}}",
         -EBADMSG},
        {"{\"v\":1,\"boot\":\"b\",\"seq\":1,\"pod\":{\"metadata\":{\"uid\":\"u1\",\"name\":\"n\"},"
         "\"status\":{}}}",
         -EBADMSG},
        {"{\"v\":1,\"boot\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
         ",\"seq\":1,\"pod\":" POD("u1") "}",
         -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct report report = {0};
        struct err err = {0};
        int rc = report_read(bad[i].text, strlen(bad[i].text), "u1", &report, &err);
        if (rc != bad[i].code)
            fail_msg("%zu: %d", i, rc);
    }
    autofree char *huge = xcalloc(1, REPORT_MAX + 1);
    struct report report = {0};
    struct err err = {0};
    assert_int_equal(report_read(huge, REPORT_MAX + 1, "u1", &report, &err), -EBADMSG);
}

/* The order does not count, each part does; and adding twice takes away. */
static void test_report__hash(void **state)
{
    (void)state;
    const uint8_t zero[8] = {0};
    uint8_t a[8] = {0}, b[8] = {0}, c[8] = {0};
    report_hash_add(a, "u1", 1, false);
    report_hash_add(a, "u2", 2, false);
    report_hash_add(b, "u2", 2, false);
    report_hash_add(b, "u1", 1, false);
    assert_memory_equal(a, b, 8);
    report_hash_add(c, "u1", 1, false);
    assert_memory_not_equal(a, c, 8);
    report_hash_add(c, "u2", 3, false);
    assert_memory_not_equal(a, c, 8);
    report_hash_add(b, "u1", 1, false);
    report_hash_add(b, "u2", 2, false);
    assert_memory_equal(b, zero, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report__there_and_back),
        cmocka_unit_test(test_report__refused),
        cmocka_unit_test(test_report__hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
