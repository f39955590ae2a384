#include "common/kinds/pod_needs.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    cleanup(diags_done) struct diags diags = {0};
    if (yaml_parse(text, strlen(text), &value, &diags) < 0)
        fail_msg("%s", text);
    return value;
}

typedef void reckon_fn(const struct value *, const char *, struct amounts *);

static void expect(reckon_fn *fn, const struct value *of, const char *which, const char *want)
{
    cleanup(amounts_done) struct amounts needs = {0};
    cleanup(buf_done) struct buf text = {0};
    fn(of, which, &needs);
    amounts_print(&needs, &text);
    assert_string_equal(buf_str(&text), want);
}

#define ASKS(list) "resources: {requests: {" list "}}"
#define HELD(list) "resources: {limits: {" list "}}"
#define BOTH(requests_, limits_) "resources: {requests: {" requests_ "}, limits: {" limits_ "}}"
#define SIDECAR(what) "{restartPolicy: Always, " what "}"
#define PAIR(a, b) "{containers: [{" a "}, {" b "}]}"
#define ONE(what) "{containers: [{" what "}]}"
#define AFTER(inits, main_) "{initContainers: [" inits "], containers: [{" main_ "}]}"
#define WITH(overhead_, main_) "{overhead: {" overhead_ "}, containers: [{" main_ "}]}"

/* Requests, limits, limits without overhead. */
static const struct {
    const char *spec, *requests, *limits;
} sums[] = {
    {"{}", "", ""},
    {"{containers: [{}]}", "", ""},
    {PAIR(ASKS("cpu: 1"), ASKS("cpu: 500m")), "cpu=1500m", ""},
    /* A limit is a request, but where there is one, be it nothing or nonsense. */
    {PAIR(HELD("cpu: 1, a.b/card: 2"), ASKS("cpu: 500m")), "a.b/card=2,cpu=1500m",
     "a.b/card=2,cpu=1"},
    {ONE(BOTH("cpu: 100m", "cpu: 1, memory: 1Gi")), "cpu=100m,memory=1Gi", "cpu=1,memory=1Gi"},
    {ONE(BOTH("cpu: 0", "cpu: 1")), "cpu=0", "cpu=1"},
    {ONE(BOTH("cpu: much", "cpu: 1")), "", "cpu=1"},
    /* One init container at a time; the most counts, of each resource by itself. */
    {AFTER("{" ASKS("cpu: 3") "}, {" ASKS("cpu: 2, memory: 2Gi") "}", ASKS("cpu: 1, memory: 1Gi")),
     "cpu=3,memory=2Gi", ""},
    {AFTER("{" HELD("cpu: 1") "}", HELD("cpu: 2")), "cpu=2", "cpu=2"},
    /* A sidecar goes on beside containers and the init containers after it, not those before. */
    {AFTER(SIDECAR(ASKS("cpu: 1")) ", {" ASKS("cpu: 4") "}", ASKS("cpu: 1")), "cpu=5", ""},
    {AFTER("{" ASKS("cpu: 4") "}, " SIDECAR(ASKS("cpu: 1")), ASKS("cpu: 1")), "cpu=4", ""},
    {AFTER("{" ASKS("cpu: 2") "}, " SIDECAR(ASKS("cpu: 2")), ASKS("cpu: 1")), "cpu=3", ""},
    {AFTER(SIDECAR(HELD("cpu: 1")) ", {" HELD("cpu: 4") "}, " SIDECAR(HELD("cpu: 3")),
           HELD("cpu: 2")),
     "cpu=6", "cpu=6"},
    {AFTER(SIDECAR(ASKS("cpu: 1")) ", " SIDECAR(ASKS("cpu: 2")) ", {" ASKS("cpu: 3") "}", ""),
     "cpu=6", ""},
    /* An init container that does not ask for what a sidecar has. */
    {AFTER(SIDECAR(ASKS("a.b/card: 1")) ", {" ASKS("cpu: 1") "}", ""), "a.b/card=1,cpu=1", ""},
    /* Every name alike. */
    {PAIR(HELD("hugepages-2Mi: 4Mi, ephemeral-storage: 1Gi"), HELD("hugepages-2Mi: 2Mi")),
     "ephemeral-storage=1Gi,hugepages-2Mi=6Mi", "ephemeral-storage=1Gi,hugepages-2Mi=6Mi"},
    /* Overhead is added to limits only where there is one. */
    {WITH("cpu: 250m, memory: 64Mi", BOTH("cpu: 1, memory: 0", "memory: 1Gi")),
     "cpu=1250m,memory=64Mi", "memory=1088Mi"},
    {WITH("cpu: 250m", HELD("cpu: 0")), "cpu=250m", "cpu=0"},
    {WITH("cpu: 250m", ""), "cpu=250m", ""},
    {"{overhead: {cpu: 1}, initContainers: [{" HELD("cpu: 4") "}], containers: [{" HELD(
         "cpu: 2") "}]}",
     "cpu=5", "cpu=5"},
    /* Exact; as the first is written; never beyond int64. */
    {PAIR(ASKS("cpu: 500u"), ASKS("cpu: 500u")), "cpu=1m", ""},
    {PAIR(ASKS("memory: 1Gi"), ASKS("memory: 1Gi")), "memory=2Gi", ""},
    {PAIR(ASKS("a.b/card: 9e18"), ASKS("a.b/card: 9e18")), "a.b/card=9223372036854775807", ""},
    {AFTER(SIDECAR(ASKS("cpu: 9E")) ", {" ASKS("cpu: 9E") "}, " SIDECAR(ASKS("cpu: 9E")),
           ASKS("cpu: 9E")),
     "cpu=9223372036854775807", ""},
    {WITH("cpu: 9E", HELD("cpu: 9E")), "cpu=9223372036854775807", "cpu=9223372036854775807"},
    /* Less than nothing is nothing. */
    {PAIR(ASKS("cpu: -1, memory: -9E"), ASKS("cpu: 2")), "cpu=2,memory=0", ""},
    {WITH("cpu: -1", ASKS("cpu: 2")), "cpu=2", ""},
    /* What no checked pod looks like. */
    {"{containers: {a: 1}, initContainers: 7, overhead: [cpu]}", "", ""},
    {"{containers: [3, {resources: []}, {resources: {requests: [cpu], limits: 4}}]}", "", ""},
    /* The pod's own are not acted on. */
    {"{resources: {requests: {cpu: 8}}, containers: [{" ASKS("cpu: 1") "}]}", "cpu=1", ""},
};

