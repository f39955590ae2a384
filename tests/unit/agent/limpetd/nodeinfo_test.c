#include "agent/limpetd/nodeinfo.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/personality.h>

#include <cmocka.h>

static const char *amount_of(const struct value *status, const char *list, const char *name)
{
    return value_str(value_path(status, list, name, NULL));
}

/* What pods leave to the node, and what it says that it has besides. */
static void test_nodeinfo__extended(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *name, *amount; /* NULL: refused */
    } cases[] = {
        {"vendor.example/card=2", "vendor.example/card", "2"},
        {"vendor.example/card=0", "vendor.example/card", "0"},
        {"vendor.example/card=1k", "vendor.example/card", "1k"},
        {"vendor.example/card", NULL, NULL},
        {"vendor.example/card=", NULL, NULL},
        {"vendor.example/card=-1", NULL, NULL},
        {"vendor.example/card=1500m", NULL, NULL},
        {"vendor.example/card=many", NULL, NULL},
        {"card=2", NULL, NULL},
        {"=2", NULL, NULL},
        {"cpu=64", NULL, NULL},
        {"memory=64Gi", NULL, NULL},
        {"kubernetes.io/card=2", NULL, NULL},
        {"node.kubernetes.io/card=2", NULL, NULL},
        {"vendor.example/a card=2", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        cleanup(value_free) struct value *status = nodeinfo_status("a", "", "1", "/", true);
        const char *const list[] = {cases[i].entry, NULL};
        int rc = nodeinfo_extend(status, list, &err);
        assert_int_equal(rc, cases[i].amount ? 0 : -EINVAL);
        if (rc < 0) {
            assert_non_null(strstr(err.msg, cases[i].entry));
            continue;
        }
        assert_string_equal(amount_of(status, "capacity", cases[i].name), cases[i].amount);
        assert_string_equal(amount_of(status, "allocatable", cases[i].name), cases[i].amount);
        assert_string_equal(amount_of(status, "allocatable", "pods"), "110");
        assert_int_equal(nodeinfo_extend(status, NULL, &err), 0);
    }
}

/* Pods get images for what the agent's program is, whatever the kernel calls the machine. */
static void test_nodeinfo__architecture(void **state)
{
    (void)state;
#if defined(__x86_64__)
    static const char want[] = "amd64";
#elif defined(__aarch64__)
    static const char want[] = "arm64";
#elif defined(__arm__)
    static const char want[] = "arm";
#elif defined(__i386__)
    static const char want[] = "386";
#else
    static const char want[] = "";
    skip();
#endif
    static const unsigned long kernels[] = {PER_LINUX, PER_LINUX32};
    for (size_t i = 0; i < ARRAY_LEN(kernels); i++) {
        int was = personality(kernels[i]); /* of 32: uname(2) tells that, where the kernel can */
        cleanup(value_free) struct value *status = nodeinfo_status("a", "", "1", "/", true);
        cleanup(value_free) struct value *labels = nodeinfo_labels("a");
        if (was >= 0)
            (void)personality((unsigned long)was);
        assert_string_equal(amount_of(status, "nodeInfo", "architecture"), want);
        assert_string_equal(value_str(value_get(labels, "kubernetes.io/arch")), want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nodeinfo__extended),
                                       cmocka_unit_test(test_nodeinfo__architecture)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
