#include "agent/pod/bandwidth.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define IN(text) "{kubernetes.io/ingress-bandwidth: " text "}"
#define OUT(text) "{kubernetes.io/egress-bandwidth: " text "}"

static void test_bandwidth__read(void **state)
{
    static const struct {
        const char *annotations;
        uint64_t ingress, egress;
        const char *why; /* NULL: none */
    } cases[] = {
        {"{}", 0, 0, NULL},
        {IN("10M"), 10000000, 0, NULL},
        {OUT("'1500000'"), 0, 1500000, NULL},
        {OUT("1Ki"), 0, 1024, NULL},
        {"{kubernetes.io/ingress-bandwidth: 1k, kubernetes.io/egress-bandwidth: 1P}", 1000,
         UINT64_C(1000000000000000), NULL},
        {IN("999"), 0, 0,
         "annotation kubernetes.io/ingress-bandwidth: resource is unreasonably small (< 1kbit)"},
        {IN("'-5'"), 0, 0,
         "annotation kubernetes.io/ingress-bandwidth: resource is unreasonably small (< 1kbit)"},
        {OUT("1001T"), 0, 0,
         "annotation kubernetes.io/egress-bandwidth: resource is unreasonably large (> 1Pbit)"},
        {OUT("fast"), 0, 0, "annotation kubernetes.io/egress-bandwidth: not a quantity"},
        {IN("''"), 0, 0, "annotation kubernetes.io/ingress-bandwidth: not a quantity"},
        {IN("10 M"), 0, 0, "annotation kubernetes.io/ingress-bandwidth: not a quantity"},
        {IN("99999999999999999999"), 0, 0,
         "annotation kubernetes.io/ingress-bandwidth: not a quantity"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *annotations = NULL;
        cleanup(diags_done) struct diags diags = {0};
        struct net_rates rates = {0};
        struct err err = {0};
        const char *text = cases[i].annotations;
        assert_int_equal(yaml_parse(text, strlen(text), &annotations, &diags), 0);
        int rc = bandwidth_read(annotations, &rates, &err);
        if (rc != (cases[i].why ? -EINVAL : 0) || rates.ingress != cases[i].ingress ||
            rates.egress != cases[i].egress || !str_eq(err.msg, cases[i].why ? cases[i].why : ""))
            fail_msg("%s: %d %s", text, rc, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bandwidth__read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
