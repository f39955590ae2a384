#include "agent/image/reference.h"

#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_reference__canonical(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"busybox", "docker.io/library/busybox:latest"},
        {"busybox:1.36", "docker.io/library/busybox:1.36"},
        {"docker.io/busybox", "docker.io/library/busybox:latest"},
        {"index.docker.io/library/busybox", "docker.io/library/busybox:latest"},
        {"user/app", "docker.io/user/app:latest"},
        {"reg.local/web:2", "reg.local/web:2"},
        {"reg:5000/web", "reg:5000/web:latest"},
        {"localhost/web", "localhost/web:latest"},
        {"127.0.0.1:5000/a/b/c:x_Y.z-1", "127.0.0.1:5000/a/b/c:x_Y.z-1"},
        {"[::1]:5000/web:1", "[::1]:5000/web:1"},
        {"web@sha256:" HEX, "docker.io/library/web@sha256:" HEX},
        {"reg.local/web:2@sha256:" HEX, "reg.local/web:2@sha256:" HEX},
        {"a__b/c-d--e.f", "docker.io/a__b/c-d--e.f:latest"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reference ref, again;
        char text[REFERENCE_MAX + 256], twice[REFERENCE_MAX + 256];
        assert_int_equal(reference_parse(cases[i].text, &ref, NULL), 0);
        reference_format(&ref, text);
        assert_string_equal(text, cases[i].canonical);
        assert_int_equal(reference_parse(text, &again, NULL), 0);
        reference_format(&again, twice);
        assert_string_equal(text, twice);
    }
}

static void test_reference__refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "Web",
        "web:",
        "web:-1",
        "web:a/b",
        "web:ta g",
        "/web",
        "web/",
        "a//b",
        "a/../b",
        "../etc",
        ".",
        "a..b",
        "a___b",
        "-a",
        "a-",
        "reg.local:0/web",
        "reg.local:65536/web",
        "reg.local:99999999/web",
        "reg.local:/web",
        "reg..local/web",
        "-reg.local/web",
        "user:pw@reg.local/web",
        "http://reg.local/web",
        "[::1/web",
        "[zz]/web",
        "web@sha256:",
        "web@sha256:" HEX "0",
        "web@sha256:../../../../etc/passwd",
        "web@sha512:" HEX,
        "web@" HEX,
        "web@sha256:" HEX "@sha256:" HEX,
        "web@SHA256:" HEX,
        "w\neb",
        "web\x80",
        A63 A63 A63 A63 A63,
        "r.x/" A63 A63 A63 A63,
        "web:" A63 A63 A63,
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reference ref = {.tag = "kept"};
        struct err err = {0};
        assert_int_equal(reference_parse(cases[i], &ref, &err), -EINVAL);
        assert_string_equal(ref.tag, "kept");
        assert_true(str_has_prefix(err.msg, "image name "));
    }
    struct reference ref;
    assert_int_equal(reference_parse(NULL, &ref, NULL), -EINVAL);
}

static void test_reference__digests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"sha256:" HEX, true},
        {"sha256:" HEX "\n", false},
        {"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", false},
        {"sha256:../3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false},
        {"sha256", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(digest_valid(cases[i].text), cases[i].valid);
    assert_string_equal(digest_hex("sha256:" HEX), HEX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference__canonical),
        cmocka_unit_test(test_reference__refused),
        cmocka_unit_test(test_reference__digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
