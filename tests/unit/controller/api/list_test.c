#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/list_options.h"
#include "tests/unit/controller/lib/world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void make(struct world *world, const char *name, const char *data)
{
    char text[128];
    snprintf(text, sizeof(text), "{metadata: {name: %s, labels: {l: %s}}, data: {a: %s}}", name,
             data, data);
    assert_int_equal(do_create(world, &kind_config_map, "default", text, NULL), 201);
}

static void change(struct world *world, const char *name, const char *data)
{
    cleanup(value_free) struct value *object = get(world, &kind_config_map, "default", name);
    value_set_str(value_get(object, "data"), "a", data);
    assert_int_equal(do_update(world, &kind_config_map, "default", object, 0, NULL), 200);
}

/* "a=1 b=2"; or the code and reason of a refusal. Static. */
static const char *list(struct world *world, const struct api_list_query *query,
                        struct value **ret_meta)
{
    static char text[512];
    const struct api_ref ref = {&kind_config_map, "default", ""};
    cleanup(value_free) struct value *tree = NULL;
    cleanup(value_free) struct value *again = NULL;
    int r = api_list(world->api, &admin, &ref, query, &tree);
    assert_int_equal(list_as_text(world, &ref, query, &again), r);
    *text = '\0';
    if (r == 0) { /* both ways tell the same */
        assert_true(value_equal(again, tree));
    } else {
        snprintf(text, sizeof(text), "%d %s", -r, value_get_str(tree, "reason"));
    }
    const struct value *items = value_get(tree, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        size_t len = strlen(text);
        const struct value *item = value_at(items, i);
        snprintf(text + len, sizeof(text) - len, "%s%s=%s", len ? " " : "", object_name(item),
                 value_get_str(value_get(item, "data"), "a"));
    }
    if (ret_meta)
        *ret_meta = value_copy(value_get(tree, "metadata"));
    return text;
}

static char *now(struct world *world)
{
    return xasprintf("%" PRId64, api_revision(world->api));
}

