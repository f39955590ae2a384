#include "controller/admission/limit_range.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/dryrun.h"
#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void range(struct gated *g, const char *limits)
{
    autofree char *yaml = xasprintf("{metadata: {name: r}, spec: {limits: [%s]}}", limits);
    admitted(g, &kind_limit_range, yaml, NULL);
}

static void test_limit_range__gives_what_is_not_said(void **state)
{
    range(*state, "{type: Container, default: {cpu: 500m, memory: 64Mi}, defaultRequest: {cpu: "
                  "100m}}");
    pod_has(*state, "containers: [{name: a, image: i}]", "spec.containers.0.resources",
            "{\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"},\"limits\":{\"cpu\":\"500m\","
            "\"memory\":\"64Mi\"}}");
    /* A limit that is said is the request's too, before any default. */
    pod_has(*state, "containers: [{name: a, image: i, resources: {limits: {cpu: 200m}}}]",
            "spec.containers.0.resources",
            "{\"limits\":{\"cpu\":\"200m\",\"memory\":\"64Mi\"},\"requests\":{\"cpu\":\"200m\","
            "\"memory\":\"64Mi\"}}");
    cleanup(value_free) struct value *pod = NULL;
    admitted(*state, &kind_pod,
             "{metadata: {name: told}, spec: {containers: [{name: a, image: i}], initContainers: "
             "[{name: b, image: i, resources: {requests: {cpu: 1m}, limits: {cpu: 1m}}}]}}",
             &pod);
    assert_string_equal(object_annotation(pod, "kubernetes.io/limit-ranger"),
                        "LimitRanger plugin set: cpu, memory request for container a; cpu, memory "
                        "limit for container a; memory request for init container b; memory limit "
                        "for init container b");
}

/* What comes out of it is judged like what is sent. */
static void test_limit_range__a_request_above_the_default_limit(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *answer = NULL;
    range(g, "{type: Container, default: {cpu: 500m}}");
    assert_int_equal(do_create(g->world, &kind_pod, "default",
                               "{metadata: {name: p}, spec: {containers: [{name: a, image: i, "
                               "resources: {requests: {cpu: 1}}}]}}",
                               &answer),
                     422);
}

