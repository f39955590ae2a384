/* `limpet image`: what is wrong usage of it, before anybody is asked. */

#include "tools/cli/cli.h"

#include "common/base/str.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Where the usage is right there is no gateway: EXIT_FAILED. */
static void test_image__usage(void **state)
{
    static struct {
        char *words[5];
        int code;
    } cases[] = {
        {{"push", "a.tar"}, EXIT_FAILED},
        {{"push", "a.tar", "--node", "pi-01"}, EXIT_USAGE},
        {{"push", "a.tar", "--timeout=1h"}, EXIT_USAGE},
        {{"list", "-l", "a=b"}, EXIT_USAGE},
        {{"list", "-o", "json"}, EXIT_FAILED},
        {{"remove", "a:1", "--all-nodes"}, EXIT_USAGE},
        {{"pull", "a", "--node", "pi-01", "--timeout=1h"}, EXIT_FAILED},
        {{"pull", "a", "--all-nodes"}, EXIT_FAILED},
        {{"eat"}, EXIT_USAGE},
        {{NULL}, EXIT_USAGE},
    };
    (void)state;
    assert_int_equal(setenv("KUBECONFIG", "/nowhere/kubeconfig", 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *argv[8] = {"limpet", "image"};
        int argc = 2;
        for (size_t k = 0; k < ARRAY_LEN(cases[i].words) && cases[i].words[k]; k++)
            argv[argc++] = cases[i].words[k];
        int code = cli_main(argc, argv);
        if (code != cases[i].code)
            fail_msg("case %zu: %d", i, code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_image__usage)};
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
