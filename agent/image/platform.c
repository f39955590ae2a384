#include "agent/image/manifest.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>

#if defined(__x86_64__)
#define BUILD_ARCH "amd64"
#elif defined(__aarch64__)
#define BUILD_ARCH "arm64"
#elif defined(__arm__)
#define BUILD_ARCH "arm"
#elif defined(__i386__)
#define BUILD_ARCH "386"
#elif defined(__riscv) && __riscv_xlen == 64
#define BUILD_ARCH "riscv64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define BUILD_ARCH "ppc64le"
#elif defined(__s390x__)
#define BUILD_ARCH "s390x"
#else
#define BUILD_ARCH "unknown"
#endif

/* What each kind of processor runs, best first (containerd's platforms package). "" as a variant
 * stands for none said. */
static const struct {
    const char *arch, *machine; /* machine: what uname(2) begins with */
    const char *variants[PLATFORMS_MAX];
} known[] = {
    {"arm64", "", {"v8", ""}},
    {"arm", "armv5", {"v5", ""}},
    {"arm", "armv6", {"v6", "v5", ""}},
    {"arm",
     "",
     {"v7", "v6", "v5", "", "v8"}}, /* armv7l, armv8l, and aarch64 running us in 32 bit */
    {"amd64", "", {"", "v1"}},
};

static void set_platform(struct platform *to, const char *arch, const char *variant)
{
    *to = (struct platform){.os = "linux"};
    snprintf(to->arch, sizeof(to->arch), "%s", arch);
    snprintf(to->variant, sizeof(to->variant), "%s", variant);
}

size_t platforms_of(const char *arch, const char *machine, struct platform ret[PLATFORMS_MAX])
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!str_eq(known[i].arch, arch) || !str_has_prefix(machine, known[i].machine))
            continue;
        size_t count = 0;
        while (count < PLATFORMS_MAX && known[i].variants[count]) {
            set_platform(&ret[count], arch, known[i].variants[count]);
            count++;
        }
        return count;
    }
    set_platform(&ret[0], arch, "");
    return 1;
}

size_t platforms_host(const char *machine, struct platform ret[PLATFORMS_MAX])
{
    return platforms_of(BUILD_ARCH, machine, ret);
}

static bool same(const struct platform *a, const struct platform *b)
{
    return str_eq(a->os, b->os) && str_eq(a->arch, b->arch) && str_eq(a->variant, b->variant);
}

static int none(const struct manifest *index, const struct platform *want, struct err *err)
{
    char have[160] = "";
    size_t len = 0;
    for (size_t i = 0; i < index->count && len < sizeof(have) - 40; i++) {
        const struct platform *p = &index->items[i].platform;
        if (str_empty(p->arch) || str_eq(p->arch, "unknown"))
            continue;
        len +=
            (size_t)snprintf(have + len, sizeof(have) - len, "%s%.12s/%.12s%s%.8s", len ? ", " : "",
                             p->os, p->arch, p->variant[0] ? "/" : "", p->variant);
    }
    return err_set(err, -ENOENT, "there is no image for %s/%s%s%s; there is %s", want->os,
                   want->arch, want->variant[0] ? "/" : "", want->variant,
                   len ? have : "no other either");
}

int manifest_choose(const struct manifest *index, const struct platform *platforms, size_t count,
                    const struct descriptor **ret, struct err *err)
{
    for (size_t p = 0; p < count; p++) {
        for (size_t i = 0; i < index->count; i++) {
            if (!same(&index->items[i].platform, &platforms[p]))
                continue;
            *ret = &index->items[i];
            return 0;
        }
    }
    if (index->count == 1 && str_empty(index->items[0].platform.arch)) {
        *ret = &index->items[0];
        return 0;
    }
    return none(index, &platforms[0], err);
}

int image_config_fits(const struct image_config *config, const struct platform *platforms,
                      size_t count, struct err *err)
{
    const struct platform *is = &config->platform;
    if (str_empty(is->arch))
        return 0;
    for (size_t i = 0; i < count; i++)
        if (same(is, &platforms[i]) ||
            (str_empty(is->variant) && str_eq(is->arch, platforms[i].arch) &&
             str_eq(is->os, platforms[i].os)))
            return 0;
    return err_set(err, -EINVAL, "the image is for %s/%s%s%s, this node is %s/%s", is->os, is->arch,
                   is->variant[0] ? "/" : "", is->variant, platforms[0].os, platforms[0].arch);
}
