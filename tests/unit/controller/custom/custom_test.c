/* A definition made into kinds, and what the tables then do with objects. */

#include "controller/custom/custom.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "common/kinds/custom_resource_definition.h"
#include "controller/merge/apply.h"
#include "controller/merge/prune.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct value *yaml(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    if (yaml_parse(text, strlen(text), &object, &diags) != 0)
        fail_msg("%s\n%s", text, diags.items[0].reason);
    return object;
}

/* The kind of `example.com/v1 Thing` with that schema below spec. */
static struct custom *make(const char *spec)
{
    autofree char *text = NULL;
    assert_true(
        asprintf(&text,
                 "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
                 "metadata: {name: things.example.com}\nspec:\n  group: example.com\n"
                 "  scope: Namespaced\n  names: {plural: things, kind: Thing, shortNames: [th]}\n"
                 "  versions:\n  - name: v1\n    served: true\n    storage: true\n"
                 "    schema:\n      openAPIV3Schema:\n        type: object\n"
                 "        properties:\n          spec: %s\n",
                 spec) > 0);
    cleanup(value_free) struct value *definition = yaml(text);
    cleanup(diags_done) struct diags diags = {0};
    if (schema_check(&kind_custom_resource_definition, definition, 0, &diags) != 0)
        fail_msg("%s: %s: %s", spec, diags.items[0].path, diags.items[0].reason);
    schema_default(&kind_custom_resource_definition, definition);
    return custom_new(definition, false);
}

static struct value *thing(const char *spec)
{
    autofree char *text = NULL;
    assert_true(asprintf(&text,
                         "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n"
                         "spec: %s\n",
                         spec) > 0);
    return yaml(text);
}

static void expect(const char *schema, const char *spec, const char *want)
{
    struct custom *custom = make(schema);
    cleanup(value_free) struct value *object = thing(spec);
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf got = {0};
    int r = schema_check(custom_stored(custom), object, 0, &diags);
    for (size_t i = 0; i < diags.count; i++)
        buf_addf(&got, "%s: %s\n", diags.items[i].path, diags.items[i].reason);
    if (strcmp(buf_str(&got), want) != 0)
        fail_msg("%s\n%s\ngave\n%snot\n%s", schema, spec, buf_str(&got), want);
    assert_int_equal(r == 0, !*want);
    custom_free(custom);
}

#define FIELD(x) "{type: object, properties: {a: " x "}}"

