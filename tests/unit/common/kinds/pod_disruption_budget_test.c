#include "load.h"

#define BUDGET(spec_)                                                                              \
    "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {" spec_ "}\n"

static void test_pod_disruption_budget__is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {BUDGET("minAvailable: 1, selector: {}"), ""},
        {BUDGET("maxUnavailable: 100%"), ""},
        {BUDGET("maxUnavailable: 1, minAvailable: 1"),
         "line 4: spec: minAvailable and maxUnavailable cannot be both set\n"},
        {BUDGET("minAvailable: 101%"),
         "line 4: spec.minAvailable: \"101%\": must not be greater than 100%\n"},
        {BUDGET("minAvailable: half"),
         "line 4: spec.minAvailable: \"half\": must be an integer or percentage (e.g '5%')\n"},
        {BUDGET("unhealthyPodEvictionPolicy: Never"),
         "line 4: spec.unhealthyPodEvictionPolicy: \"Never\": must be one of IfHealthyBudget, "
         "AlwaysAllow\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
}

static void test_pod_disruption_budget__columns(void **state)
{
    (void)state;
    static const char object[] = "{spec: {minAvailable: 2}, status: {disruptionsAllowed: 1}}";
    expect_cell(&kind_pod_disruption_budget, "Min Available", object, 0, "2");
    expect_cell(&kind_pod_disruption_budget, "Max Unavailable", object, 0, "N/A");
    expect_cell(&kind_pod_disruption_budget, "Allowed Disruptions", object, 0, "1");
    expect_cell(&kind_pod_disruption_budget, "Allowed Disruptions", "{}", 0, "0");
}

static void test_pod_disruption_budget__in_its_older_version(void **state)
{
    (void)state;
    const struct schema_kind *older =
        kinds_find_resource(NULL, "policy", "v1beta1", "poddisruptionbudgets");
    assert_non_null(older);
    assert_ptr_equal(older->stored, &kind_pod_disruption_budget);
    assert_ptr_equal(kinds_find_name(NULL, "pdb"), &kind_pod_disruption_budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_disruption_budget__is_checked),
        cmocka_unit_test(test_pod_disruption_budget__columns),
        cmocka_unit_test(test_pod_disruption_budget__in_its_older_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
