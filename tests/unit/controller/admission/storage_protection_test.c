#include "controller/admission/storage_protection.h"

#include "common/base/mem.h"
#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void has(struct gated *g, const struct schema_kind *kind, const char *yaml, const char *json)
{
    cleanup(value_free) struct value *object = NULL;
    admitted(g, kind, yaml, &object);
    autofree char *have = at(object, "metadata.finalizers");
    assert_string_equal(have, json);
}

static void test_storage_protection__holds_both(void **state)
{
#define CLAIM "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}}}"
    has(*state, &kind_persistent_volume_claim, "{metadata: {name: a}, " CLAIM,
        "[\"kubernetes.io/pvc-protection\"]");
    has(*state, &kind_persistent_volume_claim,
        "{metadata: {name: b, finalizers: [example.com/x, kubernetes.io/pvc-protection]}, " CLAIM,
        "[\"example.com/x\",\"kubernetes.io/pvc-protection\"]");
    has(*state, &kind_persistent_volume,
        "{metadata: {name: a}, spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1}, "
        "hostPath: {path: /a}}}",
        "[\"kubernetes.io/pv-protection\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_storage_protection__holds_both)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
