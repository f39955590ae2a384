/* The documents of tests/manifests against the tables: there is one for every field of every kind,
 * it is taken, and nothing that it says gets lost. */

#include "common/base/map.h"
#include "common/schema/quantity.h"
#include "load.h"

#include <dirent.h>

/* What the documents say so far: "<address of the type>.<field>". */
struct coverage {
    struct map *said, *walked;
    size_t documents, mistakes, fields;
};

static void pair_key(const struct schema_type *type, const struct schema_field *field,
                     char ret[static 160])
{
    snprintf(ret, 160, "%p.%s", (const void *)type, field->name);
}

/* As many as there are, each on a line of its own: cmocka's messages are cut. */
static void tell(struct coverage *coverage, const char *fmt, ...) printf_like(2, 3);
static void tell(struct coverage *coverage, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    coverage->mistakes++;
}

static bool holds_objects(const struct schema_field *field)
{
    return field->item == SCHEMA_OBJECT &&
           (field->shape == SCHEMA_LIST || field->shape == SCHEMA_MAP);
}

static void note(struct coverage *coverage, const struct schema_type *type,
                 const struct value *object)
{
    for (const struct schema_field *field = type->fields; field->name; field++) {
        const struct value *value = value_get(object, field->name);
        char key[160];
        pair_key(type, field, key);
        if (field->flags & SCHEMA_INLINE)
            note(coverage, field->object, object);
        else if (value_type(value) == VALUE_NULL)
            continue;
        if (!map_get(coverage->said, key))
            map_put(coverage->said, key, coverage);
        if (field->shape == SCHEMA_OBJECT)
            note(coverage, field->object, value);
        for (size_t i = 0; holds_objects(field) && i < value_len(value); i++)
            note(coverage, field->object, value_at(value, i));
    }
}

/* What no document can say, since it is refused wherever it stands: the fields of ordinary
 * containers that ephemeral ones have for protobuf's sake alone. */
static bool is_refused(const struct schema_type *type, const struct schema_field *field)
{
    static const char *const table[][2] = {
        {"EphemeralContainerCommon", "ports"},
        {"EphemeralContainerCommon", "resources"},
        {"EphemeralContainerCommon", "livenessProbe"},
        {"EphemeralContainerCommon", "lifecycle"},
        {"EphemeralContainerCommon", "readinessProbe"},
        {"EphemeralContainerCommon", "startupProbe"},
        {"EphemeralContainerCommon", "resizePolicy"},
        {"EphemeralContainerCommon", "restartPolicy"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq(type->name, table[i][0]) && str_eq(field->name, table[i][1]))
            return true;
    return false;
}

/* Every pair of type and field once, wherever it stands. */
static void require(struct coverage *coverage, const char *of, const struct schema_type *type)
{
    char key[160];
    snprintf(key, sizeof(key), "%p", (const void *)type);
    if (map_get(coverage->walked, key))
        return;
    map_put(coverage->walked, key, coverage);
    for (const struct schema_field *field = type->fields; field->name; field++) {
        coverage->fields++;
        pair_key(type, field, key);
        bool said = map_get(coverage->said, key), refused = is_refused(type, field);
        if (!said && !refused)
            tell(coverage, "%s: no document has %s.%s", of, type->name, field->name);
        if (said && refused)
            tell(coverage, "%s.%s is not refused", type->name, field->name);
        if (field->object && !refused)
            require(coverage, of, field->object);
    }
}

static const char *kept_object(const struct schema_type *type, const struct value *before,
                               const struct value *after);

static const char *kept_single(const struct schema_field *field, enum schema_shape shape,
                               const struct value *before, const struct value *after)
{
    struct quantity was, is;
    if (shape == SCHEMA_OBJECT)
        return kept_object(field->object, before, after);
    if (shape == SCHEMA_QUANTITY)
        return quantity_of(before, &was) == 0 && quantity_of(after, &is) == 0 &&
                       was.units == is.units && was.nano == is.nano
                   ? NULL
                   : field->name;
    return value_equal(before, after) ? NULL : field->name;
}

static const char *kept_items(const struct schema_field *field, const struct value *before,
                              const struct value *after)
{
    const char *lost = NULL;
    if (value_type(before) != value_type(after) || value_len(before) > value_len(after))
        return field->name;
    for (size_t i = 0; i < value_len(before) && !lost; i++) {
        const char *key = value_key_at(before, i);
        lost = kept_single(field, field->item, value_at(before, i),
                           key ? value_get(after, key) : value_at(after, i));
    }
    return lost;
}

/* NULL, or the field of `before` that `after` has not, or has with another value. What is for
 * writing alone is folded into another field. */
static const char *kept_object(const struct schema_type *type, const struct value *before,
                               const struct value *after)
{
    struct schema_fields it = {0};
    const char *lost = NULL;
    for (const struct schema_field *field; !lost && (field = schema_fields_next(type, &it));) {
        const struct value *was = value_get(before, field->name);
        const struct value *is = value_get(after, field->name);
        if (!was || field->flags & SCHEMA_WRITE_ONLY)
            continue;
        if (field->shape == SCHEMA_LIST || field->shape == SCHEMA_MAP)
            lost = kept_items(field, was, is);
        else
            lost = kept_single(field, field->shape, was, is);
    }
    return lost;
}

static bool survives_json(const struct value *object)
{
    cleanup(buf_done) struct buf text = {0};
    cleanup(value_free) struct value *again = NULL;
    struct err err;
    return json_write(object, &text) == 0 && json_parse(text.data, text.len, &again, &err) == 0 &&
           value_equal(object, again);
}

/* One file, and which of its documents. */
struct reading {
    struct coverage *coverage;
    const char *file;
};

static void check_place(const struct reading *reading, int document, const struct schema_kind *kind)
{
    char want[256];
    snprintf(want, sizeof(want), "%s%s%s.yaml", kind->plural, *kind->group ? "." : "", kind->group);
    if (strcmp(want, reading->file) != 0)
        tell(reading->coverage, "%s: document %d belongs into %s", reading->file, document, want);
}

static int take(void *ctx, int document, struct value *doc)
{
    struct reading *reading = ctx;
    struct coverage *coverage = reading->coverage;
    cleanup(value_free) struct value *object = doc;
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf mistakes = {0};
    const struct schema_kind *kind = kinds_of(NULL, object, &diags);
    coverage->documents++;
    if (kind) {
        check_place(reading, document, kind);
        (void)!schema_check(kind, object, SCHEMA_CHECK_STATUS, &diags);
    }
    diags_print(&diags, reading->file, &mistakes);
    if (diags.count > 0)
        tell(coverage, "document %d is refused:\n%s", document, buf_str(&mistakes));
    if (!kind)
        return 0;
    note(coverage, kind->type, object);

    cleanup(value_free) struct value *once = value_copy(object);
    schema_default(kind, once);
    cleanup(value_free) struct value *twice = value_copy(once);
    schema_default(kind, twice);
    const char *lost = kept_object(kind->type, object, once);
    if (lost)
        tell(coverage, "%s: document %d: defaulting loses or changes %s", reading->file, document,
             lost);
    if (!value_equal(once, twice))
        tell(coverage, "%s: document %d: defaulting twice is not defaulting once", reading->file,
             document);
    if (!survives_json(object) || !survives_json(once))
        tell(coverage, "%s: document %d: is another one after JSON", reading->file, document);
    return 0;
}

static void read_file(struct coverage *coverage, const char *name)
{
    char path[4096];
    cleanup(buf_done) struct buf text = {0}, mistakes = {0};
    cleanup(diags_done) struct diags diags = {0};
    struct reading reading = {.coverage = coverage, .file = name};
    snprintf(path, sizeof(path), "%s/%s", MANIFESTS, name);
    FILE *file = fopen(path, "r");
    char chunk[4096];
    assert_non_null(file);
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), file)) > 0;)
        buf_add(&text, chunk, n);
    fclose(file);
    if (yaml_parse_all(buf_str(&text), text.len, take, &reading, &diags) < 0) {
        diags_print(&diags, name, &mistakes);
        tell(coverage, "%s", buf_str(&mistakes));
    }
}

