#include "load.h"

#include "common/base/clock.h"

#define HEAD "apiVersion: batch/v1\nkind: Job\nmetadata: {name: sum}\nspec:\n"
#define POD(policy_)                                                                               \
    "  template: {metadata: {labels: {a: b}}, spec: {restartPolicy: " policy_                      \
    ", containers: [{name: c, image: i}]}}\n"
#define JOB HEAD POD("Never")

static int64_t number(const struct value *object, const char *key)
{
    return value_get_int(value_get(object, "spec"), key, -1);
}

static void test_job__defaults(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int completions, parallelism, backoff;
        const char *replacement;
    } cases[] = {
        {JOB, 1, 1, 6, "TerminatingOrFailed"},
        {JOB "  parallelism: 3\n", -1, 3, 6, "TerminatingOrFailed"},
        {JOB "  completions: 4\n", 4, 1, 6, "TerminatingOrFailed"},
        {JOB "  completions: 4\n  completionMode: Indexed\n  backoffLimitPerIndex: 1\n", 4, 1,
         INT32_MAX, "TerminatingOrFailed"},
        {JOB "  podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: X}]}]}\n", 1,
         1, 6, "Failed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = load_whole(cases[i].text);
        const struct value *spec = value_get(object, "spec");
        assert_int_equal(number(object, "completions"), cases[i].completions);
        assert_int_equal(number(object, "parallelism"), cases[i].parallelism);
        assert_int_equal(number(object, "backoffLimit"), cases[i].backoff);
        assert_string_equal(value_get_str(spec, "podReplacementPolicy"), cases[i].replacement);
        assert_false(value_get_bool(spec, "suspend", true));
        assert_false(value_get_bool(spec, "manualSelector", true));
        assert_string_equal(object_label(object, "a"), "b");
    }
}

#define RULE(text_) JOB "  podFailurePolicy: {rules: [" text_ "]}\n"
#define AT(what_) "line 6: spec.podFailurePolicy.rules[0]" what_
#define INDEXED JOB "  completionMode: Indexed\n  completions: 8\n"

