#include "agent/pod/sysctl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char *const unsafe[] = {"net.core.*", "kernel.msgmax", NULL};

static void test_sysctl__allowed(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        bool with_unsafe;
        const char *message; /* "": allowed */
    } cases[] = {
        {"{}", false, ""},
        {"{\"securityContext\": {\"sysctls\": [{\"name\": \"net.ipv4.tcp_rmem\"}, {\"name\": "
         "\"net/ipv4/ping_group_range\"}]}}",
         false, ""},
        {"{\"securityContext\": {\"sysctls\": [{\"name\": \"net.ipv4.tcp_rmem\"}, {\"name\": "
         "\"net.core.somaxconn\"}]}}",
         false, "forbidden sysctl: \"net.core.somaxconn\" not allowlisted"},
        {"{\"securityContext\": {\"sysctls\": [{\"name\": \"net/core/somaxconn\"}, {\"name\": "
         "\"kernel.msgmax\"}]}}",
         true, ""},
        {"{\"securityContext\": {\"sysctls\": [{\"name\": \"kernel.msgmaximum\"}]}}", true,
         "forbidden sysctl: \"kernel.msgmaximum\" not allowlisted"},
        {"{\"securityContext\": {\"sysctls\": [{\"name\": \"net.cor\"}]}}", true,
         "forbidden sysctl: \"net.cor\" not allowlisted"},
        {"{\"securityContext\": {\"sysctls\": [{\"name\": \"vm.swappiness\"}]}}", true,
         "forbidden sysctl: \"vm.swappiness\" not allowlisted"},
        {"{\"hostNetwork\": true, \"securityContext\": {\"sysctls\": [{\"name\": "
         "\"net.ipv4.tcp_rmem\"}]}}",
         false, "forbidden sysctl: \"net.ipv4.tcp_rmem\" not allowed with host net enabled"},
        {"{\"hostIPC\": true, \"securityContext\": {\"sysctls\": [{\"name\": "
         "\"kernel/shm_rmid_forced\"}]}}",
         false, "forbidden sysctl: \"kernel.shm_rmid_forced\" not allowed with host ipc enabled"},
        {"{\"hostIPC\": true, \"securityContext\": {\"sysctls\": [{\"name\": "
         "\"net.ipv4.tcp_rmem\"}]}}",
         false, ""},
        {"{\"securityContext\": {\"sysctls\": [{\"name\": \"\"}, {}]}}", false,
         "forbidden sysctl: \"\" not allowlisted"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = NULL;
        cleanup(buf_done) struct buf message;
        buf_init(&message, 0);
        assert_int_equal(json_parse(cases[i].spec, strlen(cases[i].spec), &spec, NULL), 0);
        bool allowed = sysctls_allowed(spec, cases[i].with_unsafe ? unsafe : NULL, &message);
        assert_string_equal(buf_str(&message), cases[i].message);
        assert_int_equal(allowed, str_empty(cases[i].message));
    }
}

static void test_sysctl__name(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"net.core.somaxconn", "net.core.somaxconn"},
        {"net/core/somaxconn", "net.core.somaxconn"},
        {"net.ipv4.conf.eth0/1.x", "net.ipv4.conf.eth0/1.x"},
        {"net/ipv4/conf/eth0.1/x", "net.ipv4.conf.eth0/1.x"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *name = sysctl_name(cases[i][0]);
        assert_string_equal(name, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sysctl__allowed),
        cmocka_unit_test(test_sysctl__name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
