/* What a person sends over the bus, and what comes back. */
#include "controller/link/people.h"

#include "tests/unit/controller/lib/world.h"
#include "bus_stub.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct world *world;
    struct bus_stub stub;
    struct outqueue *queue;
    struct people *people;
    struct authn *authn;
    struct audit *audit;
    struct value *answer; /* the last one */
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->world = world_new();
    bus_stub_init(&f->stub);
    f->queue = outqueue_new(&f->stub.bus, NULL, NULL);
    const struct audit_spec audit = {.loop = f->world->loop, .rng = &f->world->rng.rng};
    assert_int_equal(audit_new(&audit, &f->audit, NULL), 0);
    const struct authn_spec authn = {f->world->loop, f->world->api, clock_system()};
    f->authn = authn_new(&authn);
    f->people = people_new(f->world->api, f->queue, f->authn, f->audit);
    assert_int_equal(do_create(f->world, &kind_user, "",
                               "metadata: {name: admin}\nspec: {groups: ['system:masters']}", NULL),
                     201);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    audit_free(f->audit);
    world_free(f->world);
    people_free(f->people);
    authn_free(f->authn);
    outqueue_free(f->queue);
    bus_stub_drop(&f->stub);
    value_free(f->answer);
    free(f);
    return 0;
}

typedef void people_fn(struct people *people, const char *user, const struct bus_msg *msg);

/* Sends and reads the one answer; whether it is ok. */
static bool ask_as(struct fixture *f, const char *user, people_fn *fn, const char *yaml)
{
    const struct bus_msg msg = {.payload = yaml, .len = strlen(yaml)};
    struct err err = {0};
    bus_stub_drop(&f->stub);
    fn(f->people, user, &msg);
    world_settle(f->world);
    assert_int_equal(f->stub.count, 1);
    const struct bus_msg *reply = f->stub.kept[0];
    value_free(f->answer);
    assert_int_equal(json_parse(reply->payload, reply->len, &f->answer, &err), 0);
    return value_get_bool(f->answer, "ok", false);
}

static bool apply(struct fixture *f, const char *yaml)
{
    return ask_as(f, "admin", people_apply, yaml);
}

/* "document:line object path: reason", each on a line. */
static void assert_errors(const struct fixture *f, const char *want)
{
    const struct value *list = value_get(f->answer, "errors");
    cleanup(buf_done) struct buf text = {0};
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *error = value_at(list, i);
        (void)buf_addf(&text, "%d:%d %s %s: %s\n", (int)value_get_int(error, "document", -1),
                       (int)value_get_int(error, "line", -1), value_get_str(error, "object"),
                       value_get_str(error, "path"), value_get_str(error, "reason"));
    }
    assert_string_equal(buf_str(&text), want);
}

static void assert_objects(const struct fixture *f, const char *want)
{
    const struct value *list = value_get(f->answer, "objects");
    cleanup(buf_done) struct buf text = {0};
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *item = value_at(list, i);
        (void)buf_addf(&text, "%s %s\n", value_get_str(item, "object"),
                       value_get_str(item, "action"));
    }
    assert_string_equal(buf_str(&text), want);
}

static bool stored(const struct fixture *f, const struct schema_kind *kind, const char *ns,
                   const char *name)
{
    cleanup(value_free) struct value *object = get(f->world, kind, ns, name);
    return object != NULL;
}

#define MAP(name) "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " name "\n"
#define POD(name, image)                                                                           \
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " name                                          \
    "\nspec:\n  containers:\n  - name: a\n    image: " image "\n"

static void assert_told(const struct fixture *f, const char *text)
{
    if (!strstr(audit_waiting(f->audit), text))
        fail_msg("no %s in: %s", text, audit_waiting(f->audit));
}

/* Writes over the bus are in the audit trail, those too that are refused. */
static void test_people__audit(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, MAP("kept") "data: {a: very-private}\n"));
    assert_told(f, "\"requestURI\":\"limpet/v1/users/admin/apply\",\"verb\":\"create\"");
    assert_told(f, "\"name\":\"kept\"");
    assert_told(f, "\"code\":201");
    assert_null(strstr(audit_waiting(f->audit), "very-private"));
    assert_false(ask_as(f, "eve", people_apply, MAP("stolen")));
    assert_told(f, "\"username\":\"eve\"");
    assert_told(f, "\"name\":\"stolen\"");
    assert_told(f, "\"code\":403");
    assert_false(ask_as(f, "mallory", people_delete, MAP("kept")));
    assert_told(f, "\"username\":\"mallory\"");
    assert_told(f, "\"authorization.k8s.io/decision\":\"forbid\"");
    assert_true(ask_as(f, "admin", people_delete, MAP("kept")));
    assert_told(f, "\"verb\":\"delete\"");
}

