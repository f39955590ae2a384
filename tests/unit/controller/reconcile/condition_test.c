#include "controller/reconcile/condition.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct value *first(const struct value *object)
{
    return value_at(value_path(object, "status", "conditions", NULL), 0);
}

static void test_condition__set(void **state)
{
    (void)state;
    struct value *object = value_new_map();
    const struct condition no = {"Ready", "False", "Why", "because"};
    const struct condition other = {"Ready", "False", "Why", "of this"};
    const struct condition yes = {"Ready", "True", NULL, NULL};
    const struct condition pressure = {"MemoryPressure", "False", NULL, NULL};
    assert_null(condition_status(object, "Ready"));
    assert_true(condition_set(object, &no, NULL, 0));
    assert_false(condition_set(object, &no, NULL, NS_PER_S));
    assert_string_equal(condition_status(object, "Ready"), "False");
    assert_string_equal(condition_reason(object, "Ready"), "Why");

    /* Another message is no transition. */
    assert_true(condition_set(object, &other, "lastHeartbeatTime", NS_PER_S));
    assert_string_equal(value_get_str(first(object), "lastTransitionTime"), "1970-01-01T00:00:00Z");
    assert_string_equal(value_get_str(first(object), "lastHeartbeatTime"), "1970-01-01T00:00:01Z");

    assert_true(condition_set(object, &yes, NULL, 2 * NS_PER_S));
    assert_string_equal(value_get_str(first(object), "lastTransitionTime"), "1970-01-01T00:00:02Z");
    assert_null(value_get(first(object), "reason"));
    assert_true(condition_set(object, &pressure, NULL, 0));
    assert_int_equal(value_len(value_path(object, "status", "conditions", NULL)), 2);
    value_free(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_condition__set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