static void test_job__is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {HEAD POD("OnFailure"), ""},
        {HEAD POD("Always"), "line 5: spec.template.spec.restartPolicy: required: valid values: "
                             "\"OnFailure\", \"Never\"\n"},
        {HEAD POD(""), "line 5: spec.template.spec.restartPolicy: required: valid values: "
                       "\"OnFailure\", \"Never\"\n"},
        {HEAD POD("OnFailure") "  podFailurePolicy: {rules: []}\n",
         "line 5: spec.template.spec.restartPolicy: \"OnFailure\": only \"Never\" is supported when "
         "podFailurePolicy is specified\n"},
        {JOB "  completionMode: Indexed\n  parallelism: 1\n",
         "line 5: spec.completions: required when completion mode is Indexed\n"},
        {INDEXED "  parallelism: 100001\n", "line 8: spec.parallelism: must be less than or equal "
                                            "to 100000 when completion mode is Indexed\n"},
        {JOB "  backoffLimitPerIndex: 1\n  successPolicy: {rules: [{succeededCount: 1}]}\n",
         "line 6: spec.backoffLimitPerIndex: requires indexed completion mode\n"
         "line 7: spec.successPolicy: requires indexed completion mode\n"},
        {INDEXED "  maxFailedIndexes: 9\n",
         "line 5: spec.backoffLimitPerIndex: required when maxFailedIndexes is specified\n"
         "line 8: spec.maxFailedIndexes: must be less than or equal to completions\n"},
        {JOB "  completionMode: Indexed\n  completions: 100001\n  backoffLimitPerIndex: 1\n"
             "  parallelism: 10001\n",
         "line 5: spec.maxFailedIndexes: must be specified when completions is above 100000\n"
         "line 9: spec.parallelism: must be less than or equal to 10000 when completions are above "
         "100000 and used with backoff limit per index\n"},
        {INDEXED "  successPolicy: {rules: [{succeededIndexes: '0,2-4', succeededCount: 4}, "
                 "{succeededIndexes: '7'}]}\n",
         ""},
        {INDEXED "  successPolicy: {rules: [{}]}\n",
         "line 8: spec.successPolicy.rules[0]: at least one of succeededCount or succeededIndexes "
         "must be specified\n"},
        {INDEXED "  successPolicy: {rules: [{succeededIndexes: '0-2', succeededCount: 4}]}\n",
         "line 8: spec.successPolicy.rules[0].succeededCount: must be less than or equal to 3 (the "
         "number of indexes)\n"},
        {RULE("{action: FailJob, onExitCodes: {operator: In, values: [1, 42]}}"), ""},
        {RULE("{action: FailJob}"),
         AT(": specifying one of OnExitCodes and OnPodConditions is required\n")},
        {RULE("{action: Count, onExitCodes: {operator: In, values: [1]}, "
              "onPodConditions: [{type: X}]}"),
         AT(": specifying both OnExitCodes and OnPodConditions is not supported\n")},
        {RULE("{action: Count, onExitCodes: {operator: In, values: [0]}}"),
         AT(".onExitCodes.values: 0: must not be 0 for the In operator\n")},
        {RULE("{action: Count, onExitCodes: {operator: NotIn, values: [0, 3, 3]}}"),
         AT(".onExitCodes.values: 3: must not come twice\n")},
        {RULE("{action: Count, onExitCodes: {operator: In, values: [3, 2]}}"),
         AT(".onExitCodes.values: 2: must be ordered\n")},
        {RULE("{action: FailIndex, onExitCodes: {containerName: x, operator: In, values: [3]}}"),
         AT(".action: \"FailIndex\": requires the backoffLimitPerIndex to be set\n")
             AT(".onExitCodes.containerName: \"x\": must be one of the container or initContainer "
                "names in the pod template\n")},
        {JOB "  podFailurePolicy: {rules: []}\n  podReplacementPolicy: TerminatingOrFailed\n",
         "line 7: spec.podReplacementPolicy: \"TerminatingOrFailed\": supported values: "
         "\"Failed\"\n"},
        {JOB "  selector: {matchLabels: {a: b}}\n",
         "line 6: spec.selector: `selector` not auto-generated\n"},
        {JOB "  selector: {matchLabels: {a: b}}\n  manualSelector: true\n", ""},
        {JOB "  selector: {matchLabels: {a: c}}\n  manualSelector: true\n",
         "line 5: spec.template.metadata.labels: `selector` does not match template `labels`\n"},
        {JOB "  manualSelector: true\n", "line 5: spec.selector: required\n"},
        {JOB "  managedBy: example.com/jobs\n", ""},
        {JOB "  managedBy: jobs\n", "line 6: spec.managedBy: \"jobs\": must be a domain-prefixed "
                                    "path (such as \"acme.io/foo\")\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
}

static void test_job__indexes_of_a_success(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "a",     "8",    "1,", ",1", "2,1",  "1,1",
                                        "3-1", "1-2-3", "1--2", "1-", "-1", "1, 2", "0-8"};
    static const char *const right[] = {"0", "0-7", "0,1,2", "0-1,3-4,7", "007"};
    char text[1024];
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        snprintf(text, sizeof(text),
                 INDEXED "  successPolicy: {rules: [{succeededIndexes: '%s'}]}\n", right[i]);
        expect_mistakes(text, "");
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(text, sizeof(text),
                 INDEXED "  successPolicy: {rules: [{succeededIndexes: '%s'}]}\n", wrong[i]);
        expect_mistakes(text, "line 8: spec.successPolicy.rules[0].succeededIndexes: must be "
                              "ascending indexes and ranges such as 0,3-5, below completions\n");
    }
}

