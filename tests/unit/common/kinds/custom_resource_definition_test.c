#include "load.h"

#include "common/kinds/custom_resource_definition.h"

#define HEAD                                                                                       \
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"                        \
    "metadata: {name: crontabs.stable.example.com}\nspec:\n  group: stable.example.com\n"          \
    "  scope: Namespaced\n  names: {plural: crontabs, kind: CronTab}\n"
#define VERSION "  versions:\n  - {name: v1, served: true, storage: true, schema: "
#define OBJECT(fields_) "{openAPIV3Schema: {type: object, properties: {" fields_ "}}}}\n"

static void expect(const char *text, const char *want)
{
    cleanup(value_free) struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf got = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    int r = schema_check(&kind_custom_resource_definition, object, SCHEMA_CHECK_STATUS, &diags);
    for (size_t i = 0; i < diags.count; i++)
        buf_addf(&got, "%s: %s\n", diags.items[i].path, diags.items[i].reason);
    if (strcmp(buf_str(&got), want) != 0)
        fail_msg("%s\ngave\n%snot\n%s", text, buf_str(&got), want);
    assert_int_equal(r == 0, !*want);
}

#define AT "spec.versions[0].schema.openAPIV3Schema"

static void test_custom_resource_definition__structural(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *want;
    } cases[] = {
        {"a: {type: string}", ""},
        {"a: {x-kubernetes-int-or-string: true}", ""},
        {"a: {type: string, x-kubernetes-int-or-string: true}", ""},
        {"a: {type: array, items: {type: object, required: [k], properties: {k: "
         "{x-kubernetes-int-or-string: true}}}, x-kubernetes-list-type: map, "
         "x-kubernetes-list-map-keys: [k]}",
         ""},
        {"a: {type: array, items: {type: object, required: [k], properties: {k: "
         "{x-kubernetes-preserve-unknown-fields: true}}}, x-kubernetes-list-type: map, "
         "x-kubernetes-list-map-keys: [k]}",
         AT ".properties.a.x-kubernetes-list-map-keys: \"k\": must be a scalar type if it is in "
            "x-kubernetes-list-map-keys\n"},
        {"a: {x-kubernetes-preserve-unknown-fields: true}", ""},
        {"a: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}", ""},
        {"a: {x-kubernetes-int-or-string: true, allOf: [{anyOf: [{type: integer}, {type: "
         "string}]}]}",
         ""},
        {"a: {type: object, additionalProperties: true}", ""},
        {"a: {}", AT ".properties.a.type: must not be empty for specified object fields\n"},
        {"a: {type: any}", AT ".properties.a.type: \"any\": must be one of object, array, string, "
                              "integer, number, boolean\n"},
        {"a: {type: array, items: {}}",
         AT ".properties.a.items.type: must not be empty for specified array items\n"},
        {"a: {type: array}", AT ".properties.a.items: must be specified\n"},
        {"a: {type: string, pattern: '('}",
         AT ".properties.a.pattern: must be a valid regular expression, but isn't: error parsing "
            "regexp: missing closing ): `(`\n"},
        {"a: {type: string, pattern: '\\pL'}", ""},
        {"a: {$ref: '#/x'}",
         AT ".properties.a.$ref: $ref is not supported\n" AT
            ".properties.a.type: must not be empty for specified object fields\n"},
        {"a: {type: array, uniqueItems: true, items: {type: string}}",
         AT ".properties.a.uniqueItems: uniqueItems cannot be set to true since the runtime "
            "complexity becomes quadratic\n"},
        {"a: {type: object, additionalProperties: false}",
         AT ".properties.a.additionalProperties: additionalProperties cannot be set to false\n"},
        {"a: {type: object, additionalProperties: {type: string}, properties: {b: {type: "
         "string}}}",
         AT ".properties.a.additionalProperties: additionalProperties and properties are mutual "
            "exclusive\n"},
        {"a: {type: string, x-kubernetes-preserve-unknown-fields: false}",
         AT ".properties.a.x-kubernetes-preserve-unknown-fields: must be true or undefined\n"},
        {"a: {type: object, anyOf: [{type: string, default: 1}]}",
         AT ".properties.a.anyOf[0].default: must be undefined to be structural\n" AT
            ".properties.a.anyOf[0].type: must be empty to be structural\n"},
        {"a: {type: object, not: {properties: {b: {minimum: 1}}}}",
         AT ".properties.a.not.properties.b: must be specified outside of allOf, anyOf, oneOf and "
            "not too\n"},
        {"a: {type: object, x-kubernetes-list-type: set}",
         AT ".properties.a.type: must be array if x-kubernetes-list-type is specified\n"},
        {"a: {type: array, items: {type: object}, x-kubernetes-list-type: map}",
         AT ".properties.a.x-kubernetes-list-map-keys: must not be empty if "
            "x-kubernetes-list-type is map\n"},
        {"a: {type: array, items: {type: object, properties: {k: {type: string}}}, "
         "x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k, j]}",
         AT ".properties.a.x-kubernetes-list-map-keys: \"k\": this property is in "
            "x-kubernetes-list-map-keys, so it must have a default or be a required property\n" AT
            ".properties.a.x-kubernetes-list-map-keys: \"j\": entries must all be names of item "
            "properties\n"},
        {"metadata: {type: object, properties: {labels: {type: object}}}",
         AT ".properties.metadata: must not specify anything other than name and generateName, but "
            "metadata is implicitly specified\n"},
        {"a: {type: number, multipleOf: 0}",
         AT ".properties.a.multipleOf: must be greater than 0\n"},
        {"a: {type: string, maxLength: -1}",
         AT ".properties.a.maxLength: -1: must be at least 0\n"},
        {"a: {tpe: string}",
         AT ".properties.a.tpe: unknown field; did you mean type?\n" AT
            ".properties.a.type: must not be empty for specified object fields\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *text = NULL;
        assert_true(asprintf(&text, HEAD VERSION OBJECT("%s"), cases[i].fields) > 0);
        expect(text, cases[i].want);
    }
    expect(HEAD VERSION "{openAPIV3Schema: {}}}\n", AT ".type: must not be empty at the root\n");
    expect(HEAD VERSION "{openAPIV3Schema: {type: array, items: {type: string}}}}\n",
           AT ".type: must be object at the root\n");
}

