#include "agent/fetch/curl_text.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_curl_text__timeless(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"Failed to connect to 127.0.0.1 port 5000 after 12 ms: Couldn't connect to server",
         "Failed to connect to 127.0.0.1 port 5000: Couldn't connect to server"},
        {"Connection timed out after 30001 milliseconds", "Connection timed out"},
        {"Operation timed out after 5 milliseconds with 3 out of 9 bytes received",
         "Operation timed out with 3 out of 9 bytes received"},
        {"a after 1 ms, b after 2 ms", "a, b"},
        {"the day after tomorrow", "the day after tomorrow"},
        {"ends after 7 of 9 bytes", "ends after 7 of 9 bytes"},
        {"it was after ", "it was after "},
        {" after after 3 ms", " after"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        autofree char *text = xstrdup(cases[i].text);
        curl_text_timeless(text);
        assert_string_equal(text, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_curl_text__timeless)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
