#include "load.h"

#define HEAD(version_)                                                                             \
    "apiVersion: autoscaling/" version_                                                            \
    "\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n"                                \
    "  scaleTargetRef: {kind: Deployment, name: web, apiVersion: apps/v1}\n"
#define MAX "  maxReplicas: 5\n"
#define METRIC(metric_) HEAD("v2") MAX "  metrics: [{" metric_ "}]\n"

static void test_horizontal_pod_autoscaler__is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {HEAD("v2") MAX, ""},
        {HEAD("v2"), "line 5: spec.maxReplicas: required\n"},
        {HEAD("v2") MAX "  minReplicas: 6\n",
         "line 6: spec.maxReplicas: must be greater than or equal to `minReplicas`\n"},
        {HEAD("v1") MAX "  minReplicas: 6\n",
         "line 6: spec.maxReplicas: must be greater than or equal to `minReplicas`\n"},
        {HEAD("v2") MAX "  minReplicas: 0\n", "line 7: spec.minReplicas: 0: must be at least 1\n"},
        {METRIC("type: Resource"),
         "line 7: spec.metrics[0].resource: must populate information for the given metric "
         "source\n"},
        {METRIC("type: Resource, resource: {name: cpu, target: {type: Utilization, "
                "averageUtilization: 1}}, pods: {metric: {name: n}, target: {type: AverageValue, "
                "averageValue: 1}}"),
         "line 7: spec.metrics[0].pods: must populate the given metric source only\n"},
        {METRIC("type: Resource, resource: {name: cpu, target: {type: Utilization}}"),
         "line 7: spec.metrics[0].resource.target.averageUtilization: must set either a target raw "
         "value or a target utilization\n"},
        {METRIC("type: Pods, pods: {metric: {name: n}, target: {type: AverageValue, averageValue: "
                "0}}"),
         "line 7: spec.metrics[0].pods.target.averageValue: must be positive\n"},
        {METRIC("type: External, external: {metric: {name: n}, target: {type: Value, value: 1, "
                "averageValue: 1m}}"),
         "line 7: spec.metrics[0].external.target.value: may not set both a target value for metric "
         "and a per-pod target\n"},
        {HEAD("v2") MAX "  behavior: {scaleUp: {policies: [], stabilizationWindowSeconds: 3601}}\n",
         "line 7: spec.behavior.scaleUp.policies: must specify at least one Policy\n"
         "line 7: spec.behavior.scaleUp.stabilizationWindowSeconds: 3601: must be 0-3600\n"},
        {HEAD("v2") MAX
         "  behavior: {scaleDown: {policies: [{type: Pods, value: 0, periodSeconds: 1801}]}}\n",
         "line 7: spec.behavior.scaleDown.policies[0].periodSeconds: 1801: must be 1-1800\n"
         "line 7: spec.behavior.scaleDown.policies[0].value: 0: must be at least 1\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
}

/* What annotations say of a v1 object becomes its spec: it is not taken unchecked. */
static void test_horizontal_pod_autoscaler__annotations_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "metrics: '[{\"type\":\"Pods\",\"pods\":{\"metricName\":7,\"targetAverageValue\":\"1\"}}]'",
        "metrics: '[{\"type\":\"Pods\",\"pods\":{}}]'",
        "behavior: '{\"ScaleUp\":{\"SelectPolicy\":\"Most\"}}'",
        "behavior: '{\"ScaleSideways\":{}}'",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char text[1024];
        cleanup(value_free) struct value *object = NULL;
        cleanup(diags_done) struct diags diags = {0};
        snprintf(text, sizeof(text),
                 "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, "
                 "annotations: {autoscaling.alpha.kubernetes.io/%s}}\nspec: {maxReplicas: 1, "
                 "scaleTargetRef: {kind: k, name: n}}\n",
                 wrong[i]);
        assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
        assert_int_equal(schema_check(&kind_horizontal_pod_autoscaler_v1, object, 0, &diags),
                         -EINVAL);
        assert_string_equal(diags.items[0].path, "metadata.annotations");
    }
}

