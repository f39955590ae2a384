#include "controller/manifest/manifest.h"

#include "common/base/str.h"
#include "common/bus/sealed.h"
#include "common/data/json.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct value *parse(const char *json)
{
    struct value *value = NULL;
    struct err err = {0};
    if (json_parse(json, strlen(json), &value, &err) < 0)
        fail_msg("%s", err.msg);
    return value;
}

static void expect_render(const char *json, const char *yaml)
{
    cleanup(value_free) struct value *object = parse(json);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    assert_int_equal(manifest_render(object, &text), 0);
    assert_string_equal(buf_str(&text), yaml);
}

/* What changes with every write of the gateway is not in it: no new digest without cause. */
static void test_manifest__without_what_only_the_gateway_needs(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = parse(
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"namespace\":"
        "\"default\",\"uid\":\"u1\",\"resourceVersion\":\"17\",\"generation\":3,\"managedFields\":"
        "[],\"finalizers\":[\"x\"],\"labels\":{\"a\":\"b\"},\"annotations\":{"
        "\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\",\"keep\":\"me\"},"
        "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":5},"
        "\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\"}}");
    cleanup(value_free) struct value *out = manifest_strip(object);
    const struct value *meta = value_get(out, "metadata");
    assert_null(value_get(out, "status"));
    assert_null(value_get(meta, "resourceVersion"));
    assert_null(value_get(meta, "generation"));
    assert_null(value_get(meta, "managedFields"));
    assert_null(value_get(meta, "finalizers"));
    assert_string_equal(value_get_str(meta, "uid"), "u1");
    assert_string_equal(value_get_str(meta, "deletionTimestamp"), "2026-01-01T00:00:00Z");
    assert_int_equal(value_get_int(meta, "deletionGracePeriodSeconds", 0), 5);
    assert_int_equal(value_len(value_get(meta, "annotations")), 1);
    assert_string_equal(value_str(value_path(meta, "labels", "a", NULL)), "b");
    assert_string_equal(value_str(value_path(out, "spec", "nodeName", NULL)), "n");
    assert_non_null(value_get(object, "status")); /* the object itself is untouched */
}

static void test_manifest__same_meaning_same_bytes(void **state)
{
    (void)state;
    const char *yaml = "apiVersion: v1\n"
                       "kind: ConfigMap\n"
                       "metadata:\n"
                       "  name: c\n"
                       "data:\n"
                       "  k: v\n";
    expect_render("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},"
                  "\"data\":{\"k\":\"v\"}}",
                  yaml);
    expect_render("{\"data\":{\"k\":\"v\"},\"metadata\":{\"resourceVersion\":\"9\",\"name\":\"c\","
                  "\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"x\"}},"
                  "\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"}",
                  yaml);
}

static void add_ref(void *ctx, const char *kind, const char *name)
{
    (void)buf_addf(ctx, "%s/%s ", kind, name);
}

static void test_manifest__every_source_is_named(void **state)
{
    (void)state;
    cleanup(value_free) struct value *pod = parse(
        "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"initContainers\":[{\"envFrom\":[{\"configMapRef\":{\"name\":\"c1\"}},"
        "{\"secretRef\":{\"name\":\"s1\"}}]}],\"containers\":[{\"env\":[{\"name\":\"A\",\"value\":"
        "\"x\"},{\"name\":\"B\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"c2\",\"key\":\"k\"}}"
        "},{\"name\":\"C\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s2\",\"key\":\"k\"}}}]}],"
        "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c3\"}},{\"name\":\"w\",\"secret\":"
        "{\"secretName\":\"s3\"}},{\"name\":\"e\",\"emptyDir\":{}},{\"name\":\"p\",\"projected\":"
        "{\"sources\":[{\"serviceAccountToken\":{\"path\":\"t\"}},{\"configMap\":{\"name\":\"c4\"}},"
        "{\"secret\":{\"name\":\"s4\"}}]}}],\"ephemeralContainers\":[{\"envFrom\":[{\"secretRef\":"
        "{\"name\":\"s5\"}}]}],\"imagePullSecrets\":[{\"name\":\"s6\"},{}]}}");
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    manifest_refs(pod, add_ref, &text);
    assert_string_equal(buf_str(&text), "ConfigMap/c1 Secret/s1 ConfigMap/c2 Secret/s2 "
                                        "Secret/s5 Secret/s6 ConfigMap/c3 Secret/s3 ConfigMap/c4 "
                                        "Secret/s4 ");
    cleanup(value_free) struct value *empty =
        parse("{\"kind\":\"Pod\",\"spec\":{\"containers\":[{}]}}");
    cleanup(buf_done) struct buf none;
    buf_init(&none, 0);
    manifest_refs(empty, add_ref, &none);
    assert_int_equal(none.len, 0);
}

