#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bus/sealed.h"
#include "common/data/json.h"

#include <errno.h>
#include <string.h>

#define NODE "pi-01.0123abcd"
#define PATH "Secret/default/db"
#define SECRET                                                                                     \
    "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"db\"},\"data\":{"         \
    "\"password\":\"aHVudGVyMg==\"},\"stringData\":{\"user\":\"sa\"},\"type\":\"Opaque\"}"

static struct value *parse(const char *text)
{
    struct value *v = NULL;

    assert_int_equal(json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

static void test_sealed__opens_where_it_belongs_and_nowhere_else(void **state)
{
    cleanup(key_free) struct key *key = NULL;
    cleanup(key_free) struct key *other = NULL;
    cleanup(value_free) struct value *secret = parse(SECRET);
    cleanup(value_free) struct value *plain = parse(SECRET);
    cleanup(buf_done) struct buf text = {0};

    (void)state;
    assert_int_equal(key_generate(&key, NULL), 0);
    assert_int_equal(key_generate(&other, NULL), 0);
    assert_int_equal(sealed_close(secret, key, NODE, PATH, NULL), 0);
    assert_int_equal(json_write(secret, &text), 0);
    assert_null(strstr(text.data, "aHVudGVyMg"));
    assert_null(strstr(text.data, "password"));
    assert_null(strstr(text.data, "\"sa\""));
    assert_non_null(strstr(text.data, "Opaque"));
    assert_int_equal(sealed_close(secret, key, NODE, PATH, NULL), -EEXIST);
    assert_int_equal(sealed_open(secret, other, NODE, PATH, NULL), -EBADMSG);
    assert_int_equal(sealed_open(secret, key, "pi-02.0123abcd", PATH, NULL), -EBADMSG);
    assert_int_equal(sealed_open(secret, key, NODE, "Secret/default/other", NULL), -EBADMSG);
    assert_non_null(value_get(secret, SEALED_KEY));
    assert_int_equal(sealed_open(secret, key, NODE, PATH, NULL), 0);
    assert_true(value_equal(secret, plain));
}

static void test_sealed__leaves_the_rest_alone(void **state)
{
    static const char text[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"b\"}}";
    cleanup(key_free) struct key *key = NULL;
    cleanup(value_free) struct value *map = parse(text);
    cleanup(value_free) struct value *same = parse(text);

    (void)state;
    assert_int_equal(key_generate(&key, NULL), 0);
    assert_int_equal(sealed_close(map, key, NODE, PATH, NULL), 0);
    assert_true(value_equal(map, same));
    assert_int_equal(sealed_open(map, key, NODE, PATH, NULL), 0);
    assert_true(value_equal(map, same));
}

static void test_sealed__refuses_garbage(void **state)
{
    static const char *const bad[] = {"\"\"", "\"!!\"", "\"AAAA\"", "1", "{}", "null"};
    cleanup(key_free) struct key *key = NULL;

    (void)state;
    assert_int_equal(key_generate(&key, NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cleanup(buf_done) struct buf text = {0};

        assert_int_equal(
            buf_addf(&text, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"" SEALED_KEY "\":%s}",
                     bad[i]),
            0);
        cleanup(value_free) struct value *v = parse(text.data);
        assert_int_equal(sealed_open(v, key, NODE, PATH, NULL), -EBADMSG);
    }
}

/* A sketch has the length of the real one, and nothing of the secret. */
static void test_sealed__sketch(void **state)
{
    cleanup(key_free) struct key *key = NULL;

    (void)state;
    assert_int_equal(key_generate(&key, NULL), 0);
    for (size_t len = 0; len < 40; len++) {
        cleanup(value_free) struct value *sealed = parse(SECRET);
        char data[41] = "";

        memset(data, 'Q', len);
        value_set_str(value_get(sealed, "data"), "password", data);
        cleanup(value_free) struct value *sketch = value_copy(sealed);
        assert_int_equal(sealed_close(sealed, key, NODE, PATH, NULL), 0);
        assert_true(sealed_sketch(sketch));
        assert_int_equal(strlen(value_get_str(sketch, SEALED_KEY)),
                         strlen(value_get_str(sealed, SEALED_KEY)));
        value_del(sealed, SEALED_KEY);
        value_del(sketch, SEALED_KEY);
        assert_true(value_equal(sealed, sketch));
    }
    cleanup(value_free) struct value *map = parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}");
    assert_false(sealed_sketch(map));
    assert_int_equal(value_len(map), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed__opens_where_it_belongs_and_nowhere_else),
        cmocka_unit_test(test_sealed__leaves_the_rest_alone),
        cmocka_unit_test(test_sealed__refuses_garbage),
        cmocka_unit_test(test_sealed__sketch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
