#include "common/schema/proto.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/data/wire.h"
#include "encode.h"
#include "sample.h"

#include <errno.h>

/* Decodes what is written as hexadecimal digits with spaces; r is what it must give. */
static void decode(const char *hex, int r, const char *want)
{
    char digits[1024];
    uint8_t bytes[512];
    size_t len = 0;
    for (const char *p = hex; *p; p++)
        if (*p != ' ')
            digits[len++] = *p;
    assert_int_equal(hex_decode(digits, len, bytes, len / 2), 0);
    cleanup(value_free) struct value *object = NULL;
    cleanup(buf_done) struct buf got = {0};
    struct err err = {0};
    int rc = proto_decode(&type_sample, bytes, len / 2, &object, &err);
    if (rc == 0)
        (void)json_write(object, &got);
    const char *text = rc ? err.msg : buf_str(&got);
    if (rc != r || strcmp(text, want) != 0)
        fail_msg("%s\ngave %d %s\nnot %d %s", hex, rc, text, r, want);
}

static void test_proto__shapes(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *want;
    } cases[] = {
        {"", "{}"},
        {"0a 03 0a 01 61", "{\"metadata\":{\"name\":\"a\"}}"},
        {"0a 03 0a 01 61 0a 03 12 01 62", "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}"},
        {"10 01", "{\"bool\":true}"},
        {"10 00", "{\"bool\":false}"},
        {"18 ff ff ff ff ff ff ff ff ff 01", "{\"int32\":-1}"},
        {"18 00", "{\"int32\":0}"},
        {"18 01 18 02", "{\"int32\":2}"},
        {"20 80 80 80 80 80 80 80 80 80 01", "{\"int64\":-9223372036854775808}"},
        {"31 00 00 00 00 00 00 f8 3f", "{\"double\":1.5}"},
        {"3a 05 0a 03 31 4d 69", "{\"quantity\":\"1Mi\"}"},
        {"3a 02 0a 00", "{\"quantity\":\"0\"}"},
        {"42 06 08 00 10 50 1a 00", "{\"intOrString\":80}"},
        {"42 07 08 01 10 00 1a 01 61", "{\"intOrString\":\"a\"}"},
        {"4a 04 08 00 10 00", "{\"time\":\"1970-01-01T00:00:00Z\"}"},
        {"4a 00", "{}"},
        {"52 02 68 69", "{\"bytes\":\"aGk=\"}"},
        {"5a 09 0a 07 7b 22 61 22 3a 31 7d", "{\"any\":{\"a\":1}}"},
        {"62 00", "{}"},
        {"6a 00", "{\"sub\":{}}"},
        {"7a 08 0a 01 61 2a 03 0a 01 6c", "{\"parts\":[{\"name\":\"a\",\"left\":\"l\"}]}"},
        {"82 01 00 82 01 01 61", "{\"words\":[\"\",\"a\"]}"},
        {"88 01 01 88 01 02", "{\"set\":[1,2]}"},
        {"8a 01 03 01 ac 02", "{\"set\":[1,300]}"},
        {"92 01 06 0a 01 61 12 01 62", "{\"labels\":{\"a\":\"b\"}}"},
        {"92 01 03 0a 01 61", "{\"labels\":{\"a\":\"\"}}"},
        {"9a 01 08 0a 01 61 12 03 0a 01 32", "{\"amounts\":{\"a\":\"2\"}}"},
        {"a2 01 03 0a 01 61", "{\"byName\":{\"a\":{}}}"},
        {"ba 01 00", "{\"empty\":\"\"}"},
        {"f8 3f 07 fd 3f 00 00 00 00 fa 3f 01 61", "{}"}, /* numbers of a newer version */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        decode(cases[i].hex, 0, cases[i].want);
}

