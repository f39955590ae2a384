#include "tools/cli/status.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void test_status__refusals_are_told(void **state)
{
    static const struct {
        int code;
        const char *body, *text;
    } cases[] = {
        {404,
         "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"pods \\\"a\\\" not found\"}",
         "Error from server (NotFound): pods \"a\" not found\n"},
        {401, "{\"reason\":\"Unauthorized\",\"message\":\"Unauthorized\"}",
         "Error from server (Unauthorized): these credentials are not known to the server (see "
         "--kubeconfig)\n"},
        {401, "{\"reason\":\"Unauthorized\",\"message\":\"Unauthorized: the certificate expired\"}",
         "Error from server (Unauthorized): Unauthorized: the certificate expired\n"},
        {502, "<html>bad \033[31mgateway</html>",
         "Error from server (HTTP 502): <html>bad ?[31mgateway</html>\n"},
        {500, "", "Error from server (HTTP 500)\n"},
        {500, "{", "Error from server (HTTP 500): {\n"},
        {500, "[1]", "Error from server (HTTP 500): [1]\n"},
        {400, "{\"reason\":7,\"message\":[]}", "Error from server (HTTP 400)\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *status =
            status_parse(cases[i].code, cases[i].body, strlen(cases[i].body));
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        status_text(cases[i].code, status, &text);
        assert_string_equal(buf_str(&text), cases[i].text);
    }
}

static void test_status__a_long_body_is_cut(void **state)
{
    char body[5000];
    (void)state;
    for (size_t i = 0; i < sizeof(body); i++) /* the cut is within a character */
        body[i] = i % 3 == 0 ? '\xe2' : i % 3 == 1 ? '\x82' : '\xac';
    cleanup(value_free) struct value *status = status_parse(500, body, sizeof(body) / 3 * 3);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    status_text(500, status, &text);
    assert_true(text.len < 600);
    assert_null(strchr(buf_str(&text), '?'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status__refusals_are_told),
        cmocka_unit_test(test_status__a_long_body_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
