#include "agent/pod/spec.h"

#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct value *parse(const char *meta, const char *more)
{
    char json[1024];
    struct value *value = NULL;
    struct err err = {0};
    snprintf(json, sizeof(json),
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{%s},\"spec\":{%s"
             "\"containers\":[{\"name\":\"main\",\"image\":\"x\"}]}}",
             meta, more);
    if (json_parse(json, strlen(json), &value, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return value;
}

static struct pod_spec *make(const char *meta, const char *more)
{
    struct pod_spec *spec = NULL;
    struct err err = {0};
    if (pod_spec_new(parse(meta, more), NULL, &spec, &err) < 0)
        fail_msg("%s", err.msg);
    return spec;
}

/* The uid becomes part of paths. */
static void test_spec__uids_that_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\"name\":\"web\"",
        "\"name\":\"web\",\"uid\":\"\"",
        "\"name\":\"web\",\"uid\":\"../x\"",
        "\"name\":\"web\",\"uid\":\"a/b\"",
        "\"name\":\"web\",\"uid\":\"0123456789012345678901234567890123456\"",
        "\"uid\":\"ab\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pod_spec *spec = NULL;
        struct err err = {0};
        if (pod_spec_new(parse(bad[i], ""), NULL, &spec, &err) != -EINVAL)
            fail_msg("%s was taken", bad[i]);
    }
}

static void test_spec__projection(void **state)
{
    (void)state;
    cleanup(pod_spec_free) struct pod_spec *plain = make("\"name\":\"web\",\"uid\":\"ab-1\"", "");
    assert_string_equal(plain->ns, "default");
    assert_string_equal(plain->name, "web");
    assert_string_equal(plain->uid, "ab-1");
    assert_false(plain->deleting);
    assert_false(plain->host_network);
    assert_int_equal(plain->grace_s, 30);
    assert_int_equal(value_len(pod_spec_containers(plain)), 1);
    cleanup(pod_spec_free) struct pod_spec *leaving =
        make("\"name\":\"web\",\"uid\":\"ab-1\",\"namespace\":\"n\",\"deletionTimestamp\":"
             "\"2026-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":3",
             "\"terminationGracePeriodSeconds\":60,\"hostNetwork\":true,");
    assert_string_equal(leaving->ns, "n");
    assert_true(leaving->deleting);
    assert_true(leaving->host_network);
    assert_int_equal(leaving->grace_s, 3);
}

/* What only the gateway decides by starts nothing anew; what the containers are made of does. */
static void test_spec__hash(void **state)
{
    (void)state;
    const char *meta = "\"name\":\"web\",\"uid\":\"ab-1\"";
    cleanup(pod_spec_free) struct pod_spec *base = make(meta, "");
    static const struct {
        const char *more;
        bool same;
    } rows[] = {
        {"\"nodeName\":\"n\",", true},
        {"\"terminationGracePeriodSeconds\":60,", true},
        {"\"priority\":7,", true},
        {"\"hostNetwork\":true,", false},
        {"\"restartPolicy\":\"Never\",", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup(pod_spec_free) struct pod_spec *other = make(meta, rows[i].more);
        if (str_eq(base->hash, other->hash) != rows[i].same)
            fail_msg("%s", rows[i].more);
    }
    cleanup(pod_spec_free) struct pod_spec *labelled =
        make("\"name\":\"web\",\"uid\":\"ab-1\",\"labels\":{\"a\":\"b\"}", "");
    assert_string_equal(base->hash, labelled->hash);
}

static struct pod_spec *with_resources(const char *resources, const char *static_node)
{
    char more[512];
    struct pod_spec *spec = NULL;
    struct err err = {0};
    snprintf(more, sizeof(more), "\"initContainers\":[{\"name\":\"i\",\"image\":\"x\"%s%s}],",
             *resources ? ",\"resources\":" : "", resources);
    assert_int_equal(
        pod_spec_new(parse("\"name\":\"web\",\"uid\":\"ab-1\"", more), static_node, &spec, &err),
        0);
    return spec;
}

/* Cpu and memory start nothing anew, but a static pod is another one then. */
static void test_spec__hash_of_resources(void **state)
{
    (void)state;
    static const struct {
        const char *resources;
        bool same;
    } rows[] = {
        {"{}", true},
        {"{\"requests\":{\"cpu\":\"1\"}}", true},
        {"{\"limits\":{\"memory\":\"1Gi\",\"cpu\":\"1\"},\"requests\":{\"memory\":\"1Gi\"}}", true},
        {"{\"limits\":{\"vendor.example/card\":\"1\"}}", false},
        {"{\"limits\":{\"ephemeral-storage\":\"1Gi\",\"cpu\":\"1\"}}", false},
    };
    cleanup(pod_spec_free) struct pod_spec *base = with_resources("", NULL);
    cleanup(pod_spec_free) struct pod_spec *fixed = with_resources("", "pi");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup(pod_spec_free) struct pod_spec *other = with_resources(rows[i].resources, NULL);
        cleanup(pod_spec_free) struct pod_spec *here = with_resources(rows[i].resources, "pi");
        if (str_eq(base->hash, other->hash) != rows[i].same ||
            (i > 0 && str_eq(fixed->uid, here->uid)))
            fail_msg("%s", rows[i].resources);
    }
}

