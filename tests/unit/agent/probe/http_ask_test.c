#include "agent/probe/http_ask.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_http_ask__url(void **state)
{
    (void)state;
    static const struct {
        bool tls;
        const char *host;
        int port;
        const char *path, *url;
    } cases[] = {
        {false, "10.0.0.1", 80, "/", "http://10.0.0.1:80/"},
        {true, "fd00::1", 8443, "/healthz?v=1", "https://[fd00::1]:8443/healthz?v=1"},
        {false, "10.0.0.1", 80, "healthz", "http://10.0.0.1:80/healthz"},
        {false, "10.0.0.1", 80, NULL, "http://10.0.0.1:80/"},
        {false, "10.0.0.1", 80, "/a b\r\nX: y#z", "http://10.0.0.1:80/a%20b%0D%0AX:%20y"},
        {false, "10.0.0.1", 80, "/\xc3\xa4", "http://10.0.0.1:80/%C3%A4"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_target target;
        http_target_init(&target, cases[i].tls, cases[i].host, cases[i].port, cases[i].path);
        autofree char *url = http_target_url(&target);
        assert_string_equal(url, cases[i].url);
        http_target_done(&target);
    }
}

static void test_http_ask__redirects(void **state)
{
    (void)state;
    static const struct {
        const char *location;
        int code;
        const char *url;
    } cases[] = {
        {"/there", 0, "http://10.0.0.1:80/there"},
        {"there?x=1#y", 0, "http://10.0.0.1:80/a/there?x=1"},
        {"?x", 0, "http://10.0.0.1:80/a/b?x"},
        {"http://10.0.0.1/x", 0, "http://10.0.0.1:80/x"},
        {"http://10.0.0.1:8080", 0, "http://10.0.0.1:8080/"},
        {"HTTPS://10.0.0.1/x", 0, "https://10.0.0.1:443/x"},
        {"//10.0.0.1:81/x", 0, "http://10.0.0.1:81/x"},
        {"/a b", 0, "http://10.0.0.1:80/a%20b"},
        {"http://169.254.169.254/latest", -EXDEV, NULL},
        {"//example.com", -EXDEV, NULL},
        {"http://10.0.0.1@evil/x", -EINVAL, NULL},
        {"http://10.0.0.1:99999/", -EINVAL, NULL},
        {"http:///x", -EINVAL, NULL},
        {"http://[::1/x", -EINVAL, NULL},
        {"ftp://10.0.0.1/x", -EINVAL, NULL},
        {"javascript:alert(1)", -EINVAL, NULL},
    };
    struct http_target target;
    http_target_init(&target, false, "10.0.0.1", 80, "/a/b?q=/c");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_target next = {0};
        int r = http_target_follow(&target, cases[i].location, &next);
        if (r != cases[i].code)
            fail_msg("%s: %d", cases[i].location, r);
        if (r < 0)
            continue;
        autofree char *url = http_target_url(&next);
        assert_string_equal(url, cases[i].url);
        http_target_done(&next);
    }
    http_target_done(&target);
}

static void test_http_ask__request(void **state)
{
    (void)state;
    static const struct {
        const char *headers, *text; /* NULL: refused */
    } cases[] = {
        {"[]", "GET /x HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: kube-probe/1.33\r\n"
               "Accept: */*\r\nConnection: close\r\n\r\n"},
        {"[{\"name\": \"host\", \"value\": \"web\"}, {\"name\": \"X-A\", \"value\": \"1\"},"
         " {\"name\": \"X-A\", \"value\": \"2\"}, {\"name\": \"Accept\", \"value\": \"\"},"
         " {\"name\": \"User-Agent\", \"value\": \"me\"}, {\"name\": \"Connection\", \"value\":"
         " \"keep-alive\"}, {\"name\": \"Content-Length\", \"value\": \"9\"}]",
         "GET /x HTTP/1.1\r\nHost: web\r\nUser-Agent: me\r\nConnection: close\r\n"
         "X-A: 1\r\nX-A: 2\r\n\r\n"},
        {"[{\"name\": \"X\", \"value\": \"a\\r\\nY: b\"}]", NULL},
        {"[{\"name\": \"Host\", \"value\": \"a\\r\\nY: b\"}]", NULL},
        {"[{\"name\": \"X Y\", \"value\": \"a\"}]", NULL},
        {"[{\"name\": \"\", \"value\": \"a\"}]", NULL},
    };
    struct http_target target;
    http_target_init(&target, false, "10.0.0.1", 80, "/x");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *headers = NULL;
        cleanup(buf_done) struct buf text;
        struct err err = {0};
        buf_init(&text, HTTP_REQUEST_MAX);
        assert_int_equal(json_parse(cases[i].headers, strlen(cases[i].headers), &headers, NULL), 0);
        int r = http_request(&target, headers, &text, &err);
        assert_int_equal(r, cases[i].text ? 0 : -EINVAL);
        if (cases[i].text)
            assert_string_equal(buf_str(&text), cases[i].text);
    }
    http_target_done(&target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_ask__url),
        cmocka_unit_test(test_http_ask__redirects),
        cmocka_unit_test(test_http_ask__request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