static void test_horizontal_pod_autoscaler__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object =
        load_whole(HEAD("v2") MAX "  behavior: {scaleDown: {selectPolicy: Min}}\n");
    const struct value *spec = value_get(object, "spec");
    const struct value *metric = value_at(value_get(spec, "metrics"), 0);
    const struct value *up = value_path(spec, "behavior", "scaleUp", NULL);
    const struct value *down = value_path(spec, "behavior", "scaleDown", NULL);
    assert_int_equal(value_get_int(spec, "minReplicas", 0), 1);
    assert_int_equal(
        value_int(value_path(metric, "resource", "target", "averageUtilization", NULL), 0), 80);
    assert_int_equal(value_len(value_get(up, "policies")), 2);
    assert_string_equal(value_get_str(up, "selectPolicy"), "Max");
    assert_int_equal(value_get_int(up, "stabilizationWindowSeconds", 7), 0);
    assert_int_equal(value_len(value_get(down, "policies")), 1);
    assert_string_equal(value_get_str(down, "selectPolicy"), "Min");
    assert_null(value_get(down, "stabilizationWindowSeconds"));
    cleanup(value_free) struct value *plain = load_whole(HEAD("v2") MAX);
    assert_null(value_path(plain, "spec", "behavior", NULL));
}

/* ---- the two forms ---- */

#define CPU                                                                                        \
    "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}"
#define MEMORY                                                                                     \
    "{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}}"
#define OTHERS                                                                                     \
    "{type: ContainerResource, containerResource: {name: cpu, container: c, target: {type: "       \
    "Utilization, averageUtilization: 5}}}, "                                                      \
    "{type: Pods, pods: {metric: {name: n, selector: {matchLabels: {a: b}}}, target: {type: "      \
    "AverageValue, averageValue: 1k}}}, "                                                          \
    "{type: Object, object: {describedObject: {kind: k, name: n}, metric: {name: m}, target: "     \
    "{type: Value, value: 2k}}}, "                                                                 \
    "{type: Object, object: {describedObject: {kind: k, name: n}, metric: {name: m}, target: "     \
    "{type: AverageValue, averageValue: 2k}}}, "                                                   \
    "{type: External, external: {metric: {name: q, selector: {}}, target: {type: AverageValue, "   \
    "averageValue: 30}}}"
#define STATUS                                                                                     \
    "status:\n  desiredReplicas: 4\n  currentMetrics: ["                                           \
    "{type: Resource, resource: {name: cpu, current: {averageUtilization: 71, averageValue: "      \
    "142m}}}, {type: Object, object: {describedObject: {kind: k, name: n}, metric: {name: m}, "    \
    "current: {value: 3, averageValue: 1}}}, {type: External, external: {metric: {name: q}, "      \
    "current: {averageValue: 12}}}, {type: Pods, pods: {metric: {name: n}, current: "              \
    "{averageValue: 4}}}]\n  conditions: [{type: AbleToScale, status: 'True', reason: r}]\n"

/* To v1 and back nothing gets lost. */
static void test_horizontal_pod_autoscaler__both_forms_say_the_same(void **state)
{
    (void)state;
    static const char *const objects[] = {
        HEAD("v2") MAX,
        HEAD("v2") MAX "  metrics: [" CPU "]\n",
        HEAD("v2") MAX "  metrics: [" MEMORY "]\n",
        HEAD("v2") MAX "  metrics: [" CPU ", " MEMORY ", " OTHERS ", " CPU "]\n" STATUS,
        HEAD("v2") MAX "  behavior: {scaleDown: {tolerance: 0.05, policies: [{type: Pods, value: "
                       "1, periodSeconds: 60}]}}\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        cleanup(value_free) struct value *object = load_whole(objects[i]);
        cleanup(value_free) struct value *other = value_copy(object);
        cleanup(diags_done) struct diags diags = {0};
        kind_horizontal_pod_autoscaler_v1.from_stored(other);
        value_set_str(other, "apiVersion", "autoscaling/v1");
        if (schema_check(&kind_horizontal_pod_autoscaler_v1, other, SCHEMA_CHECK_STATUS, &diags))
            fail_msg("%s\n%s: %s", objects[i], diags.items[0].path, diags.items[0].reason);
        assert_null(value_path(other, "spec", "metrics", NULL));
        assert_null(value_path(other, "spec", "behavior", NULL));
        assert_null(value_path(other, "status", "conditions", NULL));
        kind_horizontal_pod_autoscaler_v1.to_stored(other);
        value_set_str(other, "apiVersion", "autoscaling/v2");
        cleanup(buf_done) struct buf before = {0};
        cleanup(buf_done) struct buf after = {0};
        json_write_canonical(object, &before);
        json_write_canonical(other, &after);
        assert_string_equal(buf_str(&before), buf_str(&after));
    }
}

