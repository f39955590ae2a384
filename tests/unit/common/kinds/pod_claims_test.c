#include "common/kinds/pod_claims.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void tell(void *ctx, const char *claim, const struct value *volume, bool own)
{
    struct buf *told = ctx;
    (void)buf_addf(told, "%s%s=%s%s", told->len ? " " : "", value_get_str(volume, "name"), claim,
                   own ? "!" : "");
}

static void test_pod_claims__of_volumes(void **state)
{
    static const struct {
        const char *volumes, *told;
    } cases[] = {
        {"[]", ""},
        {"[{name: a, persistentVolumeClaim: {claimName: data}}]", "a=data"},
        {"[{name: a, emptyDir: {}}, {name: b, ephemeral: {}}]", "b=web-b!"},
        {"[{name: a, persistentVolumeClaim: {claimName: x}}, {name: b, persistentVolumeClaim: "
         "{claimName: x}}]",
         "a=x b=x"},
        {"[{name: a, persistentVolumeClaim: {}}, {name: b, persistentVolumeClaim: {claimName: ''}},"
         " {name: c, persistentVolumeClaim: 7}, {ephemeral: {}}, 3, {name: d, ephemeral: text}]",
         ""},
        {"text", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *yaml =
            xasprintf("{metadata: {name: web}, spec: {volumes: %s}}", cases[i].volumes);
        cleanup(value_free) struct value *pod = NULL;
        cleanup(diags_done) struct diags diags = {0};
        cleanup(buf_done) struct buf told;
        assert_int_equal(yaml_parse(yaml, strlen(yaml), &pod, &diags), 0);
        buf_init(&told, 0);
        pod_claims_each(pod, tell, &told);
        assert_string_equal(buf_str(&told), cases[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pod_claims__of_volumes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
