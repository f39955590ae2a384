#include "controller/openapi/openapi.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/wire.h"
#include "common/schema/table.h"
#include "controller/openapi/openapi_v3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- a kind with one field of each sort ---- */

static const struct schema_type type_left = {
    .name = "Side", .doc = "Left.", FIELDS(F(1, "l", STRING), F(2, "again", ANY))};
static const struct schema_type type_right = {.name = "Side", FIELDS(F(1, "r", BOOL))};
static const struct schema_type type_choice = {.name = "Choice", FIELDS(F(1, "one", STRING))};
static const struct schema_type type_flag = {
    .name = "Flag", .or_bool = true, FIELDS(F(1, "x", STRING))};
static const struct schema_type type_loop;
static const struct schema_type type_loop = {
    .name = "Loop", .open = true, FIELDS(F(1, "next", OBJECT(type_loop)))};
static const struct schema_type type_sample = {
    .name = "Sample",
    .doc = "A sample.",
    FIELDS(
        F(1, "text", STRING, REQUIRED, .doc = "Words."),
        F(2, "policy", STRING, DEF("Always"), ONE_OF("Always", "Never")),
        F(3, "count", INT32, DEF("7")), F(4, "port", INT_OR_STRING, DEF("25%")),
        F(5, "amount", QUANTITY), F(6, "when", TIME), F(7, "raw", BYTES), F(8, "any", ANY),
        F(9, "left", OBJECT(type_left), DEF("{}"), .doc = "Left."), /* told once, by its type */
        F(10, "right", OBJECT(type_right)), F(11, "parts", LIST(OBJECT(type_left)), BY("l,again")),
        F(12, "words", LIST(STRING)), F(13, "set", LIST(STRING), SET), F(14, "labels", MAP(STRING)),
        F(15, "byName", MAP(OBJECT(type_left))), INLINE(16, "choice", type_choice),
        F(17, "flag", OBJECT(type_flag)), F(18, "loop", OBJECT(type_loop)),
        F(19, "volumes", LIST(OBJECT(type_left)), .merge_key = "l", .flags = SCHEMA_RETAIN_KEYS)),
};
static const struct schema_kind kind_sample = {.group = "test.example",
                                               .version = "v1",
                                               .kind = "Sample",
                                               .plural = "samples",
                                               .singular = "sample",
                                               .namespaced = true,
                                               .flags = SCHEMA_KIND_STATUS,
                                               .proto = "example.test.v1.Sample",
                                               .type = &type_sample};
/* What people define: no numbers, no names of types. */
static const struct schema_type type_part = {.name = "", FIELDS(F(0, "deep", INT64))};
static const struct schema_type type_custom = {.name = "", FIELDS(F(0, "part", OBJECT(type_part)))};
static const struct schema_kind kind_custom = {.group = "a.example",
                                               .version = "v1",
                                               .kind = "Custom",
                                               .plural = "customs",
                                               .singular = "custom",
                                               .type = &type_custom};

static struct kinds *more_kinds(void)
{
    struct kinds *kinds = kinds_new();
    assert_int_equal(kinds_add(kinds, &kind_sample), 0);
    assert_int_equal(kinds_add(kinds, &kind_custom), 0);
    return kinds;
}

/* ---- v3 ---- */

static struct value *v3_of(const struct kinds *kinds, const char *group)
{
    struct openapi_v3 *document = openapi_v3_new(kinds, group, "v1");
    cleanup(buf_done) struct buf text = {0};
    struct value *value = NULL;
    struct err err = {0};
    while (openapi_v3_next(document, &text))
        ;
    openapi_v3_free(document);
    if (json_parse(text.data, text.len, &value, &err) != 0)
        fail_msg("%s", err.msg);
    return value;
}

static void assert_json(const struct value *got, const char *want)
{
    cleanup(value_free) struct value *wanted = NULL;
    cleanup(buf_done) struct buf text = {0};
    struct err err = {0};
    assert_int_equal(json_parse(want, strlen(want), &wanted, &err), 0);
    if (got)
        (void)json_write(got, &text);
    if (!value_equal(got, wanted))
        fail_msg("got %s\nnot %s", buf_str(&text), want);
}

