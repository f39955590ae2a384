#include "load.h"

#define DEPLOYMENT                                                                                 \
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n"                        \
    "  selector: {matchLabels: {app: web}}\n"                                                      \
    "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: b}]}}\n"

static void test_deployment__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = load_whole(DEPLOYMENT);
    const struct value *spec = value_get(object, "spec");
    assert_int_equal(value_get_int(spec, "replicas", 0), 1);
    assert_int_equal(value_get_int(spec, "revisionHistoryLimit", 0), 10);
    assert_int_equal(value_get_int(spec, "progressDeadlineSeconds", 0), 600);
    assert_string_equal(value_str(value_path(spec, "strategy", "type", NULL)), "RollingUpdate");
    const struct value *update = value_path(spec, "strategy", "rollingUpdate", NULL);
    assert_string_equal(value_get_str(update, "maxUnavailable"), "25%");
    assert_string_equal(value_get_str(update, "maxSurge"), "25%");
}

static void test_deployment__recreate_has_no_rolling_update(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object =
        load_whole(DEPLOYMENT "  strategy: {type: Recreate}\n  replicas: 0\n");
    assert_null(value_path(object, "spec", "strategy", "rollingUpdate", NULL));
    assert_int_equal(value_int(value_path(object, "spec", "replicas", NULL), 7), 0);
}

static void test_deployment__is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *mistake;
    } cases[] = {
        {"  strategy: {type: Recreate, rollingUpdate: {}}",
         "line 7: spec.strategy.rollingUpdate: may not be specified when strategy `type` is "
         "'Recreate'\n"},
        {"  strategy: {type: Recreat}",
         "line 7: spec.strategy.type: \"Recreat\": must be one of Recreate, RollingUpdate\n"},
        {"  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 0%}}",
         "line 7: spec.strategy.rollingUpdate.maxUnavailable: may not be 0 when `maxSurge` is 0\n"},
        {"  strategy: {rollingUpdate: {maxUnavailable: 0}}", ""},
        {"  strategy: {rollingUpdate: {maxSurge: 0}}", ""},
        {"  strategy: {rollingUpdate: {maxSurge: 250%, maxUnavailable: 100%}}", ""},
        {"  strategy: {rollingUpdate: {maxUnavailable: 0101%}}",
         "line 7: spec.strategy.rollingUpdate.maxUnavailable: \"0101%\": must not be greater than "
         "100%\n"},
        {"  strategy: {rollingUpdate: {maxUnavailable: -1, maxSurge: five}}",
         "line 7: spec.strategy.rollingUpdate.maxSurge: \"five\": must be an integer or percentage "
         "(e.g '5%')\n"
         "line 7: spec.strategy.rollingUpdate.maxUnavailable: -1: must be at least 0\n"},
        {"  minReadySeconds: 600",
         "line 5: spec.progressDeadlineSeconds: must be greater than minReadySeconds\n"},
        {"  minReadySeconds: 5\n  progressDeadlineSeconds: 5",
         "line 8: spec.progressDeadlineSeconds: must be greater than minReadySeconds\n"},
        {"  replicas: -1", "line 7: spec.replicas: -1: must be at least 0\n"},
        {"  replcas: 1", "line 7: spec.replcas: unknown field; did you mean replicas?\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), DEPLOYMENT "%s\n", cases[i].rest);
        expect_mistakes(text, cases[i].mistake);
    }
}

/* Types of the wrong shape are told as such, and nothing falls over them. */
static void test_deployment__of_wrong_shapes(void **state)
{
    (void)state;
    expect_mistakes("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: 7\n",
                    "line 4: spec: 7: must be a map\n");
    expect_mistakes("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
                    "spec: {selector: [], template: x, strategy: 1, replicas: '1'}\n",
                    "line 4: spec.replicas: \"1\": must be an integer\n"
                    "line 4: spec.selector: a list: must be a map\n"
                    "line 4: spec.strategy: 1: must be a map\n"
                    "line 4: spec.template: \"x\": must be a map\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deployment__defaults),
        cmocka_unit_test(test_deployment__recreate_has_no_rolling_update),
        cmocka_unit_test(test_deployment__is_checked),
        cmocka_unit_test(test_deployment__of_wrong_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
