#include "controller/api/deletion.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/data/yaml.h"
#include "controller/server/delete_options.h"
#include "controller/api/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    assert_int_equal(change.action, CHANGE_PUT); /* nobody has asked for its end */
    change_done(&change);
    meta_mark_deleted(stored, NOW, 0);
    change_delete(&env, stored, &options, &change);
    assert_int_equal(change.action, CHANGE_REMOVE);
    change_done(&change);
    struct value *finalizers = value_path(stored, "spec", "finalizers", NULL);
    value_append(finalizers, value_new_str("limpet.io/x"));
    change_delete(&env, stored, &options, &change);
    assert_int_equal(change.action, CHANGE_PUT);
    change_done(&change);
    value_remove_at(finalizers, 0);
    change_delete(&env, stored, &options, &change);
    assert_int_equal(change.action, CHANGE_KEEP);
    change_done(&change);
    env = env_of(&kind_namespace, "default", 0);
    change_delete(&env, stored, &options, &change);
    assert_int_equal(change.code, 403);
    change_done(&change);
}

/* What becomes of dependents is written on the object before it goes (Kubernetes:
 * deletionFinalizersForGarbageCollection). */
static void test_deletion__propagation(void **state)
{
    (void)state;
    static const struct {
        const char *name, *finalizers, *policy;
        enum change_action action;
        const char *left; /* its finalizers then */
    } cases[] = {
        {"nothing said", "[]", NULL, CHANGE_REMOVE, ""},
        {"background", "[]", "Background", CHANGE_REMOVE, ""},
        {"foreground", "[]", "Foreground", CHANGE_PUT, "foregroundDeletion "},
        {"orphan", "[]", "Orphan", CHANGE_PUT, "orphan "},
        {"as it has", "[orphan]", NULL, CHANGE_PUT, "orphan "},
        {"what is asked wins", "[orphan]", "Background", CHANGE_REMOVE, ""},
        {"the other one", "[orphan]", "Foreground", CHANGE_PUT, "foregroundDeletion "},
        {"beside others", "[limpet.io/x]", "Foreground", CHANGE_PUT,
         "limpet.io/x foregroundDeletion "},
        {"others stay", "[orphan, limpet.io/x]", "Background", CHANGE_PUT, "limpet.io/x "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128], left[128] = "";
        print_message("%s\n", cases[i].name);
        snprintf(text, sizeof(text), "{metadata: {name: c, finalizers: %s}}", cases[i].finalizers);
        cleanup(value_free) struct value *stored = stored_of(&kind_config_map, text);
        struct change_env env = env_of(&kind_config_map, "c", 0);
        struct api_delete_options options = {.grace_s = -1, .propagation = cases[i].policy};
        struct change change;
        change_delete(&env, stored, &options, &change);
        assert_int_equal(change.action, cases[i].action);
        const struct value *list = value_path(change.object, "metadata", "finalizers", NULL);
        for (size_t j = 0; j < value_len(list); j++) {
            strcat(left, value_str(value_at(list, j)));
            strcat(left, " ");
        }
        assert_string_equal(left, cases[i].left);
        assert_int_equal(
            value_type(value_path(change.object, "metadata", "deletionTimestamp", NULL)),
            change.action == CHANGE_PUT ? VALUE_STRING : VALUE_NULL);
        change_done(&change);
    }
    struct change_env env = env_of(&kind_config_map, "c", 0);
    struct api_delete_options options = {.grace_s = -1, .propagation = "Sideways"};
    struct change change;
    change_delete(&env, NULL, &options, &change);
    assert_int_equal(change.code, 422);
    change_done(&change);
}

