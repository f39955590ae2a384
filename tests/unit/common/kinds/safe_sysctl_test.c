#include "common/kinds/safe_sysctl.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_safe_sysctl__by_version(void **state)
{
    static const struct {
        const char *name;
        int since; /* -1: never */
    } cases[] = {
        {"kernel.shm_rmid_forced", 0},
        {"net.ipv4.ip_unprivileged_port_start", 0},
        {"net.ipv4.ip_local_reserved_ports", 27},
        {"net.ipv4.tcp_wmem", 32},
        {"net.ipv4.tcp_wme", -1},
        {"net.ipv4.tcp_wmemx", -1},
        {"kernel.msgmax", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int minor = 0; minor <= SAFE_SYSCTL_LATEST; minor++)
            assert_int_equal(safe_sysctl(cases[i].name, minor),
                             cases[i].since >= 0 && minor >= cases[i].since);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_safe_sysctl__by_version)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
