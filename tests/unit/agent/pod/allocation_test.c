#include "agent/pod/allocation.h"

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

#define SPEC                                                                                       \
    "{initContainers: [{name: i, resources: {requests: {cpu: 1, vendor.example/card: 1}}}], "      \
    "containers: [{name: a, resources: {limits: {memory: 2Gi}, requests: {memory: 1Gi}}}, "        \
    "{name: b, resources: {limits: {vendor.example/card: 2}}}, {name: c}]}"

static void test_allocation__of(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = parse(SPEC);
    cleanup(value_free) struct value *of = allocation_of(spec);
    cleanup(value_free) struct value *want =
        parse("{i: {requests: {cpu: 1}}, a: {requests: {memory: 1Gi}, limits: {memory: 2Gi}}}");
    assert_true(value_equal(of, want));
}

/* All else stays; what was not given goes. */
static void test_allocation__put(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = parse(SPEC);
    cleanup(value_free) struct value *given =
        parse("{a: {limits: {cpu: 3}}, c: {requests: {memory: 4Gi}}, gone: {limits: {cpu: 5}}}");
    cleanup(value_free) struct value *want =
        parse("{initContainers: [{name: i, resources: {requests: {vendor.example/card: 1}}}], "
              "containers: [{name: a, resources: {limits: {cpu: 3}}}, "
              "{name: b, resources: {limits: {vendor.example/card: 2}}}, "
              "{name: c, resources: {requests: {memory: 4Gi}}}]}");
    allocation_put(spec, given);
    assert_true(value_equal(spec, want));
    /* There and back. */
    cleanup(value_free) struct value *other = parse(SPEC);
    cleanup(value_free) struct value *own = allocation_of(other);
    allocation_put(spec, own);
    cleanup(value_free) struct value *again = allocation_of(spec);
    assert_true(value_equal(again, own));
}

static void test_allocation__told(void **state)
{
    (void)state;
    cleanup(value_free) struct value *status = parse(
        "{initContainerStatuses: [{name: i, resources: {requests: {cpu: 1}}}], "
        "containerStatuses: [{name: a, resources: {limits: {memory: 2Gi, hugepages-2Mi: 1}}}, "
        "{name: b}]}");
    cleanup(value_free) struct value *told = allocation_told(status);
    cleanup(value_free) struct value *want =
        parse("{i: {requests: {cpu: 1}}, a: {limits: {memory: 2Gi}}}");
    assert_true(value_equal(told, want));
    cleanup(value_free) struct value *silent = parse("{containerStatuses: [{name: a}]}");
    assert_null(allocation_told(silent));
    assert_null(allocation_told(NULL));
}

#define ASKS(requests_) "{containers: [{name: a, resources: {requests: {" requests_ "}}}]}"

static void test_allocation__grows(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        bool grows;
    } rows[] = {
        {ASKS("cpu: 1"), ASKS("cpu: 1"), false},
        {ASKS("cpu: 1"), ASKS("cpu: 1000m"), false},
        {ASKS("cpu: 1"), ASKS("cpu: 1001m"), true},
        {ASKS("cpu: 1, memory: 1Gi"), ASKS("cpu: 500m, memory: 2Gi"), true},
        {ASKS("cpu: 1, memory: 1Gi"), ASKS("cpu: 500m, memory: 1Mi"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup(value_free) struct value *from = parse(rows[i].from);
        cleanup(value_free) struct value *to = parse(rows[i].to);
        if (allocation_grows(from, to) != rows[i].grows)
            fail_msg("%s to %s", rows[i].from, rows[i].to);
    }
}

static void test_allocation__feasible(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *message;
    } rows[] = {
        {ASKS("cpu: 2, memory: 1Gi"), ""},
        {ASKS("cpu: 2001m"),
         "Node didn't have enough capacity: cpu, requested: 2001, capacity: 2000"},
        {ASKS("cpu: 3, memory: 2Gi"), "Node didn't have enough capacity: memory, requested: "
                                      "2147483648, capacity: 1073741824"},
    };
    cleanup(value_free) struct value *allocatable = parse("{cpu: 2, memory: 1Gi}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup(value_free) struct value *spec = parse(rows[i].spec);
        cleanup(buf_done) struct buf message = {0}, none = {0};
        assert_int_equal(allocation_feasible(spec, allocatable, &message), !*rows[i].message);
        assert_string_equal(buf_str(&message), rows[i].message);
        assert_true(allocation_feasible(spec, NULL, &none)); /* a node that does not know */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocation__of),       cmocka_unit_test(test_allocation__put),
        cmocka_unit_test(test_allocation__told),     cmocka_unit_test(test_allocation__grows),
        cmocka_unit_test(test_allocation__feasible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