/* Who changes their mind while it goes. A pod that is being given time keeps what it began with. */
static void test_deletion__twice(void **state)
{
    (void)state;
    struct api_delete_options foreground = {.grace_s = -1, .propagation = "Foreground"};
    struct api_delete_options background = {.grace_s = -1, .propagation = "Background"};
    cleanup(value_free) struct value *map = stored_of(&kind_config_map, "{metadata: {name: c}}");
    struct change_env env = env_of(&kind_config_map, "c", 0);
    struct change first, second;
    change_delete(&env, map, &foreground, &first);
    change_delete(&env, first.object, &foreground, &second);
    assert_int_equal(second.action, CHANGE_KEEP);
    change_done(&second);
    change_delete(&env, first.object, &background, &second);
    assert_int_equal(second.action, CHANGE_REMOVE);
    change_done(&first);
    change_done(&second);
    cleanup(value_free) struct value *pod = stored_of(&kind_pod, POD);
    value_set_str(value_get(pod, "spec"), "nodeName", "pi");
    env = env_of(&kind_pod, "web", 0);
    change_delete(&env, pod, &background, &first);
    assert_int_equal(value_get_int(value_get(first.object, "metadata"), "generation", 0), 2);
    change_delete(&env, first.object, &foreground, &second);
    assert_int_equal(second.action, CHANGE_KEEP);
    change_done(&first);
    change_done(&second);
}

/* Its node takes no notice: it goes at once, and comes back if its node says so. */
static void test_deletion__mirror_pods(void **state)
{
    (void)state;
    struct change change;
    cleanup(value_free) struct value *pod = stored_of(&kind_pod, POD);
    value_set_str(value_get(pod, "spec"), "nodeName", "pi");
    value_set_str(value_make_map(pod, "metadata", "annotations", NULL),
                  "kubernetes.io/config.mirror", "x");
    struct change_env env = env_of(&kind_pod, "web", 0);
    const struct api_delete_options options = {.grace_s = 30};
    change_delete(&env, pod, &options, &change);
    assert_int_equal(change.action, CHANGE_REMOVE);
    change_done(&change);
}

static void test_deletion__finalizers_only_go(void **state)
{
    (void)state;
    static const struct {
        bool deleting;
        const char *before, *after;
        int code;
    } cases[] = {
        {false, "[]", "[limpet.io/x]", 200},
        {false, "[]", "[orphan, foregroundDeletion]", 422},
        {true, "[limpet.io/x, limpet.io/y]", "[limpet.io/y]", 200},
        {true, "[limpet.io/x]", "[limpet.io/x, limpet.io/y]", 422},
        {true, "[limpet.io/x]", "[limpet.io/y]", 422},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];
        print_message("%s -> %s\n", cases[i].before, cases[i].after);
        snprintf(text, sizeof(text), "{metadata: {name: c, finalizers: %s}}", cases[i].before);
        cleanup(value_free) struct value *stored = stored_of(&kind_config_map, text);
        if (cases[i].deleting)
            meta_mark_deleted(stored, NOW, 0);
        snprintf(text, sizeof(text), "{metadata: {name: c, finalizers: %s}}", cases[i].after);
        cleanup(value_free) struct value *input = parse(text);
        struct change_env env = env_of(&kind_config_map, "c", 0);
        struct change change;
        change_update(&env, stored, input, &change);
        assert_int_equal(change.code, cases[i].code);
        change_done(&change);
    }
    cleanup(value_free) struct value *both =
        parse("{metadata: {name: c, finalizers: [orphan, foregroundDeletion]}}");
    struct change_env env = env_of(&kind_config_map, "c", 0);
    struct change change;
    change_create(&env, NULL, both, &change);
    assert_int_equal(change.code, 422);
    change_done(&change);
}

/* Only /finalize changes what holds a namespace. */
static void test_deletion__an_update_lets_no_namespace_go(void **state)
{
    (void)state;
    cleanup(value_free) struct value *stored =
        stored_of(&kind_namespace, "{metadata: {name: shop}}");
    meta_mark_deleted(stored, NOW, 0);
    static const char *const inputs[] = {
        "{metadata: {name: shop, labels: {a: b}}}",
        "{metadata: {name: shop, labels: {a: b}}, spec: {finalizers: []}}",
        "{metadata: {name: shop, labels: {a: b}}, spec: null}",
    };
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        cleanup(value_free) struct value *input = parse(inputs[i]);
        struct change_env env = env_of(&kind_namespace, "shop", 0);
        struct change change;
        change_update(&env, stored, input, &change);
        assert_int_equal(change.action, CHANGE_PUT);
        assert_int_equal(value_len(value_path(change.object, "spec", "finalizers", NULL)), 1);
        change_done(&change);
    }
}

