#include "controller/reconcile/definitions.h"

#include "common/base/str.h"
#include "common/data/yaml.h"
#include "common/kinds/custom_resource_definition.h"
#include "controller/custom/names.h"
#include "world.h"

#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const masters[] = {"system:masters", NULL};
static const struct api_user admin = {"admin", masters};

struct answer {
    bool there;
    int code;
    char message[256];
};

static void on_done(void *ctx, const struct api_answer *a)
{
    struct answer *answer = ctx;
    const char *message = value_get_str(a->object, "message");
    answer->there = true;
    answer->code = a->code;
    snprintf(answer->message, sizeof(answer->message), "%s", message ? message : "");
}

static struct value *yaml(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    return object;
}

static struct answer create(struct world *world, const struct schema_kind *kind, const char *ns,
                            const char *text)
{
    cleanup(value_free) struct value *object = yaml(text);
    struct answer answer = {0};
    struct api_ref ref = {kind, ns, object_name(object)};
    api_create(world->api, &admin, &ref, object, 0, on_done, &answer);
    world_turn(world);
    assert_true(answer.there);
    return answer;
}

static struct answer apply(struct world *world, const struct schema_kind *kind, const char *text)
{
    cleanup(value_free) struct value *object = yaml(text);
    struct answer answer = {0};
    struct api_ref ref = {kind, "", object_name(object)};
    api_apply(world->api, &admin, &ref, object, 0, on_done, &answer);
    world_turn(world);
    return answer;
}

static struct answer delete (struct world *world, const struct schema_kind *kind, const char *ns,
                             const char *name)
{
    struct answer answer = {0};
    struct api_ref ref = {kind, ns, name};
    api_delete(world->api, &admin, &ref, NULL, 0, on_done, &answer);
    world_turn(world);
    return answer;
}

static struct value *get(struct world *world, const struct schema_kind *kind, const char *ns,
                         const char *name)
{
    struct value *object = NULL;
    struct api_ref ref = {kind, ns, name};
    if (api_get(world->api, &admin, &ref, &object) == 0)
        return object;
    value_free(object);
    return NULL;
}

#define DEFINITION(plural, kind, more, schema)                                                     \
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"                        \
    "metadata: {name: " plural ".example.com}\nspec:\n  group: example.com\n"                      \
    "  scope: Namespaced\n  names: {plural: " plural ", kind: " kind more "}\n  versions:\n"       \
    "  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, "        \
    "properties: {spec: {type: object, properties: {n: {type: integer" schema "}}}}}}}\n"
#define LAMP(name, n)                                                                              \
    "apiVersion: example.com/v1\nkind: Lamp\nmetadata: {name: " name "}\nspec: {n: " n "}\n"

static const struct schema_kind *lamp(struct world *world)
{
    return kinds_find(api_kinds(world->api), "example.com/v1", "Lamp");
}

static void expect_condition(struct world *world, const char *name, const char *type,
                             const char *want)
{
    cleanup(value_free) struct value *object =
        get(world, &kind_custom_resource_definition, "", name);
    const struct value *list = value_path(object, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *c = value_at(list, i);
        char text[256];
        if (!str_eq(value_get_str(c, "type"), type))
            continue;
        snprintf(text, sizeof(text), "%s %s %s", value_get_str(c, "status"),
                 value_get_str(c, "reason"), value_get_str(c, "message"));
        assert_string_equal(text, want);
        return;
    }
    fail_msg("%s has no condition %s", name, type);
}

static struct definitions *start(struct world *world)
{
    struct definitions *definitions;
    struct err err;
    assert_int_equal(definitions_new(world->loop, world->api, &definitions, &err), 0);
    world_turn(world);
    return definitions;
}