static void test_custom__check(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *spec, *want;
    } cases[] = {
        {FIELD("{type: string}"), "{a: x}", ""},
        {FIELD("{type: string}"), "{a: ''}", ""},
        {FIELD("{type: string}"), "{a: 1}", "spec.a: 1: must be a string (put it in quotes)\n"},
        {FIELD("{type: string}"), "{b: x}", "spec.b: unknown field of spec\n"},
        {FIELD("{type: string, minLength: 1, maxLength: 3}"), "{a: ''}",
         "spec.a: Invalid value: \"\": spec.a in body should be at least 1 chars long\n"},
        {FIELD("{type: string, maxLength: 3}"), "{a: \"\\u00e4\\u00e4\\u00e4\"}", ""},
        {FIELD("{type: string, maxLength: 3}"), "{a: abcd}",
         "spec.a: Invalid value: \"abcd\": spec.a in body should be at most 3 chars long\n"},
        {FIELD("{type: string, pattern: '^[a-z]+$'}"), "{a: aB}",
         "spec.a: Invalid value: \"aB\": spec.a in body should match '^[a-z]+$'\n"},
        {FIELD("{type: string, enum: [x, y]}"), "{a: z}",
         "spec.a: Unsupported value: \"z\": supported values: \"x\", \"y\"\n"},
        {FIELD("{type: integer, minimum: 1, maximum: 10}"), "{a: 11}",
         "spec.a: Invalid value: 11: spec.a in body should be less than or equal to 10\n"},
        {FIELD("{type: integer, minimum: 1, maximum: 10}"), "{a: 0}",
         "spec.a: Invalid value: 0: spec.a in body should be greater than or equal to 1\n"},
        {FIELD("{type: number, minimum: 1.5, exclusiveMinimum: true}"), "{a: 1.5}",
         "spec.a: Invalid value: 1.5: spec.a in body should be greater than 1.5\n"},
        {FIELD("{type: number, maximum: 2, exclusiveMaximum: true}"), "{a: 2}",
         "spec.a: Invalid value: 2: spec.a in body should be less than 2\n"},
        {FIELD("{type: number, multipleOf: 0.1}"), "{a: 0.3}", ""},
        {FIELD("{type: integer, multipleOf: 5}"), "{a: 7}",
         "spec.a: Invalid value: 7: spec.a in body should be a multiple of 5\n"},
        {FIELD("{type: integer, format: int32}"), "{a: 4294967296}",
         "spec.a: 4294967296: must be -2147483648-2147483647\n"},
        {FIELD("{type: integer}"), "{a: 4294967296}", ""},
        {FIELD("{type: string, format: date-time}"), "{a: '2026-01-31T12:00:00Z'}", ""},
        {FIELD("{type: string, format: ipv4}"), "{a: '1.2.3'}",
         "spec.a: Invalid value: \"1.2.3\": spec.a in body must be of type ipv4: \"1.2.3\"\n"},
        {FIELD("{x-kubernetes-int-or-string: true}"), "{a: 4294967296}", ""},
        {FIELD("{x-kubernetes-int-or-string: true}"), "{a: x}", ""},
        {FIELD("{type: string, x-kubernetes-int-or-string: true}"), "{a: 1}", ""},
        {FIELD("{x-kubernetes-int-or-string: true, pattern: '^[0-9]+%$'}"), "{a: x}",
         "spec.a: Invalid value: \"x\": spec.a in body should match '^[0-9]+%$'\n"},
        {FIELD("{x-kubernetes-int-or-string: true}"), "{a: true}",
         "spec.a: true: must be an integer or a string\n"},
        {FIELD("{type: array, minItems: 1, items: {type: string, maxLength: 1}}"), "{a: []}",
         "spec.a: Invalid value: [...]: spec.a in body should have at least 1 items\n"},
        {FIELD("{type: array, items: {type: string, maxLength: 1}}"), "{a: [x, yy]}",
         "spec.a[1]: Invalid value: \"yy\": spec.a[1] in body should be at most 1 chars long\n"},
        {FIELD("{type: array, items: {type: array, maxItems: 1, items: {type: integer, minimum: "
               "1}}}"),
         "{a: [[1], [0], [1, x]]}",
         "spec.a[1][0]: Invalid value: 0: spec.a[1][0] in body should be greater than or equal to "
         "1\nspec.a[2][1]: \"x\": must be an integer\nspec.a[2]: Invalid value: [...]: spec.a[2] "
         "in body should have at most 1 items\n"},
        {FIELD("{type: array, x-kubernetes-list-type: set, items: {type: string}}"),
         "{a: [x, y, x]}", "spec.a[2]: Duplicate value: \"x\"\n"},
        {FIELD("{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [p, q], "
               "items: {type: object, required: [p], properties: {p: {type: integer}, q: {type: "
               "string, default: T}}}}"),
         "{a: [{p: 1, q: U}, {p: 1, q: T}, {p: 1, q: U}, {q: U}]}",
         "spec.a[3].p: required\nspec.a[2]: Duplicate value: 1,\"U\"\n"},
        {FIELD("{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [p], items: "
               "{type: object, required: [p], properties: {p: {x-kubernetes-int-or-string: "
               "true}}}}"),
         "{a: [{p: 1}, {p: '1'}, {p: 1}]}", "spec.a[2]: Duplicate value: 1\n"},
        {FIELD("{type: object, additionalProperties: {type: integer, maximum: 3}}"),
         "{a: {x: 1, y: 4, z: q}}",
         "spec.a.z: \"q\": must be an integer\nspec.a.y: Invalid value: 4: spec.a.y in body "
         "should be less than or equal to 3\n"},
        {FIELD("{type: object, x-kubernetes-preserve-unknown-fields: true}"), "{a: {x: [1]}}", ""},
        {FIELD("{type: object, x-kubernetes-preserve-unknown-fields: true}"), "{a: 1}",
         "spec.a: 1: must be a map\n"},
        {FIELD("{x-kubernetes-preserve-unknown-fields: true}"), "{a: [1]}", ""},
        {FIELD("{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {b: {type: "
               "integer}}}"),
         "{a: {x: 1, b: y}}", "spec.a.b: \"y\": must be an integer\n"},
        {FIELD("{type: string, nullable: true}"), "{a: null}", ""},
        {"{type: object, required: [a], properties: {a: {type: string, nullable: true}}}",
         "{a: null}", ""},
        {"{type: object, required: [a], properties: {a: {type: string}}}", "{a: ''}", ""},
        {"{type: object, required: [a], properties: {a: {type: string}}}", "{}",
         "spec.a: required\n"},
        {"{type: object, required: [a], properties: {a: {type: string, default: x}}}", "{}", ""},
        {"{type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: "
         "[a]}, {required: [b]}]}",
         "{a: x, b: y}",
         "spec: Invalid value: {...}: spec in body must validate one and only one schema (oneOf). "
         "Found more than one valid\n"},
        {"{type: object, properties: {a: {type: string}, b: {type: string}}, anyOf: [{required: "
         "[a]}, {required: [b]}]}",
         "{}",
         "spec: Invalid value: {...}: spec in body must validate at least one schema (anyOf)\n"},
        {"{type: object, properties: {a: {type: integer}}, not: {properties: {a: {minimum: 5}}, "
         "required: [a]}}",
         "{a: 5}", "spec: Invalid value: {...}: spec in body must not validate the schema (not)\n"},
        {"{type: object, properties: {a: {type: integer}}, allOf: [{properties: {a: {maximum: 4, "
         "enum: [1, 5]}}}]}",
         "{a: 5}", "spec.a: Invalid value: 5: spec.a in body should be less than or equal to 4\n"},
        {FIELD("{type: object, x-kubernetes-embedded-resource: true, "
               "x-kubernetes-preserve-unknown-fields: true}"),
         "{a: {apiVersion: v1, metadata: {name: x, nme: y}, spec: {}}}",
         "spec.a.kind: required\nspec.a.metadata.nme: unknown field; did you mean name?\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].schema, cases[i].spec, cases[i].want);
}

static void expect_default(const char *schema, const char *spec, const char *want)
{
    struct custom *custom = make(schema);
    cleanup(value_free) struct value *object = thing(spec);
    cleanup(buf_done) struct buf got = {0};
    for (int times = 0; times < 2; times++)
        schema_default(custom_stored(custom), object);
    (void)json_write(value_get(object, "spec"), &got);
    if (strcmp(buf_str(&got), want) != 0)
        fail_msg("%s\n%s\ngave %s, not %s", schema, spec, buf_str(&got), want);
    custom_free(custom);
}

static void test_custom__defaults(void **state)
{
    (void)state;
    expect_default("{type: object, properties: {a: {type: object, default: {}, properties: {b: "
                   "{type: integer, default: 3}}}, c: {type: array, default: [{x: 1}], items: "
                   "{type: object, properties: {x: {type: integer}, y: {type: string, default: "
                   "z}}}}}}",
                   "{}", "{\"a\":{\"b\":3},\"c\":[{\"x\":1,\"y\":\"z\"}]}");
    expect_default(FIELD("{type: string, default: x}"), "{a: ''}", "{\"a\":\"\"}");
    expect_default(FIELD("{type: string, default: x}"), "{a: null}", "{\"a\":\"x\"}");
    expect_default(FIELD("{type: string}"), "{a: null}", "{}");
    expect_default(FIELD("{type: string, nullable: true, default: x}"), "{a: null}",
                   "{\"a\":null}");
    expect_default(FIELD("{type: object, additionalProperties: {type: string}}"),
                   "{a: {x: null, y: z}}", "{\"a\":{\"y\":\"z\"}}");
    expect_default(FIELD("{type: object, additionalProperties: {type: string, nullable: true}}"),
                   "{a: {x: null}}", "{\"a\":{\"x\":null}}");
    expect_default(FIELD("{type: boolean, default: false}"), "{}", "{\"a\":false}");
}

static void test_custom__prune(void **state)
{
    (void)state;
    struct custom *custom =
        make("{type: object, properties: {a: {type: array, items: {type: array, items: {type: "
             "object, properties: {k: {type: string}}}}}, b: {type: object, "
             "x-kubernetes-preserve-unknown-fields: true, properties: {c: {type: object}}}}}");
    cleanup(value_free) struct value *object =
        thing("{a: [[{k: x, l: y}]], b: {c: {d: 1}, e: {f: 1}}, g: 1}");
    cleanup(buf_done) struct buf got = {0};
    prune(custom_stored(custom)->type, object, NULL);
    (void)json_write(value_get(object, "spec"), &got);
    assert_string_equal(buf_str(&got),
                        "{\"a\":[[{\"k\":\"x\"}]],\"b\":{\"c\":{},\"e\":{\"f\":1}}}");
    custom_free(custom);
}

/* Items merge by their keys. */
static void test_custom__merge(void **state)
{
    (void)state;
    struct custom *custom = make(
        FIELD("{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [p, q], "
              "items: {type: object, required: [p, q], properties: {p: {type: integer}, q: {type: "
              "string}, v: {type: string}}}}"));
    cleanup(value_free) struct value *stored =
        thing("{a: [{p: 1, q: T, v: old}, {p: 1, q: U, v: other}]}");
    cleanup(value_free) struct value *declared = thing("{a: [{p: 1, q: T, v: new}]}");
    cleanup(value_free) struct value *merged = apply_merge(custom_stored(custom), stored, declared);
    cleanup(buf_done) struct buf got = {0};
    (void)json_write(value_get(merged, "spec"), &got);
    assert_string_equal(buf_str(&got), "{\"a\":[{\"p\":1,\"q\":\"T\",\"v\":\"new\"},{\"p\":1,"
                                       "\"q\":\"U\",\"v\":\"other\"}]}");
    custom_free(custom);
}

/* An object cannot make the checks of a kind last. */
static void test_custom__cost(void **state)
{
    (void)state;
    struct custom *custom =
        make(FIELD("{type: array, items: {type: string, pattern: '^(.?){500}.{500}$'}}"));
    cleanup(value_free) struct value *object = thing("{a: []}");
    struct value *list = value_path(object, "spec", "a", NULL);
    char text[801];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < 400; i++)
        value_append(list, value_new_str(text));
    cleanup(diags_done) struct diags diags = {0};
    assert_true(schema_check(custom_stored(custom), object, 0, &diags) < 0);
    assert_int_equal(diags.count, 1);
    assert_string_equal(diags.items[0].reason, "too much to check against the schema of its kind");
    custom_free(custom);
}

