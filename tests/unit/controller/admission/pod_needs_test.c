#include "controller/admission/pod_needs.h"

#include "common/base/str.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NEEDS(cpu) "resources: {requests: {cpu: " #cpu "}}"

static void test_pod_needs__sums(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *requests, *limits;
    } cases[] = {
        {"{}", "", ""},
        {"{containers: [{}]}", "", ""},
        {"{containers: [{" NEEDS(1) "}, {" NEEDS(500m) "}]}", "cpu=1500m", ""},
        /* An init container that needs more than the others together. */
        {"{containers: [{" NEEDS(1) "}], initContainers: [{" NEEDS(3) "}, {" NEEDS(2) "}]}",
         "cpu=3", ""},
        {"{containers: [{" NEEDS(2) "}], initContainers: [{" NEEDS(1) "}]}", "cpu=2", ""},
        /* A sidecar goes on beside containers, and beside the init containers after it. */
        {"{containers: [{" NEEDS(1) "}], initContainers: [{restartPolicy: Always, " NEEDS(
             1) "}, {" NEEDS(4) "}]}",
         "cpu=5", ""},
        {"{containers: [{" NEEDS(1) "}], initContainers: [{" NEEDS(
             2) "}, {restartPolicy: Always, " NEEDS(2) "}]}",
         "cpu=3", ""},
        {"{containers: [{resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}}], overhead: {cpu: "
         "250m, memory: 64Mi}}",
         "cpu=1250m,memory=64Mi", "memory=1088Mi"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = parse(cases[i].spec);
        cleanup(amounts_done) struct amounts requests = {0}, limits = {0};
        cleanup(buf_done) struct buf text = {0}, more = {0};
        pod_needs(spec, "requests", &requests);
        pod_needs(spec, "limits", &limits);
        amounts_print(&requests, &text);
        amounts_print(&limits, &more);
        assert_string_equal(buf_str(&text), cases[i].requests);
        assert_string_equal(buf_str(&more), cases[i].limits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_needs__sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