/* Keepers outlive their manifests and the agent: the uid alone must tell, in later releases too. */
static void test_spec__uid_tells_static_pods(void **state)
{
    (void)state;
    struct pod_spec *made = NULL;
    struct err err = {0};
    char hash[POD_HASH_LEN + 1] = "";
    while (strlen(hash) < POD_HASH_LEN)
        strcat(hash, "ab");
    const char *const uid = "56edadd2-e2a8-fc9e-2f4d-a7300a866468";
    assert_true(pod_uid_is_static(uid, "default", "web-pi", hash));
    assert_false(pod_uid_is_static(uid, "other", "web-pi", hash));
    assert_false(pod_uid_is_static(uid, "default", "web", hash));
    assert_int_equal(pod_spec_new(parse("\"name\":\"web\"", ""), "pi", &made, &err), 0);
    cleanup(pod_spec_free) struct pod_spec *here = made;
    assert_true(pod_uid_is_static(here->uid, here->ns, here->name, here->hash));
    cleanup(pod_spec_free) struct pod_spec *desired =
        make("\"name\":\"web-pi\",\"uid\":\"ab-1\"", "");
    assert_false(pod_uid_is_static(desired->uid, desired->ns, desired->name, desired->hash));
}

static void test_spec__user(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        int64_t user;
    } cases[] = {
        {"", -1},
        {"\"securityContext\":{\"runAsUser\":1000},", 1000},
        {"\"securityContext\":{\"runAsUser\":0},", 0},
        {"\"initContainers\":[{\"securityContext\":{\"runAsUser\":7}}],", -1},
        {"\"securityContext\":{\"runAsUser\":7},\"initContainers\":[{\"securityContext\":{"
         "\"runAsUser\":7}}],",
         7},
        {"\"securityContext\":{\"runAsUser\":7},\"initContainers\":[{\"securityContext\":{"
         "\"runAsUser\":8}}],",
         -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(pod_spec_free) struct pod_spec *spec =
            make("\"name\":\"web\",\"uid\":\"ab-1\"", cases[i].more);
        assert_int_equal(pod_spec_user(spec), cases[i].user);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec__uids_that_are_refused),
        cmocka_unit_test(test_spec__user),
        cmocka_unit_test(test_spec__projection),
        cmocka_unit_test(test_spec__hash),
        cmocka_unit_test(test_spec__hash_of_resources),
        cmocka_unit_test(test_spec__uid_tells_static_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
