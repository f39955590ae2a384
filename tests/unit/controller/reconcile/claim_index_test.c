#include "controller/reconcile/claim_index.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include "tests/unit/controller/lib/documents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char told[256];

static void tell(void *ctx, const char *key, const struct claim_view *claim)
{
    size_t len = strlen(told);
    (void)ctx;
    snprintf(told + len, sizeof(told) - len, "%s%s:%s", len ? " " : "", key, claim->volume);
}

static const char *of_class(const struct claim_index *index, const char *class)
{
    *told = '\0';
    claim_index_of_class(index, class, tell, NULL);
    return told;
}

static const char *of_volume(const struct claim_index *index, const char *volume)
{
    *told = '\0';
    claim_index_of_volume(index, volume, tell, NULL);
    return told;
}

static void put(struct claim_index *index, const char *key, const char *spec)
{
    autofree char *yaml = xasprintf("{metadata: {namespace: d, name: a}, spec: {%s}}", spec);
    cleanup(value_free) struct value *claim = document(yaml);
    claim_index_put(index, key, claim);
}

static void test_claim_index__by_what_they_wait_for(void **state)
{
    struct claim_index *index = claim_index_new();
    (void)state;
    assert_string_equal(of_class(index, "fast"), "");
    put(index, "d/a", "storageClassName: fast");
    put(index, "d/b", "storageClassName: fast");
    put(index, "d/c", "storageClassName: slow");
    put(index, "d/v", "storageClassName: fast, volumeName: pv-1");
    put(index, "d/n", "volumeName: pv-1");
    assert_string_equal(of_class(index, "fast"), "d/a: d/b:");
    assert_string_equal(of_class(index, "slow"), "d/c:");
    assert_string_equal(of_class(index, ""), "");
    assert_string_equal(of_volume(index, "pv-1"), "d/v:pv-1 d/n:pv-1");

    /* One that gets a volume waits for that; who goes is nowhere. */
    put(index, "d/a", "storageClassName: fast, volumeName: pv-2");
    assert_string_equal(of_class(index, "fast"), "d/b:");
    assert_string_equal(of_volume(index, "pv-2"), "d/a:pv-2");
    assert_true(claim_index_has(index, "d/a"));
    claim_index_drop(index, "d/a");
    claim_index_drop(index, "d/b");
    claim_index_drop(index, "d/nobody");
    assert_false(claim_index_has(index, "d/a"));
    assert_string_equal(of_volume(index, "pv-2"), "");
    assert_string_equal(of_class(index, "fast"), "");
    claim_index_free(index);
    claim_index_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_index__by_what_they_wait_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