static void test_pod_needs__sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        cleanup(value_free) struct value *pod = value_new_map();
        struct value *spec = value_set(pod, "spec", parse(sums[i].spec));
        expect(pod_needs, spec, "requests", sums[i].requests);
        expect(pod_needs, spec, "limits", sums[i].limits);
        /* A pod that never ran. */
        expect(pod_needs_now, pod, "requests", sums[i].requests);
        expect(pod_needs_now, pod, "limits", sums[i].limits);
        /* Without overhead. */
        value_del(spec, "overhead");
        cleanup(amounts_done) struct amounts bare = {0};
        cleanup(buf_done) struct buf text = {0};
        pod_needs(spec, "requests", &bare);
        amounts_print(&bare, &text);
        value_set(spec, "overhead", parse("{cpu: 1, memory: 1Gi}"));
        expect(pod_needs_of_containers, spec, "requests", buf_str(&text));
    }
}

#define STATUS(list_, name_, allocated_, requests_, limits_)                                       \
    list_ ": [{name: " name_ ", allocatedResources: {" allocated_                                  \
          "}, resources: {requests: {" requests_ "}, limits: {" limits_ "}}}]"
#define MAIN(allocated_, requests_, limits_)                                                       \
    STATUS("containerStatuses", "a", allocated_, requests_, limits_)
#define PENDING(reason_) ", conditions: [{type: PodResizePending, reason: " reason_ "}]"

