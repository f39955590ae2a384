#include "common/data/json.h"
#include "sample.h"

static void test_default__values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* canonical JSON */
    } cases[] = {
        {"{}", "{\"bool\":true,\"int32\":7,\"policy\":\"Always\",\"sub\":{\"text\":\"hello\"}}"},
        {"{bool: false, int32: 0, policy: Never, sub: {text: x}}",
         "{\"bool\":false,\"int32\":0,\"policy\":\"Never\",\"sub\":{\"text\":\"x\"}}"},
        {"{bool: , int32: , policy: '', sub: , other: , parts: , any: }",
         "{\"any\":null,\"bool\":true,\"int32\":7,\"policy\":\"Always\",\"sub\":{\"text\":\"hello\"}}"},
        {"{other: {}}", "{\"bool\":true,\"int32\":7,\"other\":{\"text\":\"hello\"},"
                        "\"policy\":\"Always\",\"sub\":{\"text\":\"hello\"}}"},
        {"{parts: [{name: a, left: x}], quantity: 0.5, amounts: {a: 1024Mi, b: 1000}, byName: {x: {}}, "
         "labels: {a: }}",
         "{\"amounts\":{\"a\":\"1Gi\",\"b\":\"1k\"},\"bool\":true,\"byName\":{\"x\":{\"text\":"
         "\"hello\"}},\"int32\":7,\"labels\":{\"a\":\"\"},\"parts\":[{\"filled\":\"a\",\"high\":100,"
         "\"left\":\"x\",\"name\":\"a\"}],\"policy\":\"Always\",\"quantity\":\"500m\","
         "\"sub\":{\"text\":\"hello\"}}"},
        {"{status: {}}", "{\"bool\":true,\"int32\":7,\"policy\":\"Always\",\"status\":{},"
                         "\"sub\":{\"text\":\"hello\"}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = yaml(cases[i].text);
        for (int times = 0; times < 2; times++) { /* doing it again changes nothing */
            cleanup(buf_done) struct buf got = {0};
            schema_default(&kind_sample, object);
            json_write_canonical(object, &got);
            assert_string_equal(buf_str(&got), cases[i].want);
        }
    }
}

static void test_default__keeps_lines(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = yaml("bool: true\nquantity: 0.5\n");
    schema_default(&kind_sample, object);
    assert_int_equal(value_line(value_get(object, "quantity")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default__values),
        cmocka_unit_test(test_default__keeps_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
