#include "load.h"

#define CLASS "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\n"

static void test_priority_class__mistakes(void **state)
{
    (void)state;
    static const char reserved[] =
        "line 3: metadata.name: priority class names with 'system-' prefix are reserved for system "
        "use only\n";
    static const struct {
        const char *rest, *mistakes;
    } cases[] = {
        {"metadata: {name: high}\nvalue: 1000000000\n", ""},
        {"metadata: {name: low}\nvalue: -5\n", ""},
        {"metadata: {name: high}\nvalue: 1000000001\n",
         "line 4: value: maximum allowed value of a user defined priority is 1000000000\n"},
        {"metadata: {name: system-mine}\nvalue: 5\n", reserved},
        {"metadata: {name: system-node-critical}\nvalue: 2000001000\n", ""},
        {"metadata: {name: system-node-critical}\nvalue: 2000000000\n", reserved},
        {"metadata: {name: a}\npreemptionPolicy: Always\n",
         "line 4: preemptionPolicy: \"Always\": must be one of PreemptLowerPriority, Never\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), CLASS "%s", cases[i].rest);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void test_priority_class__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects = load(CLASS "metadata: {name: a}\n");
    assert_int_equal(value_get_int(value_at(objects, 0), "value", -1), 0);
    assert_string_equal(value_get_str(value_at(objects, 0), "preemptionPolicy"),
                        "PreemptLowerPriority");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_priority_class__mistakes),
        cmocka_unit_test(test_priority_class__defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
