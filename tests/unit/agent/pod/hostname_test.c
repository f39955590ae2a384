#include "agent/pod/hostname.h"

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

#define LONG "a23456789b23456789c23456789d23456789e23456789f23456789"

static const struct {
    const char *name, *spec;
    const char *hostname, *domain, *kernel; /* kernel NULL: too long */
} cases[] = {
    {"web", "", "web", NULL, "web"},
    {"web", "\"hostname\":\"other\"", "other", NULL, "other"},
    {"web", "\"hostname\":\"\"", "web", NULL, "web"},
    {"a.b", "", "a.b", NULL, "a.b"},
    /* Cut to a label, that does not end with what may not end one. */
    {LONG "-a234567-9", "", LONG "-a234567", NULL, LONG "-a234567"},
    {LONG "-a23456.-.x", "", LONG "-a23456", NULL, LONG "-a23456"},
    {"web", "\"subdomain\":\"sub\"", "web", "sub.default.svc.cluster.local", "web"},
    {"web", "\"subdomain\":\"sub\",\"setHostnameAsFQDN\":true", "web",
     "sub.default.svc.cluster.local", "web.sub.default.svc.cluster.local"},
    {"web", "\"subdomain\":\"sub\",\"setHostnameAsFQDN\":false", "web",
     "sub.default.svc.cluster.local", "web"},
    {"web", "\"setHostnameAsFQDN\":true", "web", NULL, "web"},
    {"a23456789b23456789c23456789d234", "\"subdomain\":\"sub\",\"setHostnameAsFQDN\":true",
     "a23456789b23456789c23456789d234", "sub.default.svc.cluster.local",
     "a23456789b23456789c23456789d234.sub.default.svc.cluster.local"},
    {LONG, "\"subdomain\":\"sub\",\"setHostnameAsFQDN\":true", LONG,
     "sub.default.svc.cluster.local", NULL},
    {"web",
     "\"hostNetwork\":true,\"hostname\":\"x\",\"subdomain\":\"sub\",\"setHostnameAsFQDN\":true",
     "x", "sub.default.svc.cluster.local", "node-7"},
};

static void test_hostname__table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *text = xasprintf(
            "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"default\",\"uid\":\"1-2\"},\"spec\":{%s}}",
            cases[i].name, cases[i].spec);
        struct value *object = NULL;
        struct err err = {0};
        assert_int_equal(json_parse(text, strlen(text), &object, &err), 0);
        cleanup(pod_spec_free) struct pod_spec *spec = NULL;
        assert_int_equal(pod_spec_new(object, NULL, &spec, &err), 0);
        autofree char *hostname = hostname_short(spec), *domain = hostname_domain(spec);
        autofree char *kernel = NULL;
        assert_string_equal(hostname, cases[i].hostname);
        assert_true(str_eq(domain, cases[i].domain));
        int rc = hostname_kernel(spec, "node-7", &kernel, &err);
        assert_int_equal(rc, cases[i].kernel ? 0 : -ENAMETOOLONG);
        if (cases[i].kernel)
            assert_string_equal(kernel, cases[i].kernel);
        else
            assert_non_null(strstr(err.msg, "has 84 characters, a host name has at most 64"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostname__table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
