#include "agent/downward/resource_field.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The container that asks has limits; "bare" has none; "init" is an init container. */
static const char pod[] =
    "{\"spec\":{\"containers\":[{\"name\":\"app\",\"resources\":{\"limits\":{\"cpu\":\"1500m\","
    "\"memory\":\"100Mi\",\"ephemeral-storage\":\"1G\",\"hugepages-2Mi\":\"4Mi\"},\"requests\":{"
    "\"cpu\":\"1m\",\"memory\":\"64Mi\"}}},{\"name\":\"bare\"},{\"name\":\"zero\",\"resources\":{"
    "\"limits\":{\"cpu\":\"0\"}}}],\"initContainers\":[{\"name\":\"init\",\"resources\":{"
    "\"limits\":{\"memory\":\"5\"}}}]}}";
static const char allocatable[] =
    "{\"cpu\":\"3500m\",\"memory\":\"1000Ki\",\"ephemeral-storage\":\"7\",\"hugepages-2Mi\":\"8\"}";

static const struct {
    const char *container, *resource, *divisor, *text; /* container NULL: the one that asks */
} cases[] = {
    {NULL, "limits.cpu", NULL, "2"}, /* rounded up */
    {NULL, "limits.cpu", "\"1\"", "2"},
    {NULL, "limits.cpu", "\"1m\"", "1500"},
    {NULL, "requests.cpu", NULL, "1"},
    {NULL, "requests.cpu", "\"1m\"", "1"},
    {NULL, "limits.memory", NULL, "104857600"},
    {NULL, "limits.memory", "\"1Mi\"", "100"},
    {NULL, "limits.memory", "\"1M\"", "105"}, /* 104.86 */
    {NULL, "limits.memory", "\"1Gi\"", "1"},
    {NULL, "limits.memory", "\"0\"", "104857600"},
    {NULL, "limits.memory", "1", "104857600"}, /* a number */
    {NULL, "requests.memory", "\"1Ki\"", "65536"},
    {NULL, "limits.ephemeral-storage", "\"1k\"", "1000000"},
    {NULL, "limits.hugepages-2Mi", "\"1Mi\"", "4"},
    {"app", "limits.cpu", "\"1m\"", "1500"},
    {"init", "limits.memory", NULL, "5"},

    {"bare", "limits.cpu", NULL, "4"}, /* the node's, rounded up */
    {"bare", "limits.cpu", "\"1m\"", "3500"},
    {"bare", "limits.memory", "\"1Ki\"", "1000"},
    {"bare", "limits.ephemeral-storage", NULL, "7"},
    {"bare", "limits.hugepages-2Mi", NULL, "0"},
    {"bare", "requests.cpu", NULL, "0"},
    {"bare", "requests.memory", "\"1Mi\"", "0"},
    {"zero", "limits.cpu", NULL, "4"},
};

static struct value *parse(const char *text)
{
    struct value *v = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &v, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return v;
}

static struct value *selector_of(const char *container, const char *resource, const char *divisor)
{
    autofree char *text = xasprintf("{\"resource\":\"%s\",\"containerName\":\"%s\"%s%s}", resource,
                                    container ? container : "", divisor ? ",\"divisor\":" : "",
                                    divisor ? divisor : "");
    return parse(text);
}

static void test_resource_field__table(void **state)
{
    (void)state;
    cleanup(value_free) struct value *p = parse(pod), *room = parse(allocatable);
    const struct value *asks = value_at(value_path(p, "spec", "containers", NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *selector =
            selector_of(cases[i].container, cases[i].resource, cases[i].divisor);
        autofree char *text = NULL;
        struct err err = {0};
        if (resource_field_text(p, asks, selector, room, &text, &err) < 0 ||
            !str_eq(text, cases[i].text))
            fail_msg("%s %s: %s, want %s: %s", cases[i].resource, cases[i].divisor, text,
                     cases[i].text, err.msg);
    }
}

static void test_resource_field__unknown(void **state)
{
    (void)state;
    cleanup(value_free) struct value *p = parse(pod);
    const struct value *asks = value_at(value_path(p, "spec", "containers", NULL), 0);
    cleanup(value_free) struct value *nobody = selector_of("none", "limits.cpu", NULL);
    cleanup(value_free) struct value *bare = selector_of("bare", "limits.cpu", NULL);
    autofree char *text = NULL;
    struct err err = {0};
    assert_int_equal(resource_field_text(p, asks, nobody, NULL, &text, &err), -ENOENT);
    assert_string_equal(err.msg, "the pod has no container \"none\"");
    assert_null(text);
    /* A node that does not tell what it has. */
    assert_int_equal(resource_field_text(p, asks, bare, NULL, &text, &err), 0);
    assert_string_equal(text, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resource_field__table),
        cmocka_unit_test(test_resource_field__unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
