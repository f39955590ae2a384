#include "agent/runtime/wire.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_wire__round_trip(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf;
    struct wire wire;
    size_t len;
    char text[4];
    buf_init(&buf, 0);
    assert_int_equal(wire_put_u32(&buf, 0xfedcba98), 0);
    assert_int_equal(wire_put_u64(&buf, UINT64_C(0x0123456789abcdef)), 0);
    assert_int_equal(wire_put_str(&buf, NULL), 0);
    assert_int_equal(wire_put_str(&buf, ""), 0);
    assert_int_equal(wire_put_str(&buf, "abc"), 0);
    assert_int_equal(wire_put_blob(&buf, "\0\1", 2), 0);
    assert_int_equal(wire_put_str(&buf, "xyz"), 0);
    wire_init(&wire, buf.data, buf.len);
    assert_int_equal(wire_u32(&wire), 0xfedcba98);
    assert_true(wire_u64(&wire) == UINT64_C(0x0123456789abcdef));
    assert_null(wire_str(&wire));
    assert_string_equal(wire_str(&wire), "");
    assert_string_equal(wire_str(&wire), "abc");
    assert_memory_equal(wire_blob(&wire, &len), "\0\1", 2);
    assert_int_equal(len, 2);
    wire_copy(&wire, text, sizeof(text));
    assert_string_equal(text, "xyz");
    assert_false(wire.bad);
    assert_int_equal(wire.left, 0);
}

static void test_wire__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } strings[] = {
        {"", 0},
        {"\3\0\0\0abc", 7},    /* no room for the NUL */
        {"\3\0\0\0abcd", 8},   /* not terminated */
        {"\3\0\0\0a\0c\0", 8}, /* a NUL inside */
        {"\xfe\xff\xff\xff"
         "abc",
         7}, /* length beyond the bytes */
    };
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        struct wire wire;
        wire_init(&wire, strings[i].bytes, strings[i].len);
        assert_null(wire_str(&wire));
        assert_true(wire.bad);
        assert_int_equal(wire_u32(&wire), 0); /* stays bad */
    }
    struct wire wire;
    char small[3];
    wire_init(&wire, "\3\0\0\0abc\0", 8);
    wire_copy(&wire, small, sizeof(small));
    assert_true(wire.bad);
    assert_string_equal(small, "");
    wire_init(&wire, "\2\0\0\0", 4);
    assert_false(wire_bool(&wire));
    assert_true(wire.bad);
}

static void test_wire__parts_pass_over_what_is_new(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf;
    struct wire wire;
    buf_init(&buf, 0);
    assert_int_equal(wire_put_blob(&buf, "\1\0\0\0\2\0\0\0", 8), 0);
    assert_int_equal(wire_put_u32(&buf, 3), 0);
    wire_init(&wire, buf.data, buf.len);
    struct wire part = wire_part(&wire);
    assert_int_equal(wire_u32(&part), 1); /* the second word is of a later release */
    assert_int_equal(wire_u32(&wire), 3);
    assert_false(part.bad || wire.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire__round_trip),
        cmocka_unit_test(test_wire__refuses),
        cmocka_unit_test(test_wire__parts_pass_over_what_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