static const char *const pump =
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata: {name: pumps.example.com}\nspec:\n  group: example.com\n  scope: Cluster\n"
    "  names: {plural: pumps, kind: Pump, shortNames: [pm], categories: [all]}\n  versions:\n"
    "  - {name: v1beta1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}\n"
    "  - {name: v1alpha1, served: false, storage: false, schema: {openAPIV3Schema: {type: "
    "object}}}\n"
    "  - name: v1\n    served: true\n    storage: true\n"
    "    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, "
    "x-kubernetes-preserve-unknown-fields: true}, status: {type: object, properties: {n: {type: "
    "integer}}}}}}\n"
    "    subresources: {status: {}, scale: {specReplicasPath: .spec.n, statusReplicasPath: "
    ".status.n, labelSelectorPath: .status.s}}\n"
    "    additionalPrinterColumns: [{name: Ready, type: string, jsonPath: "
    "'.spec.conditions[?(@.type==\"Ready\")].status'}, {name: N, type: integer, jsonPath: "
    ".spec.n, priority: 1}]\n"
    "    selectableFields: [{jsonPath: .spec.color}]\n";

static void test_custom__kinds(void **state)
{
    (void)state;
    cleanup(value_free) struct value *definition = yaml(pump);
    schema_default(&kind_custom_resource_definition, definition);
    struct kinds *kinds = kinds_new();
    struct custom *custom = custom_new(definition, false);
    assert_int_equal(custom_serve(custom, kinds), 0);
    const struct schema_kind *v1 = kinds_find(kinds, "example.com/v1", "Pump");
    const struct schema_kind *beta = kinds_find(kinds, "example.com/v1beta1", "Pump");
    assert_ptr_equal(v1, custom_stored(custom));
    assert_ptr_equal(beta->stored, v1);
    assert_null(v1->stored);
    assert_null(kinds_find(kinds, "example.com/v1alpha1", "Pump"));
    assert_ptr_equal(kinds_find_name(kinds, "pm"), v1); /* v1 comes before v1beta1 */
    assert_true(v1->flags & SCHEMA_KIND_STATUS);
    assert_false(beta->flags & SCHEMA_KIND_STATUS);
    assert_false(v1->namespaced);
    assert_string_equal(v1->singular, "pump");
    assert_string_equal(v1->categories[0], "all");
    assert_string_equal(v1->scale->spec_replicas, "spec.n");
    assert_string_equal(v1->scale->selector, "status.s");
    assert_string_equal(v1->selectable[0].name, "spec.color");
    assert_string_equal(v1->columns[0].name, "Name");
    assert_int_equal(v1->columns[2].priority, 1);
    assert_string_equal(beta->columns[1].name, "Age");

    cleanup(value_free) struct value *object =
        yaml("{spec: {conditions: [{type: A, status: B}, {type: Ready, status: 'True'}]}}");
    cleanup(buf_done) struct buf cell = {0};
    schema_cell(&v1->columns[1], object, 0, &cell);
    assert_string_equal(buf_str(&cell), "True");
    cell.len = 0;
    schema_cell(&v1->columns[2], object, 0, &cell);
    assert_int_equal(cell.len, 0);

    struct custom *other = custom_new(definition, true);
    assert_int_equal(custom_serve(other, kinds), -EEXIST);
    /* Somebody holds the old one while the new one comes. */
    kinds_hold(kinds, beta);
    custom_retire(custom, kinds);
    assert_null(kinds_current(kinds, beta));
    assert_int_equal(custom_serve(other, kinds), 0);
    const struct schema_kind *now = kinds_current(kinds, beta);
    assert_true(now && now != beta && (now->flags & SCHEMA_KIND_CLOSED));
    assert_string_equal(beta->stored->version, "v1");
    kinds_release(kinds, beta);
    kinds_hold(kinds, now);
    custom_retire(other, kinds);
    kinds_free(kinds);
}