static const struct value *schemas_of(const struct value *document)
{
    return value_path(document, "components", "schemas", NULL);
}

#define NAME(x) "example.test.v1." x
#define REF(x) "{\"allOf\":[{\"$ref\":\"#/components/schemas/" NAME(x) "\"}]"
#define ANYTHING "{\"x-kubernetes-preserve-unknown-fields\":true}"

static void test_openapi__v3_fields(void **state)
{
    (void)state;
    static const struct {
        const char *field, *want;
    } cases[] = {
        {"text", "{\"type\":\"string\",\"description\":\"Words.\"}"},
        {"policy", "{\"type\":\"string\",\"default\":\"Always\",\"enum\":[\"Always\",\"Never\"]}"},
        {"count", "{\"type\":\"integer\",\"format\":\"int32\",\"default\":7}"},
        {"port", "{\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},{\"type\":"
                 "\"string\"}],\"default\":\"25%\"}"},
        {"amount", "{\"type\":\"string\"}"},
        {"when", "{\"type\":\"string\",\"format\":\"date-time\"}"},
        {"raw", "{\"type\":\"string\",\"format\":\"byte\"}"},
        {"any", ANYTHING},
        {"left", REF("Side") ",\"default\":{}}"},
        {"right", REF("Side_2") "}"},
        {"parts",
         "{\"type\":\"array\",\"items\":" REF(
             "Side") "},\"x-kubernetes-list-type\":\"map\","
                     "\"x-kubernetes-list-map-keys\":[\"l\",\"again\"],\"x-kubernetes-patch-merge-key\":"
                     "\"l\",\"x-kubernetes-patch-strategy\":\"merge\"}"},
        {"words", "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"x-kubernetes-list-type\":"
                  "\"atomic\"}"},
        {"set", "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"x-kubernetes-list-type\":"
                "\"set\",\"x-kubernetes-patch-strategy\":\"merge\"}"},
        {"labels", "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}"},
        {"byName", "{\"type\":\"object\",\"additionalProperties\":" REF("Side") "}}"},
        {"one", "{\"type\":\"string\"}"},
        {"flag", ANYTHING},
        {"loop", REF("Loop") "}"},
        {"volumes",
         "{\"type\":\"array\",\"items\":" REF(
             "Side") "},\"x-kubernetes-list-type\":\"map\","
                     "\"x-kubernetes-list-map-keys\":[\"l\"],\"x-kubernetes-patch-merge-key\":\"l\","
                     "\"x-kubernetes-patch-strategy\":\"merge,retainKeys\"}"},
        {"choice", "null"},
    };
    struct kinds *kinds = more_kinds();
    cleanup(value_free) struct value *document = v3_of(kinds, "test.example");
    const struct value *sample = value_get(schemas_of(document), NAME("Sample"));
    assert_json(value_get(sample, "required"), "[\"text\"]");
    assert_string_equal(value_get_str(sample, "description"), "A sample.");
    assert_json(value_get(sample, "x-kubernetes-group-version-kind"),
                "[{\"group\":\"test.example\",\"kind\":\"Sample\",\"version\":\"v1\"}]");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct value *field = value_path(sample, "properties", cases[i].field, NULL);
        if (str_eq(cases[i].want, "null"))
            assert_null(field);
        else
            assert_json(field, cases[i].want);
    }
    assert_non_null(value_path(sample, "properties", "kind", NULL));
    assert_non_null(value_get(schemas_of(document), NAME("Side_2")));
    assert_true(value_get_bool(value_get(schemas_of(document), NAME("Loop")),
                               "x-kubernetes-preserve-unknown-fields", false));
    kinds_free(kinds);
}