/* Its pods are told by its uid. */
static void test_job__born(void **state)
{
    (void)state;
    cleanup(value_free) struct value *job = load_whole(JOB);
    cleanup(diags_done) struct diags diags = {0};
    value_set_str(value_get(job, "metadata"), "uid", "u-1");
    kind_job.born(job);
    const struct value *labels = value_path(job, "spec", "template", "metadata", "labels", NULL);
    assert_string_equal(value_get_str(labels, "batch.kubernetes.io/controller-uid"), "u-1");
    assert_string_equal(value_get_str(labels, "batch.kubernetes.io/job-name"), "sum");
    assert_string_equal(value_get_str(labels, "controller-uid"), "u-1");
    assert_string_equal(value_get_str(labels, "job-name"), "sum");
    assert_string_equal(value_get_str(labels, "a"), "b");
    assert_string_equal(object_label(job, "job-name"), "sum");
    assert_string_equal(value_str(value_path(job, "spec", "selector", "matchLabels",
                                             "batch.kubernetes.io/controller-uid", NULL)),
                        "u-1");
    assert_int_equal(schema_check(&kind_job, job, 0, &diags), 0); /* as it comes back later */
    value_set_str(value_get(job, "metadata"), "uid", "u-2");
    assert_int_equal(schema_check(&kind_job, job, 0, &diags), -EINVAL);
    cleanup(value_free) struct value *own =
        load_whole(JOB "  selector: {matchLabels: {a: b}}\n  manualSelector: true\n");
    value_set_str(value_get(own, "metadata"), "uid", "u-1");
    kind_job.born(own);
    assert_null(value_path(own, "spec", "template", "metadata", "labels", "job-name", NULL));
}

#define WAITING JOB "  suspend: true\n"
#define MOVED                                                                                      \
    HEAD                                                                                           \
        "  template: {metadata: {labels: {a: c}}, spec: {restartPolicy: Never, nodeSelector: {x: " \
        "y}, containers: [{name: c, image: i}]}}\n"

static void test_job__updates(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *want;
    } cases[] = {
        {JOB, JOB "  parallelism: 3\n  completions: 1\n  suspend: true\n  backoffLimit: 2\n", ""},
        {JOB, JOB "  completions: 2\n", "spec.completions: field is immutable\n"},
        {INDEXED, JOB "  completionMode: Indexed\n  completions: 5\n  parallelism: 5\n", ""},
        {INDEXED, JOB "  completionMode: Indexed\n  completions: 5\n",
         "spec.completions: 5: can only be modified in tandem with parallelism\n"},
        {JOB, MOVED, "spec.template: field is immutable\n"},
        {WAITING, MOVED "  suspend: true\n", ""},
        {WAITING "status: {startTime: '2026-01-01T00:00:00Z'}\n", MOVED,
         "spec.template: field is immutable\n"},
        {WAITING, HEAD POD("OnFailure"), "spec.template: field is immutable\n"},
        {JOB, JOB "  completionMode: Indexed\n  managedBy: a.io/b\n",
         "spec.completionMode: field is immutable\nspec.managedBy: field is immutable\n"},
        {JOB, JOB "  podFailurePolicy: {rules: []}\n",
         "spec.podFailurePolicy: field is immutable\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_update(cases[i].before, cases[i].after, cases[i].want);
}

#define TIMES "status: {startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:01:30Z'}"

static void test_job__columns(void **state)
{
    (void)state;
    int64_t now;
    assert_int_equal(clock_parse("2026-01-01T00:10:00Z", &now), 0);
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Completions", "{spec: {completions: 3, parallelism: 2}, status: {succeeded: 1}}", "1/3"},
        {"Completions", "{spec: {parallelism: 2}, status: {succeeded: 1}}", "1/1 of 2"},
        {"Completions", "{spec: {parallelism: 1}}", "0/1"},
        {"Duration", "{" TIMES "}", "90s"},
        {"Duration", "{status: {startTime: '2026-01-01T00:00:00Z'}}", "10m"},
        {"Duration", "{}", ""},
        {"Status", "{}", "Running"},
        {"Status", "{status: {conditions: [{type: Complete, status: 'True'}]}}", "Complete"},
        {"Status", "{status: {conditions: [{type: Suspended, status: 'False'}]}}", "Running"},
        {"Status", "{status: {conditions: [{type: Suspended, status: 'True'}]}}", "Suspended"},
        {"Status",
         "{status: {conditions: [{type: FailureTarget, status: 'True'}, {type: Failed, status: "
         "'True'}]}}",
         "Failed"},
        {"Status", "{metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}}", "Terminating"},
        {"Selector", "{spec: {selector: {matchLabels: {controller-uid: u}}}}", "controller-uid=u"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_job, cases[i].column, cases[i].object, now, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job__defaults),
        cmocka_unit_test(test_job__is_checked),
        cmocka_unit_test(test_job__indexes_of_a_success),
        cmocka_unit_test(test_job__born),
        cmocka_unit_test(test_job__updates),
        cmocka_unit_test(test_job__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