static void test_custom_resource_definition__spec(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {HEAD "  versions: []\n", "spec.versions: required\n"},
        {HEAD "  versions: [{name: v1, served: true, storage: true}]\n",
         "spec.versions[0].schema.openAPIV3Schema: schemas are required\n"},
        {HEAD "  versions: [{name: v1, served: true, storage: false, schema: {openAPIV3Schema: "
              "{type: object}}}]\n",
         "spec.versions: must have exactly one version marked as storage version\n"},
        {HEAD
         "  conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1]}}\n" VERSION
             OBJECT(""),
         "spec.conversion.strategy: \"Webhook\": no webhook is called here; must be None\n"},
        {HEAD "  preserveUnknownFields: true\n" VERSION OBJECT(""),
         "spec.preserveUnknownFields: cannot set to true, set x-kubernetes-preserve-unknown-fields "
         "to true in spec.versions[*].schema instead\n"},
        {"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
         "metadata: {name: a.b.c}\nspec:\n  group: x\n  scope: Global\n"
         "  names: {plural: crontabs, kind: Cron_Tab, listKind: Cron_Tab}\n" VERSION OBJECT(""),
         "spec.group: \"x\": should be a domain with at least one dot\n"
         "spec.names.kind: \"Cron_Tab\": may have mixed case, but should otherwise match "
         "'[a-z]([-a-z0-9]*[a-z0-9])?'\n"
         "spec.names.listKind: \"Cron_Tab\": may have mixed case, but should otherwise match "
         "'[a-z]([-a-z0-9]*[a-z0-9])?'\n"
         "spec.scope: \"Global\": must be one of Cluster, Namespaced\n"
         "spec.names.listKind: \"Cron_Tab\": kind and listKind may not be the same\n"
         "metadata.name: \"a.b.c\": must be spec.names.plural+\".\"+spec.group (crontabs.x)\n"},
        {HEAD "  versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: "
              "{type: object}}, subresources: {scale: {specReplicasPath: .status.a, "
              "statusReplicasPath: '.status.a[0]', labelSelectorPath: a}}, selectableFields: "
              "[{jsonPath: .metadata.name}, {jsonPath: '.a[*]'}], deprecationWarning: x}\n",
         "spec.versions[0].subresources.scale.specReplicasPath: \".status.a\": should be a json "
         "path under .spec\n"
         "spec.versions[0].subresources.scale.statusReplicasPath: \".status.a[0]\": should be a "
         "json path under .status\n"
         "spec.versions[0].subresources.scale.labelSelectorPath: \"a\": should be a json path "
         "under either .status or .spec\n"
         "spec.versions[0].selectableFields[0].jsonPath: \".metadata.name\": must not point to "
         "fields in metadata\n"
         "spec.versions[0].selectableFields[1].jsonPath: \".a[*]\": must be a simple json path "
         "starting with .\n"
         "spec.versions[0].deprecationWarning: can only be set for deprecated versions\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].text, cases[i].want);
}

static void test_custom_resource_definition__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects = load(HEAD VERSION OBJECT(""));
    struct value *object = value_at(objects, 0);
    const struct value *spec = value_get(object, "spec"), *names = value_get(spec, "names");
    schema_default(&kind_custom_resource_definition, object);
    assert_string_equal(value_get_str(names, "singular"), "crontab");
    assert_string_equal(value_get_str(names, "listKind"), "CronTabList");
    assert_string_equal(value_get_str(value_get(spec, "conversion"), "strategy"), "None");
}

static void test_custom_resource_definition__update(void **state)
{
    (void)state;
    cleanup(value_free) struct value *a = load(HEAD VERSION OBJECT(""));
    struct value *old = value_at(a, 0);
    value_append(value_set(value_make_map(old, "status", NULL), "storedVersions", value_new_list()),
                 value_new_str("v1"));
    value_set_str(value_make_map(old, "status", "acceptedNames", NULL), "kind", "CronTab");
    cleanup(value_free) struct value *next = value_copy(old);
    value_set_str(value_at(value_path(next, "spec", "versions", NULL), 0), "name", "v2");
    value_set_str(value_path(next, "spec", NULL), "scope", "Cluster");
    value_set_str(value_path(next, "spec", "names", NULL), "kind", "Tab");
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(schema_check_update(&kind_custom_resource_definition, old, next, &diags),
                     -EINVAL);
    assert_int_equal(diags.count, 3);
    assert_string_equal(diags.items[0].path, "spec.scope");
    assert_string_equal(diags.items[1].path, "status.storedVersions");
    assert_string_equal(diags.items[1].reason, "\"v1\": must appear in spec.versions");
    assert_string_equal(diags.items[2].path, "spec.names.kind");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_custom_resource_definition__structural),
        cmocka_unit_test(test_custom_resource_definition__spec),
        cmocka_unit_test(test_custom_resource_definition__defaults),
        cmocka_unit_test(test_custom_resource_definition__update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
