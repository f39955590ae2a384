#include "common/kinds/pod_qos.h"

#include "load.h"

#define BOTH "resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1000m, memory: 1024Mi}}"

static void test_pod_qos__classes(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *want;
    } cases[] = {
        {"{}", "BestEffort"},
        {"{containers: [{}, {resources: {}}]}", "BestEffort"},
        {"{containers: [{resources: {requests: {cpu: 0}}}]}", "BestEffort"},
        {"{containers: [{resources: {requests: {ephemeral-storage: 1Gi}}}]}", "BestEffort"},
        {"{containers: [{}, {resources: {requests: {cpu: 1m}}}]}", "Burstable"},
        {"{containers: [{}, {resources: {limits: {memory: 1}}}]}", "Burstable"},
        {"{containers: [{}], initContainers: [{resources: {limits: {memory: 1}}}]}", "Burstable"},
        {"{containers: [{" BOTH "}]}", "Guaranteed"},
        {"{containers: [{" BOTH "}, {" BOTH "}]}", "Guaranteed"},
        {"{containers: [{" BOTH "}, {}]}", "Burstable"},
        {"{containers: [{" BOTH "}], initContainers: [{}]}", "Burstable"},
        {"{containers: [{resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: "
         "2Gi}}}]}",
         "Burstable"},
        {"{containers: [{resources: {requests: {cpu: 1}, limits: {cpu: 1}}}]}", "Burstable"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = NULL;
        cleanup(diags_done) struct diags diags = {0};
        assert_int_equal(yaml_parse(cases[i].spec, strlen(cases[i].spec), &spec, &diags), 0);
        assert_string_equal(pod_qos_name(pod_qos(spec)), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_qos__classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
