#include "controller/admission/claim_resize.h"

#include "common/base/mem.h"
#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A claim of that class of 1Gi, which becomes one of `size`; the code, and what is said. */
static int grown(struct gated *g, const char *class, bool bound, const char *size,
                 struct value **ret)
{
    cleanup(value_free) struct value *claim = NULL;
    autofree char *yaml = xasprintf("{metadata: {generateName: c-}, spec: {accessModes: "
                                    "[ReadWriteOnce], storageClassName: '%s', resources: {requests:"
                                    " {storage: 1Gi}}}}",
                                    class);
    admitted(g, &kind_persistent_volume_claim, yaml, &claim);
    value_set_str(value_get(claim, "status"), "phase", bound ? "Bound" : "Pending");
    value_del(value_get(claim, "metadata"), "resourceVersion");
    (void)do_update(g->world, &kind_persistent_volume_claim, "default", claim, API_STATUS, NULL);
    value_set_str(value_path(claim, "spec", "resources", "requests", NULL), "storage", size);
    return do_update(g->world, &kind_persistent_volume_claim, "default", claim, 0, ret);
}

static void test_claim_resize__where_the_class_lets_it(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *answer = NULL;
    admitted(g, &kind_storage_class,
             "{metadata: {name: grows}, provisioner: a/b, allowVolumeExpansion: true}", NULL);
    admitted(g, &kind_storage_class, "{metadata: {name: fixed}, provisioner: a/b}", NULL);
    assert_int_equal(grown(g, "grows", true, "2Gi", NULL), 200);
    assert_int_equal(grown(g, "fixed", true, "1024Mi", NULL), 200); /* the same */
    assert_int_equal(grown(g, "", true, "2Gi", NULL), 403);
    assert_int_equal(grown(g, "missing", true, "2Gi", NULL), 403);
    assert_int_equal(grown(g, "fixed", true, "2Gi", &answer), 403);
    assert_non_null(strstr(value_get_str(answer, "message"),
                           "the storageclass that provisions the pvc must support resize"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_claim_resize__where_the_class_lets_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