static void test_people__what_was_done(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, MAP("a") "---\n" POD("web", "i")));
    assert_objects(f, "configmap/a created\npod/web created\n");
    assert_null(value_get(f->answer, "errors"));
    assert_true(apply(f, MAP("a") "data: {x: y}\n---\n" POD("web", "i")));
    assert_objects(f, "configmap/a configured\npod/web unchanged\n");
    assert_true(ask_as(f, "admin", people_delete, MAP("a")));
    assert_objects(f, "configmap/a deleted\n");
}

/* What was taken and does nothing yet is told with its line. */
static void test_people__warnings(void **state)
{
    struct fixture *f = *state;
    for (int again = 0; again < 2; again++) {
        assert_true(apply(
            f,
            MAP("a") "---\n" POD(
                "other", "i") "---\n"
                              "apiVersion: v1\nkind: Pod\n"
                              "metadata:\n  name: web\nspec:\n  preemptionPolicy: "
                              "PreemptLowerPriority\n  containers:\n  - name: a\n    image: i\n"));
        const struct value *warnings = value_get(f->answer, "warnings");
        assert_int_equal(value_len(warnings), 1);
        const struct value *warning = value_at(warnings, 0);
        assert_int_equal(value_get_int(warning, "document", 0), 3);
        assert_int_equal(value_get_int(warning, "line", 0), 20);
        assert_string_equal(value_get_str(warning, "object"), "pod/web");
        assert_string_equal(value_get_str(warning, "path"), "spec.preemptionPolicy");
        assert_string_equal(value_get_str(warning, "reason"),
                            "spec.preemptionPolicy: accepted and kept; nothing acts on it yet");
    }
    assert_true(apply(f, MAP("a")));
    assert_null(value_get(f->answer, "warnings"));
}

/* What the schema knows nothing of: a namespace that is not there, a change that is forbidden. */
static void test_people__one_refusal_refuses_all(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, POD("web", "i")));
    assert_false(apply(f, MAP("fine") "---\n" MAP("lost") "  namespace: nowhere\n---\n" //
                       POD("web", "i") "    command: [other]\n---\n" MAP("too")));
    assert_objects(f, "");
    assert_errors(f, "2:6 configmap/lost : namespaces \"nowhere\" not found\n"
                     "3:16 pod/web spec: pod updates may not change fields other than "
                     "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                     "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
                     "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 "
                     "if it was previously negative)\n");
    assert_false(stored(f, &kind_config_map, "default", "fine"));
    assert_false(stored(f, &kind_config_map, "default", "too"));
}

static void test_people__a_document_may_need_an_earlier_one(void **state)
{
    struct fixture *f = *state;
    static const char both[] = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n" //
        MAP("a") "  namespace: shop\n";
    assert_true(apply(f, both));
    assert_objects(f, "namespace/shop created\nconfigmap/a created\n");
    assert_true(stored(f, &kind_config_map, "shop", "a"));
    /* Also the same object again, with a change that it would not allow by then. */
    assert_false(apply(f, POD("twice", "i") "---\n" POD("twice", "i") "    command: [x]\n"));
    assert_int_equal(value_get_int(value_at(value_get(f->answer, "errors"), 0), "document", 0), 2);
    assert_false(stored(f, &kind_pod, "default", "twice"));
}

/* The items of a List are of its document; their lines are their own. */
static void test_people__items_of_lists(void **state)
{
    struct fixture *f = *state;
    assert_false(apply(f, MAP("a") "---\napiVersion: v1\nkind: List\nitems:\n"
                                   "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
                                   "- apiVersion: v1\n  kind: ConfigMap\n"
                                   "  metadata: {name: c, namespace: nowhere}\n"));
    assert_errors(f, "2:10 configmap/c : namespaces \"nowhere\" not found\n");
    assert_false(stored(f, &kind_config_map, "default", "b"));
}

static void test_people__mistakes_name_their_object(void **state)
{
    struct fixture *f = *state;
    assert_false(apply(f, MAP("a") "---\n" POD("web", "i") "    imagee: x\n"));
    assert_errors(f, "2:14 pod/web spec.containers[0].imagee: unknown field; did you mean "
                     "image?\n");
    assert_false(stored(f, &kind_config_map, "default", "a"));
}

