#include "controller/auth/token_csv.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void free_who(void *who)
{
    who_free(who);
}

static const struct who *find(const struct map *tokens, const char *token)
{
    char key[SHA256_HEX + 1];
    sha256_hex(token, strlen(token), key);
    return map_get(tokens, key);
}

static void test_token_csv__good(void **state)
{
    (void)state;
    static const char text[] = "# ours\n"
                               "\n"
                               "t1,jane,u-1,\"ops, devs\"\n"
                               "t2,joe,,ops\r\n"
                               "\"t,3\",\"a \"\"b\"\"\",3\n"
                               "t4, spaced ,4,\"\"";
    struct map *tokens = map_new();
    struct err err = {0};
    assert_int_equal(token_csv_parse("f", text, strlen(text), tokens, &err), 0);
    assert_int_equal(map_len(tokens), 4);
    const struct who *jane = find(tokens, "t1");
    assert_string_equal(jane->user.name, "jane");
    assert_string_equal(jane->user.uid, "u-1");
    assert_string_equal(jane->user.groups[0], "ops");
    assert_string_equal(jane->user.groups[1], "devs");
    assert_null(find(tokens, "t2")->user.uid);
    assert_string_equal(find(tokens, "t,3")->user.name, "a \"b\"");
    assert_int_equal(find(tokens, "t4")->group_count, 0);
    assert_null(find(tokens, "t"));
    map_free(tokens, free_who);
}

static void test_token_csv__bad(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"a,b,c\nx,y\n", "f:2: wanted: token,user,uid"},
        {",b,c\n", "f:1: the token is empty"},
        {"a,,c\n", "f:1: the user is empty"},
        {"\n# x\na,b,c\na,d,e\n", "f:4: the same token"},
        {"a,b,c,\"x\n", "f:1: a quotation mark is missing"},
        {"a,\"b\"c,d\n", "f:1: there is something behind"},
        {"a,b,c,d,e\n", "f:1: there are more than four fields"},
        {"a,b\xff,c\n", "f: it is not UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct map *tokens = map_new();
        struct err err = {0};
        assert_true(token_csv_parse("f", cases[i].text, strlen(cases[i].text), tokens, &err) < 0);
        if (!str_has_prefix(err.msg, cases[i].says))
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(map_len(tokens), 0);
        map_free(tokens, free_who);
    }
    struct map *tokens = map_new();
    struct err err = {0};
    size_t len = TOKEN_CSV_MAX + 1;
    autofree char *big = xcalloc(1, len + 1);
    memset(big, '\n', len);
    assert_true(token_csv_parse("f", big, len, tokens, &err) < 0);
    map_free(tokens, free_who);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_csv__good),
        cmocka_unit_test(test_token_csv__bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
