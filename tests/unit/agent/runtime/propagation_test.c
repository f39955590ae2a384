#include "agent/runtime/propagation.h"

#include "common/base/str.h"

#include <limits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char mountinfo[] =
    "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "22 21 0:4 / /proc rw - proc proc rw\n"
    "223 21 0:40 /a\\040b /run/x rw master:7 propagate_from:2 - tmpfs t rw,size=1\n"
    "24 21 0:41 / /both rw shared:9 master:7 - tmpfs shared:3 rw\n"
    "25 21 0:42 / /cut";

static void test_propagation__find(void **state)
{
    (void)state;
    static const struct {
        long id;
        const char *fields, *point; /* NULL: no such mount */
    } cases[] = {
        {21, "shared:1 ", "/"},
        {22, "", "/proc"},
        {223, "master:7 propagate_from:2 ", "/run/x"},
        {24, "shared:9 master:7 ", "/both"},
        {25, "", "/cut"},
        {2, NULL, NULL},
        {-1, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char fields[PATH_MAX], point[PATH_MAX];
        bool found = propagation_find(mountinfo, cases[i].id, fields, point);
        assert_int_equal(found, cases[i].fields != NULL);
        if (!found)
            continue;
        assert_string_equal(fields, cases[i].fields);
        assert_string_equal(point, cases[i].point);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_propagation__find)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
