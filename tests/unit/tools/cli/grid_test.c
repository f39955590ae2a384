#include "tools/cli/grid.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static const char definitions[] =
    "\"columnDefinitions\":[{\"name\":\"Name\",\"format\":\"name\",\"priority\":0},"
    "{\"name\":\"Status\",\"priority\":0},{\"name\":\"IP\",\"priority\":1}]";
#define ROW(name, status, ip)                                                                      \
    "{\"cells\":[\"" name "\",\"" status "\"," ip "],\"object\":{\"metadata\":{\"namespace\":"     \
    "\"shop\",\"labels\":{\"a\":\"b\"}}}}"

static struct value *table(const char *rows)
{
    struct value *value = NULL;
    struct err err = {0};
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    buf_addf(&text, "{%s,\"rows\":[%s]}", definitions, rows);
    assert_int_equal(json_parse(text.data, text.len, &value, &err), 0);
    return value;
}

static void test_grid__columns_stand_below_each_other(void **state)
{
    static const struct {
        struct grid_style style;
        const char *text;
    } cases[] = {
        {{0}, "NAME       STATUS\nweb        Running\nlonger-x   Pending\n"},
        {{.wide = true},
         "NAME       STATUS    IP\nweb        Running   10.0.0.1\nlonger-x   "
         "Pending   <none>\n"},
        {{.namespace = true},
         "NAMESPACE   NAME       STATUS\nshop        web        Running\nshop "
         "       longer-x   Pending\n"},
        {{.no_headers = true}, "web        Running\nlonger-x   Pending\n"},
        {{.prefix = "pod"},
         "NAME           STATUS\npod/web        Running\npod/longer-x   "
         "Pending\n"},
        {{.labels = true},
         "NAME       STATUS    LABELS\nweb        Running   a=b\nlonger-x   "
         "Pending   a=b\n"},
        {{.colours = true},
         "NAME       STATUS\nweb        \033[32mRunning\033[0m\nlonger-x   "
         "\033[33mPending\033[0m\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *rows =
            table(ROW("web", "Running", "\"10.0.0.1\"") "," ROW("longer-x", "Pending", "null"));
        cleanup(grid_free) struct grid *grid = grid_new(&cases[i].style);
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        grid_print(grid, rows, &text);
        assert_string_equal(buf_str(&text), cases[i].text);
    }
}

static void test_grid__rows_of_a_watch_keep_the_widths(void **state)
{
    static const struct grid_style style = {0};
    cleanup(grid_free) struct grid *grid = grid_new(&style);
    cleanup(value_free) struct value *first = table(ROW("a-long-name", "Pending", "1"));
    cleanup(value_free) struct value *then = table(ROW("b", "Running", "1"));
    cleanup(buf_done) struct buf text;
    (void)state;
    buf_init(&text, 0);
    grid_print(grid, first, &text);
    grid_print(grid, then, &text);
    assert_string_equal(buf_str(&text),
                        "NAME          STATUS\na-long-name   Pending\nb             Running\n");
}

static void test_grid__hostile_cells_are_harmless(void **state)
{
    static const struct grid_style style = {.no_headers = true};
    cleanup(grid_free) struct grid *grid = grid_new(&style);
    cleanup(value_free) struct value *rows =
        table("{\"cells\":[\"a\\u001b[2J\\nb\"]},{},7,{\"cells\":[{},[],true,1]}");
    cleanup(buf_done) struct buf text;
    (void)state;
    buf_init(&text, 0);
    grid_print(grid, rows, &text);
    assert_string_equal(buf_str(&text), "a?[2J b   <none>\n<none>    <none>\n<none>    "
                                        "<none>\n<none>    <none>\n");
}

static void test_grid__objects_become_rows_by_our_columns(void **state)
{
    static const char list[] =
        "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[{\"metadata\":{"
        "\"name\":\"web\",\"namespace\":\"shop\"},\"status\":{\"phase\":\"Running\"}}]}";
    struct err err = {0};
    cleanup(value_free) struct value *objects = NULL;
    (void)state;
    assert_int_equal(json_parse(list, strlen(list), &objects, &err), 0);
    cleanup(value_free) struct value *rows = grid_table(&kind_pod, objects, 0);
    assert_int_equal(value_len(value_get(rows, "rows")), 1);
    assert_string_equal(value_get_str(value_get(rows, "metadata"), "resourceVersion"), "9");
    static const struct grid_style style = {.namespace = true};
    cleanup(grid_free) struct grid *grid = grid_new(&style);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    grid_print(grid, rows, &text);
    assert_true(str_has_prefix(buf_str(&text), "NAMESPACE   NAME   READY   STATUS"));
    assert_non_null(strstr(buf_str(&text), "\nshop        web    0/0     Running"));
    /* Of a kind that is not known here: name and age. */
    cleanup(value_free) struct value *plain = grid_table(NULL, objects, 0);
    assert_int_equal(value_len(value_get(plain, "columnDefinitions")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid__columns_stand_below_each_other),
        cmocka_unit_test(test_grid__rows_of_a_watch_keep_the_widths),
        cmocka_unit_test(test_grid__hostile_cells_are_harmless),
        cmocka_unit_test(test_grid__objects_become_rows_by_our_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