static void test_limit_range__holds_to_bounds(void **state)
{
    static const struct {
        const char *limit, *resources, *why;
    } cases[] = {
        {"{type: Container, min: {cpu: 1}}", "requests: {cpu: 500m}, limits: {cpu: 1}",
         "minimum cpu usage per Container is 1, but request is 500m"},
        {"{type: Container, max: {cpu: 1}}", "limits: {cpu: 2}",
         "maximum cpu usage per Container is 1, but limit is 2"},
        {"{type: Container, max: {memory: 1Gi}, min: {cpu: 1}}",
         "requests: {cpu: 500m}, limits: {cpu: 1, memory: 2Gi}",
         "[minimum cpu usage per Container is 1, but request is 500m, maximum memory usage per "
         "Container is 1Gi, but limit is 2Gi]"},
        {"{type: Container, maxLimitRequestRatio: {cpu: 2}}",
         "requests: {cpu: 100m}, limits: {cpu: 500m}",
         "cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000"},
        {"{type: Container, maxLimitRequestRatio: {cpu: 2}}", "",
         "cpu max limit to request ratio per Container is 2, but no request is specified or "
         "request is 0"},
        {"{type: Container, maxLimitRequestRatio: {cpu: 2}}", "requests: {cpu: 1}",
         "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is "
         "0"},
        {"{type: Pod, min: {memory: 1Gi}}", "requests: {memory: 512Mi}",
         "minimum memory usage per Pod is 1Gi, but request is 512Mi"},
        {"{type: Pod, min: {memory: 1Gi}}", "",
         "minimum memory usage per Pod is 1Gi.  No request is specified"},
        {"{type: Pod, max: {memory: 1Gi}}", "",
         "maximum memory usage per Pod is 1Gi.  No limit is specified"},
        {"{type: Pod, max: {memory: 1Gi}}", "limits: {memory: 2Gi}",
         "maximum memory usage per Pod is 1Gi, but limit is 2Gi"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        range(*state, cases[i].limit);
        autofree char *pod = xasprintf("{metadata: {name: p}, spec: {containers: [{name: a, image: "
                                       "i, resources: {%s}}]}}",
                                       cases[i].resources);
        autofree char *why = xasprintf("pods \"p\" is forbidden: %s", cases[i].why);
        refused(*state, &kind_pod, pod, why);
        do_delete(((struct gated *)*state)->world, &kind_limit_range, "default", "r", 0, NULL);
    }
}

static void test_limit_range__a_pod_is_all_its_containers(void **state)
{
    range(*state, "{type: Pod, max: {cpu: 1}}");
    refused(*state, &kind_pod,
            "{metadata: {name: p}, spec: {containers: [{name: a, image: i, resources: {limits: "
            "{cpu: 600m}}}, {name: b, image: i, resources: {limits: {cpu: 600m}}}]}}",
            "pods \"p\" is forbidden: maximum cpu usage per Pod is 1, but limit is 1200m");
}

/* What it costs to run it is not its containers'. */
static void test_limit_range__overhead(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *pod = NULL;
    assert_int_equal(do_create(g->world, &kind_runtime_class, "",
                               "{metadata: {name: v}, handler: v, overhead: {podFixed: {cpu: 1}}}",
                               NULL),
                     201);
    range(g, "{type: Pod, max: {cpu: 1}}");
    admitted(g, &kind_pod,
             "{metadata: {name: p}, spec: {runtimeClassName: v, containers: [{name: a, image: i, "
             "resources: {limits: {cpu: 1}}}]}}",
             &pod);
    assert_int_equal(value_len(value_path(pod, "spec", "overhead", NULL)), 1);
}

static void test_limit_range__claims(void **state)
{
    range(*state, "{type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: 2Gi}}");
#define CLAIM(size)                                                                                     \
    "{metadata: {name: c}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: " #size \
    "}}}}"
    refused(*state, &kind_persistent_volume_claim, CLAIM(512Mi),
            "persistentvolumeclaims \"c\" is forbidden: minimum storage usage per "
            "PersistentVolumeClaim is 1Gi, but request is 512Mi");
    refused(*state, &kind_persistent_volume_claim, CLAIM(3Gi),
            "persistentvolumeclaims \"c\" is forbidden: maximum storage usage per "
            "PersistentVolumeClaim is 2Gi, but request is 3Gi");
    admitted(*state, &kind_persistent_volume_claim, CLAIM(1Gi), NULL);
}

/* Other namespaces are not its business, nor are writes of pods that there are. */
static void test_limit_range__is_of_its_namespace(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *pod = NULL;
    admitted(g, &kind_pod, "{metadata: {name: p}, spec: {containers: [{name: a, image: i}]}}",
             &pod);
    range(g, "{type: Pod, min: {cpu: 1}}");
    assert_int_equal(do_create(g->world, &kind_pod, "kube-system",
                               "{metadata: {name: p}, spec: {containers: [{name: a, image: i}]}}",
                               NULL),
                     201);
    value_set_str(value_make_map(pod, "metadata", "labels", NULL), "a", "b");
    assert_int_equal(do_update(g->world, &kind_pod, "default", pod, 0, NULL), 200);
}

/* A row of dry runs sees the ranges that earlier ones of it would have made. */
static void test_limit_range__in_a_row_of_dry_runs(void **state)
{
    struct gated *g = *state;
    struct dryrun *dryrun = dryrun_new(g->world->api);
    cleanup(value_free) struct value *range = parse("{metadata: {name: r}, spec: {limits: [{type: "
                                                    "Pod, max: {cpu: 1}}]}}");
    cleanup(value_free) struct value *pod =
        parse("{metadata: {name: p}, spec: {containers: [{name: a, image: i}]}}");
    const struct api_ref pods = {&kind_pod, "default", "p"};
    const struct api_ref ranges = {&kind_limit_range, "default", "r"};
    assert_int_equal(dryrun_apply(dryrun, &admin, &pods, pod, 0)->code, 201);
    dryrun_free(dryrun);
    dryrun = dryrun_new(g->world->api);
    assert_int_equal(dryrun_apply(dryrun, &admin, &ranges, range, 0)->code, 201);
    assert_int_equal(dryrun_apply(dryrun, &admin, &pods, pod, 0)->code, 403);
    dryrun_free(dryrun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_limit_range__gives_what_is_not_said),
        TEST(test_limit_range__a_request_above_the_default_limit),
        TEST(test_limit_range__holds_to_bounds),
        TEST(test_limit_range__a_pod_is_all_its_containers),
        TEST(test_limit_range__overhead),
        TEST(test_limit_range__claims),
        TEST(test_limit_range__is_of_its_namespace),
        TEST(test_limit_range__in_a_row_of_dry_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
