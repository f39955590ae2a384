#include "load.h"

#define RANGE "apiVersion: v1\nkind: LimitRange\nmetadata: {name: a}\n"

static void test_limit_range__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *limits, *mistakes;
    } cases[] = {
        {"{type: Container, min: {cpu: 100m}, defaultRequest: {cpu: 200m}, default: {cpu: 500m}, "
         "max: {cpu: 1}, maxLimitRequestRatio: {cpu: 10}}",
         ""},
        {"{type: example.com/Thing, max: {cpu: 1}}", ""},
        {"{type: Thing}", "line 4: spec.limits[0].type: \"Thing\": must be a standard limit type "
                          "or fully qualified\n"},
        {"{type: Pod, max: {cpu: 1}}, {type: Pod}",
         "line 4: spec.limits[1].type: \"Pod\": comes twice (first at [0])\n"},
        {"{type: Pod, default: {cpu: 1}}",
         "line 4: spec.limits[0].default: may not be specified when `type` is 'Pod'\n"},
        {"{type: PersistentVolumeClaim}",
         "line 4: spec.limits[0]: either minimum or maximum storage value is required, but neither "
         "was provided\n"},
        {"{type: Container, min: {cpu: 2}, max: {cpu: 500m}}",
         "line 4: spec.limits[0].min.cpu: min value 2 is greater than max value 500m\n"},
        {"{type: Container, min: {memory: 1Gi}, defaultRequest: {memory: 64Mi}}",
         "line 4: spec.limits[0].defaultRequest.memory: min value 1Gi is greater than default "
         "request value 64Mi\n"},
        {"{type: Container, defaultRequest: {cpu: 2}, default: {cpu: 1}}",
         "line 4: spec.limits[0].defaultRequest.cpu: default request value 2 is greater than "
         "default limit value 1\n"},
        {"{type: Container, default: {cpu: 2}, max: {cpu: 1}}",
         "line 4: spec.limits[0].default.cpu: default value 2 is greater than max value 1\n"},
        {"{type: Container, maxLimitRequestRatio: {cpu: 500m}}",
         "line 4: spec.limits[0].maxLimitRequestRatio.cpu: ratio 500m is less than 1\n"},
        {"{type: Container, min: {cpu: 500m}, max: {cpu: 1}, maxLimitRequestRatio: {cpu: 3}}",
         "line 4: spec.limits[0].maxLimitRequestRatio.cpu: ratio 3 is greater than max/min = "
         "2.000000\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), RANGE "spec: {limits: [%s]}\n", cases[i].limits);
        expect_mistakes(text, cases[i].mistakes);
    }
    expect_mistakes(RANGE "spec: {}\n", "line 4: spec.limits: required\n");
}

static void test_limit_range__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load(RANGE "spec: {limits: [{type: Container, max: {cpu: 1, memory: 1Gi}, default: {cpu: "
                   "500m}, min: {ephemeral-storage: 1Gi}}, {type: Pod, max: {cpu: 2}}]}\n");
    cleanup(buf_done) struct buf got = {0};
    json_write(value_path(value_at(objects, 0), "spec", "limits", NULL), &got);
    assert_string_equal(
        buf_str(&got),
        "[{\"type\":\"Container\",\"max\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"default\":{\"cpu\":"
        "\"500m\",\"memory\":\"1Gi\"},\"min\":{\"ephemeral-storage\":\"1Gi\"},\"defaultRequest\":"
        "{\"cpu\":\"500m\",\"memory\":\"1Gi\",\"ephemeral-storage\":\"1Gi\"}},{\"type\":\"Pod\","
        "\"max\":{\"cpu\":\"2\"}}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_range__mistakes),
        cmocka_unit_test(test_limit_range__defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
