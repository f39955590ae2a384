#include "common/data/diag.h"
#include "common/data/limits.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_diag__print(void **state)
{
    (void)state;
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf with = {0};
    cleanup(buf_done) struct buf without = {0};
    diags_add(&diags, 14, "spec.containers[1].ports[0].containerPort", "FieldValueInvalid",
              "%d: must be 1-65535", 70000);
    diags.document = 2;
    diags_add(&diags, 0, "", "FieldValueRequired", "no kind");
    diags_print(&diags, "app.yaml", &with);
    assert_string_equal(buf_str(&with),
                        "app.yaml:14: spec.containers[1].ports[0].containerPort: 70000: must be "
                        "1-65535\napp.yaml: document 2: no kind\n");
    diags_print(&diags, NULL, &without);
    assert_string_equal(buf_str(&without),
                        "line 14: spec.containers[1].ports[0].containerPort: 70000: must be "
                        "1-65535\ndocument 2: no kind\n");
    assert_int_equal(diags.items[1].document, 2);
    assert_string_equal(diags.items[1].cause, "FieldValueRequired");
}

static void test_diag__is_capped(void **state)
{
    (void)state;
    cleanup(diags_done) struct diags diags = {0};
    for (int i = 0; i < DATA_MAX_DIAGS + 7; i++)
        diags_add(&diags, i, "a", "FieldValueInvalid", "bad");
    assert_int_equal(diags.count, DATA_MAX_DIAGS);
    assert_int_equal(diags.dropped, 7);
    cleanup(buf_done) struct buf out = {0};
    diags_print(&diags, NULL, &out);
    assert_non_null(strstr(buf_str(&out), "and 7 more\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diag__print),
        cmocka_unit_test(test_diag__is_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