static void test_openapi__v3_of_what_people_define(void **state)
{
    (void)state;
    struct kinds *kinds = more_kinds();
    cleanup(value_free) struct value *document = v3_of(kinds, "a.example");
    const struct value *schemas = schemas_of(document);
    assert_int_equal(value_len(schemas), 1);
    assert_json(value_path(schemas, "example.a.v1.Custom", "properties", "part", NULL),
                "{\"type\":\"object\",\"properties\":{\"deep\":{\"type\":\"integer\",\"format\":"
                "\"int64\"}}}");
    assert_null(openapi_v3_new(kinds, "a.example", "v2"));
    assert_null(openapi_v3_new(kinds, "b.example", "v1"));
    kinds_free(kinds);
}

/* What kubectl looks for before it sends dryRun or fieldValidation. */
static void test_openapi__v3_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path, *methods;
    } cases[] = {
        {"/apis/test.example/v1/namespaces/{namespace}/samples", "get post delete parameters "},
        {"/apis/test.example/v1/namespaces/{namespace}/samples/{name}",
         "get put patch delete parameters "},
        {"/apis/test.example/v1/namespaces/{namespace}/samples/{name}/status",
         "get put patch parameters "},
        {"/apis/test.example/v1/samples", "get "},
    };
    struct kinds *kinds = more_kinds();
    cleanup(value_free) struct value *document = v3_of(kinds, "test.example");
    const struct value *paths = value_get(document, "paths");
    assert_int_equal(value_len(paths), ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf methods = {0};
        const struct value *path = value_get(paths, cases[i].path);
        for (size_t n = 0; n < value_len(path); n++)
            (void)buf_addf(&methods, "%s ", value_key_at(path, n));
        assert_string_equal(buf_str(&methods), cases[i].methods);
    }
    const struct value *patch = value_path(paths, cases[1].path, "patch", NULL);
    assert_json(value_get(patch, "x-kubernetes-group-version-kind"),
                "{\"group\":\"test.example\",\"kind\":\"Sample\",\"version\":\"v1\"}");
    const struct value *parameters = value_get(patch, "parameters");
    size_t found = 0;
    for (size_t i = 0; i < value_len(parameters); i++) {
        const char *name = value_get_str(value_at(parameters, i), "name");
        found += str_eq(name, "dryRun") || str_eq(name, "fieldValidation");
    }
    assert_int_equal(found, 2);
    kinds_free(kinds);
}

/* Every reference of every document leads somewhere. */
static void check_references(const struct value *value, const struct value *schemas)
{
    static const char prefix[] = "#/components/schemas/";
    for (size_t i = 0; i < value_len(value); i++) {
        const char *key = value_key_at(value, i), *text = value_str(value_at(value, i));
        /* A property may be called so, too. */
        if (text && str_eq(key, "$ref") &&
            (!str_has_prefix(text, prefix) || !value_get(schemas, text + strlen(prefix))))
            fail_msg("%s leads nowhere", text);
        check_references(value_at(value, i), schemas);
    }
}

static void test_openapi__every_group(void **state)
{
    (void)state;
    const struct schema_kind *kind;
    for (size_t i = 0; (kind = kinds_at(NULL, i)); i++) {
        struct openapi_v3 *document = openapi_v3_new(NULL, kind->group, kind->version);
        cleanup(buf_done) struct buf text = {0};
        cleanup(value_free) struct value *value = NULL;
        struct err err = {0};
        for (size_t before = 0; openapi_v3_next(document, &text); before = text.len)
            assert_true(text.len - before < (size_t)64 * 1024); /* pieces are small */
        openapi_v3_free(document);
        /* Larger than the largest object that we read, so: piece by piece. */
        if (text.len < (size_t)1024 * 1024)
            assert_int_equal(json_parse(text.data, text.len, &value, &err), 0);
        check_references(value_get(value, "components"), schemas_of(value));
    }
}

/* ---- v2 ---- */

/* Down a path of fields, 0 ending it, taking the first of each. */
static struct wire descend(struct wire message, const unsigned *path)
{
    for (; *path; path++) {
        struct wire_field field = {0};
        int r;
        while ((r = wire_next(&message, &field)) == 1 && field.number != *path)
            ;
        assert_int_equal(r, 1);
        message = field.bytes;
    }
    return message;
}

