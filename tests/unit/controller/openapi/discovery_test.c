#include "controller/openapi/discovery.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/schema/table.h"
#include "controller/openapi/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct schema_type type_any = {.name = "Any", FIELDS(F(1, "spec", ANY))};

/* Beside the kinds that are built in: groups and versions out of order. */
#define KIND(group_, version_, kind_, plural_, ...)                                                \
    {                                                                                              \
        .group = (group_), .version = (version_), .kind = (kind_), .plural = (plural_),            \
        .singular = (plural_), .type = &type_any, ##__VA_ARGS__                                    \
    }
static const struct schema_kind added[] = {
    KIND("zoo.example", "v1alpha1", "Bear", "bears"),
    KIND("zoo.example", "v1", "Bear", "bears", .namespaced = true, .short_names = NAMES("be")),
    KIND("zoo.example", "v2beta1", "Bear", "bears"),
    KIND("art.example", "v1", "Song", "songs"),
    KIND("test.k8s.io", "v1", "Thing", "things", .flags = SCHEMA_KIND_STATUS,
         .categories = NAMES("all")),
    KIND("test.k8s.io", "v1", "Ape", "apes"),
};

static struct kinds *more_kinds(void)
{
    struct kinds *kinds = kinds_new();
    for (size_t i = 0; i < ARRAY_LEN(added); i++)
        assert_int_equal(kinds_add(kinds, &added[i]), 0);
    return kinds;
}

static void assert_json(struct value *got, const char *want)
{
    cleanup(value_free) struct value *wanted = NULL;
    cleanup(buf_done) struct buf text = {0};
    struct err err = {0};
    assert_int_equal(json_parse(want, strlen(want), &wanted, &err), 0);
    (void)json_write(got, &text);
    if (!value_equal(got, wanted))
        fail_msg("got %s\nnot %s", buf_str(&text), want);
    value_free(got);
}

static void test_discovery__versions_by_age(void **state)
{
    (void)state;
    static const char *const order[] = {"v10",     "v2",       "v1",     "v2beta1", "v1beta2",
                                        "v1beta1", "v1alpha1", "banana", "v1gamma1"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        for (size_t j = 0; j < ARRAY_LEN(order); j++) {
            int got = catalogue_compare_versions(order[i], order[j]);
            if ((got < 0) != (i < j) || (got > 0) != (i > j))
                fail_msg("%s and %s: %d", order[i], order[j], got);
        }
}

static void test_discovery__groups(void **state)
{
    (void)state;
    struct kinds *kinds = more_kinds();
    cleanup(value_free) struct value *all = discovery_groups(kinds);
    const struct value *groups = value_get(all, "groups");
    size_t n = value_len(groups);
    assert_true(n >= 3); /* those that nobody ranks come last, by name */
    assert_string_equal(value_get_str(value_at(groups, n - 4), "name"), "art.example");
    assert_string_equal(value_get_str(value_at(groups, n - 3), "name"), "limpet.io");
    assert_string_equal(value_get_str(value_at(groups, n - 2), "name"), "test.k8s.io");
    assert_json(
        discovery_group(kinds, "zoo.example"),
        "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",\"name\":\"zoo.example\",\"versions\":["
        "{\"groupVersion\":\"zoo.example/v1\",\"version\":\"v1\"},"
        "{\"groupVersion\":\"zoo.example/v2beta1\",\"version\":\"v2beta1\"},"
        "{\"groupVersion\":\"zoo.example/v1alpha1\",\"version\":\"v1alpha1\"}],"
        "\"preferredVersion\":{\"groupVersion\":\"zoo.example/v1\",\"version\":\"v1\"}}");
    assert_null(discovery_group(kinds, "none.example"));
    assert_null(discovery_group(kinds, "")); /* the core group is told by /api */
    assert_null(discovery_resources(kinds, "zoo.example", "v9"));
    kinds_free(kinds);
}

#define VERBS                                                                                      \
    "\"verbs\":[\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\"," \
    "\"watch\"]"

static void test_discovery__resources(void **state)
{
    (void)state;
    struct kinds *kinds = more_kinds();
    assert_json(
        discovery_resources(kinds, "test.k8s.io", "v1"),
        "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"test.k8s.io/v1\","
        "\"resources\":[{\"name\":\"apes\",\"singularName\":\"apes\",\"namespaced\":false,"
        "\"kind\":\"Ape\"," VERBS "},"
        "{\"name\":\"things\",\"singularName\":\"things\",\"namespaced\":false,\"kind\":\"Thing\"," VERBS
        ",\"categories\":[\"all\"]},"
        "{\"name\":\"things/status\",\"singularName\":\"\",\"namespaced\":false,"
        "\"kind\":\"Thing\",\"verbs\":[\"get\",\"patch\",\"update\"]}]}");
    kinds_free(kinds);
}

static struct value *item(struct value *all, const char *group)
{
    struct value *items = value_get(all, "items"), *found = NULL;
    for (size_t i = 0; i < value_len(items); i++)
        if (str_eq(value_str(value_path(value_at(items, i), "metadata", "name", NULL)), group))
            found = value_copy(value_at(items, i));
    value_free(all);
    return found;
}

static void test_discovery__aggregated(void **state)
{
    (void)state;
    struct kinds *kinds = more_kinds();
    assert_json(
        item(discovery_all(kinds, false, "v2"), "test.k8s.io"),
        "{\"metadata\":{\"name\":\"test.k8s.io\"},\"versions\":[{\"version\":\"v1\",\"resources\":["
        "{\"resource\":\"apes\",\"responseKind\":{\"group\":\"test.k8s.io\",\"version\":\"v1\","
        "\"kind\":\"Ape\"},\"scope\":\"Cluster\",\"singularResource\":\"apes\"," VERBS "},"
        "{\"resource\":\"things\",\"responseKind\":{\"group\":\"test.k8s.io\",\"version\":\"v1\","
        "\"kind\":\"Thing\"},\"scope\":\"Cluster\",\"singularResource\":\"things\"," VERBS ","
        "\"categories\":[\"all\"],\"subresources\":[{\"subresource\":\"status\",\"responseKind\":{"
        "\"group\":\"test.k8s.io\",\"version\":\"v1\",\"kind\":\"Thing\"},"
        "\"verbs\":[\"get\",\"patch\",\"update\"]}]}],\"freshness\":\"Current\"}]}");
    cleanup(value_free) struct value *core = discovery_all(kinds, true, "v2beta1");
    assert_string_equal(value_get_str(core, "apiVersion"), "apidiscovery.k8s.io/v2beta1");
    assert_int_equal(value_len(value_get(core, "items")), 1);
    assert_null(item(discovery_all(kinds, false, "v2"), ""));
    kinds_free(kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_discovery__versions_by_age),
        cmocka_unit_test(test_discovery__groups),
        cmocka_unit_test(test_discovery__resources),
        cmocka_unit_test(test_discovery__aggregated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