/* Where resources change in place (KEP-1287): the most of three, by resource. */
static void test_pod_needs__now(void **state)
{
    (void)state;
    static const struct {
        const char *status, *requests, *limits;
    } cases[] = {
        {"{}", "cpu=1,memory=1Gi", "memory=1Gi"},
        {"{" MAIN("cpu: 2", "", "") "}", "cpu=2,memory=1Gi", "memory=1Gi"},
        {"{" MAIN("cpu: 2", "cpu: 3", "memory: 2Gi") "}", "cpu=3,memory=1Gi", "memory=2Gi"},
        {"{" MAIN("cpu: 100m", "cpu: 1m", "memory: 1") "}", "cpu=1,memory=1Gi", "memory=1Gi"},
        {"{" MAIN("cpu: 100m", "cpu: 1m", "memory: 1") PENDING("Deferred") "}", "cpu=1,memory=1Gi",
         "memory=1Gi"},
        /* Nobody keeps room for what its node will never give. */
        {"{" MAIN("cpu: 100m", "cpu: 1m", "memory: 1") PENDING("Infeasible") "}", "cpu=100m",
         "memory=1"},
        {"{containerStatuses: [{name: a}]" PENDING("Infeasible") "}", "cpu=1,memory=1Gi",
         "memory=1Gi"},
        /* Of another; of an init container that has ended. */
        {"{" STATUS("containerStatuses", "b", "cpu: 2", "cpu: 2", "") "}", "cpu=1,memory=1Gi",
         "memory=1Gi"},
        {"{" STATUS("initContainerStatuses", "i", "cpu: 5", "cpu: 5", "") "}", "cpu=1,memory=1Gi",
         "memory=1Gi"},
        {"{" STATUS("initContainerStatuses", "s", "cpu: 5", "cpu: 5", "") "}", "cpu=6,memory=1Gi",
         "memory=1Gi"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *pod = value_new_map();
        struct value *spec = parse("{initContainers: [{name: i}, {name: s, restartPolicy: Always}],"
                                   " containers: [{name: a, resources: {requests: {cpu: 1, memory: "
                                   "1Gi}, limits: {memory: 1Gi}}}]}");
        value_set(pod, "spec", spec);
        value_set(pod, "status", parse(cases[i].status));
        expect(pod_needs_now, pod, "requests", cases[i].requests);
        expect(pod_needs_now, pod, "limits", cases[i].limits);
        expect(pod_needs, spec, "requests", "cpu=1,memory=1Gi");
    }
}

static void test_pod_needs__one_resource(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *name;
        int64_t requests, limits, whole; /* of the pod: limits if each container has one */
    } cases[] = {
        {"{}", "cpu", 0, 0, 0},
        {ONE(HELD("cpu: 1500u, memory: 1Gi")), "cpu", 2, 2, 2},
        {ONE(HELD("memory: 1Gi")), "memory", 1 << 30, 1 << 30, 1 << 30},
        {PAIR(HELD("cpu: 1"), ASKS("cpu: 1")), "cpu", 2000, 1000, 0},
        {PAIR(HELD("cpu: 1"), HELD("cpu: 0")), "cpu", 1000, 1000, 0},
        {AFTER("{}", HELD("cpu: 1")), "cpu", 1000, 1000, 0},
        {AFTER("{" HELD("cpu: 2") "}", HELD("cpu: 1")), "cpu", 2000, 2000, 2000},
        {WITH("cpu: 1", HELD("cpu: 1")), "cpu", 2000, 2000, 2000},
        {PAIR(HELD("memory: 7Ei"), HELD("memory: 7Ei")), "memory", INT64_MAX, INT64_MAX, INT64_MAX},
        {ONE(HELD("cpu: 9E")), "cpu", INT64_MAX, INT64_MAX, INT64_MAX},
        {ONE(ASKS("a.b/card: -3")), "a.b/card", 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = parse(cases[i].spec);
        assert_int_equal(pod_needs_amount(spec, "requests", cases[i].name), cases[i].requests);
        assert_int_equal(pod_needs_amount(spec, "limits", cases[i].name), cases[i].limits);
        assert_int_equal(pod_needs_limit(spec, cases[i].name), cases[i].whole);
    }
    cleanup(value_free) struct value *one = parse("{" BOTH("cpu: 1", "cpu: 2, memory: 1Ki") "}");
    assert_int_equal(pod_needs_of_container(one, "requests", "cpu"), 1000);
    assert_int_equal(pod_needs_of_container(one, "limits", "cpu"), 2000);
    assert_int_equal(pod_needs_of_container(one, "requests", "memory"), 1024);
    assert_int_equal(pod_needs_of_container(one, "requests", "pods"), 0);
}

/* half sidecars, each with a resource of its own, before as many init containers with one each. */
static struct value *crowd(size_t half)
{
    struct value *pod = value_new_map();
    struct value *inits =
        value_set(value_make_map(pod, "spec", NULL), "initContainers", value_new_list());
    struct value *statuses =
        value_set(value_make_map(pod, "status", NULL), "initContainerStatuses", value_new_list());
    for (size_t i = 0; i < 2 * half; i++) {
        char name[32];
        snprintf(name, sizeof(name), "a.b/c%zu", i);
        struct value *init = value_new_map(), *status = value_new_map();
        value_append(inits, init);
        value_append(statuses, status);
        struct value *requests = value_make_map(init, "resources", "requests", NULL);
        value_set(requests, name, value_new_int(1));
        value_set(requests, "cpu", value_new_int(1));
        value_set_str(init, "name", name);
        if (i < half)
            value_set_str(init, "restartPolicy", "Always");
        value_set_str(status, "name", name);
        value_set(value_make_map(status, "resources", "requests", NULL), "cpu", value_new_int(2));
    }
    return pod;
}

/* The processor's time for both ways to count it, the least of three. */
static clock_t time_of(size_t half)
{
    cleanup(value_free) struct value *pod = crowd(half);
    clock_t least = 0;
    for (int i = 0; i < 3; i++) {
        cleanup(amounts_done) struct amounts needs = {0}, now = {0};
        const clock_t start = clock();
        pod_needs(value_get(pod, "spec"), "requests", &needs);
        pod_needs_now(pod, "requests", &now);
        const clock_t took = clock() - start;
        least = i == 0 || took < least ? took : least;
        assert_int_equal(amounts_count(&needs, "cpu"), 1000 * (half + 1));
        assert_int_equal(amounts_count(&now, "cpu"), 1000 * (2 * half + 1));
        assert_int_equal(amounts_count(&needs, "a.b/c0"), 1);
        assert_int_equal(amounts_count(&now, "a.b/c1"), 1);
        assert_int_equal(map_len(needs.map), 2 * half + 1);
    }
    return least;
}

/* Eight times as many take eight times as long, not sixty-four. */
static void test_pod_needs__many(void **state)
{
    (void)state;
    const clock_t few = time_of(400), many = time_of(3200);
    if (many > 28 * few)
        fail_msg("%ld and %ld", (long)few, (long)many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_needs__sums),
        cmocka_unit_test(test_pod_needs__now),
        cmocka_unit_test(test_pod_needs__one_resource),
        cmocka_unit_test(test_pod_needs__many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
