#include "agent/fetch/challenge.h"

#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_challenge__bearer(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum challenge_scheme scheme;
        const char *realm, *service, *scope;
    } cases[] = {
        {"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
         CHALLENGE_BEARER, "https://a/t", "s", "repository:x:pull,push"},
        {"bearer REALM=\"https://a/t\"", CHALLENGE_BEARER, "https://a/t", "", ""},
        {"Bearer realm=https://a/t, service=s", CHALLENGE_BEARER, "https://a/t", "s", ""},
        {"Bearer error=\"x\",realm=\"q\\\"uote\"", CHALLENGE_BEARER, "q\"uote", "", ""},
        {"Bearer service=\"s\"", CHALLENGE_NONE, "", "", ""},
        {"Bearer realm=\"open", CHALLENGE_NONE, "", "", ""},
        {"Bearer ", CHALLENGE_NONE, "", "", ""},
        {"Basic realm=\"x\"", CHALLENGE_BASIC, "", "", ""},
        {"Basically", CHALLENGE_NONE, "", "", ""},
        {"Digest realm=\"x\"", CHALLENGE_NONE, "", "", ""},
        {"", CHALLENGE_NONE, "", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct challenge c;
        challenge_parse(cases[i].header, &c);
        assert_int_equal(c.scheme, cases[i].scheme);
        assert_string_equal(c.realm, cases[i].realm);
        if (c.scheme == CHALLENGE_BEARER) {
            assert_string_equal(c.service, cases[i].service);
            assert_string_equal(c.scope, cases[i].scope);
        }
    }
}

static void test_challenge__too_long(void **state)
{
    (void)state;
    char header[2000] = "Bearer realm=\"";
    struct challenge c;
    memset(header + strlen(header), 'a', 1000);
    strcat(header, "\"");
    challenge_parse(header, &c);
    assert_int_equal(c.scheme, CHALLENGE_NONE);
}

static void test_challenge__addresses(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
        bool https;
        int rc;
    } cases[] = {
        {"https://Reg.local/v2/", "reg.local", true, 0},
        {"https://reg.local:443/v2/", "reg.local", true, 0},
        {"http://reg.local:443/v2/", "reg.local:443", false, 0},
        {"http://reg.local:80", "reg.local", false, 0},
        {"https://reg.local?x", "reg.local", true, 0},
        {"https://reg.local@evil.local/", NULL, false, -EINVAL},
        {"https://evil.local\\@reg.local/", NULL, false, -EINVAL},
        {"ftp://reg.local/", NULL, false, -EINVAL},
        {"//reg.local/", NULL, false, -EINVAL},
        {"https:///v2", NULL, false, -EINVAL},
        {"", NULL, false, -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a = {0};
        assert_int_equal(address_parse(cases[i].url, &a), cases[i].rc);
        if (cases[i].rc < 0)
            continue;
        assert_string_equal(a.host, cases[i].host);
        assert_int_equal(a.https, cases[i].https);
    }
}

static void test_challenge__loopback(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool is;
    } cases[] = {
        {"localhost", true},       {"localhost:5000", true},  {"127.0.0.1", true},
        {"127.9.8.7:5000", true},  {"[::1]:5000", true},      {"128.0.0.1", false},
        {"127.0.0.1.evil", false}, {"localhost.evil", false}, {"127.0.0", false},
        {"127.0.0.300", false},    {"reg.local", false},      {"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(address_is_loopback(cases[i].host), cases[i].is);
}

static void test_challenge__ranges(void **state)
{
    (void)state;
    assert_int_equal(content_range_start("bytes 5-9/10"), 5);
    assert_int_equal(content_range_start("bytes 0-9/*"), 0);
    static const char *const bad[] = {
        "", "bytes */10", "bytes -5", "items 5-9/10", "bytes 5", "bytes 99999999999999999999-1/2"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(content_range_start(bad[i]), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_challenge__bearer),    cmocka_unit_test(test_challenge__too_long),
        cmocka_unit_test(test_challenge__addresses), cmocka_unit_test(test_challenge__loopback),
        cmocka_unit_test(test_challenge__ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
