#include "controller/admission/classes.h"

#include "common/base/mem.h"
#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEFAULT_CLASS "annotations: {storageclass.kubernetes.io/is-default-class: 'true'}"

static void claim_has(struct gated *g, const char *meta, const char *spec, const char *json)
{
    cleanup(value_free) struct value *claim = NULL;
    autofree char *yaml = xasprintf("{metadata: {generateName: c-%s}, spec: {accessModes: "
                                    "[ReadWriteOnce], resources: {requests: {storage: 1}}%s}}",
                                    meta, spec);
    admitted(g, &kind_persistent_volume_claim, yaml, &claim);
    autofree char *have = at(claim, "spec.storageClassName");
    assert_string_equal(have, json);
}

static void test_classes__claims(void **state)
{
    claim_has(*state, "", "", "");
    admitted(*state, &kind_storage_class, "{metadata: {name: other}, provisioner: a/b}", NULL);
    claim_has(*state, "", "", "");
    admitted(*state, &kind_storage_class,
             "{metadata: {name: fast, " DEFAULT_CLASS "}, provisioner: a/b}", NULL);
    claim_has(*state, "", "", "\"fast\"");
    claim_has(*state, "", ", storageClassName: other", "\"other\"");
    claim_has(*state, "", ", storageClassName: ''", "\"\"");
    claim_has(*state, ", annotations: {volume.beta.kubernetes.io/storage-class: other}", "", "");
}

static void test_classes__ingresses(void **state)
{
#define INGRESS                                                                                    \
    "{metadata: {generateName: i-}, spec: {defaultBackend: {service: {name: a, port: {number: 1}}}}}"
    cleanup(value_free) struct value *before = NULL, *after = NULL;
    admitted(*state, &kind_ingress, INGRESS, &before);
    admitted(*state, &kind_ingress_class,
             "{metadata: {name: edge, annotations: {ingressclass.kubernetes.io/is-default-class: "
             "'true'}}, spec: {controller: a/b}}",
             NULL);
    admitted(*state, &kind_ingress, INGRESS, &after);
    autofree char *none = at(before, "spec.ingressClassName");
    autofree char *class = at(after, "spec.ingressClassName");
    assert_string_equal(none, "");
    assert_string_equal(class, "\"edge\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_classes__claims),
        TEST(test_classes__ingresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