static void check_options(const char *query, const char *body, int code,
                          const struct api_delete_options *want)
{
    struct err err = {0};
    struct url url;
    struct api_delete_options options;
    unsigned flags = 0;
    char target[128];
    print_message("%s %s\n", query, body);
    snprintf(target, sizeof(target), "/x?%s", query);
    assert_int_equal(url_parse(target, &url, &err), 0);
    cleanup(value_free) struct value *object = *body ? parse(body) : NULL;
    cleanup(value_free) struct value *status = delete_options_parse(&url, object, &options, &flags);
    assert_int_equal(status ? (int)value_get_int(status, "code", 0) : 200, code);
    if (code == 200) {
        assert_int_equal(options.grace_s, want->grace_s);
        assert_string_equal(options.propagation ? options.propagation : "", want->propagation);
        assert_string_equal(options.uid ? options.uid : "", want->uid);
        assert_int_equal(flags, want->resource_version ? API_DRY_RUN : 0);
    }
    url_done(&url);
}

/* What clients send: in the body (kubectl), in the query (python), as it was before 1.5. */
static void test_deletion__options(void **state)
{
    (void)state;
    static const struct {
        const char *query, *body;
        int code;
        struct api_delete_options want; /* resource_version: a dry run */
    } cases[] = {
        {"", "", 200, {-1, "", NULL, ""}},
        {"", "{}", 200, {-1, "", NULL, ""}},
        {"",
         "{kind: DeleteOptions, apiVersion: v1, propagationPolicy: Orphan}",
         200,
         {-1, "", NULL, "Orphan"}},
        {"gracePeriodSeconds=5&propagationPolicy=Foreground&dryRun=All",
         "",
         200,
         {5, "", "x", "Foreground"}},
        {"gracePeriodSeconds=5", "{gracePeriodSeconds: 0}", 200, {0, "", NULL, ""}},
        {"", "{gracePeriodSeconds: -7}", 200, {1, "", NULL, ""}},
        {"", "{gracePeriodSeconds: null, preconditions: {uid: u}}", 200, {-1, "u", NULL, ""}},
        {"", "{orphanDependents: true}", 200, {-1, "", NULL, "Orphan"}},
        {"orphanDependents=false", "", 200, {-1, "", NULL, "Background"}},
        {"", "{dryRun: [All]}", 200, {-1, "", "x", ""}},
        {"", "{orphanDependents: true, propagationPolicy: Orphan}", 422, {0}},
        {"", "{dryRun: [Some]}", 422, {0}},
        {"", "{dryRun: [All, All]}", 422, {0}},
        {"", "{dryRun: [5]}", 422, {0}},
        {"", "{gracePeriodSeconds: 99999999999}", 422, {0}},
        {"", "{gracePeriodSeconds: x}", 400, {0}},
        {"gracePeriodSeconds=x", "", 400, {0}},
        {"orphanDependents=x", "", 400, {0}},
        {"", "{preconditions: [uid]}", 400, {0}},
        {"", "{preconditions: {uid: 5}}", 400, {0}},
        {"", "{propagationPolicy: {}}", 400, {0}},
        {"", "{kind: Pod}", 400, {0}},
        {"", "[]", 400, {0}},
        {"", "5", 400, {0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_options(cases[i].query, cases[i].body, cases[i].code, &cases[i].want);
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
        cmocka_unit_test(test_deletion__propagation),
        cmocka_unit_test(test_deletion__twice),
        cmocka_unit_test(test_deletion__mirror_pods),
        cmocka_unit_test(test_deletion__finalizers_only_go),
        cmocka_unit_test(test_deletion__options),
        cmocka_unit_test(test_deletion__an_update_lets_no_namespace_go),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