/* All pages show what was there when the first was asked for. */
static void test_list__pages_are_of_one_revision(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *first = NULL;
    cleanup(value_free) struct value *second = NULL;
    const char *const names[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        make(world, names[i], "x");
    struct api_list_query query = {.limit = 2};
    assert_string_equal(list(world, &query, &first), "a=x b=x");
    assert_int_equal(value_get_int(first, "remainingItemCount", 0), 3);
    assert_int_equal(do_delete(world, &kind_config_map, "default", "c", -1, NULL), 200);
    change(world, "d", "y");
    make(world, "dd", "z");
    query.continue_token = value_get_str(first, "continue");
    assert_string_equal(list(world, &query, &second), "c=x d=x");
    assert_int_equal(value_get_int(second, "remainingItemCount", 0), 1);
    assert_string_equal(value_get_str(second, "resourceVersion"),
                        value_get_str(first, "resourceVersion"));
    query.continue_token = value_get_str(second, "continue");
    assert_string_equal(list(world, &query, NULL), "e=x");
    assert_string_equal(list(world, NULL, NULL), "a=x b=x d=y dd=z e=x");
    query = (struct api_list_query){.limit = 2, .label_selector = "l=x"};
    value_free(steal(first));
    assert_string_equal(list(world, &query, &first), "a=x b=x");
    assert_null(value_get(first, "remainingItemCount")); /* not known with a selector */
    assert_non_null(value_get(first, "continue"));
}

/* A token whose revision is forgotten says so, and how to go on with what is there. */
static void test_list__expired(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *first = NULL;
    cleanup(value_free) struct value *gone = NULL;
    make(world, "a", "x");
    make(world, "b", "x");
    make(world, "c", "x");
    struct api_list_query query = {.limit = 1};
    assert_string_equal(list(world, &query, &first), "a=x");
    autofree char *old = now(world);
    const struct api_ref ref = {&kind_config_map, "default", "b"};
    autofree char *key = xasprintf("/configmaps/default/%s", ref.name);
    for (int i = 0; i < 10100; i++) { /* past what the store remembers */
        struct store_item item;
        assert_int_equal(store_get(world->store, key, &item), 0);
        autofree char *copy = xmalloc(item.len);
        memcpy(copy, item.value, item.len);
        store_put(world->store, STORE_DURABLE, key, copy, item.len, STORE_ANY, NULL, NULL);
        if (i % 100 == 0)
            world_settle(world);
    }
    world_settle(world);
    query.continue_token = value_get_str(first, "continue");
    assert_string_equal(list(world, &query, &gone), "410 Expired");
    query.continue_token = value_get_str(gone, "continue");
    assert_string_equal(list(world, &query, NULL), "b=x");
    query = (struct api_list_query){.resource_version = old, .resource_version_match = "Exact"};
    value_free(steal(gone));
    assert_string_equal(list(world, &query, &gone), "410 Expired");
    assert_null(value_get(gone, "continue"));
    query.resource_version_match = "NotOlderThan";
    assert_string_equal(list(world, &query, NULL), "a=x b=x c=x");
}

static void test_list__revisions(void **state)
{
    struct world *world = *state;
    make(world, "a", "x");
    autofree char *old = now(world);
    change(world, "a", "y");
    make(world, "b", "x");
    autofree char *future = xasprintf("%" PRId64, api_revision(world->api) + 5);
    const struct {
        const char *revision, *match;
        int64_t limit;
        const char *want;
    } cases[] = {
        {"", NULL, 0, "a=y b=x"},
        {"0", NULL, 0, "a=y b=x"},
        {"0", NULL, 1, "a=y"},
        {"0", "NotOlderThan", 0, "a=y b=x"},
        {old, NULL, 0, "a=y b=x"},
        {old, "NotOlderThan", 0, "a=y b=x"},
        {old, "NotOlderThan", 1, "a=y"},
        {old, "Exact", 0, "a=x"},
        {old, "Exact", 5, "a=x"},
        {old, NULL, 5, "a=x"}, /* as it was before there was a match */
        {future, NULL, 0, "504 Timeout"},
        {future, "Exact", 0, "504 Timeout"},
        {"x", NULL, 0, "400 BadRequest"},
        {"-1", NULL, 0, "400 BadRequest"},
        {"99999999999999999999", NULL, 0, "400 BadRequest"},
        {NULL, "Exact", 0, "422 Invalid"},
        {"0", "Exact", 0, "422 Invalid"},
        {old, "Newest", 0, "422 Invalid"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct api_list_query query = {.resource_version = cases[i].revision,
                                             .resource_version_match = cases[i].match,
                                             .limit = cases[i].limit};
        print_message("%s %s\n", cases[i].revision ? cases[i].revision : "-",
                      cases[i].match ? cases[i].match : "-");
        assert_string_equal(list(world, &query, NULL), cases[i].want);
    }
}

static void test_list__tokens_are_not_believed(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"-1 /configmaps/default/a", "b=x"},
        {"99999999 /configmaps/default/a", "410 Expired"},
        {"0 /configmaps/default/a", "400 BadRequest"},
        {"-2 /configmaps/default/a", "400 BadRequest"},
        {"x /configmaps/default/a", "400 BadRequest"},
        {"-1 /secrets/default/a", "400 BadRequest"},
        {"-1 /configmaps/kube-system/a", "400 BadRequest"},
        {"-1", "400 BadRequest"},
    };
    make(world, "a", "x");
    make(world, "b", "x");
    for (int i = 0; i < 10; i++)
        change(world, "a", i % 2 ? "x" : "z");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *token = base64_encode(cases[i].text, strlen(cases[i].text));
        const struct api_list_query query = {.continue_token = token};
        print_message("%s\n", cases[i].text);
        assert_string_equal(list(world, &query, NULL), cases[i].want);
    }
    const struct api_list_query both = {.continue_token = "LTEgL2NvbmZpZ21hcHMvZGVmYXVsdC9h",
                                        .resource_version = "1"};
    assert_string_equal(list(world, &both, NULL), "400 BadRequest");
}

/* What does not go together is refused in Kubernetes' words. */
static void test_list__options(void **state)
{
    static const struct {
        struct list_options options;
        int code;
        const char *part;
    } cases[] = {
        {{"5", NULL, NULL, false, false}, 0, NULL},
        {{"5", NULL, NULL, false, true}, 422, "sendInitialEvents is forbidden for list"},
        {{NULL, "Exact", NULL, false, false},
         422,
         "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
         "resourceVersionMatch is forbidden unless resourceVersion is provided"},
        {{"5", "Exact", "t", false, false}, 422, "forbidden when continue is provided"},
        {{"5", NULL, "t", false, false}, 400, "specifying resource version is not allowed"},
        {{"5", NULL, NULL, true, false}, 0, NULL},
        {{"5", "NotOlderThan", NULL, true, true}, 0, NULL},
        {{"5", NULL, NULL, true, true},
         422,
         "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"},
        {{"5", "NotOlderThan", NULL, true, false},
         422,
         "forbidden for watch unless sendInitialEvents is provided"},
        {{"5", "Exact", NULL, true, true}, 422, "supported values: \"NotOlderThan\""},
        {{"x", NULL, NULL, true, false}, 400, "invalid resource version"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t revision = 0;
        cleanup(value_free) struct value *status = list_options_check(&cases[i].options, &revision);
        print_message("%zu %s\n", i, status ? value_get_str(status, "message") : "");
        assert_int_equal(value_get_int(status, "code", 0), cases[i].code);
        if (cases[i].part)
            assert_non_null(strstr(value_get_str(status, "message"), cases[i].part));
        else
            assert_int_equal(revision, 5);
    }
}

int main(void)
{
#define LIVE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(test_list__pages_are_of_one_revision),
        LIVE(test_list__expired),
        LIVE(test_list__revisions),
        LIVE(test_list__tokens_are_not_believed),
        cmocka_unit_test(test_list__options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
