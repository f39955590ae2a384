/* What every table must keep to, walked over all types of all kinds. */

#include "common/base/map.h"
#include "common/schema/quantity.h"
#include "common/schema/table.h"
#include "load.h"

typedef void field_fn(const struct schema_type *type, const struct schema_field *field);

static void walk_type(const struct schema_type *type, struct map *seen, field_fn *fn)
{
    char key[32];
    snprintf(key, sizeof(key), "%p", (const void *)type);
    if (map_get(seen, key))
        return;
    map_put(seen, key, seen);
    for (const struct schema_field *field = type->fields; field->name; field++) {
        fn(type, field);
        if (field->object)
            walk_type(field->object, seen, fn);
    }
}

static size_t walk_all(field_fn *fn)
{
    struct map *seen = map_new();
    for (size_t i = 0; kinds_at(NULL, i); i++)
        walk_type(kinds_at(NULL, i)->type, seen, fn);
    size_t count = map_len(seen);
    map_free(seen, NULL);
    return count;
}

static void check_field(const struct schema_type *type, const struct schema_field *field)
{
    bool list = field->shape == SCHEMA_LIST, map = field->shape == SCHEMA_MAP;
    bool object = field->shape == SCHEMA_OBJECT || ((list || map) && field->item == SCHEMA_OBJECT);
    if (object != (field->object != NULL))
        fail_msg("%s.%s: an object without a type", type->name, field->name);
    if (list && field->merge_key && !schema_field_find(field->object, field->merge_key))
        fail_msg("%s.%s: merged by %s, which its items have not", type->name, field->name,
                 field->merge_key);
    if (!list && !map && field->merge_key)
        fail_msg("%s.%s: a merge key on a scalar", type->name, field->name);
    if ((field->flags & SCHEMA_UNIQUE) && object && !field->merge_key)
        fail_msg("%s.%s: unique by what?", type->name, field->name);
    if (field->flags & SCHEMA_SET)
        assert_true(list && !object);
    if (field->flags & SCHEMA_ATOMIC)
        assert_true((list && field->merge_key) || field->shape == SCHEMA_OBJECT);
    if (field->flags & SCHEMA_WHOLE)
        assert_true(map);
    if (field->rule && field->rule->ranged)
        assert_true(field->rule->min < field->rule->max);
}

static void check_numbers(const struct schema_type *type, const struct schema_field *field)
{
    for (const struct schema_field *other = type->fields; other < field; other++) {
        if (field->number && other->number == field->number)
            fail_msg("%s: number %u is %s and %s", type->name, field->number, other->name,
                     field->name);
        if (strcmp(other->name, field->name) == 0)
            fail_msg("%s: %s comes twice", type->name, field->name);
    }
}

/* A default must pass its field's own rules: a type with one field, checked by the machinery
 * itself; below the root, where apiVersion and kind are fields like others. */
static void check_default(const struct schema_type *type, const struct schema_field *field)
{
    if (!field->def)
        return;
    struct schema_field alone[] = {*field, {.name = NULL}};
    const struct schema_type single = {.name = "Single", .fields = alone};
    const struct schema_field below[] = {F(1, "it", OBJECT(single), DEF("{}")), {.name = NULL}};
    const struct schema_type root = {.name = "Root", .fields = below};
    const struct schema_kind kind = {.group = "", .version = "v1", .kind = "K", .type = &root};
    char path[128];
    snprintf(path, sizeof(path), "it.%s", field->name);
    cleanup(value_free) struct value *object = value_new_map();
    cleanup(diags_done) struct diags diags = {0};
    schema_default(&kind, object);
    assert_true(schema_check(&kind, object, 0, &diags) < 0); /* it has no name, for one */
    for (size_t i = 0; i < diags.count; i++)
        if (str_has_prefix(diags.items[i].path, path))
            fail_msg("%s.%s: its default \"%s\" is a mistake: %s", type->name, field->name,
                     field->def, diags.items[i].reason);
}

/* What kubectl explain prints: one line each. Inline parts are not seen. */
static void check_doc(const struct schema_type *type, const struct schema_field *field)
{
    const char *docs[] = {type->doc, field->flags & SCHEMA_INLINE ? "X." : field->doc};
    for (size_t i = 0; i < ARRAY_LEN(docs); i++)
        if (str_empty(docs[i]) || docs[i][strlen(docs[i]) - 1] != '.' || strchr(docs[i], '\n'))
            fail_msg("%s%s%s: explained by \"%s\"", type->name, i ? "." : "", i ? field->name : "",
                     docs[i] ? docs[i] : "");
}

static void test_tables__everything_is_explained(void **state)
{
    (void)state;
    walk_all(check_doc);
}

static void test_tables__hold_together(void **state)
{
    (void)state;
    assert_true(walk_all(check_field) > 80);
    walk_all(check_numbers);
    walk_all(check_default);
}

static void test_tables__kinds(void **state)
{
    (void)state;
    for (size_t i = 0; kinds_at(NULL, i); i++) {
        const struct schema_kind *kind = kinds_at(NULL, i);
        char api_version[128];
        assert_ptr_equal(kinds_find(NULL, schema_api_version(kind, api_version), kind->kind), kind);
        assert_ptr_equal(kinds_find_resource(NULL, kind->group, kind->version, kind->plural), kind);
        assert_non_null(kind->name);
        assert_non_null(kind->proto);
        assert_string_equal(kind->columns[0].name,
                            str_eq(kind->kind, "Event") ? "Last Seen" : "Name");
        assert_int_equal(schema_field_find(kind->type, "metadata")->number, 1);
        if (!kind->computed)
            assert_int_equal(!(kind->flags & SCHEMA_KIND_STATUS),
                             !schema_field_find(kind->type, "status"));
        for (const struct schema_column *column = kind->columns; column->name; column++)
            assert_true(!column->path != !column->cell);
    }
}

