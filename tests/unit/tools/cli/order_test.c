#include "tools/cli/order.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct value *parse(const char *yaml)
{
    struct value *value = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(yaml, strlen(yaml), &value, &diags), 0);
    return value;
}

/* The names of a list in their order. */
static char *names_of(const struct value *list)
{
    cleanup(buf_done) struct buf text = {0};
    for (size_t i = 0; i < value_len(list); i++)
        buf_addf(&text, "%s ", value_get_str(value_at(list, i), "name"));
    return buf_steal(&text, NULL);
}

static const char items[] =
    "[{name: last, series: {lastObservedTime: '2026-01-01T00:00:09.000001Z'},"
    "  lastTimestamp: '2026-01-01T00:00:00Z'},"
    " {name: second, lastTimestamp: '2026-01-01T00:00:02Z'},"
    " {name: same, lastTimestamp: '2026-01-01T00:00:02Z'},"
    " {name: first, lastTimestamp: null, eventTime: '2026-01-01T00:00:01.500000Z'},"
    " {name: third, metadata: {creationTimestamp: '2026-01-01T01:00:03+01:00'}},"
    " {name: never, lastTimestamp: soon}]";

static void test_order__by_the_first_time_that_is_set(void **state)
{
    (void)state;
    autofree char *text = xasprintf("items: %s\nkind: List\n", items);
    cleanup(value_free) struct value *list = parse(text);
    order_by_time(list, kind_event.sorted_by);
    autofree char *names = names_of(value_get(list, "items"));
    assert_string_equal(names, "never first second same third last ");
    assert_string_equal(value_get_str(list, "kind"), "List");
}

static void test_order__rows_by_their_objects(void **state)
{
    (void)state;
    cleanup(value_free) struct value *table = parse(
        "rows: [{name: b, object: {lastTimestamp: '2026-01-01T00:00:02Z'}},"
        "{name: a, object: {lastTimestamp: '2026-01-01T00:00:01Z'}}, {name: c, object: {}}]\n");
    order_by_time(table, kind_event.sorted_by);
    autofree char *names = names_of(value_get(table, "rows"));
    assert_string_equal(names, "c a b ");
    cleanup(value_free) struct value *odd = parse("items: 7\nrows: {a: b}\n");
    cleanup(value_free) struct value *before = value_copy(odd);
    order_by_time(odd, kind_event.sorted_by);
    assert_true(value_equal(odd, before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order__by_the_first_time_that_is_set),
        cmocka_unit_test(test_order__rows_by_their_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
