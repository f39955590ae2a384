#include "agent/probe/http_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *text;
    int status; /* 0: none is believed */
    const char *problem, *location, *shown;
    bool until_end; /* it is over only when the connection is */
} cases[] = {
    {OK "Content-Length: 2\r\n\r\nok", 200, NULL, "", "ok", false},
    {OK "content-length:0\r\n\r\n", 200, NULL, "", "", false},
    {"HTTP/1.0 200\n\nhello", 200, NULL, "", "hello", true},
    {"HTTP/1.1 503 Not yet\r\nConnection: close\r\n\r\n", 503, NULL, "", "", true},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, NULL, "", "", false},
    {"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", 302, NULL, "/there", "",
     false},
    {"HTTP/1.1 100 Continue\r\nLocation: /no\r\n\r\n" OK "Content-Length: 0\r\n\r\n", 200, NULL, "",
     "", false},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3;x=y\r\n !\n\r\n0\r\nTrailer: 1\r\n\r\n",
     200, NULL, "", "ok !\n", false},
    {OK "X: a\r\n b: folded\r\nContent-Length: 0\r\n\r\n", 200, NULL, "", "", false},
    {"", 0, "EOF", "", "", true},
    {"HTTP/1.1 200 OK\r\n", 200, "unexpected EOF", "", "", true},
    {OK "Content-Length: 5\r\n\r\nok", 200, "unexpected EOF", "", "ok", true},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nok", 200, "unexpected EOF", "", "ok", true},
    {"SSH-2.0-OpenSSH\r\n", 0, "malformed HTTP response", "", "", false},
    {"HTTP/2.0 200 OK\r\n", 0, "malformed HTTP response", "", "", false},
    {"HTTP/1.1 20 OK\r\n", 0, "malformed HTTP response", "", "", false},
    {"HTTP/1.1 2000 OK\r\n", 0, "malformed HTTP response", "", "", false},
    {"HTTP/1.1 099 OK\r\n", 0, "malformed HTTP response", "", "", false},
    {"\x16\x03\x01\x02\n", 0, "malformed HTTP response", "", "", false},
    {OK "no colon\r\n", 200, "malformed MIME header line", "", "", false},
    {OK "Content-Length: -1\r\n", 200, "bad Content-Length", "", "", false},
    {OK "Content-Length: 99999999999999999999\r\n", 200, "bad Content-Length", "", "", false},
    {OK "Content-Length: 1\r\nContent-Length: 2\r\n", 200, "bad Content-Length", "", "", false},
    {OK "Transfer-Encoding: gzip\r\n", 200, "unsupported transfer encoding", "", "", false},
    {OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 200, "malformed chunked encoding", "", "",
     false},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n", 200, "malformed chunked encoding", "",
     "ok", false},
};

static void check(size_t i, const struct http_answer *answer)
{
    if (answer->status != cases[i].status || strcmp(answer->location, cases[i].location) != 0 ||
        strcmp(answer->shown, cases[i].shown) != 0)
        fail_msg("case %zu: %d \"%s\" \"%s\"", i, answer->status, answer->location, answer->shown);
    if (!cases[i].problem)
        assert_int_equal(answer->state, HTTP_DONE);
    else if (answer->state != HTTP_BAD || strcmp(answer->problem, cases[i].problem) != 0)
        fail_msg("case %zu: %s", i, answer->problem ? answer->problem : "no problem");
}

static void test_http_answer__whole_or_byte_by_byte(void **state)
{
    (void)state;
    struct http_answer answer;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t step = 1; step < 3; step++) {
            size_t len = strlen(cases[i].text), by = step == 1 ? 1 : len;
            http_answer_init(&answer);
            for (size_t at = 0; at < len; at += by)
                http_answer_take(&answer, cases[i].text + at, by);
            if (http_answer_is_over(&answer) == cases[i].until_end)
                fail_msg("case %zu: over?", i);
            http_answer_end(&answer);
            check(i, &answer);
        }
}

/* However much a server says, no more than a little is taken. */
static void test_http_answer__is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *again;
        const char *problem;
        size_t max; /* bytes until it is over */
    } endless[] = {
        {OK, "X-Endless: 0123456789\r\n", "server response headers exceeded 65536 bytes",
         HTTP_HEAD_MAX},
        {OK "X-Long: ", "0123456789", "server response headers exceeded 65536 bytes",
         HTTP_HEAD_MAX},
        {"", "HTTP/1.1 100 Continue\r\n\r\n", "too many 1xx informational responses", 1000},
        {OK "\r\n", "0123456789", NULL, HTTP_BODY_MAX + 100},
        {OK "Content-Length: 99999999999\r\n\r\n", "0123456789", NULL, HTTP_BODY_MAX + 100},
        {OK "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", NULL, 7 * HTTP_BODY_MAX},
        {OK "Transfer-Encoding: chunked\r\n\r\n1;", "extension",
         "server response headers exceeded 65536 bytes", HTTP_HEAD_MAX},
        {OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "Trailer: 1\r\n",
         "server response headers exceeded 65536 bytes", HTTP_HEAD_MAX},
    };
    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        struct http_answer answer;
        http_answer_init(&answer);
        http_answer_take(&answer, endless[i].begin, strlen(endless[i].begin));
        size_t sent = 0;
        while (!http_answer_is_over(&answer) && sent < 200 * 1024) {
            http_answer_take(&answer, endless[i].again, strlen(endless[i].again));
            sent += strlen(endless[i].again);
        }
        if (sent > endless[i].max)
            fail_msg("case %zu: %zu bytes taken", i, sent);
        assert_int_equal(answer.state, endless[i].problem ? HTTP_BAD : HTTP_DONE);
        if (endless[i].problem)
            assert_string_equal(answer.problem, endless[i].problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_answer__whole_or_byte_by_byte),
        cmocka_unit_test(test_http_answer__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