/* As Kubernetes writes them, so that its tools can read them. */
static void test_horizontal_pod_autoscaler__in_words_of_v1(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = load_whole(
        HEAD("v2") MAX "  metrics: [" MEMORY ", " CPU "]\n  behavior: {scaleUp: {selectPolicy: "
                       "Min, policies: [{type: Pods, value: 1, periodSeconds: 2}]}}\n" STATUS);
    kind_horizontal_pod_autoscaler_v1.from_stored(object);
    assert_int_equal(
        value_int(value_path(object, "spec", "targetCPUUtilizationPercentage", NULL), 0), 60);
    assert_int_equal(
        value_int(value_path(object, "status", "currentCPUUtilizationPercentage", NULL), 0), 71);
    assert_string_equal(object_annotation(object, "autoscaling.alpha.kubernetes.io/metrics"),
                        "[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\","
                        "\"targetAverageValue\":\"1Gi\"}}]");
    const char *behavior = object_annotation(object, "autoscaling.alpha.kubernetes.io/behavior");
    assert_non_null(strstr(behavior,
                           "\"ScaleUp\":{\"SelectPolicy\":\"Min\",\"Policies\":[{\"Type\":"
                           "\"Pods\",\"Value\":1,\"PeriodSeconds\":2}]"));
    assert_non_null(strstr(object_annotation(object, "autoscaling.alpha.kubernetes.io/conditions"),
                           "\"AbleToScale\""));
    assert_non_null(
        strstr(object_annotation(object, "autoscaling.alpha.kubernetes.io/current-metrics"),
               "\"currentAverageUtilization\":71"));
}

/* An annotation that cannot be read is no metric, and stays. */
static void test_horizontal_pod_autoscaler__unreadable_annotations_stay(void **state)
{
    (void)state;
    static const char *const texts[] = {"[", "7", "[7]", "[{\"type\":\"X\"}]", "[{}]"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cleanup(value_free) struct value *object = load_whole(HEAD("v1") MAX);
        value_set_str(value_make_map(object, "metadata", "annotations", NULL),
                      "autoscaling.alpha.kubernetes.io/metrics", texts[i]);
        kind_horizontal_pod_autoscaler_v1.to_stored(object);
        assert_null(value_path(object, "spec", "metrics", NULL));
        assert_string_equal(object_annotation(object, "autoscaling.alpha.kubernetes.io/metrics"),
                            texts[i]);
    }
}

static void test_horizontal_pod_autoscaler__columns(void **state)
{
    (void)state;
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Reference", HEAD("v2"), "Deployment/web"},
        {"MinPods", "{spec: {minReplicas: 2}}", "2"},
        {"MinPods", "{}", "<unset>"},
        {"MaxPods", "{spec: {maxReplicas: 3}}", "3"},
        {"Replicas", "{}", "0"},
        {"Targets", "{}", "<none>"},
        {"Targets", "{spec: {metrics: [" CPU "]}}", "cpu: <unknown>/60%"},
        {"Targets",
         "{spec: {metrics: [" CPU ", " MEMORY "]}, status: {currentMetrics: [{type: "
         "Resource, resource: {current: {averageUtilization: 7}}}]}}",
         "cpu: 7%/60%, memory: <unknown>/1Gi"},
        {"Targets", "{spec: {metrics: [" OTHERS "]}}",
         "cpu: <unknown>/5%, <unknown>/1k + 3 more..."},
        {"Targets", "{spec: {metrics: [{type: External, external: {target: {averageValue: 5}}}]}}",
         "<unknown>/5 (avg)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_horizontal_pod_autoscaler, cases[i].column, cases[i].object, 0,
                    cases[i].want);
    expect_cell(&kind_horizontal_pod_autoscaler_v1, "Targets",
                "{spec: {targetCPUUtilizationPercentage: 60}, status: "
                "{currentCPUUtilizationPercentage: 7}}",
                0, "cpu: 7%/60%");
    assert_ptr_equal(kinds_find_name(NULL, "hpa"), &kind_horizontal_pod_autoscaler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_horizontal_pod_autoscaler__is_checked),
        cmocka_unit_test(test_horizontal_pod_autoscaler__annotations_are_checked),
        cmocka_unit_test(test_horizontal_pod_autoscaler__defaults),
        cmocka_unit_test(test_horizontal_pod_autoscaler__both_forms_say_the_same),
        cmocka_unit_test(test_horizontal_pod_autoscaler__in_words_of_v1),
        cmocka_unit_test(test_horizontal_pod_autoscaler__unreadable_annotations_stay),
        cmocka_unit_test(test_horizontal_pod_autoscaler__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
