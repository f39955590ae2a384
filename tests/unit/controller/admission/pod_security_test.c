#include "controller/admission/pod_security.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LABEL "pod-security.kubernetes.io/"
#define ROOT "name: a, image: i, securityContext: {privileged: true}"
#define POD(name) "{metadata: {name: " name "}, spec: {containers: [{" ROOT "}]}}"
#define WORKLOAD                                                                                   \
    "{metadata: {name: w}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: " \
    "{a: b}}, spec: {containers: [{" ROOT "}]}}}}"
#define WHY "privileged (container \"a\" must not set securityContext.privileged=true)"

struct seen {
    int code;
    struct buf warnings;
};

static void on_done(void *ctx, const struct api_answer *answer)
{
    struct seen *seen = ctx;
    seen->code = answer->code;
    for (size_t i = 0; answer->warnings && i < answer->warnings->count; i++)
        if (!str_eq(answer->warnings->items[i].cause, CAUSE_AUDIT_NOTE))
            (void)buf_addf(&seen->warnings, "%s\n", answer->warnings->items[i].reason);
}

/* What a creation or change is warned of; it succeeds. */
static void warned(struct gated *g, const struct schema_kind *kind, const struct value *object,
                   bool create, const char *want)
{
    struct seen seen = {0};
    const struct api_ref ref = {kind, kind->namespaced ? "default" : "", object_name(object)};
    buf_init(&seen.warnings, 0);
    if (create)
        api_create(g->world->api, &admin, &ref, object, 0, on_done, &seen);
    else
        api_update(g->world->api, &admin, &ref, object, 0, on_done, &seen);
    world_settle(g->world);
    assert_int_equal(seen.code, create ? 201 : 200);
    assert_string_equal(buf_str(&seen.warnings), want);
    buf_done(&seen.warnings);
}

/* "enforce: baseline, warn: restricted" */
static struct value *labelled(struct gated *g, const char *first, const char *level,
                              const char *second, const char *other)
{
    struct value *ns = get(g->world, &kind_namespace, "", "default");
    struct value *labels = value_make_map(ns, "metadata", "labels", NULL);
    autofree char *a = xasprintf(LABEL "%s", first), *b = xasprintf(LABEL "%s", second);
    value_set_str(labels, a, level);
    if (*second)
        value_set_str(labels, b, other);
    return ns;
}

static void label(struct gated *g, const char *first, const char *level, const char *second,
                  const char *other)
{
    cleanup(value_free) struct value *ns = labelled(g, first, level, second, other);
    assert_int_equal(do_update(g->world, &kind_namespace, "", ns, 0, NULL), 200);
}