static void test_definitions__life(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct definitions *definitions = start(&world);
    assert_null(lamp(&world));
    assert_int_equal(create(&world, &kind_custom_resource_definition, "",
                            DEFINITION("lamps", "Lamp", "", ", maximum: 3"))
                         .code,
                     201);
    expect_condition(&world, "lamps.example.com", "NamesAccepted",
                     "True NoConflicts no conflicts found");
    expect_condition(&world, "lamps.example.com", "Established",
                     "True InitialNamesAccepted the initial names have been accepted");
    const struct schema_kind *kind = lamp(&world);
    assert_non_null(kind);

    assert_int_equal(create(&world, kind, "default", LAMP("a", "3")).code, 201);
    struct answer refused = create(&world, kind, "default", LAMP("b", "4"));
    assert_int_equal(refused.code, 422);
    assert_string_equal(refused.message,
                        "Lamp.example.com \"b\" is invalid: spec.n: Invalid value: 4: spec.n in "
                        "body should be less than or equal to 3");

    /* Another schema counts from now on. */
    assert_int_equal(apply(&world, &kind_custom_resource_definition,
                           DEFINITION("lamps", "Lamp", "", ", maximum: 9"))
                         .code,
                     200);
    assert_int_equal(create(&world, lamp(&world), "default", LAMP("b", "4")).code, 201);

    /* A gateway that starts anew serves it before anything else happens. */
    definitions_free(definitions);
    assert_null(lamp(&world));
    struct err err;
    assert_int_equal(definitions_new(world.loop, world.api, &definitions, &err), 0);
    assert_non_null(lamp(&world));
    world_turn(&world);

    /* Its objects go before it does. */
    assert_int_equal(
        delete (&world, &kind_custom_resource_definition, "", "lamps.example.com").code, 200);
    assert_null(lamp(&world));
    assert_null(get(&world, &kind_custom_resource_definition, "", "lamps.example.com"));
    assert_int_equal(
        create(&world, &kind_custom_resource_definition, "", DEFINITION("lamps", "Lamp", "", ""))
            .code,
        201);
    assert_null(get(&world, lamp(&world), "default", "a"));
    definitions_free(definitions);
    world_done(&world);
}

/* An object with a finalizer holds the definition, which takes no more objects in. */
static void test_definitions__finalizer(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct definitions *definitions = start(&world);
    create(&world, &kind_custom_resource_definition, "", DEFINITION("lamps", "Lamp", "", ""));
    const char *const held = "apiVersion: example.com/v1\nkind: Lamp\n"
                             "metadata: {name: a, finalizers: [example.com/x]}\n";
    assert_int_equal(create(&world, lamp(&world), "default", held).code, 201);
    delete (&world, &kind_custom_resource_definition, "", "lamps.example.com");
    cleanup(value_free) struct value *object = get(&world, lamp(&world), "default", "a");
    assert_non_null(value_path(object, "metadata", "deletionTimestamp", NULL));
    struct answer refused = create(&world, lamp(&world), "default", LAMP("b", "1"));
    assert_int_equal(refused.code, 405);
    assert_string_equal(refused.message,
                        "create not allowed while custom resource definition is terminating");
    value_del(value_get(object, "metadata"), "finalizers");
    struct answer answer = {0};
    struct api_ref ref = {lamp(&world), "default", "a"};
    api_update(world.api, &admin, &ref, object, 0, on_done, &answer);
    world_turn(&world);
    assert_int_equal(answer.code, 200);
    assert_null(lamp(&world));
    assert_null(get(&world, &kind_custom_resource_definition, "", "lamps.example.com"));
    definitions_free(definitions);
    world_done(&world);
}

static void test_definitions__conflict(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct definitions *definitions = start(&world);
    create(&world, &kind_custom_resource_definition, "",
           DEFINITION("lamps", "Lamp", ", shortNames: [la]", ""));
    create(&world, &kind_custom_resource_definition, "",
           DEFINITION("lanterns", "Lantern", ", shortNames: [la]", ""));
    expect_condition(&world, "lanterns.example.com", "NamesAccepted",
                     "False ShortNamesConflict \"la\" is already in use");
    expect_condition(&world, "lanterns.example.com", "Established",
                     "False NotAccepted not all names are accepted");
    assert_null(kinds_find(api_kinds(world.api), "example.com/v1", "Lantern"));
    delete (&world, &kind_custom_resource_definition, "", "lamps.example.com");
    expect_condition(&world, "lanterns.example.com", "Established",
                     "True InitialNamesAccepted the initial names have been accepted");
    assert_non_null(kinds_find(api_kinds(world.api), "example.com/v1", "Lantern"));
    definitions_free(definitions);
    world_done(&world);
}

/* A write that was taken in before the kind went is told so. */
static void test_definitions__late_write(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct definitions *definitions = start(&world);
    create(&world, &kind_custom_resource_definition, "", DEFINITION("lamps", "Lamp", "", ""));
    cleanup(value_free) struct value *object = yaml(LAMP("a", "1"));
    struct answer answer = {0};
    struct api_ref ref = {lamp(&world), "default", "a"};
    api_create(world.api, &admin, &ref, object, 0, on_done, &answer);
    definitions_free(definitions);
    world_turn(&world);
    assert_int_equal(answer.code, 404);
    world_done(&world);
}

