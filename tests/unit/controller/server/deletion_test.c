#include "controller/server/deletion.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW (INT64_C(1795000000) * NS_PER_S)
#define POD "{metadata: {name: web}, spec: {containers: [{name: a, image: i}]}}"

static struct rng_seeded rng;

static struct value *parse(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    return object;
}

static struct change_env env_of(const struct schema_kind *kind, const char *name, unsigned flags)
{
    return (struct change_env){
        {kind, kind->namespaced ? "default" : "", name}, flags, NOW, &rng.rng, CHANGE_NS_ACTIVE};
}

/* A stored object of that kind: created, with revision 5. */
static struct value *stored_of(const struct schema_kind *kind, const char *text)
{
    cleanup(value_free) struct value *input = parse(text);
    struct change_env env = env_of(kind, object_name(input), 0);
    struct change change;
    change_create(&env, NULL, input, &change);
    assert_int_equal(change.action, CHANGE_PUT);
    struct value *object = steal(change.object);
    change_done(&change);
    value_set_str(value_get(object, "metadata"), "resourceVersion", "5");
    return object;
}

static void check_delete(const struct schema_kind *kind, struct value *stored, int64_t grace_s,
                         enum change_action action, int64_t mark)
{
    struct change_env env = env_of(kind, object_name(stored), 0);
    struct api_delete_options options = {.grace_s = grace_s};
    struct change change;
    change_delete(&env, stored, &options, &change);
    assert_int_equal(change.action, action);
    const struct value *meta = value_get(change.object, "metadata");
    assert_int_equal(value_get_int(meta, "deletionGracePeriodSeconds", -1), mark);
    change_done(&change);
}

static void test_deletion__pods_are_given_time(void **state)
{
    (void)state;
    cleanup(value_free) struct value *pod = stored_of(&kind_pod, POD);
    check_delete(&kind_pod, pod, -1, CHANGE_REMOVE, -1); /* on no node */
    value_set_str(value_get(pod, "spec"), "nodeName", "pi");
    check_delete(&kind_pod, pod, -1, CHANGE_PUT, 30);
    check_delete(&kind_pod, pod, 5, CHANGE_PUT, 5);
    check_delete(&kind_pod, pod, 0, CHANGE_REMOVE, -1);
    struct value *meta = value_get(pod, "metadata");
    value_set_str(meta, "deletionTimestamp", "2026-11-18T11:06:40Z");
    value_set_int(meta, "deletionGracePeriodSeconds", 10);
    check_delete(&kind_pod, pod, -1, CHANGE_KEEP, 10); /* never longer */
    check_delete(&kind_pod, pod, 3, CHANGE_PUT, 3);
    check_delete(&kind_pod, pod, 0, CHANGE_REMOVE, 10);
    value_set_str(value_get(pod, "status"), "phase", "Succeeded");
    check_delete(&kind_pod, pod, -1, CHANGE_REMOVE, 10);
}

static void test_deletion__finalizers_hold_an_object(void **state)
{
    (void)state;
    cleanup(value_free) struct value *stored =
        stored_of(&kind_config_map, "{metadata: {name: c, finalizers: [limpet.io/x]}}");
    check_delete(&kind_config_map, stored, -1, CHANGE_PUT, 0);
    struct change_env env = env_of(&kind_config_map, "c", 0);
    struct api_delete_options options = {.grace_s = -1};
    struct change deleted, updated;
    change_delete(&env, stored, &options, &deleted);
    value_set_str(value_get(deleted.object, "metadata"), "resourceVersion", "6");
    cleanup(value_free) struct value *input = value_copy(deleted.object);
    value_del(value_get(input, "metadata"), "finalizers");
    change_update(&env, deleted.object, input, &updated);
    assert_int_equal(updated.action, CHANGE_REMOVE);
    change_done(&deleted);
    change_done(&updated);
}

static void test_deletion__delete_preconditions(void **state)
{
    (void)state;
    cleanup(value_free) struct value *stored = stored_of(&kind_config_map, "{metadata: {name: c}}");
    static const struct {
        const char *uid, *revision;
        int code;
    } cases[] = {{"other", NULL, 409}, {NULL, "4", 409}, {NULL, "5", 200}, {"", "", 200}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct change_env env = env_of(&kind_config_map, "c", 0);
        struct api_delete_options options = {-1, cases[i].uid, cases[i].revision, NULL};
        struct change change;
        change_delete(&env, stored, &options, &change);
        assert_int_equal(change.code, cases[i].code);
        change_done(&change);
    }
    struct change_env env = env_of(&kind_config_map, "c", 0);
    struct api_delete_options options = {.grace_s = -1};
    struct change change;
    change_delete(&env, NULL, &options, &change);
    assert_int_equal(change.code, 404);
    change_done(&change);
}

static void test_deletion__namespaces_end_slowly(void **state)
{
    (void)state;
    cleanup(value_free) struct value *stored =
        stored_of(&kind_namespace, "{metadata: {name: shop}}");
    struct change_env env = env_of(&kind_namespace, "shop", 0);
    struct api_delete_options options = {.grace_s = -1};
    struct change change;
    assert_string_equal(value_str(value_path(stored, "status", "phase", NULL)), "Active");
    change_delete(&env, stored, &options, &change);
    assert_int_equal(change.action, CHANGE_PUT);
    assert_string_equal(value_str(value_path(change.object, "status", "phase", NULL)),
                        "Terminating");
    change_done(&change);
    env.flags = API_FINALIZE;
    change_delete(&env, stored, &options, &change);
    assert_int_equal(change.action, CHANGE_REMOVE);
    change_done(&change);
    env = env_of(&kind_namespace, "default", 0);
    change_delete(&env, stored, &options, &change);
    assert_int_equal(change.code, 403);
    change_done(&change);
}

static int setup(void **state)
{
    (void)state;
    rng_seeded_init(&rng, 3);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deletion__pods_are_given_time),
        cmocka_unit_test(test_deletion__finalizers_hold_an_object),
        cmocka_unit_test(test_deletion__delete_preconditions),
        cmocka_unit_test(test_deletion__namespaces_end_slowly),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
