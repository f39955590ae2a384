#include "controller/store/pending.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_pending__check(void **state)
{
    (void)state;
    static const struct {
        bool exists;
        int64_t revision, expect;
        int code;
    } cases[] = {
        {false, 0, STORE_ANY, 0},       {true, 5, STORE_ANY, 0}, {false, 0, STORE_NONE, 0},
        {true, 5, STORE_NONE, -EEXIST}, {false, 0, 5, -ENOENT},  {true, 5, 5, 0},
        {true, 6, 5, -ESTALE},          {true, 5, 6, -ESTALE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pending_state now = {.exists = cases[i].exists, .mod_revision = cases[i].revision};
        assert_int_equal(pending_check(&now, cases[i].expect), cases[i].code);
    }
}

static void test_pending__overlays_the_index(void **state)
{
    (void)state;
    struct pending pending;
    struct item *item = item_new("k", "v", 1);
    item->create_revision = 3;
    item->mod_revision = 4;
    item->row = 9;
    pending_init(&pending);

    struct pending_state now = pending_lookup(&pending, "k", item);
    assert_true(now.exists && now.mod_revision == 4 && now.create_revision == 3 && now.row == 9);
    pending_add(&pending, "k", &(struct pending_state){.exists = true, .mod_revision = 5});
    pending_add(&pending, "k", &(struct pending_state){.exists = false});
    assert_false(pending_lookup(&pending, "k", item).exists);
    pending_drop(&pending, "k");
    assert_false(pending_lookup(&pending, "k", item).exists);
    pending_drop(&pending, "k");
    assert_true(pending_lookup(&pending, "k", item).exists);
    assert_int_equal(map_len(pending.keys), 0);

    pending_add(&pending, "k", &(struct pending_state){.exists = false});
    pending_clear(&pending);
    assert_true(pending_lookup(&pending, "k", item).exists);
    assert_false(pending_lookup(&pending, "k", NULL).exists);
    pending_done(&pending);
    item_unref(item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending__check),
        cmocka_unit_test(test_pending__overlays_the_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