static const struct schema_field *at(const struct schema_kind *kind, const char *path)
{
    const struct schema_type *type = kind->type;
    const struct schema_field *field = NULL;
    char copy[128], *rest = copy;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *name; (name = strsep(&rest, "."));) {
        field = schema_field_find(type, name);
        if (!field)
            fail_msg("%s: no %s", path, name);
        type = field->object;
    }
    return field;
}

static void test_tables__merge_keys_by_path(void **state)
{
    (void)state;
    static const struct {
        const struct schema_kind *kind;
        const char *path, *key; /* key NULL: atomic */
    } cases[] = {
        {&kind_pod, "metadata.ownerReferences", "uid"},
        {&kind_pod, "spec.containers", "name"},
        {&kind_pod, "spec.initContainers", "name"},
        {&kind_pod, "spec.ephemeralContainers", "name"},
        {&kind_pod, "spec.volumes", "name"},
        {&kind_pod, "spec.imagePullSecrets", "name"},
        {&kind_pod, "spec.hostAliases", "ip"},
        {&kind_pod, "spec.topologySpreadConstraints", "topologyKey"},
        {&kind_pod, "spec.tolerations", NULL},
        {&kind_pod, "spec.containers.env", "name"},
        {&kind_pod, "spec.containers.envFrom", NULL},
        {&kind_pod, "spec.containers.args", NULL},
        {&kind_pod, "spec.containers.command", NULL},
        {&kind_pod, "spec.containers.ports", "containerPort"},
        {&kind_pod, "spec.containers.volumeMounts", "mountPath"},
        {&kind_pod, "spec.containers.volumeDevices", "devicePath"},
        {&kind_pod, "status.conditions", "type"},
        {&kind_pod, "status.podIPs", "ip"},
        {&kind_pod, "status.hostIPs", "ip"},
        {&kind_pod, "status.resourceClaimStatuses", "name"},
        {&kind_pod, "status.containerStatuses.allocatedResourcesStatus", "name"},
        {&kind_node, "spec.taints", NULL},
        {&kind_node, "status.addresses", "type"},
        {&kind_node, "status.conditions", "type"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!str_eq(at(cases[i].kind, cases[i].path)->merge_key, cases[i].key))
            fail_msg("%s", cases[i].path);
    assert_true(at(&kind_pod, "metadata.finalizers")->flags & SCHEMA_SET);
    assert_true(at(&kind_node, "spec.podCIDRs")->flags & SCHEMA_SET);
    assert_true(at(&kind_pod, "spec.volumes")->flags & SCHEMA_RETAIN_KEYS);
    /* The keys of these tell doubles apart and no more. */
    assert_true(at(&kind_pod, "spec.containers.resources.claims")->flags & SCHEMA_ATOMIC);
    assert_true(at(&kind_pod, "spec.securityContext.sysctls")->flags & SCHEMA_ATOMIC);
}

/* Marked on the highest field that is left alone as a whole; what acts, or is refused by a node
 * with its reason, is not marked. */
static void test_tables__what_nothing_acts_on(void **state)
{
    (void)state;
    static const struct {
        const struct schema_kind *kind;
        const char *path;
        bool inert;
    } cases[] = {
        {&kind_pod, "spec.initContainers", false},
        {&kind_pod, "spec.containers", false},
        {&kind_pod, "spec.containers.livenessProbe", false},
        {&kind_pod, "spec.containers.livenessProbe.exec", false},
        {&kind_pod, "spec.containers.env", false},
        {&kind_pod, "spec.containers.ports", false},
        {&kind_pod, "spec.containers.ports.hostPort", false},
        {&kind_pod, "spec.containers.securityContext.seccompProfile", false},
        {&kind_pod, "spec.containers.securityContext.appArmorProfile", false},
        {&kind_pod, "spec.containers.securityContext.seLinuxOptions", false},
        {&kind_pod, "spec.affinity.podAffinity", true},
        {&kind_pod, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
         false},
        {&kind_pod, "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution",
         true},
        {&kind_pod, "spec.volumes.persistentVolumeClaim", false},
        {&kind_pod, "spec.volumes.configMap", false},
        {&kind_node, "spec.taints", false},
        {&kind_node, "spec.configSource", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!(at(cases[i].kind, cases[i].path)->flags & SCHEMA_INERT) == cases[i].inert)
            fail_msg("%s", cases[i].path);
}

static void test_tables__fields_through_inline(void **state)
{
    (void)state;
    const struct schema_type *volume = at(&kind_pod, "spec.volumes")->object;
    assert_null(schema_field_find(volume, "volumeSource"));
    assert_non_null(schema_field_find(volume, "emptyDir"));
    size_t count = 0;
    bool name = false, image = false;
    struct schema_fields it = {0};
    for (const struct schema_field *field; (field = schema_fields_next(volume, &it)); count++) {
        name |= strcmp(field->name, "name") == 0;
        image |= strcmp(field->name, "image") == 0;
        assert_false(field->flags & SCHEMA_INLINE);
    }
    assert_int_equal(count, 31);
    assert_true(name && image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables__hold_together),
        cmocka_unit_test(test_tables__everything_is_explained),
        cmocka_unit_test(test_tables__kinds),
        cmocka_unit_test(test_tables__merge_keys_by_path),
        cmocka_unit_test(test_tables__what_nothing_acts_on),
        cmocka_unit_test(test_tables__fields_through_inline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
