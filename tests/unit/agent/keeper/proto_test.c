#include "agent/keeper/proto.h"

#include "agent/runtime/wire.h"
#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
static void test_proto__round_trip(void **state)
{
    (void)state;
    const struct proto messages[] = {
        {.type = PROTO_HELLO, .min = 1, .max = 3, .text = "0.1"},
        {.type = PROTO_REPORT, .report = "bytes", .report_len = 5},
        {.type = PROTO_GO},
        {.type = PROTO_STOP, .value = INT64_MAX},
        {.type = PROTO_REMOVE},
        {.type = PROTO_FAILED, .text = "why"},
        {.type = PROTO_EXEC, .report = "bytes", .report_len = 5},
        {.type = PROTO_MARK, .text = "app", .min = 3, .max = 0x80000001},
        {.type = PROTO_KILL, .text = "app", .min = 3, .value = INT64_MAX},
        {.type = PROTO_ADD},
        {.type = PROTO_DEADLINE, .min = 60, .value = INT64_MAX},
        {.type = PROTO_OVER, .value = 137, .text = "why"},
    };
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        cleanup(buf_done) struct buf bytes;
        struct proto back;
        buf_init(&bytes, 0);
        assert_int_equal(proto_encode(&messages[i], &bytes), 0);
        assert_int_equal(proto_decode(bytes.data, bytes.len, &back), 0);
        assert_int_equal(back.type, messages[i].type);
        assert_int_equal(back.min, messages[i].min);
        assert_int_equal(back.max, messages[i].max);
        assert_true(back.value == messages[i].value);
        assert_true(str_eq(back.text, messages[i].text));
        assert_int_equal(back.report_len, messages[i].report_len);
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_equal(proto_decode(bytes.data, len, &back), -EINVAL);
        assert_int_equal(buf_addstr(&bytes, "of a later release"), 0);
        assert_int_equal(proto_decode(bytes.data, bytes.len, &back), 0);
    }
}

static void test_proto__unknown_types(void **state)
{
    (void)state;
    struct proto back;
    assert_int_equal(proto_decode("\0\0\0\0", 4, &back), -ENOMSG);
    assert_int_equal(proto_decode("\x63\0\0\0whatever", 12, &back), -ENOMSG);
}

static void test_proto__agree(void **state)
{
    (void)state;
    static const struct {
        uint32_t min, max;
        int want;
    } cases[] = {
        {PROTO_MIN, PROTO_MAX, PROTO_MAX},
        {PROTO_MIN, PROTO_MAX + 5, PROTO_MAX},
        {PROTO_MAX + 1, PROTO_MAX + 5, -EPROTONOSUPPORT},
        {0, PROTO_MIN - 1, -EPROTONOSUPPORT},
        {2, 1, -EPROTONOSUPPORT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct proto hello = {.type = PROTO_HELLO, .min = cases[i].min, .max = cases[i].max};
        assert_int_equal(proto_agree(&hello), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proto__round_trip),
        cmocka_unit_test(test_proto__unknown_types),
        cmocka_unit_test(test_proto__agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
