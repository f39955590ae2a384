#include "load.h"

#define DAEMON_SET                                                                                 \
    "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n"                       \
    "  selector: {matchLabels: {app: agent}}\n"                                                    \
    "  template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: a, image: b}]}}\n"

/* kubectl's rollout status needs the strategy. */
static void test_daemon_set__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = load_whole(DAEMON_SET);
    const struct value *spec = value_get(object, "spec");
    const struct value *strategy = value_get(spec, "updateStrategy");
    assert_int_equal(value_get_int(spec, "revisionHistoryLimit", 0), 10);
    assert_string_equal(value_get_str(strategy, "type"), "RollingUpdate");
    assert_int_equal(value_int(value_path(strategy, "rollingUpdate", "maxUnavailable", NULL), 7),
                     1);
    assert_int_equal(value_int(value_path(strategy, "rollingUpdate", "maxSurge", NULL), 7), 0);
    cleanup(value_free) struct value *other =
        load_whole(DAEMON_SET "  updateStrategy: {type: OnDelete}\n");
    assert_null(value_path(other, "spec", "updateStrategy", "rollingUpdate", NULL));
}

static void test_daemon_set__either_missing_or_beyond(void **state)
{
    (void)state;
    static const struct {
        const char *update, *mistake;
    } cases[] = {
        {"{}", ""},
        {"{maxUnavailable: 20%}", ""},
        {"{maxUnavailable: 0, maxSurge: 1}", ""},
        {"{maxUnavailable: 0%}",
         "line 7: spec.updateStrategy.rollingUpdate.maxUnavailable: cannot be 0 when maxSurge is "
         "0\n"},
        {"{maxSurge: 10%}",
         "line 7: spec.updateStrategy.rollingUpdate.maxSurge: may not be set when maxUnavailable "
         "is non-zero\n"},
        {"{maxUnavailable: 0, maxSurge: 101%}",
         "line 7: spec.updateStrategy.rollingUpdate.maxSurge: \"101%\": must not be greater than "
         "100%\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), DAEMON_SET "  updateStrategy: {rollingUpdate: %s}\n",
                 cases[i].update);
        expect_mistakes(text, cases[i].mistake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_daemon_set__defaults),
        cmocka_unit_test(test_daemon_set__either_missing_or_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
