#include "controller/admission/service_account.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define C "containers: [{name: a, image: i}]"

static void test_service_account__is_given(void **state)
{
    pod_has(*state, C, "spec.serviceAccountName", "\"default\"");
    pod_has(*state, C, "spec.serviceAccount", "\"default\"");
    pod_has(*state, C, "spec.volumes", "");
    admitted(*state, &kind_service_account,
             "{metadata: {name: robot}, imagePullSecrets: [{name: pull}]}", NULL);
    pod_has(*state, C ", serviceAccount: robot", "spec.serviceAccountName", "\"robot\"");
    pod_has(*state, C ", serviceAccountName: robot", "spec.imagePullSecrets",
            "[{\"name\":\"pull\"}]");
    pod_has(*state, C ", serviceAccountName: robot, imagePullSecrets: [{name: own}]",
            "spec.imagePullSecrets", "[{\"name\":\"own\"}]");
}

static void test_service_account__must_be_there(void **state)
{
    refused(*state, &kind_pod, "{metadata: {name: p}, spec: {" C ", serviceAccountName: robot}}",
            "pods \"p\" is forbidden: error looking up service account default/robot: "
            "serviceaccount \"robot\" not found");
}

static void test_service_account__token(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *pod = NULL;
    gated_configure(g, &(struct admission_config){300, 300, true});
    admitted(g, &kind_pod,
             "{metadata: {name: p}, spec: {containers: [{name: a, image: i}, {name: b, image: i, "
             "volumeMounts: [{name: v, mountPath: "
             "/var/run/secrets/kubernetes.io/serviceaccount}]}], volumes: [{name: v, emptyDir: "
             "{}}]}}",
             &pod);
    autofree char *projected = at(pod, "spec.volumes.1.projected");
    assert_string_equal(
        projected,
        "{\"defaultMode\":420,\"sources\":[{\"serviceAccountToken\":{\"expirationSeconds\":3607,"
        "\"path\":\"token\"}},{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":"
        "\"ca.crt\",\"path\":\"ca.crt\"}]}},{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\","
        "\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.namespace\"}}]}}]}");
    autofree char *name = at(pod, "spec.volumes.1.name");
    assert_true(str_has_prefix(name, "\"kube-api-access-"));
    assert_int_equal(strlen(name), strlen("\"kube-api-access-12345\""));
    autofree char *mounts = at(pod, "spec.containers.0.volumeMounts");
    autofree char *want = xasprintf("[{\"name\":%s,\"readOnly\":true,\"mountPath\":"
                                    "\"/var/run/secrets/kubernetes.io/serviceaccount\"}]",
                                    name);
    assert_string_equal(mounts, want);
    autofree char *others = at(pod, "spec.containers.1.volumeMounts.0.name");
    assert_string_equal(others, "\"v\"");
}

static void test_service_account__token_is_declined(void **state)
{
    gated_configure(*state, &(struct admission_config){300, 300, true});
    admitted(*state, &kind_service_account,
             "{metadata: {name: quiet}, automountServiceAccountToken: false}", NULL);
    pod_has(*state, C ", automountServiceAccountToken: false", "spec.volumes", "");
    pod_has(*state, C ", serviceAccountName: quiet", "spec.volumes", "");
    pod_has(*state, C ", serviceAccountName: quiet, automountServiceAccountToken: true",
            "spec.volumes.0.projected.defaultMode", "420");
    cleanup(value_free) struct value *mirror = NULL;
    admitted(
        *state, &kind_pod,
        "{metadata: {name: m, annotations: {kubernetes.io/config.mirror: x}}, spec: {nodeName: n, " C
        "}}",
        &mirror);
    assert_null(value_path(mirror, "spec", "volumes", NULL));
    assert_null(value_path(mirror, "spec", "serviceAccountName", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_service_account__is_given),
        TEST(test_service_account__must_be_there),
        TEST(test_service_account__token),
        TEST(test_service_account__token_is_declined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