/* Tried in vain: what it needs goes between the try and the write. */
static void test_people__says_what_was_written_all_the_same(void **state)
{
    struct fixture *f = *state;
    const struct api_ref shop = {&kind_namespace, "", "shop"};
    static const char two[] = MAP("a") "---\n" MAP("b") "  namespace: shop\n";
    const struct bus_msg msg = {.payload = two, .len = strlen(two)};
    struct err err = {0};
    assert_true(apply(f, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"));
    bus_stub_drop(&f->stub);
    people_apply(f->people, "admin", &msg);
    api_delete(f->world->api, &admin, &shop, NULL, 0, NULL, NULL);
    world_settle(f->world);
    assert_int_equal(f->stub.count, 1);
    value_free(f->answer);
    assert_int_equal(json_parse(f->stub.kept[0]->payload, f->stub.kept[0]->len, &f->answer, &err),
                     0);
    assert_false(value_get_bool(f->answer, "ok", true));
    assert_objects(f, "configmap/a created\n");
    assert_int_equal(value_len(value_get(f->answer, "errors")), 1);
    assert_string_equal(value_get_str(value_at(value_get(f->answer, "errors"), 0), "object"),
                        "configmap/b");
}

/* As mosquitto_rr -f FILE sends it. */
static void test_people__an_empty_message_is_told(void **state)
{
    struct fixture *f = *state;
    assert_false(apply(f, ""));
    const struct value *error = value_at(value_get(f->answer, "errors"), 0);
    assert_true(str_has_prefix(value_get_str(error, "reason"), "empty message: "));
    assert_false(ask_as(f, "admin", people_delete, ""));
    assert_false(apply(f, "# a comment\n"));
    assert_errors(f, "0:0  : no object in it\n");
}

static void test_people__who_may_not(void **state)
{
    struct fixture *f = *state;
    assert_false(ask_as(f, "guest", people_apply, MAP("a") "---\n" MAP("b")));
    assert_int_equal(value_len(value_get(f->answer, "errors")), 2);
    assert_false(stored(f, &kind_config_map, "default", "a"));
}

/* The same rights as over HTTPS: in their namespace, of their kinds, and nothing is applied where
 * one document may not be. */
static void test_people__rights(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: "
                         "maps\nrules:\n- verbs: [create, patch]\n  apiGroups: ['']\n  resources: "
                         "[configmaps]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: "
                         "RoleBinding\nmetadata:\n  name: maps\nroleRef: {kind: Role, name: maps, "
                         "apiGroup: rbac.authorization.k8s.io}\nsubjects: [{kind: User, name: "
                         "guest, apiGroup: rbac.authorization.k8s.io}]\n"));
    world_settle(f->world);
    assert_true(ask_as(f, "guest", people_apply, MAP("mine")));
    assert_true(stored(f, &kind_config_map, "default", "mine"));
    assert_false(ask_as(f, "guest", people_delete, MAP("mine")));
    assert_false(ask_as(f, "guest", people_apply, MAP("b") "---\n" POD("web", "i")));
    assert_false(stored(f, &kind_config_map, "default", "b"));
    assert_false(ask_as(f, "guest", people_apply, MAP("c") "  namespace: kube-system\n"));
    assert_false(stored(f, &kind_config_map, "kube-system", "c"));
    assert_false(ask_as(f, "eve", people_apply, MAP("mine")));
}

/* What is gone already does not keep the rest. */
static void test_people__deletions_are_each_for_themselves(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, MAP("a")));
    assert_false(ask_as(f, "admin", people_delete, MAP("gone") "---\n" MAP("a")));
    assert_objects(f, "configmap/a deleted\n");
    assert_errors(f, "1:1 configmap/gone : configmaps \"gone\" not found\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* What a User object says holds at once. */
static void test_people__users(void **state)
{
    struct fixture *f = *state;
    static const char map[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n";
    assert_false(ask_as(f, "jane", people_apply, map)); /* in no group */
    assert_int_equal(do_create(f->world, &kind_user, "",
                               "metadata: {name: jane}\nspec: {groups: ['system:masters']}", NULL),
                     201);
    assert_true(ask_as(f, "jane", people_apply, map));
    cleanup(value_free) struct value *jane = get(f->world, &kind_user, "", "jane");
    value_set_bool(value_get(jane, "spec"), "disabled", true);
    assert_int_equal(do_update(f->world, &kind_user, "", jane, 0, NULL), 200);
    assert_false(ask_as(f, "jane", people_delete, map));
    cleanup(value_free) struct value *there = get(f->world, &kind_config_map, "default", "one");
    assert_non_null(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_people__rights),
        TEST(test_people__what_was_done),
        TEST(test_people__audit),
        TEST(test_people__warnings),
        TEST(test_people__users),
        TEST(test_people__one_refusal_refuses_all),
        TEST(test_people__a_document_may_need_an_earlier_one),
        TEST(test_people__items_of_lists),
        TEST(test_people__mistakes_name_their_object),
        TEST(test_people__says_what_was_written_all_the_same),
        TEST(test_people__an_empty_message_is_told),
        TEST(test_people__who_may_not),
        TEST(test_people__deletions_are_each_for_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
