#include "agent/image/manifest.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct manifest *index_of(const char *const *platforms)
{
    struct manifest *m = xcalloc(1, sizeof(*m));
    m->kind = MANIFEST_INDEX;
    m->items = xcalloc(16, sizeof(*m->items));
    for (; platforms[m->count]; m->count++) {
        struct platform *p = &m->items[m->count].platform;
        sscanf(platforms[m->count], "%15[^/]/%15[^/]/%15s", p->os, p->arch, p->variant);
    }
    return m;
}

static void test_platform__choose(void **state)
{
    (void)state;
    static const struct {
        const char *arch, *machine;
        const char *index[6];
        int want; /* -1: none */
    } cases[] = {
        {"amd64", "x86_64", {"linux/arm64/v8", "linux/amd64"}, 1},
        {"amd64", "x86_64", {"windows/amd64", "linux/arm64"}, -1},
        {"amd64", "x86_64", {"linux/amd64/v3"}, -1},
        {"arm64", "aarch64", {"linux/arm/v7", "linux/arm64"}, 1},
        {"arm64", "aarch64", {"linux/arm64", "linux/arm64/v8"}, 1},
        {"arm64", "aarch64", {"linux/arm/v7"}, -1},
        {"arm", "armv7l", {"linux/arm/v5", "linux/arm/v6", "linux/arm/v7"}, 2},
        {"arm", "armv7l", {"linux/arm64", "linux/arm/v5", "linux/arm/v6"}, 2},
        {"arm", "armv6l", {"linux/arm/v7", "linux/arm/v5"}, 1},
        {"arm", "armv6l", {"linux/arm/v7"}, -1},
        {"arm", "armv5tel", {"linux/arm/v6", "linux/arm"}, 1},
        /* a 64-bit kernel below a 32-bit system */
        {"arm", "aarch64", {"linux/arm64/v8", "linux/arm/v7"}, 1},
        {"arm", "armv8l", {"linux/arm64/v8", "linux/arm/v6"}, 1},
        {"riscv64", "riscv64", {"linux/amd64", "linux/riscv64"}, 1},
        {"amd64", "x86_64", {""}, 0}, /* does not say, and is the only one */
        {"amd64", "x86_64", {NULL}, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct platform platforms[PLATFORMS_MAX];
        size_t count = platforms_of(cases[i].arch, cases[i].machine, platforms);
        cleanup(manifest_free) struct manifest *m = index_of(cases[i].index);
        const struct descriptor *chosen = NULL;
        struct err err = {0};
        int rc = manifest_choose(m, platforms, count, &chosen, &err);
        if (cases[i].want < 0) {
            assert_int_equal(rc, -ENOENT);
            assert_non_null(strstr(err.msg, "there is no image for linux/"));
        } else {
            assert_int_equal(rc, 0);
            assert_int_equal(chosen - m->items, cases[i].want);
        }
    }
}

static void test_platform__fits(void **state)
{
    (void)state;
    static const struct {
        const char *os, *arch, *variant;
        int rc;
    } cases[] = {
        {"linux", "arm", "v7", 0},       {"linux", "arm", "v6", 0}, {"linux", "arm", "", 0},
        {"linux", "arm64", "", -EINVAL}, {"", "", "", 0},           {"windows", "arm", "", -EINVAL},
        {"linux", "s390x", "", -EINVAL},
    };
    struct platform platforms[PLATFORMS_MAX];
    size_t count = platforms_of("arm", "armv7l", platforms);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_config config = {0};
        snprintf(config.platform.os, sizeof(config.platform.os), "%s", cases[i].os);
        snprintf(config.platform.arch, sizeof(config.platform.arch), "%s", cases[i].arch);
        snprintf(config.platform.variant, sizeof(config.platform.variant), "%s", cases[i].variant);
        assert_int_equal(image_config_fits(&config, platforms, count, NULL), cases[i].rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_platform__choose),
        cmocka_unit_test(test_platform__fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