static char *text_at(struct wire message, const unsigned *path)
{
    struct wire text = descend(message, path);
    return xstrndup((const char *)text.at, wire_len(&text));
}

static void assert_text(struct wire message, const unsigned *path, const char *want)
{
    autofree char *text = text_at(message, path);
    assert_string_equal(text, want);
}

static void v2_of(const struct kinds *kinds, struct buf *ret)
{
    struct openapi *document = openapi_new(kinds);
    while (openapi_next(document, ret))
        ;
    openapi_free(document);
}

static void test_openapi__v2_every_kind_can_be_tried(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    v2_of(NULL, &text);
    struct wire document = wire_of(text.data, text.len);
    struct wire_field field;
    size_t count = 0;
    int r;
    assert_text(document, (const unsigned[]){1, 0}, "2.0");
    while ((r = wire_next(&document, &field)) == 1) {
        if (field.number != 8)
            continue;
        struct wire path = descend(field.bytes, (const unsigned[]){2, 0});
        assert_text(path, (const unsigned[]){2, 8, 13, 1, 0}, "x-kubernetes-group-version-kind");
        autofree char *gvk = text_at(path, (const unsigned[]){2, 8, 13, 2, 2, 0});
        assert_non_null(strstr(gvk, "\"kind\":\""));
        assert_text(path, (const unsigned[]){2, 8, 8, 1, 2, 3, 4, 0}, "dryRun");
        count++;
    }
    assert_int_equal(r, 0);
    for (size_t i = 0; kinds_at(NULL, i); i++)
        count -= schema_has_verb(kinds_at(NULL, i), "patch") ? 1 : 0;
    assert_int_equal(count, 0);
}

/* The schema of a property of the first definition, which is the Sample's. */
static struct wire property(struct wire document, const char *name)
{
    struct wire_field field;
    while (wire_next(&document, &field) == 1) {
        if (field.number != 9)
            continue;
        struct wire named = descend(field.bytes, (const unsigned[]){1, 0});
        autofree char *definition = text_at(named, (const unsigned[]){1, 0});
        if (!str_eq(definition, NAME("Sample")))
            continue;
        struct wire all = descend(named, (const unsigned[]){2, 25, 0});
        while (wire_next(&all, &field) == 1) {
            autofree char *found = text_at(field.bytes, (const unsigned[]){1, 0});
            if (str_eq(found, name))
                return descend(field.bytes, (const unsigned[]){2, 0});
        }
    }
    fail_msg("no %s", name);
    return document;
}

static void test_openapi__v2_fields(void **state)
{
    (void)state;
    struct kinds *kinds = more_kinds();
    cleanup(buf_done) struct buf text = {0};
    v2_of(kinds, &text);
    struct wire document = wire_of(text.data, text.len);
    assert_text(property(document, "text"), (const unsigned[]){4, 0}, "Words.");
    assert_text(property(document, "text"), (const unsigned[]){22, 1, 0}, "string");
    assert_text(property(document, "count"), (const unsigned[]){2, 0}, "int32");
    assert_text(property(document, "count"), (const unsigned[]){5, 2, 0}, "7");
    assert_text(property(document, "port"), (const unsigned[]){2, 0}, "int-or-string");
    assert_text(property(document, "left"), (const unsigned[]){1, 0},
                "#/definitions/" NAME("Side"));
    assert_text(property(document, "parts"), (const unsigned[]){23, 1, 1, 0},
                "#/definitions/" NAME("Side"));
    assert_text(property(document, "labels"), (const unsigned[]){21, 1, 22, 1, 0}, "string");
    assert_text(property(document, "volumes"), (const unsigned[]){31, 1, 0},
                "x-kubernetes-list-type");
    kinds_free(kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openapi__v3_fields),
        cmocka_unit_test(test_openapi__v3_of_what_people_define),
        cmocka_unit_test(test_openapi__v3_paths),
        cmocka_unit_test(test_openapi__every_group),
        cmocka_unit_test(test_openapi__v2_every_kind_can_be_tried),
        cmocka_unit_test(test_openapi__v2_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
