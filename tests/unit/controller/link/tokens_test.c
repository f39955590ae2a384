#include "controller/link/tokens.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void set_data(struct value *data, const char *key, const char *text)
{
    if (!text)
        return;
    autofree char *coded = base64_encode(text, strlen(text));
    value_set_str(data, key, coded);
}

static struct value *secret(const char *type, const char *name, const char *id, const char *hex,
                            const char *expires)
{
    struct value *object = value_new_map();
    value_set_str(object, "type", type);
    struct value *meta = value_set(object, "metadata", value_new_map());
    value_set_str(meta, "name", name);
    value_set_str(meta, "namespace", TOKEN_NAMESPACE);
    struct value *data = value_set(object, "data", value_new_map());
    set_data(data, "token-id", id);
    set_data(data, "token-secret", hex);
    set_data(data, "expiration", expires);
    return object;
}

static void test_tokens__read(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object =
        secret(TOKEN_TYPE, "bootstrap-token-abc", "abc", HEX, "2026-11-21T01:02:03Z");
    struct token token;
    assert_true(token_read(object, &token));
    assert_string_equal(token.id, "abc");
    assert_int_equal(token.secret[1], 0x11);
    assert_int_equal(token.secret[31], 0xff);
    assert_string_equal(token.used_by, "");
    int64_t when;
    assert_int_equal(clock_parse("2026-11-21T01:02:03Z", &when), 0);
    assert_int_equal(token.expires_ns, when);
    value_set_str(value_make_map(object, "metadata", "annotations", NULL), TOKEN_USED_BY,
                  "pi.01234567");
    assert_true(token_read(object, &token));
    assert_string_equal(token.used_by, "pi.01234567");
    cleanup(value_free) struct value *ever =
        secret(TOKEN_TYPE, "bootstrap-token-abc", "abc", HEX, NULL);
    assert_true(token_read(ever, &token));
    assert_int_equal(token.expires_ns, INT64_MAX);
}

static void test_tokens__malformed_ones_let_nobody_in(void **state)
{
    (void)state;
    static const struct {
        const char *type, *name, *id, *hex, *expires;
    } bad[] = {
        {"Opaque", "bootstrap-token-abc", "abc", HEX, NULL},
        {TOKEN_TYPE, "bootstrap-token-abd", "abc", HEX, NULL}, /* another token's name */
        {TOKEN_TYPE, "abc", "abc", HEX, NULL},
        {TOKEN_TYPE, "bootstrap-token-abc", NULL, HEX, NULL},
        {TOKEN_TYPE, "bootstrap-token-abc", "abc", NULL, NULL},
        {TOKEN_TYPE, "bootstrap-token-abc", "abc", "", NULL},
        {TOKEN_TYPE, "bootstrap-token-abc", "abc", "0011", NULL}, /* too short a secret */
        {TOKEN_TYPE, "bootstrap-token-abc", "abc", HEX "00", NULL},
        {TOKEN_TYPE, "bootstrap-token-abc", "abc", "zz" HEX, NULL},
        {TOKEN_TYPE, "bootstrap-token-a/#", "a/#", HEX, NULL}, /* it becomes part of a topic */
        {TOKEN_TYPE, "bootstrap-token-", "", HEX, NULL},
        {TOKEN_TYPE, "bootstrap-token-abc", "abc", HEX, "tomorrow"}, /* not "never" */
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup(value_free) struct value *object =
            secret(bad[i].type, bad[i].name, bad[i].id, bad[i].hex, bad[i].expires);
        struct token token;
        if (token_read(object, &token))
            fail_msg("token %zu was taken", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens__read),
        cmocka_unit_test(test_tokens__malformed_ones_let_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