static void read_folder(struct coverage *coverage)
{
    DIR *dir = opendir(MANIFESTS);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (strlen(entry->d_name) > 5 && strcmp(strrchr(entry->d_name, '.'), ".yaml") == 0)
            read_file(coverage, entry->d_name);
    closedir(dir);
}

static void test_coverage__every_field_of_every_kind(void **state)
{
    (void)state;
    struct coverage coverage = {.said = map_new(), .walked = map_new()};
    read_folder(&coverage);
    for (size_t i = 0; kinds_at(NULL, i); i++)
        require(&coverage, kinds_at(NULL, i)->kind, kinds_at(NULL, i)->type);
    map_free(coverage.said, NULL);
    map_free(coverage.walked, NULL);
    printf("%zu fields in %zu documents\n", coverage.fields, coverage.documents);
    assert_true(coverage.documents > 0);
    if (coverage.mistakes > 0)
        fail_msg("%zu mistakes", coverage.mistakes);
}

/* The test's own eyes: what it would say of a value that changed, moved or went. */
static void test_coverage__sees_what_is_lost(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *lost;
    } cases[] = {
        {"spec: {nodeName: a}", "spec: {nodeName: a, hostPID: true}", NULL},
        {"spec: {nodeName: a}", "spec: {nodeName: b}", "nodeName"},
        {"spec: {nodeName: a}", "spec: {}", "nodeName"},
        {"spec: {containers: [{name: a}, {name: b}]}", "spec: {containers: [{name: a}]}",
         "containers"},
        {"spec: {containers: [{name: a}]}", "spec: {containers: [{name: b}]}", "name"},
        {"spec: {overhead: {cpu: 1000m}}", "spec: {overhead: {cpu: '1'}}", NULL},
        {"spec: {overhead: {cpu: 1000m}}", "spec: {overhead: {cpu: 1001m}}", "overhead"},
        {"spec: {nodeSelector: {a: b}}", "spec: {nodeSelector: {c: b}}", "nodeSelector"},
        {"spec: {volumes: [{name: a, hostPath: {path: /x}}]}",
         "spec: {volumes: [{name: a, emptyDir: {}}]}", "path"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *before = NULL, *after = NULL;
        cleanup(diags_done) struct diags diags = {0};
        assert_int_equal(yaml_parse(cases[i].before, strlen(cases[i].before), &before, &diags), 0);
        assert_int_equal(yaml_parse(cases[i].after, strlen(cases[i].after), &after, &diags), 0);
        const char *lost = kept_object(kind_pod.type, before, after);
        if (!str_eq(lost, cases[i].lost))
            fail_msg("%s -> %s: %s", cases[i].before, cases[i].after, lost ? lost : "nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage__every_field_of_every_kind),
        cmocka_unit_test(test_coverage__sees_what_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
