#include "agent/runtime/huge_pages.h"

#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Each in a folder that stands for the kernel's. */
static void test_huge_pages__total(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* NULL: there are none of that size */
        int64_t total;    /* of 2Mi */
    } cases[] = {{NULL, -1}, {"0\n", 0}, {"3\n", 6 << 20},
                 {"", -1},   {"-1", -1}, {"9999999999999999", -1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char dir[] = "/tmp/limpet-huge-XXXXXX", path[128], command[64];
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/hugepages-2048kB", dir);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/hugepages-2048kB/nr_hugepages", dir);
        FILE *file = cases[i].text ? fopen(path, "w") : NULL;
        if (file) {
            fputs(cases[i].text, file);
            fclose(file);
        }
        assert_int_equal(huge_pages_total(dir, 1), cases[i].total);
        assert_int_equal(huge_pages_total(dir, 3), -1);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        assert_int_equal(system(command), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_huge_pages__total)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
