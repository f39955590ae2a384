#include "agent/image/gateway.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int give(void *ctx, struct buf *ret, struct err *err)
{
    int *left = ctx;
    if ((*left)-- == 0)
        return err_set(err, -ENOENT, "not enrolled");
    return buf_addstr(ret, "token");
}

/* Who we are at the gateway is shown to the gateway alone. */
static void test_gateway__endpoints(void **state)
{
    static const struct {
        const char *reference, *url; /* url NULL: the registry itself */
        bool is;
    } cases[] = {
        {"gateway.limpet.local/app:1", NULL, true},
        {"docker.io/app:1", NULL, false},
        {"gateway.limpet.local.example/app:1", NULL, false},
        {"docker.io/app:1", "https://gateway.limpet.local", true},
        {"docker.io/app:1", "https://gateway.limpet.local/v2", true},
        {"docker.io/app:1", "https://gateway.limpet.local.example/v2", false},
        {"docker.io/app:1", "https://gateway.limpet.local:5000/v2", false},
        {"docker.io/app:1", "http://gateway.limpet.local/v2", false},
        {"gateway.limpet.local/app:1", "https://mirror.example/v2", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int left = 100;
        const struct image_gateway gateway = {"https://limpet-gateway:6443/v2", "192.0.2.1:6443",
                                              "/ca.crt", give, &left};
        struct reference ref;
        struct err err = {0};
        cleanup(value_free) struct value *list = value_new_list();
        struct value *endpoint = value_new_map();
        value_append(list, endpoint);
        value_set_str(endpoint, "url", cases[i].url);
        value_set_bool(endpoint, "skipVerify", true);
        print_message("%s %s\n", cases[i].reference, cases[i].url ? cases[i].url : "");
        assert_int_equal(reference_parse(cases[i].reference, &ref, &err), 0);
        assert_int_equal(gateway_endpoints(NULL, &ref, list, &err), 0);
        assert_int_equal(gateway_endpoints(&gateway, &ref, list, &err), 0);
        assert_int_equal(value_get_str(endpoint, "connect") != NULL, cases[i].is);
        assert_int_equal(value_len(value_get(endpoint, "auth")), cases[i].is);
        assert_int_equal(value_get_bool(endpoint, "skipVerify", false), !cases[i].is);
        if (!cases[i].is)
            continue;
        assert_string_equal(value_get_str(endpoint, "url"), gateway.url);
        assert_string_equal(value_get_str(endpoint, "caFile"), "/ca.crt");
        left = 0;
        value_set_str(endpoint, "url", cases[i].url);
        assert_int_equal(gateway_endpoints(&gateway, &ref, list, &err), -ENOENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gateway__endpoints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
