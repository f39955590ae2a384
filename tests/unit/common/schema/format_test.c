#include "common/base/str.h"
#include "common/schema/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *name;
    schema_format_fn *format;
    const char *right[12], *wrong[16]; /* each ends with NULL */
} cases[] = {
    {"dns1123_label",
     format_dns1123_label,
     {"a", "0", "a-b", "web-0", A63},
     {"", "A", "-a", "a-", "a.b", "a_b", A63 "a", "\xc3\xa9"}},
    {"dns1123_subdomain",
     format_dns1123_subdomain,
     {"a", "a.b", "a-b.c0"},
     {"", ".", "a.", ".a", "a..b", "A.b", "a.-b"}},
    {"dns1035_label", format_dns1035_label, {"a", "a0"}, {"0a", "", "a."}},
    {"qualified_name",
     format_qualified_name,
     {"a", "A_b.c-d", "x.io/a", "kubernetes.io/os", "x/" A63},
     {"", "/a", "a/", "a/b/c", "-a", "a-", "X.io/a", "a b", A63 "a", "x/" A63 "a"}},
    {"label_value", format_label_value, {"", "a", "A.b_c-d"}, {"-a", "a-", "a/b", "a b", A63 "a"}},
    {"env_name", format_env_name, {"A", "a.b-c", "1A", "a b"}, {"", "A=B", "A\n", "\xc3\xa9"}},
    {"config_key",
     format_config_key,
     {"a", "a.b", ".hidden", "A_b-C"},
     {"", ".", "..", "..a", "a/b", "a b"}},
    {"path_absolute", format_path_absolute, {"/", "/a/b", "/a..b"}, {"", "a", "/..", "/a/../b"}},
    {"path_relative",
     format_path_relative,
     {"", "a", "a/b", "..a"},
     {"/a", "..", "a/..", "a/../b"}},
    {"host_path", format_host_path, {"/", "a", "C:\\data"}, {"", "/..", "a/../b"}},
    {"mount_path", format_mount_path, {"/a", "a", "C:\\data"}, {""}},
    {"image",
     format_image,
     {"nginx", "nginx:1.25", "library/nginx", "reg.local/web:2", "localhost/x",
      "localhost:5000/a/b:c", "10.0.0.1:5000/a@sha256:" HEX64, "a:b@sha256:" HEX64, "a__b/c-d.e",
      "[::1]:5000/a", "Reg.io/a"},
     {"", "Nginx", "nginx:", "nginx:-a", "a//b", "/a", "a/", "reg.local:/a", "a@sha256:12",
      "a@md5:" HEX64, "a@", "a b", "a___b", "a..b", "https://reg/a"}},
    {"path_segment",
     format_path_segment,
     {"a", "system:node:a", "...", "A b"},
     {".", "..", "a/b", "a%2f"}},
    {"port_name",
     format_port_name,
     {"http", "a-1", "1a", "aaaaaaaaaaaaaaa"},
     {"", "1", "12-3", "-a", "a-", "a--b", "Http", "aaaaaaaaaaaaaaaa"}},
    {"ip",
     format_ip,
     {"10.0.0.1", "::1", "fe80::1"},
     {"", "10.0.0", "10.0.0.256", "x", "10.0.0.1/8"}},
    {"cidr",
     format_cidr,
     {"10.0.0.0/8", "::/0", "fe80::/128"},
     {"", "10.0.0.0", "10.0.0.0/33", "x/8", "::/129", "1.2.3.4/-1"}},
    {"uid", format_uid, {"a", "0-1_2.3:4"}, {"", "a b", "a/b"}},
    {"not_empty", format_not_empty, {"a", " "}, {""}},
};

static void test_format__right_and_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (const char *const *s = cases[i].right; *s; s++)
            if (cases[i].format(*s))
                fail_msg("%s \"%s\": %s", cases[i].name, *s, cases[i].format(*s));
        for (const char *const *s = cases[i].wrong; *s; s++)
            if (!cases[i].format(*s))
                fail_msg("%s \"%s\": taken", cases[i].name, *s);
    }
}

static void test_format__subdomain_of_254(void **state)
{
    (void)state;
    char name[255];
    memset(name, 'a', 254);
    name[254] = '\0';
    for (size_t i = 50; i < 254; i += 50)
        name[i] = '.';
    assert_string_equal(format_dns1123_subdomain(name), "must be at most 253 characters");
    name[253] = '\0';
    assert_null(format_dns1123_subdomain(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format__right_and_wrong),
        cmocka_unit_test(test_format__subdomain_of_254),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