static void test_proto__malformed(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *want;
    } cases[] = {
        {"0a", "not a message"},
        {"0a 05 0a 01 61", "not a message"},
        {"07", "not a message"},
        {"0b 0c", "not a message"},                            /* a group */
        {"00 00", "not a message"},                            /* there is no field 0 */
        {"18 ff ff ff ff ff ff ff ff ff 02", "not a message"}, /* beyond 64 bits */
        {"0a ff ff ff ff ff ff ff ff ff 01", "not a message"}, /* as long as memory */
        {"12 01 01", "bool: of another wire type"},
        {"08 01", "metadata: of another wire type"},
        {"31 00 00 00 00 00 00 f0 7f", "double: not a finite number"},
        {"62 01 ff", "policy: not UTF-8, or with a NUL"},
        {"62 01 00", "policy: not UTF-8, or with a NUL"},
        {"3a 02 08 01", "quantity: of another wire type"},
        {"4a 0a 08 ff ff ff ff ff ff ff ff 7f", "time: not a time"},
        {"4a 0b 10 ff ff ff ff ff ff ff ff ff 01", "time: not a time"},
        {"92 01 02 08 01", "labels: of another wire type"},
        {"6a 02 08 01", "sub: text: of another wire type"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        decode(cases[i].hex, -EINVAL, cases[i].want);
}

static const struct schema_type type_nested;
static const struct schema_type type_nested = {
    .name = "Nested",
    FIELDS(F(1, "in", OBJECT(type_nested)), F(2, "any", ANY)),
};

/* A message within a message, and so on. */
static void nest(size_t depth, struct buf *ret)
{
    for (size_t i = 0; i < depth; i++) {
        struct buf inner = *ret;
        *ret = (struct buf){0};
        wire_add_message(ret, 1, &inner);
    }
}

static void test_proto__depth(void **state)
{
    (void)state;
    static const struct {
        const char *any;
        size_t depth;
        int want;
    } cases[] = {
        {NULL, DATA_MAX_DEPTH - 1, 0},
        {NULL, DATA_MAX_DEPTH, -E2BIG},
        {NULL, 2000, -E2BIG},
        {"[[[1]]]", DATA_MAX_DEPTH - 4, 0},
        {"[[[1]]]", DATA_MAX_DEPTH - 3, -E2BIG},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf message = {0};
        cleanup(value_free) struct value *object = NULL;
        struct buf inner = {0};
        struct err err = {0};
        if (cases[i].any) {
            wire_add_str(&inner, 1, cases[i].any);
            wire_add_message(&message, 2, &inner);
        }
        nest(cases[i].depth, &message);
        int r = proto_decode(&type_nested, message.data, message.len, &object, &err);
        if (r != cases[i].want)
            fail_msg("%zu: %d %s", i, r, err.msg);
    }
}

static void test_proto__too_many(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf packed = {0};
    cleanup(buf_done) struct buf message = {0};
    cleanup(value_free) struct value *object = NULL;
    struct err err = {0};
    for (size_t i = 0; i <= DATA_MAX_NODES; i++)
        (void)buf_addc(&packed, 1);
    wire_add_bytes(&message, 17, packed.data, DATA_MAX_NODES);
    assert_int_equal(proto_decode(&type_sample, message.data, message.len, &object, &err), 0);
    assert_int_equal(value_len(value_get(object, "set")), DATA_MAX_NODES);
    buf_done(&message);
    wire_add_bytes(&message, 17, packed.data, packed.len);
    struct value *none = NULL;
    assert_int_equal(proto_decode(&type_sample, message.data, message.len, &none, &err), -E2BIG);
    assert_null(none);
    cleanup(buf_done) struct buf large = {0};
    assert_non_null(buf_reserve(&large, DATA_MAX_BYTES + 1));
    assert_int_equal(proto_decode(&type_sample, large.data, DATA_MAX_BYTES + 1, &none, &err),
                     -E2BIG);
}

static void test_proto__envelope(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = yaml(SAMPLE NEEDED);
    cleanup(buf_done) struct buf body = {0};
    struct proto_envelope envelope;
    struct err err = {0};
    encode_object(&kind_sample, object, true, &body);
    assert_int_equal(proto_open(body.data, body.len, &envelope, &err), 0);
    assert_string_equal(envelope.api_version, "test.limpet.io/v1");
    assert_string_equal(envelope.kind, "Sample");
    cleanup(value_free) struct value *again = NULL;
    assert_int_equal(proto_decode(&type_sample, envelope.raw, envelope.len, &again, &err), 0);
    value_set_str(again, "apiVersion", envelope.api_version);
    value_set_str(again, "kind", envelope.kind);
    assert_true(value_equal(object, again));
    assert_int_equal(proto_open("k8s", 3, &envelope, &err), -EINVAL);
    assert_int_equal(proto_open("{\"a\":1}", 7, &envelope, &err), -EINVAL);
    assert_int_equal(proto_open("k8s\0\x0a", 5, &envelope, &err), -EINVAL);
    assert_int_equal(proto_open("k8s\0", 4, &envelope, &err), 0); /* of no kind, which is refused */
    assert_string_equal(envelope.kind, "");
}

static const struct schema_type type_omits = {
    .name = "Omits",
    FIELDS(F(1, "number", INT32, OMIT_ZERO, DEF("5"), RANGE(3, 9)), F(2, "flag", BOOL, OMIT_ZERO),
           F(3, "port", INT_OR_STRING, OMIT_ZERO),
           F(4, "class", STRING, .flags = SCHEMA_MAY_BE_EMPTY)),
};

static const struct schema_type type_truth = {
    .name = "Truth", .or_bool = true, FIELDS(INLINE(2, "schema", type_choice))};
static const struct schema_type type_holder = {.name = "Holder",
                                               FIELDS(F(1, "rest", OBJECT(type_truth)))};

/* Truth or object, in whatever order they come. */
static void test_proto__truth_or_object(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[16];
        size_t len;
        const char *want;
    } cases[] = {
        {{0x0a, 2, 0x08, 1}, 4, "{\"rest\":true}"},
        {{0x0a, 0}, 2, "{\"rest\":false}"},
        {{0x0a, 7, 0x08, 1, 0x12, 3, 0x0a, 1, 'x'}, 9, "{\"rest\":{\"left\":\"x\"}}"},
        {{0x0a, 2, 0x08, 1, 0x0a, 5, 0x12, 3, 0x0a, 1, 'x'}, 11, "{\"rest\":{\"left\":\"x\"}}"},
        {{0x0a, 5, 0x12, 3, 0x0a, 1, 'x', 0x0a, 2, 0x08, 1}, 11, "{\"rest\":true}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = NULL;
        cleanup(buf_done) struct buf got = {0};
        struct err err = {0};
        assert_int_equal(proto_decode(&type_holder, cases[i].bytes, cases[i].len, &object, &err),
                         0);
        (void)json_write(object, &got);
        assert_string_equal(buf_str(&got), cases[i].want);
    }
}

static void test_proto__zero_is_absence_only_where_go_cannot_tell(void **state)
{
    (void)state;
    static const uint8_t zeros[] = {0x08, 0, 0x10, 0, 0x1a, 2, 0x08, 0, 0x22, 0};
    cleanup(value_free) struct value *object = NULL;
    cleanup(buf_done) struct buf got = {0};
    struct err err = {0};
    assert_int_equal(proto_decode(&type_omits, zeros, sizeof(zeros), &object, &err), 0);
    (void)json_write(object, &got);
    assert_string_equal(buf_str(&got), "{\"class\":\"\"}");
}

/* In JSON too: 0 is let pass where it is out of range, and defaulted. */
static void test_proto__zero_in_json(void **state)
{
    (void)state;
    static const struct schema_kind kind = {
        .group = "", .version = "v1", .kind = "Omits", .type = &type_omits};
    static const struct {
        const char *text;
        bool number_is_wrong;
        int64_t want;
    } cases[] = {{"number: 0", false, 5}, {"number: 4", false, 4}, {"number: 2", true, 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = yaml(cases[i].text);
        cleanup(diags_done) struct diags diags = {0};
        bool wrong = false;
        assert_int_equal(schema_check(&kind, object, 0, &diags), -EINVAL); /* it has no name */
        for (size_t n = 0; n < diags.count; n++)
            wrong |= strcmp(diags.items[n].path, "number") == 0;
        assert_int_equal(wrong, cases[i].number_is_wrong);
        schema_default(&kind, object);
        assert_int_equal(value_get_int(object, "number", -1), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proto__shapes),
        cmocka_unit_test(test_proto__malformed),
        cmocka_unit_test(test_proto__depth),
        cmocka_unit_test(test_proto__too_many),
        cmocka_unit_test(test_proto__envelope),
        cmocka_unit_test(test_proto__zero_is_absence_only_where_go_cannot_tell),
        cmocka_unit_test(test_proto__zero_in_json),
        cmocka_unit_test(test_proto__truth_or_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
