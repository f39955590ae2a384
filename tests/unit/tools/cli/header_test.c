#include "tools/cli/header.h"

#include "common/base/str.h"

#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void test_header__only_warnings_are_read(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"Warning: 299 - \"unknown field \\\"spec.x\\\"\"\r\n", "unknown field \"spec.x\""},
        {"warning: 299 - \"a\"", "a"},
        {"Warning: 299 - \"a", "a"},
        {"Warning: 299 - \"a\033[31m\"", "a [31m"},
        {"Warning: 299 - \"a\\", "a\\"},
        {"Warning: 299 - \"\"", ""},
        {"Warning: 299 - none", NULL},
        {"Warning", NULL},
        {"Content-Type: \"x\"", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = header_warning(cases[i].line, strlen(cases[i].line));
        assert_true(str_eq(text, cases[i].text));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_header__only_warnings_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