static int64_t listed(struct world *world, const char *key)
{
    struct api_ref ref = {lamp(world), "", ""};
    struct api_list_query query = {.limit = 0};
    cleanup(buf_done) struct buf text = {0};
    cleanup(value_free) struct value *status = NULL;
    struct api_listing *listing = NULL;
    assert_int_equal(api_listing_new(world->api, &admin, &ref, &query, &listing, &status), 0);
    assert_int_equal(api_listing_text(listing, &text), API_LISTED_ONE);
    api_listing_free(listing);
    cleanup(value_free) struct value *object = yaml(buf_str(&text));
    return value_get_int(value_get(object, "spec"), key, -1);
}

/* Objects get the defaults of today however long they have been there: read, listed, and written
 * by a patch. What the schema does not expect any more is left as it is. */
static void test_definitions__younger_defaults(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct definitions *definitions = start(&world);
    create(&world, &kind_custom_resource_definition, "", DEFINITION("lamps", "Lamp", "", ""));
    assert_int_equal(create(&world, lamp(&world), "default", LAMP("a", "3")).code, 201);
    assert_int_equal(listed(&world, "m"), -1);
    cleanup(value_free) struct value *before = get(&world, lamp(&world), "default", "a");
    assert_int_equal(value_get_int(value_get(before, "spec"), "m", -1), -1);
    apply(&world, &kind_custom_resource_definition,
          DEFINITION("lamps", "Lamp", "", "}, m: {type: integer, default: 5"));
    cleanup(value_free) struct value *after = get(&world, lamp(&world), "default", "a");
    assert_int_equal(value_get_int(value_get(after, "spec"), "m", -1), 5);
    assert_int_equal(value_get_int(value_get(after, "spec"), "n", -1), 3);
    assert_int_equal(listed(&world, "m"), 5);
    apply(
        &world, &kind_custom_resource_definition,
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "metadata: {name: lamps.example.com}\nspec: {versions: [{name: v1, served: true, storage: "
        "true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, "
        "properties: {n: {type: object, properties: {x: {type: integer, default: 1}}}}}}}}}]}\n");
    cleanup(value_free) struct value *odd = get(&world, lamp(&world), "default", "a");
    assert_int_equal(value_get_int(value_get(odd, "spec"), "n", -1), 3);
    definitions_free(definitions);
    world_done(&world);
}

/* No more are served than a gateway can bear; when one goes, another comes in. */
static void test_definitions__too_many(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct definitions *definitions = start(&world);
    for (int i = 0; i < NAMES_MAX_DEFINITIONS + 1; i++) {
        autofree char *text = NULL;
        assert_true(asprintf(&text,
                             "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
                             "metadata: {name: l%d.example.com}\nspec: {group: example.com, scope: "
                             "Cluster, names: {plural: l%d, kind: L%d}, versions: [{name: v1, "
                             "served: true, storage: true, schema: {openAPIV3Schema: {type: "
                             "object}}}]}\n",
                             i, i, i) > 0);
        cleanup(value_free) struct value *object = yaml(text);
        struct api_ref ref = {&kind_custom_resource_definition, "", object_name(object)};
        struct answer answer = {0};
        api_create(world.api, &admin, &ref, object, 0, on_done, &answer);
        for (int turns = 0; turns < 20; turns++)
            loop_step(world.loop, 0);
        assert_int_equal(answer.code, 201);
    }
    world_turn(&world);
    expect_condition(&world, "l999.example.com", "Established",
                     "True InitialNamesAccepted the initial names have been accepted");
    expect_condition(&world, "l1000.example.com", "Established",
                     "False TooManyDefinitions there are 1000 definitions already");
    assert_null(kinds_find(api_kinds(world.api), "example.com/v1", "L1000"));
    delete (&world, &kind_custom_resource_definition, "", "l7.example.com");
    expect_condition(&world, "l1000.example.com", "Established",
                     "True InitialNamesAccepted the initial names have been accepted");
    definitions_free(definitions);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions__life),
        cmocka_unit_test(test_definitions__finalizer),
        cmocka_unit_test(test_definitions__conflict),
        cmocka_unit_test(test_definitions__late_write),
        cmocka_unit_test(test_definitions__younger_defaults),
        cmocka_unit_test(test_definitions__too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
