#include "agent/pod/room.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &value, &diags), 0);
    return value;
}

#define POD(requests_) "{containers: [{resources: {requests: {" requests_ "}}}]}"

static void test_room__fits(void **state)
{
    (void)state;
    static const struct {
        const char *allocatable, *spec, *reason, *message;
    } cases[] = {
        {"{cpu: 2, memory: 1Gi, pods: 10}", POD("cpu: 1, memory: 512Mi"), "", ""},
        {"{cpu: 2, memory: 1Gi, pods: 10}", POD("cpu: 1001m"), "OutOfcpu",
         "Node didn't have enough resource: cpu, requested: 1001, used: 1000, capacity: 2000"},
        {"{cpu: 2, memory: 1Gi, pods: 10}", POD("memory: 1Gi"), "OutOfmemory",
         "Node didn't have enough resource: memory, requested: 1073741824, used: 536870912, "
         "capacity: 1073741824"},
        {"{cpu: 2, memory: 1Gi, pods: 1}", POD("cpu: 0"), "OutOfpods",
         "Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1"},
        {"{cpu: 2, memory: 1Gi, pods: 10}", POD("vendor.example/gpu: 1"), "OutOfvendor.example/gpu",
         "Node didn't have enough resource: vendor.example/gpu, requested: 1, used: 0, capacity: "
         "0"},
        {"{cpu: 2, memory: 1Gi, pods: 10, vendor.example/gpu: 1}", POD("vendor.example/gpu: 1"), "",
         ""},
        /* More than there is was given already: nothing more, but for what asks for nothing. */
        {"{cpu: 500m, memory: 1Gi, pods: 10}", POD("cpu: 1m"), "OutOfcpu",
         "Node didn't have enough resource: cpu, requested: 1, used: 1000, capacity: 500"},
        {"{cpu: 500m, memory: 1Gi, pods: 10}", "{containers: [{}]}", "", ""},
        {"{cpu: 2, memory: 1Gi, pods: 10}",
         "{containers: [{}], initContainers: [{resources: {requests: {cpu: 3}}}]}", "OutOfcpu",
         "Node didn't have enough resource: cpu, requested: 3000, used: 1000, capacity: 2000"},
        /* What running it costs, and a limit, count too. */
        {"{cpu: 2, memory: 1Gi, pods: 10}", "{overhead: {cpu: 1001m}, containers: [{}]}",
         "OutOfcpu",
         "Node didn't have enough resource: cpu, requested: 1001, used: 1000, capacity: 2000"},
        {"{cpu: 2, memory: 1Gi, pods: 10}", "{containers: [{resources: {limits: {cpu: 2}}}]}",
         "OutOfcpu",
         "Node didn't have enough resource: cpu, requested: 2000, used: 1000, capacity: 2000"},
        {"{cpu: 2, memory: 1Gi, pods: 10}",
         "{containers: [{resources: {requests: {memory: 7Ei}}}, {resources: {requests: {memory: "
         "7Ei}}}]}",
         "OutOfmemory",
         "Node didn't have enough resource: memory, requested: 9223372036854775807, used: "
         "536870912, capacity: 1073741824"},
    };
    struct value *there = parse(POD("cpu: 1, memory: 512Mi"));
    const struct value *const specs[] = {there};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *allocatable = parse(cases[i].allocatable);
        cleanup(value_free) struct value *spec = parse(cases[i].spec);
        cleanup(buf_done) struct buf reason = {0}, message = {0};
        const struct room room = {allocatable, specs, 1};
        assert_int_equal(room_fits(&room, spec, &reason, &message), !*cases[i].reason);
        assert_string_equal(buf_str(&reason), cases[i].reason);
        assert_string_equal(buf_str(&message), cases[i].message);
    }
    value_free(there);
}

static void test_room__unknown_node(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = parse(POD("cpu: 1000"));
    const struct room room = {0};
    struct buf reason = {0}, message = {0};
    assert_true(room_fits(&room, spec, &reason, &message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room__fits),
        cmocka_unit_test(test_room__unknown_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
