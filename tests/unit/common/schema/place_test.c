#include "common/data/yaml.h"
#include "common/schema/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_place__lines_of_paths(void **state)
{
    static const char text[] = "metadata:\n"     /* 1 */
                               "  name: web\n"   /* 2 */
                               "data:\n"         /* 3 */
                               "  a.b/c: x\n"    /* 4 */
                               "  plain: y\n"    /* 5 */
                               "spec:\n"         /* 6 */
                               "  containers:\n" /* 7 */
                               "  - name: one\n" /* 8 */
                               "  - name: two\n" /* 9 */
                               "    image: b\n"; /* 10 */
    static const struct {
        const char *path;
        int line;
    } cases[] = {
        {"", 1},
        {"metadata.name", 2},
        {"data[\"a.b/c\"]", 4},
        {"data.plain", 5},
        {"spec", 6},
        {"spec.containers", 7},
        {"spec.containers[1].image", 10},
        {"spec.containers[1]", 9},
        /* What is not there: the nearest above. */
        {"spec.containers[0].image", 8},
        {"spec.containers[7].image", 7},
        {"spec.nodeName", 6},
        {"nothing.at.all", 1},
        /* Of another server's making. */
        {"spec.containers[*].image", 7},
        {"spec.containers[", 7},
        {"data[\"a", 3},
        {"..", 1},
        {"spec.containers.name", 7},
        {"metadata.name[3].x", 2},
    };
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags;
    (void)state;
    diags_init(&diags);
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int line = schema_line(object, cases[i].path);
        if (line != cases[i].line)
            fail_msg("%s: line %d, want %d", cases[i].path, line, cases[i].line);
    }
    assert_int_equal(schema_line(NULL, "a"), 0);
    value_free(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_place__lines_of_paths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
