#include "controller/registry/content.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define D3 "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define OCI "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"
#define CONFIG "\"config\":{\"digest\":\"" D1 "\",\"size\":2}"
#define LAYERS "\"layers\":[{\"digest\":\"" D2 "\",\"size\":3}]"

static void test_content__needs(void **state)
{
    static const struct {
        const char *text, *type, *is;
        size_t count;
        const char *needs[2];
        bool manifests;
        const char *subject;
    } cases[] = {
        {"{\"schemaVersion\":2," CONFIG "," LAYERS "}", OCI, OCI, 2, {D2, D1}, false, ""},
        {"{\"schemaVersion\":2,\"mediaType\":\"" OCI "\"," CONFIG "," LAYERS "}",
         NULL,
         OCI,
         2,
         {D2, D1},
         false,
         ""},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" D2
         "\",\"size\":3,\"urls\":[\"https://x/\"]}],\"subject\":{\"digest\":\"" D3 "\"}}",
         OCI "; charset=utf-8",
         OCI,
         1,
         {D1},
         false,
         D3},
        {"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D3 "\",\"size\":9}]}",
         INDEX,
         INDEX,
         1,
         {D3},
         true,
         ""},
        {"{\"schemaVersion\":2,\"manifests\":[]}", INDEX, INDEX, 0, {NULL}, true, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(content_free) struct content *content = NULL;
        struct err err = {0};
        assert_int_equal(
            content_parse(cases[i].text, strlen(cases[i].text), cases[i].type, &content, &err), 0);
        assert_string_equal(content->type, cases[i].is);
        assert_string_equal(content->subject, cases[i].subject);
        assert_int_equal(content->count, cases[i].count);
        for (size_t n = 0; n < content->count; n++) {
            assert_string_equal(content->needs[n].digest, cases[i].needs[n]);
            assert_int_equal(content->needs[n].manifest, cases[i].manifests);
        }
    }
}

static void test_content__what_is_none(void **state)
{
    static const struct {
        const char *text, *type, *why;
    } cases[] = {
        {"", OCI, "not JSON"},
        {"[]", OCI, "schemaVersion"},
        {"{\"schemaVersion\":1,\"fsLayers\":[]}", OCI, "schemaVersion"},
        {"{\"schemaVersion\":2}", OCI, "neither"},
        {"{\"schemaVersion\":2," LAYERS "}", OCI, "digest"},
        {"{\"schemaVersion\":2," CONFIG "," LAYERS ",\"manifests\":[]}", OCI, "both"},
        {"{\"schemaVersion\":2," CONFIG "," LAYERS "}", NULL, "media type"},
        {"{\"schemaVersion\":2," CONFIG "," LAYERS "}", "text", "media type"},
        {"{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\"," CONFIG "," LAYERS "}", OCI,
         "calls itself"},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:../..\",\"size\":3}]}",
         OCI, "digest"},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" D2 "\",\"size\":-3}]}", OCI,
         "size"},
        {"{\"schemaVersion\":2," CONFIG "," LAYERS ",\"subject\":{}}", OCI, "subject"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct content *content = NULL;
        struct err err = {0};
        print_message("%s\n", cases[i].text);
        assert_true(
            content_parse(cases[i].text, strlen(cases[i].text), cases[i].type, &content, &err) < 0);
        assert_null(content);
        assert_non_null(strstr(err.msg, cases[i].why));
    }
}

static void test_content__too_much(void **state)
{
    cleanup(buf_done) struct buf text = {0};
    struct content *content = NULL;
    struct err err = {0};
    (void)state;
    buf_addstr(&text, "{\"schemaVersion\":2,\"manifests\":[");
    for (int i = 0; i <= CONTENT_MAX_NEEDS; i++)
        buf_addstr(&text, i ? ",{\"digest\":\"" D1 "\",\"size\":1}"
                            : "{\"digest\":\"" D1 "\",\"size\":1}");
    buf_addstr(&text, "]}");
    assert_true(content_parse(text.data, text.len, INDEX, &content, &err) < 0);
    assert_non_null(strstr(err.msg, "more than"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content__needs),
        cmocka_unit_test(test_content__what_is_none),
        cmocka_unit_test(test_content__too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