static void test_pod_security__enforce(void **state)
{
    admitted(*state, &kind_pod, POD("before"), NULL);
    label(*state, "enforce", "baseline", "", NULL);
    refused(*state, &kind_pod, POD("p"),
            "pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": " WHY);
    label(*state, "enforce", "restricted", "enforce-version", "v1.7");
    refused(*state, &kind_pod, POD("p"),
            "pods \"p\" is forbidden: violates PodSecurity \"restricted:v1.7\": " WHY
            ", runAsNonRoot != true (pod or container \"a\" must set "
            "securityContext.runAsNonRoot=true)");
    label(*state, "enforce", "privileged", "", NULL);
    admitted(*state, &kind_pod, POD("p"), NULL);
}

/* A pod that was there before stays, and its labels can change; its image can not. */
static void test_pod_security__updates(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *pod = NULL;
    admitted(g, &kind_pod, POD("p"), &pod);
    label(g, "enforce", "baseline", "", NULL);
    value_set_str(value_make_map(pod, "metadata", "labels", NULL), "a", "b");
    value_del(value_get(pod, "metadata"), "resourceVersion");
    assert_int_equal(do_update(g->world, &kind_pod, "default", pod, 0, NULL), 200);
    value_set_str(value_at(value_path(pod, "spec", "containers", NULL), 0), "image", "j");
    assert_int_equal(do_update(g->world, &kind_pod, "default", pod, 0, NULL), 403);
}

static void test_pod_security__warn(void **state)
{
    cleanup(value_free) struct value *pod = parse(POD("p"));
    cleanup(value_free) struct value *workload = parse(WORKLOAD);
    cleanup(value_free) struct value *other = parse(WORKLOAD);
    label(*state, "warn", "baseline", "warn-version", "v1.20");
    warned(*state, &kind_pod, pod, true, "would violate PodSecurity \"baseline:v1.20\": " WHY "\n");
    warned(*state, &kind_deployment, workload, true,
           "would violate PodSecurity \"baseline:v1.20\": " WHY "\n");
    label(*state, "warn", "privileged", "warn-version", "latest");
    warned(*state, &kind_daemon_set, other, true, "");
}

/* Where pods would be refused, workloads are warned of without being asked. */
static void test_pod_security__workloads_are_not_refused(void **state)
{
    cleanup(value_free) struct value *workload = parse(WORKLOAD);
    label(*state, "enforce", "baseline", "", NULL);
    warned(*state, &kind_deployment, workload, true,
           "would violate PodSecurity \"baseline:latest\": " WHY "\n");
}

/* For the audit trail alone: the path says what it is there. */
static void test_pod_security__audit(void **state)
{
    struct gated *g = *state;
    const struct gate_reader reader = api_reader(g->world->api);
    cleanup(value_free) struct value *pod = parse(POD("p"));
    label(g, "audit", "baseline", "", NULL);
    cleanup(diags_done) struct diags warnings;
    diags_init(&warnings);
    const struct gate_request request = {.ref = {&kind_pod, "default", "p"},
                                         .object = pod,
                                         .warnings = &warnings,
                                         .reader = &reader};
    const struct admission_env env = {.config = ADMISSION_DEFAULTS};
    assert_null(pod_security_check(&env, &request));
    assert_int_equal(warnings.count, 1);
    assert_string_equal(warnings.items[0].cause, CAUSE_AUDIT_NOTE);
    assert_string_equal(warnings.items[0].path, LABEL "audit-violations");
    assert_string_equal(warnings.items[0].reason,
                        "would violate PodSecurity \"baseline:latest\": " WHY);
}

static void test_pod_security__labels_are_checked(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *ns = labelled(g, "enforce", "strict", "warn-version", "1.2");
    cleanup(value_free) struct value *answer = NULL;
    assert_int_equal(do_update(g->world, &kind_namespace, "", ns, 0, &answer), 422);
    assert_string_equal(
        value_get_str(answer, "message"),
        "Namespace \"default\" is invalid: [metadata.labels[" LABEL
        "enforce]: Invalid value: \"strict\": must be one of privileged, baseline, restricted, "
        "metadata.labels[" LABEL
        "warn-version]: Invalid value: \"1.2\": must be \"latest\" or \"v1.x\"]");
    assert_int_equal(do_create(g->world, &kind_namespace, "",
                               "{metadata: {name: n, labels: {" LABEL "audit: none}}}", NULL),
                     422);
}

static void test_pod_security__existing_pods(void **state)
{
    struct gated *g = *state;
    admitted(g, &kind_pod, POD("b"), NULL);
    admitted(g, &kind_pod, POD("a"), NULL);
    admitted(g, &kind_pod, "{metadata: {name: c}, spec: {hostPID: true, containers: [{" ROOT "}]}}",
             NULL);
    cleanup(value_free) struct value *ns = labelled(g, "enforce", "baseline", "", NULL);
    warned(g, &kind_namespace, ns, false,
           "existing pods in namespace \"default\" violate the new PodSecurity enforce level "
           "\"baseline:latest\"\na (and 1 other pod): privileged\nc: host namespaces, "
           "privileged\n");
    /* The same again is nothing new. */
    cleanup(value_free) struct value *again = labelled(g, "x", "y", "", NULL);
    warned(g, &kind_namespace, again, false, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pod_security__enforce),       TEST(test_pod_security__updates),
        TEST(test_pod_security__warn),          TEST(test_pod_security__workloads_are_not_refused),
        TEST(test_pod_security__audit),         TEST(test_pod_security__labels_are_checked),
        TEST(test_pod_security__existing_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
