#include "controller/registry/target.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static void test_target__paths(void **state)
{
    static const struct {
        const char *path;
        enum target_mistake mistake;
        enum target_what what;
        const char *repository, *reference;
    } cases[] = {
        {"/v2/", TARGET_FINE, TARGET_BASE, "", ""},
        {"/v2", TARGET_FINE, TARGET_BASE, "", ""},
        {"/v2/_catalog?n=1", TARGET_FINE, TARGET_CATALOG, "", ""},
        {"/v2/app/tags/list", TARGET_FINE, TARGET_TAGS, "app", "list"},
        {"/v2/team/sub/app/manifests/1.0", TARGET_FINE, TARGET_MANIFEST, "team/sub/app", "1.0"},
        {"/v2/manifests/manifests/manifests", TARGET_FINE, TARGET_MANIFEST, "manifests",
         "manifests"},
        {"/v2/app/blobs/" DIGEST, TARGET_FINE, TARGET_BLOB, "app", DIGEST},
        {"/v2/app/blobs/uploads/", TARGET_FINE, TARGET_UPLOADS, "app", "uploads"},
        {"/v2/app/blobs/uploads/ab", TARGET_FINE, TARGET_UPLOAD, "app", "ab"},
        {"/v2/app/referrers/" DIGEST, TARGET_FINE, TARGET_REFERRERS, "app", DIGEST},
        {"/v2/App/tags/list", TARGET_BAD_NAME, TARGET_NOWHERE, NULL, NULL},
        {"/v2/a+b/tags/list", TARGET_BAD_NAME, TARGET_NOWHERE, NULL, NULL},
        {"/v2/.a/tags/list", TARGET_BAD_NAME, TARGET_NOWHERE, NULL, NULL},
        {"/v2/tags/list", TARGET_UNKNOWN, TARGET_NOWHERE, NULL, NULL},
        {"/v2/app", TARGET_UNKNOWN, TARGET_NOWHERE, NULL, NULL},
        {"/v1/", TARGET_UNKNOWN, TARGET_NOWHERE, NULL, NULL},
        {"/", TARGET_UNKNOWN, TARGET_NOWHERE, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url url;
        struct err err = {0};
        struct target target;
        print_message("%s\n", cases[i].path);
        assert_int_equal(url_parse(cases[i].path, &url, &err), 0);
        assert_int_equal(target_find(&url, &target), cases[i].mistake);
        if (cases[i].mistake == TARGET_FINE) {
            assert_int_equal(target.what, cases[i].what);
            assert_string_equal(target.repository, cases[i].repository);
            assert_string_equal(target.reference, cases[i].reference);
        }
        url_done(&url);
    }
}

static void test_target__names(void **state)
{
    static const char *const good[] = {"a", "a/b", "a.b_c__d-e--f/0", "library/busybox"};
    static const char *const bad[] = {"",     "/",    "a/",    "/a",   "a//b", "a/../b",  "..",
                                      "A",    "a..b", "a___b", "a._b", "_a",   "a_",      "a-",
                                      "a/-b", "a+b",  "a b",   "a\n",  "a:b",  "\xc3\xa4"};
    char name[REPOSITORY_MAX + 2];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(repository_valid(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        print_message("%s\n", bad[i]);
        assert_false(repository_valid(bad[i]));
    }
    memset(name, 'a', sizeof(name));
    name[REPOSITORY_MAX + 1] = '\0';
    assert_false(repository_valid(name));
    name[REPOSITORY_MAX] = '\0';
    assert_true(repository_valid(name));
}

static void test_target__tags_and_digests(void **state)
{
    static const char *const tags[] = {"1", "latest", "V1.2_3-x", "_"};
    static const char *const not_tags[] = {"", ".", "..", ".a", "-a", "a/b", "a b", "a+b", "a:b"};
    static const char *const not_digests[] = {
        "",
        HEX,
        "sha256:",
        ("sha256:" HEX "0"), /* in parentheses: clang suspects a missing comma */
        ("sha512:" HEX),
        "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "sha256:../456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    char tag[TAG_MAX + 2];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        assert_true(tag_valid(tags[i]));
    for (size_t i = 0; i < ARRAY_LEN(not_tags); i++)
        assert_false(tag_valid(not_tags[i]));
    memset(tag, 'a', sizeof(tag));
    tag[TAG_MAX + 1] = '\0';
    assert_false(tag_valid(tag));
    assert_true(digest_valid(DIGEST));
    for (size_t i = 0; i < ARRAY_LEN(not_digests); i++)
        assert_false(digest_valid(not_digests[i]));
    assert_true(upload_id_valid("0123456789abcdef0123456789abcdef"));
    assert_false(upload_id_valid("../3456789abcdef0123456789abcdef"));
    assert_false(upload_id_valid("0123456789abcdef"));
}

static void test_target__chunk_ranges(void **state)
{
    static const struct {
        const char *text;
        int rc;
        uint64_t first, last;
    } cases[] = {
        {"0-0", 0, 0, 0},
        {"10-1023", 0, 10, 1023},
        {"bytes 5-9/100", 0, 5, 9},
        {"5-4", -EINVAL, 0, 0},
        {"-4", -EINVAL, 0, 0},
        {"5-", -EINVAL, 0, 0},
        {"a-b", -EINVAL, 0, 0},
        {"", -EINVAL, 0, 0},
        {"0-18446744073709551615", -EINVAL, 0, 0},
        {"0-18446744073709551616", -EINVAL, 0, 0},
        {"0-99999999999999999999999999", -EINVAL, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t first = 0, last = 0;
        print_message("%s\n", cases[i].text);
        assert_int_equal(chunk_range_parse(cases[i].text, &first, &last), cases[i].rc);
        assert_int_equal(first, cases[i].first);
        assert_int_equal(last, cases[i].last);
    }
}

static void test_target__byte_ranges(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
        int rc;
        uint64_t first, len;
    } cases[] = {
        {NULL, 10, 0, 0, 0},
        {"bytes=0-", 10, 1, 0, 10},
        {"bytes=3-5", 10, 1, 3, 3},
        {"Bytes=3-5", 10, 1, 3, 3},
        {"bytes=3-99999", 10, 1, 3, 7},
        {"bytes=-4", 10, 1, 6, 4},
        {"bytes=-99", 10, 1, 0, 10},
        {"bytes=10-", 10, -ERANGE, 0, 0},
        {"bytes=-0", 10, -ERANGE, 0, 0},
        {"bytes=0-", 0, -ERANGE, 0, 0},
        {"bytes=-5", 0, -ERANGE, 0, 0},
        {"bytes=5-3", 10, 0, 0, 0},
        {"bytes=0-1,3-4", 10, 0, 0, 0},
        {"lines=0-1", 10, 0, 0, 0},
        {"bytes=x-", 10, 0, 0, 0},
        {"bytes=18446744073709551616-", 10, 0, 0, 0},
        {"bytes=1-18446744073709551615", 10, 1, 1, 9},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t first = 0, len = 0;
        print_message("%s\n", cases[i].text ? cases[i].text : "-");
        assert_int_equal(byte_range_parse(cases[i].text, cases[i].size, &first, &len), cases[i].rc);
        if (cases[i].rc == 1) {
            assert_int_equal(first, cases[i].first);
            assert_int_equal(len, cases[i].len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target__paths),
        cmocka_unit_test(test_target__names),
        cmocka_unit_test(test_target__tags_and_digests),
        cmocka_unit_test(test_target__chunk_ranges),
        cmocka_unit_test(test_target__byte_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
