#include "agent/pod/limits.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB (INT64_C(1) << 30)
#define ASKS(cpu_, memory_) "resources: {requests: {cpu: " cpu_ ", memory: " memory_ "}}"
#define HELD(cpu_, memory_)                                                                        \
    "resources: {requests: {cpu: " cpu_ ", memory: " memory_ "}, limits: {cpu: " cpu_              \
    ", memory: " memory_ "}}"

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &value, &diags), 0);
    return value;
}

static void test_limits__pod(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int64_t memory, quota, shares;
    } cases[] = {
        {"{containers: [{}]}", 0, 0, 2},
        {"{containers: [{" ASKS("250m", "1Gi") "}, {" ASKS("250m", "1Gi") "}]}", 0, 0, 512},
        {"{containers: [{" HELD("250m", "1Gi") "}, {" HELD("250m", "1Gi") "}]}", 2 * GIB, 50000,
         512},
        {"{containers: [{" HELD("250m", "1Gi") "}, {}]}", 0, 0, 256},
        {"{containers: [{" HELD("1", "1Gi") "}], initContainers: [{" HELD("2", "3Gi") "}]}",
         3 * GIB, 200000, 2048},
        {"{containers: [{" HELD("1", "1Gi") "}], initContainers: [{restartPolicy: Always, " HELD(
             "1", "1Gi") "}, {" HELD("2", "1Gi") "}]}",
         2 * GIB, 300000, 3072},
        {"{containers: [{" HELD("1", "1Gi") "}], initContainers: [{}]}", 0, 0, 1024},
        {"{containers: [{resources: {limits: {cpu: 1m}}}]}", 0, 1000, 2},
        {"{containers: [{" HELD("1", "1Gi") "}], overhead: {cpu: 500m, memory: 1Gi}}", 2 * GIB,
         150000, 1536},
        {"{containers: [{}], overhead: {cpu: 500m, memory: 1Gi}}", 0, 0, 512},
        {"{containers: [{" HELD("9e15", "9e18") "}, {" HELD("9e15", "9e18") "}]}", INT64_MAX,
         INT64_C(100000000000), 262144},
        /* A limit is a request. */
        {"{containers: [{resources: {limits: {cpu: 500m}}}]}", 0, 50000, 512},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct launch_plan plan = {0};
        struct value *spec = parse(cases[i].spec);
        limits_of_pod(spec, &plan);
        value_free(spec);
        assert_int_equal(plan.memory_bytes, cases[i].memory);
        assert_int_equal(plan.cpu_quota_us, cases[i].quota);
        assert_int_equal(plan.cpu_shares, cases[i].shares);
    }
}

/* "Node out of memory behavior" of Kubernetes' documentation. */
static void test_limits__who_goes_first(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int64_t node_memory;
        int adj;
    } cases[] = {
        {"{containers: [{}]}", GIB, 1000},
        {"{containers: [{" HELD("1", "512Mi") "}]}", GIB, -997},
        {"{containers: [{" ASKS("1", "512Mi") "}]}", GIB, 500},
        {"{containers: [{" ASKS("1", "1Mi") "}]}", GIB, 999},
        {"{containers: [{" ASKS("1", "1Gi") "}]}", GIB, 3},
        {"{containers: [{" ASKS("1", "7Ei") "}]}", GIB, 3},
        {"{containers: [{" ASKS("1", "512Mi") "}]}", 0, 999},
        {"{containers: [{" ASKS("1", "0") "}]}", GIB, 999},
        {"{priority: 2000000000, containers: [{}]}", GIB, -997},
        {"{priority: 1999999999, containers: [{}]}", GIB, 1000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct launch_container container = {0};
        struct value *spec = parse(cases[i].spec);
        limits_of_container(spec, value_at(value_get(spec, "containers"), 0), cases[i].node_memory,
                            &container);
        value_free(spec);
        assert_int_equal(container.oom_score_adj, cases[i].adj);
        assert_int_equal(container.pids, 4096); /* whoever asks */
    }
}

/* 64Ki, 2Mi, 32Mi, 1Gi */
static void test_limits__huge_pages(void **state)
{
    (void)state;
    static const struct {
        const char *node, *spec;
        int bounded;
        int64_t first, pod; /* of 2Mi */
    } cases[] = {
        {"{}", "{containers: [{resources: {limits: {hugepages-2Mi: 4Mi}}}]}", 0, 0, 0},
        {"{hugepages-2Mi: 0}", "{containers: [{}]}", 0, 0, 0},
        {"{hugepages-2Mi: 8Mi, hugepages-1Gi: 0}", "{containers: [{}]}", 2, 0, 0},
        {"{hugepages-2Mi: 8Mi, hugepages-1Gi: 1Gi}",
         "{containers: [{resources: {limits: {hugepages-2Mi: 4Mi}}}, "
         "{resources: {limits: {hugepages-2Mi: 2Mi}}}]}",
         10, 4 << 20, 6 << 20},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *node = parse(cases[i].node);
        cleanup(value_free) struct value *spec = parse(cases[i].spec);
        int64_t first[HUGE_SIZES] = {0}, pod[HUGE_SIZES] = {0};
        int bounded = 0, of_pod = 0;
        limits_of_huge_pages(node, NULL, value_at(value_get(spec, "containers"), 0), &bounded,
                             first);
        limits_of_huge_pages(node, spec, NULL, &of_pod, pod);
        assert_int_equal(bounded, cases[i].bounded);
        assert_int_equal(of_pod, cases[i].bounded);
        assert_int_equal(first[1], cases[i].first);
        assert_int_equal(pod[1], cases[i].pod);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits__pod),
        cmocka_unit_test(test_limits__who_goes_first),
        cmocka_unit_test(test_limits__huge_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
