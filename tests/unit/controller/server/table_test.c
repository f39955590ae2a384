#include "controller/server/table.h"

#include "common/base/clock.h"
#include "common/data/yaml.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    return object;
}

static void test_table__rows_of_a_list(void **state)
{
    (void)state;
    cleanup(value_free) struct value *list = parse(
        "{kind: PodList, metadata: {resourceVersion: '7', continue: x}, items: [{metadata: {name: a}, "
        "status: {phase: Running}}, {metadata: {name: b}}]}");
    cleanup(value_free) struct value *table =
        table_of(&kind_pod, list, "meta.k8s.io/v1", TABLE_METADATA, true, 0);
    assert_string_equal(value_get_str(table, "kind"), "Table");
    assert_string_equal(value_str(value_path(table, "metadata", "resourceVersion", NULL)), "7");
    assert_string_equal(value_str(value_path(table, "metadata", "continue", NULL)), "x");
    const struct value *columns = value_get(table, "columnDefinitions");
    const struct value *rows = value_get(table, "rows");
    assert_int_equal(value_len(rows), 2);
    const struct value *row = value_at(rows, 0);
    assert_int_equal(value_len(value_get(row, "cells")), value_len(columns));
    assert_string_equal(value_str(value_at(value_get(row, "cells"), 0)), "a");
    assert_string_equal(value_str(value_path(row, "object", "kind", NULL)),
                        "PartialObjectMetadata");
    assert_null(value_path(row, "object", "status", NULL));
}

static void test_table__one_object_of_a_watch(void **state)
{
    (void)state;
    cleanup(value_free) struct value *pod = parse("{kind: Pod, metadata: {name: a}, spec: {x: 1}}");
    cleanup(value_free) struct value *table =
        table_of(&kind_pod, pod, "meta.k8s.io/v1beta1", TABLE_OBJECT, false, 0);
    assert_string_equal(value_get_str(table, "apiVersion"), "meta.k8s.io/v1beta1");
    assert_int_equal(value_len(value_get(table, "columnDefinitions")), 0);
    const struct value *row = value_at(value_get(table, "rows"), 0);
    assert_true(value_equal(value_get(row, "object"), pod));
    cleanup(value_free) struct value *bare =
        table_of(&kind_pod, pod, "meta.k8s.io/v1", TABLE_NOTHING, false, 0);
    assert_null(value_get(value_at(value_get(bare, "rows"), 0), "object"));
}

/* Numbers and truths are no text to a client; a name made by a function is one all the same. */
static void test_table__cells_have_the_type_of_their_column(void **state)
{
    (void)state;
    static const struct schema_column columns[] = {
        {"Name", "string", .path = "metadata.name"},
        {"On", "boolean", .path = "lit"},
        {"Off", "boolean", .path = "dim", .none = "false"},
        {"Count", "integer", .path = "count"},
        {0},
    };
    static const struct schema_kind kind = {.group = "", .version = "v1", .columns = columns};
    cleanup(value_free) struct value *object = parse("{metadata: {name: a}, lit: true, count: 3}");
    cleanup(value_free) struct value *table =
        table_of(&kind, object, "meta.k8s.io/v1", TABLE_NOTHING, true, 0);
    const struct value *cells = value_get(value_at(value_get(table, "rows"), 0), "cells");
    assert_string_equal(value_str(value_at(cells, 0)), "a");
    assert_true(value_bool(value_at(cells, 1), false));
    assert_false(value_bool(value_at(cells, 2), true));
    assert_int_equal(value_int(value_at(cells, 3), 0), 3);
    assert_string_equal(value_get_str(value_at(value_get(table, "columnDefinitions"), 0), "format"),
                        "name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table__rows_of_a_list),
        cmocka_unit_test(test_table__one_object_of_a_watch),
        cmocka_unit_test(test_table__cells_have_the_type_of_their_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