/* What an applier has of a map that the schema calls atomic. */
static void test_custom__whole_maps(void **state)
{
    static const struct {
        const char *schema, *want;
    } cases[] = {
        {"{type: object, x-kubernetes-map-type: atomic, properties: {b: {type: string}, c: {type: "
         "string}}}",
         "{\"a\":{\"c\":\"2\"}}"},
        {"{type: object, x-kubernetes-map-type: atomic, additionalProperties: {type: string}}",
         "{\"a\":{\"c\":\"2\"}}"},
        {"{type: object, additionalProperties: {type: string}}",
         "{\"a\":{\"b\":\"1\",\"c\":\"2\"}}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *schema = NULL;
        assert_true(asprintf(&schema, FIELD("%s"), cases[i].schema) > 0);
        struct custom *custom = make(schema);
        cleanup(value_free) struct value *stored = thing("{a: {b: '1'}}");
        cleanup(value_free) struct value *declared = thing("{a: {c: '2'}}");
        cleanup(value_free) struct value *merged =
            apply_lay(custom_stored(custom), stored, declared);
        cleanup(buf_done) struct buf text = {0};
        json_write(value_get(merged, "spec"), &text);
        assert_string_equal(buf_str(&text), cases[i].want);
        custom_free(custom);
    }
}

static void test_custom__deprecated(void **state)
{
    static const struct {
        const char *old, *new, *want;
    } cases[] = {
        {"", "", NULL},
        {", deprecated: true", "",
         "example.com/v1beta1 Lamp is deprecated; use example.com/v1 Lamp"},
        {", deprecated: true", ", deprecated: true", "example.com/v1beta1 Lamp is deprecated"},
        {", deprecated: true, deprecationWarning: no more", "", "no more"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *text = NULL;
        assert_true(
            asprintf(&text,
                     "spec: {group: example.com, scope: Cluster, names: {plural: lamps, kind: "
                     "Lamp}, versions: [{name: v1alpha1, served: true}, {name: v2, served: false}, "
                     "{name: v1beta1, served: true%s}, {name: v1, served: true, storage: true%s}]}",
                     cases[i].old, cases[i].new) > 0);
        cleanup(value_free) struct value *definition = yaml(text);
        struct kinds *kinds = kinds_new();
        struct custom *custom = custom_new(definition, false);
        assert_int_equal(custom_serve(custom, kinds), 0);
        const char *told = kinds_find(kinds, "example.com/v1beta1", "Lamp")->deprecated;
        assert_int_equal(!told, !cases[i].want);
        if (told)
            assert_string_equal(told, cases[i].want);
        assert_null(kinds_find(kinds, "example.com/v1alpha1", "Lamp")->deprecated);
        custom_retire(custom, kinds);
        kinds_free(kinds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_custom__check),      cmocka_unit_test(test_custom__defaults),
        cmocka_unit_test(test_custom__prune),      cmocka_unit_test(test_custom__merge),
        cmocka_unit_test(test_custom__whole_maps), cmocka_unit_test(test_custom__deprecated),
        cmocka_unit_test(test_custom__cost),       cmocka_unit_test(test_custom__kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