static void test_manifest__claims_and_volumes(void **state)
{
    (void)state;
    static const struct {
        const char *json, *refs;
    } cases[] = {
        {"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"volumes\":[{\"name\":"
         "\"a\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}},{\"name\":\"own\","
         "\"ephemeral\":{}}]}}",
         "PersistentVolumeClaim/c PersistentVolumeClaim/p-own "},
        {"{\"kind\":\"PersistentVolumeClaim\",\"spec\":{\"volumeName\":\"v\"}}",
         "PersistentVolume/v "},
        {"{\"kind\":\"PersistentVolumeClaim\",\"spec\":{}}", ""},
        {"{\"kind\":\"PersistentVolume\",\"spec\":{\"volumeName\":\"v\"}}", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cleanup(value_free) struct value *object = parse(cases[i].json);
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        manifest_refs(object, add_ref, &text);
        assert_string_equal(buf_str(&text), cases[i].refs);
    }
    /* A node acts on what holds these, and on whose they are. */
    expect_render("{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolume\",\"metadata\":{\"name\":"
                  "\"v\",\"finalizers\":[\"f\"],\"managedFields\":[]},\"status\":{\"phase\":"
                  "\"Bound\"}}",
                  "apiVersion: v1\nkind: PersistentVolume\nmetadata:\n  name: v\n  finalizers:\n"
                  "  - f\n");
    expect_render("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
                  "\"finalizers\":[\"f\"]}}",
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n");
}

static size_t rendered(const struct value *object)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    assert_int_equal(manifest_render(object, &text), 0);
    return text.len;
}

static void test_manifest__size(void **state)
{
    (void)state;
    cleanup(value_free) struct value *map =
        parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},"
              "\"data\":{\"a\":\"1\\n2\\n\"},\"status\":{\"not\":\"sent\"}}");
    assert_int_equal(manifest_size(map), rendered(map));
    cleanup(value_free) struct value *secret =
        parse("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
              "\"data\":{\"a\":\"QUJD\"}}");
    cleanup(key_free) struct key *key = NULL;
    struct err err = {0};
    assert_int_equal(key_generate(&key, &err), 0);
    size_t size = manifest_size(secret);
    assert_int_equal(sealed_close(secret, key, "pi.01234567", "Secret/default/s", &err), 0);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    assert_int_equal(yaml_write(secret, &text), 0);
    assert_int_equal(size, text.len);
    /* A sketch is not always the longer one. */
    cleanup(value_free) struct value *many =
        parse("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{}}");
    char lines[2001];
    for (size_t i = 0; i < sizeof(lines); i++)
        lines[i] = i % 2 ? '\n' : 'x';
    lines[sizeof(lines) - 1] = '\0';
    value_set_str(value_get(many, "data"), "key", lines);
    assert_int_equal(manifest_size(many), rendered(many));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest__without_what_only_the_gateway_needs),
        cmocka_unit_test(test_manifest__same_meaning_same_bytes),
        cmocka_unit_test(test_manifest__every_source_is_named),
        cmocka_unit_test(test_manifest__claims_and_volumes),
        cmocka_unit_test(test_manifest__size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
