#include "controller/api/meta.h"

#include "common/base/str.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/data/json.h"
#include "common/data/value.h"
#include "common/schema/format.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW (INT64_C(1795000000) * NS_PER_S)

static struct value *parse(const char *text)
{
    struct value *object = NULL;
    struct err err = {0};
    assert_int_equal(json_parse(text, strlen(text), &object, &err), 0);
    return object;
}

static const char *meta_str(const struct value *object, const char *key)
{
    return value_get_str(value_get(object, "metadata"), key);
}

static void test_meta__birth_drops_what_a_client_claims(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    cleanup(value_free) struct value *object = parse(
        "{\"metadata\":{\"name\":\"a\",\"uid\":\"mine\",\"creationTimestamp\":null,\"generation\":7,"
        "\"deletionTimestamp\":\"2020-01-01T00:00:00Z\",\"selfLink\":\"x\",\"managedFields\":[]},\"spec\":{}}");
    meta_born(object, &rng.rng, NOW);
    assert_int_equal(strlen(meta_str(object, "uid")), 36);
    assert_string_equal(meta_str(object, "creationTimestamp"), "2026-11-18T11:06:40Z");
    assert_int_equal(value_get_int(value_get(object, "metadata"), "generation", 0), 1);
    assert_false(meta_is_deleting(object));
    assert_null(value_path(object, "metadata", "selfLink", NULL));
    assert_null(value_path(object, "metadata", "managedFields", NULL));
}

static void test_meta__carry_keeps_the_servers_fields(void **state)
{
    (void)state;
    cleanup(value_free) struct value *stored = parse(
        "{\"metadata\":{\"uid\":\"u\",\"creationTimestamp\":\"t\",\"generation\":3,\"labels\":{\"old\":\"1\"},"
        "\"deletionTimestamp\":\"d\",\"deletionGracePeriodSeconds\":5}}");
    cleanup(value_free) struct value *next =
        parse("{\"metadata\":{\"uid\":\"forged\",\"generation\":99,\"labels\":{\"new\":\"1\"}}}");
    meta_carry(stored, next);
    assert_string_equal(meta_str(next, "uid"), "u");
    assert_int_equal(value_get_int(value_get(next, "metadata"), "generation", 0), 3);
    assert_true(meta_is_deleting(next));
    assert_non_null(value_path(next, "metadata", "labels", "new", NULL));
    assert_null(value_path(next, "metadata", "labels", "old", NULL));
}

static void test_meta__spec_is_all_but_metadata_and_status(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool differs;
    } cases[] = {
        {"{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":1}}", false},
        {"{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":2}}", true},
        {"{\"data\":{}}", "{}", true},
        {"{}", "{\"data\":{}}", true},
        {"{\"status\":{\"a\":1}}", "{\"status\":{}}", false},
        {"{\"metadata\":{\"name\":\"a\"}}", "{\"metadata\":{}}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *a = parse(cases[i].a);
        cleanup(value_free) struct value *b = parse(cases[i].b);
        assert_int_equal(meta_spec_differs(a, b), cases[i].differs);
    }
}

static void test_meta__generated_names_are_names(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 2);
    autofree char *a = meta_generate_name("web-", &rng.rng);
    autofree char *b = meta_generate_name("web-", &rng.rng);
    autofree char *c = meta_generate_name(
        "a-very-long-base-that-goes-on-and-on-until-there-is-no-room-for-more-of-it", &rng.rng);
    assert_true(str_has_prefix(a, "web-"));
    assert_int_equal(strlen(a), 9);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(c), 63);
    assert_null(format_dns1123_label(a));
}

static void test_meta__revisions(void **state)
{
    (void)state;
    int64_t revision = -1;
    assert_int_equal(meta_parse_revision(NULL, &revision), 0);
    assert_int_equal(revision, 0);
    assert_int_equal(meta_parse_revision("42", &revision), 0);
    assert_int_equal(revision, 42);
    assert_int_equal(meta_parse_revision("-1", &revision), -EINVAL);
    assert_int_equal(meta_parse_revision("x", &revision), -EINVAL);
    assert_int_equal(meta_parse_revision("99999999999999999999", &revision), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meta__birth_drops_what_a_client_claims),
        cmocka_unit_test(test_meta__carry_keeps_the_servers_fields),
        cmocka_unit_test(test_meta__spec_is_all_but_metadata_and_status),
        cmocka_unit_test(test_meta__generated_names_are_names),
        cmocka_unit_test(test_meta__revisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
