/* Every document of tests/manifests says the same in protobuf as in YAML. */

#include "common/data/wire.h"
#include "common/schema/proto.h"
#include "../schema/encode.h"
#include "load.h"

#include <dirent.h>

static void drop_zeros(const struct schema_type *type, struct value *object);

static void drop_field(const struct schema_field *field, struct value *object)
{
    struct value *value = value_get(object, field->name);
    bool empty = field->shape == SCHEMA_STRING && str_eq(value_str(value), "") &&
                 !(field->flags & (SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY));
    bool zero = field->flags & SCHEMA_OMIT_ZERO && value_int(value, 1) == 0;
    bool no = field->flags & SCHEMA_OMIT_ZERO && value_type(value) == VALUE_BOOL &&
              !value_bool(value, true);
    bool none = (field->shape == SCHEMA_LIST || field->shape == SCHEMA_MAP) && value &&
                value_len(value) == 0;
    if (empty || zero || no || none) {
        value_del(object, field->name);
        return;
    }
    if (field->shape == SCHEMA_OBJECT)
        drop_zeros(field->object, value);
    for (size_t i = 0; field->shape != SCHEMA_OBJECT && field->object && i < value_len(value); i++)
        drop_zeros(field->object, value_at(value, i));
}

/* What Kubernetes' own JSON leaves out, and its protobuf cannot say. */
static void drop_zeros(const struct schema_type *type, struct value *object)
{
    struct schema_fields it = {0};
    if (value_type(object) != VALUE_MAP)
        return; /* types may hold themselves */
    for (const struct schema_field *field; (field = schema_fields_next(type, &it));)
        drop_field(field, object);
}

/* Both forms of an object after defaulting must have the same canonical bytes. */
static void check_object(const struct value *object, bool zeros)
{
    const struct schema_kind *kind = kinds_of(NULL, object, NULL);
    cleanup(buf_done) struct buf body = {0};
    cleanup(buf_done) struct buf want = {0};
    cleanup(buf_done) struct buf got = {0};
    cleanup(value_free) struct value *again = NULL;
    cleanup(value_free) struct value *original = value_copy(object);
    struct proto_envelope envelope;
    struct err err = {0};
    encode_object(kind, object, zeros, &body);
    assert_int_equal(proto_open(body.data, body.len, &envelope, &err), 0);
    assert_string_equal(envelope.kind, kind->kind);
    if (proto_decode(kind->type, envelope.raw, envelope.len, &again, &err) != 0)
        fail_msg("%s %s: %s", kind->kind, object_name(object), err.msg);
    value_set_str(again, "apiVersion", envelope.api_version);
    value_set_str(again, "kind", envelope.kind);
    schema_default(kind, again);
    drop_zeros(kind->type, original);
    drop_zeros(kind->type, again);
    (void)schema_canonical(kind->type, original, &want);
    (void)schema_canonical(kind->type, again, &got);
    if (strcmp(buf_str(&want), buf_str(&got)) != 0)
        fail_msg("%s %s%s\n%s\nis not\n%s", kind->kind, object_name(object),
                 zeros ? " with zeros" : "", buf_str(&got), buf_str(&want));
}

static size_t check_text(const char *text)
{
    cleanup(value_free) struct value *objects = load(text);
    for (size_t i = 0; i < value_len(objects); i++) {
        check_object(value_at(objects, i), false);
        check_object(value_at(objects, i), true);
    }
    return value_len(objects);
}

static const char numbers[] =
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {a/b: c}\n  annotations: {x: ''}\n"
    "  ownerReferences: [{apiVersion: v1, kind: Node, name: n, uid: u, controller: false}]\n"
    "spec:\n  terminationGracePeriodSeconds: 0\n  automountServiceAccountToken: false\n"
    "  enableServiceLinks: false\n"
    "  securityContext: {runAsUser: 0, runAsNonRoot: false, supplementalGroups: [0, 70000]}\n"
    "  tolerations: [{operator: Exists, effect: NoExecute, tolerationSeconds: 0}]\n  nodeSelector: {a: ''}\n"
    "  containers:\n  - name: c\n    image: i\n    stdin: true\n"
    "    ports: [{containerPort: 80, name: web}]\n"
    "    resources: {limits: {cpu: 1500m, memory: 1Gi}, requests: {cpu: 0}}\n"
    "    readinessProbe: {httpGet: {port: web}, periodSeconds: 3}\n"
    "    livenessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 4}\n"
    "    env: [{name: E, value: ''}, {name: F, valueFrom: {configMapKeyRef: {name: m, key: k, "
    "optional: false}}}]\n"
    "  volumes: [{name: e, emptyDir: {sizeLimit: 64Mi}}, {name: m, configMap: {name: m, "
    "defaultMode: 0}}]\n";

static void test_proto__what_zero_means(void **state)
{
    (void)state;
    assert_int_equal(check_text(numbers), 1);
}

static void test_proto__every_manifest(void **state)
{
    (void)state;
    DIR *dir = opendir(MANIFESTS);
    size_t count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        cleanup(buf_done) struct buf text = {0};
        char path[4096], chunk[4096];
        size_t len;
        if (!str_has_suffix(entry->d_name, ".yaml"))
            continue;
        snprintf(path, sizeof(path), "%s/%s", MANIFESTS, entry->d_name);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0)
            (void)buf_add(&text, chunk, len);
        fclose(file);
        count += check_text(buf_str(&text));
    }
    closedir(dir);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proto__what_zero_means),
        cmocka_unit_test(test_proto__every_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
