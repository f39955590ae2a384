#include "agent/image/manifest.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D "\"digest\":\"sha256:" HEX "\",\"size\":10"
#define OCI_LAYER "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\"," D "}"
#define DOCKER_LAYER "{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\"," D "}"
#define CONFIG "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\"," D "}"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"

static int parse(const char *text, const char *type, struct manifest **ret, struct err *err)
{
    return manifest_parse(text, strlen(text), type, ret, err);
}

static void test_manifest__images(void **state)
{
    (void)state;
    static const struct {
        const char *text, *type;
        size_t layers;
    } cases[] = {
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" OCI_LAYER "," OCI_LAYER "]}", NULL, 2},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" OCI_LAYER "]}", OCI_MANIFEST, 1},
        {"{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_MANIFEST "\"," CONFIG
         ",\"layers\":[" DOCKER_LAYER "]}",
         DOCKER_MANIFEST "; charset=utf-8", 1},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "text/plain", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(manifest_free) struct manifest *m = NULL;
        assert_int_equal(parse(cases[i].text, cases[i].type, &m, NULL), 0);
        assert_int_equal(m->kind, MANIFEST_IMAGE);
        assert_int_equal(m->count, cases[i].layers);
        assert_string_equal(m->config.digest, "sha256:" HEX);
        for (size_t k = 0; k < m->count; k++)
            assert_int_equal(m->items[k].size, 10);
    }
}

static void test_manifest__index(void **state)
{
    (void)state;
    static const char text[] =
        "{\"schemaVersion\":2,\"manifests\":["
        "{\"mediaType\":\"" OCI_MANIFEST "\"," D
        ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}},"
        "{\"mediaType\":\"application/vnd.example.attestation\"," D "},"
        "{\"mediaType\":\"" DOCKER_LIST "\"," D
        ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"reg.local/web:2\"}}]}";
    cleanup(manifest_free) struct manifest *m = NULL;
    assert_int_equal(parse(text, OCI_INDEX, &m, NULL), 0);
    assert_int_equal(m->kind, MANIFEST_INDEX);
    assert_int_equal(m->count, 2);
    assert_string_equal(m->items[0].platform.variant, "v7");
    assert_int_equal(m->items[1].kind, MANIFEST_INDEX);
    assert_string_equal(m->items[1].name, "reg.local/web:2");
}

static void test_manifest__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *type, *says;
    } cases[] = {
        {"", NULL, "manifest"},
        {"[]", NULL, "schemaVersion"},
        {"{}", NULL, "schemaVersion"},
        {"{\"schemaVersion\":1," CONFIG ",\"layers\":[]}", NULL, "schemaVersion"},
        {"{\"schemaVersion\":2}", NULL, "neither"},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", NULL, "ambiguous"},
        {"{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", NULL, "ambiguous"},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", OCI_INDEX, "ambiguous"},
        {"{\"schemaVersion\":2,\"manifests\":[]}", DOCKER_MANIFEST, "ambiguous"},
        {"{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\"," CONFIG ",\"layers\":[]}", NULL,
         "ambiguous"},
        {"{\"schemaVersion\":2,\"mediaType\":\"application/x\"," CONFIG ",\"layers\":[]}", NULL,
         "not an image"},
        {"{\"schemaVersion\":2,\"layers\":[]}", NULL, "config"},
        {"{\"schemaVersion\":2," CONFIG "}", NULL, "no list of layers"},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{" D "}]}", NULL, "media type"},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"application/"
         "vnd.oci.image.layer.nondistributable.v1.tar+gzip\"," D "}]}",
         NULL, "foreign"},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:x\",\"size\":1},\"layers\":[]}",
         NULL, "digest"},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX
         "\",\"size\":-1},\"layers\":[]}",
         NULL, "size"},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX
         "\",\"size\":1048577},\"layers\":[]}",
         NULL, "config of"},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX
         "\",\"size\":1e300},\"layers\":[]}",
         NULL, "size"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct manifest *m = NULL;
        struct err err = {0};
        assert_true(parse(cases[i].text, cases[i].type, &m, &err) < 0);
        assert_null(m);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.msg, cases[i].says);
    }
}

static void test_manifest__too_many_layers(void **state)
{
    (void)state;
    for (int count = MANIFEST_MAX_LAYERS; count <= MANIFEST_MAX_LAYERS + 1; count++) {
        cleanup(buf_done) struct buf text = {0};
        cleanup(manifest_free) struct manifest *m = NULL;
        (void)buf_addstr(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
        for (int i = 0; i < count; i++)
            (void)buf_addf(&text, "%s" OCI_LAYER, i ? "," : "");
        (void)buf_addstr(&text, "]}");
        struct err err = {0};
        int rc = manifest_parse(text.data, text.len, NULL, &m, &err);
        assert_int_equal(rc, count > MANIFEST_MAX_LAYERS ? -EINVAL : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest__images),
        cmocka_unit_test(test_manifest__index),
        cmocka_unit_test(test_manifest__refused),
        cmocka_unit_test(test_manifest__too_many_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
