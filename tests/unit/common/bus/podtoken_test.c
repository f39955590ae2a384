#include "common/bus/podtoken.h"

#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NODE "pi-01.0123abcd"
#define TOKEN "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln-_A"

static void test_podtoken__is_asked_for(void **state)
{
    static const struct podtoken_ask asks[] = {
        {"default", "web", "u-1", NULL, 3607},
        {"kube-system", "a.b", "u-2", "vault", 600},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        cleanup(value_free) struct value *args = value_new_map();
        struct podtoken_ask got;
        podtoken_ask_write(&asks[i], args);
        assert_int_equal(podtoken_ask_read(args, &got, NULL), 0);
        assert_string_equal(got.ns, asks[i].ns);
        assert_string_equal(got.pod, asks[i].pod);
        assert_string_equal(got.uid, asks[i].uid);
        assert_true(str_eq(got.audience, asks[i].audience) || got.audience == asks[i].audience);
        assert_int_equal(got.seconds, asks[i].seconds);
    }
}

static void test_podtoken__bad_questions(void **state)
{
    static const char *const cases[] = {
        "null",
        "[]",
        "{}",
        "{\"pod\":\"a\",\"uid\":\"u\",\"expirationSeconds\":600}",
        "{\"namespace\":\"\",\"pod\":\"a\",\"uid\":\"u\",\"expirationSeconds\":600}",
        "{\"namespace\":\"n\",\"uid\":\"u\",\"expirationSeconds\":600}",
        "{\"namespace\":\"n\",\"pod\":\"a\",\"expirationSeconds\":600}",
        "{\"namespace\":\"n\",\"pod\":[\"a\"],\"uid\":\"u\",\"expirationSeconds\":600}",
        "{\"namespace\":\"n\",\"pod\":\"a\",\"uid\":\"u\"}",
        "{\"namespace\":\"n\",\"pod\":\"a\",\"uid\":\"u\",\"expirationSeconds\":0}",
        "{\"namespace\":\"n\",\"pod\":\"a\",\"uid\":\"u\",\"expirationSeconds\":-1}",
        "{\"namespace\":\"n\",\"pod\":\"a\",\"uid\":\"u\",\"expirationSeconds\":\"600\"}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *args = NULL;
        struct podtoken_ask got;
        assert_int_equal(json_parse(cases[i], strlen(cases[i]), &args, NULL), 0);
        if (podtoken_ask_read(args, &got, NULL) != -EINVAL)
            fail_msg("case %zu", i);
    }
}

static void test_podtoken__opens_where_it_belongs_and_nowhere_else(void **state)
{
    cleanup(key_free) struct key *key = NULL;
    cleanup(key_free) struct key *other = NULL;
    cleanup(buf_done) struct buf sealed = {0}, text = {0};
    (void)state;
    assert_int_equal(key_generate(&key, NULL), 0);
    assert_int_equal(key_generate(&other, NULL), 0);
    assert_int_equal(podtoken_seal(key, NODE, "q1", TOKEN, &sealed, NULL), 0);
    assert_null(memmem(sealed.data, sealed.len, TOKEN, 20));
    const struct {
        const struct key *key;
        const char *node, *id;
        size_t len;
        int rc;
    } cases[] = {
        {other, NODE, "q1", sealed.len, -EBADMSG},
        {key, "pi-02.0123abcd", "q1", sealed.len, -EBADMSG},
        {key, NODE, "q2", sealed.len, -EBADMSG},
        {key, NODE, "q1", sealed.len - 1, -EBADMSG},
        {key, NODE, "q1", 0, -EBADMSG},
        {key, NODE, "q1", sealed.len, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (podtoken_open(cases[i].key, cases[i].node, cases[i].id, sealed.data, cases[i].len,
                          &text, NULL) != cases[i].rc)
            fail_msg("case %zu", i);
    assert_string_equal(buf_str(&text), TOKEN);
}

/* What would be something else in a file, or in a header, is no token. */
static void test_podtoken__is_a_token(void **state)
{
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf big = {0};
    (void)state;
    assert_int_equal(key_generate(&key, NULL), 0);
    for (size_t i = 0; i <= PODTOKEN_MAX; i++)
        (void)buf_addc(&big, 'a');
    const char *const texts[] = {"", "a b", "a\nb", "\xc3\xa4", "a/b", buf_str(&big)};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cleanup(buf_done) struct buf sealed = {0}, text = {0};
        assert_int_equal(podtoken_seal(key, NODE, "q", texts[i], &sealed, NULL), 0);
        if (podtoken_open(key, NODE, "q", sealed.data, sealed.len, &text, NULL) != -EBADMSG)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_podtoken__is_asked_for),
        cmocka_unit_test(test_podtoken__bad_questions),
        cmocka_unit_test(test_podtoken__opens_where_it_belongs_and_nowhere_else),
        cmocka_unit_test(test_podtoken__is_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
