#include "agent/runtime/seccomp_rules.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARCH_PREFIX "SCMP_ARCH_"
#define MAX_BYTES ((off_t)(BPF_MAXINSNS * sizeof(struct sock_filter)))

struct seccomp_rules {
    scmp_filter_ctx ctx;
    uint32_t default_action;
};

/* What runs beside a machine's own programs. */
static const struct {
    uint32_t native, runs;
} families[] = {{SCMP_ARCH_X86_64, SCMP_ARCH_X86},
                {SCMP_ARCH_X86_64, SCMP_ARCH_X32},
                {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM}};

static const enum scmp_compare ops[] = {
    [SECCOMP_NE] = SCMP_CMP_NE,
    [SECCOMP_LT] = SCMP_CMP_LT,
    [SECCOMP_LE] = SCMP_CMP_LE,
    [SECCOMP_EQ] = SCMP_CMP_EQ,
    [SECCOMP_GE] = SCMP_CMP_GE,
    [SECCOMP_GT] = SCMP_CMP_GT,
    [SECCOMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

int seccomp_rules_new(uint32_t default_action, struct seccomp_rules **ret, struct err *err)
{
    if (seccomp_api_get() == 0)
        return err_set(err, -ENOSYS, "this kernel has no seccomp");
    scmp_filter_ctx ctx = seccomp_init(default_action);
    if (!ctx)
        return err_set(err, -EINVAL, "no seccomp filter with such a default action");
    /* A tree over the numbers in place of a list; a libseccomp that cannot gives the list. */
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    struct seccomp_rules *rules = xcalloc(1, sizeof(*rules));
    rules->ctx = ctx;
    rules->default_action = default_action;
    *ret = rules;
    return 0;
}

void seccomp_rules_free(struct seccomp_rules *rules)
{
    if (!rules)
        return;
    seccomp_release(rules->ctx);
    free(rules);
}

static bool is_of_this_machine(uint32_t arch)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (families[i].native == seccomp_arch_native() && families[i].runs == arch)
            return true;
    return false;
}

int seccomp_rules_arch(struct seccomp_rules *rules, const char *name, struct err *err)
{
    char lower[32] = "";
    const char *rest = name + strlen(ARCH_PREFIX);
    uint32_t arch = 0;
    if (str_has_prefix(name, ARCH_PREFIX) && strlen(rest) < sizeof(lower)) {
        for (size_t i = 0; rest[i]; i++)
            lower[i] = (char)tolower((unsigned char)rest[i]);
        arch = seccomp_arch_resolve_name(lower);
    }
    if (arch == 0)
        return err_set(err, -EINVAL, "architecture \"%.40s\" is not known", name);
    if (!is_of_this_machine(arch))
        return 0;
    int r = seccomp_arch_add(rules->ctx, arch);
    return r < 0 && r != -EEXIST ? err_errno(err, -r, "cannot add architecture %s", name) : 0;
}

int seccomp_rules_add(struct seccomp_rules *rules, const char *name, uint32_t action,
                      const struct seccomp_arg *args, size_t count, struct err *err)
{
    struct scmp_arg_cmp compares[SECCOMP_RULES_ARGS] = {0};
    int number = seccomp_syscall_resolve_name(name);
    /* libseccomp refuses a rule that says what the default says. */
    if (number == __NR_SCMP_ERROR || action == rules->default_action)
        return 0;
    for (size_t i = 0; i < count && i < SECCOMP_RULES_ARGS; i++)
        compares[i] =
            (struct scmp_arg_cmp){args[i].index, ops[args[i].op], args[i].value, args[i].value_two};
    int r = seccomp_rule_add_array(rules->ctx, action, number, (unsigned)count, compares);
    return r < 0 ? err_errno(err, -r, "cannot add a rule for %.40s", name) : 0;
}

int seccomp_rules_compile(const struct seccomp_rules *rules, void **ret, size_t *ret_len,
                          struct err *err)
{
    struct stat st;
    autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : seccomp_export_bpf(rules->ctx, fd);
    if (r < 0 || fstat(fd, &st) < 0)
        return err_errno(err, r < 0 ? -r : errno, "cannot compile the seccomp filter");
    if (st.st_size > MAX_BYTES)
        return err_set(err, -E2BIG, "more than %d instructions", BPF_MAXINSNS);
    autofree char *bytes = xmalloc((size_t)st.st_size + 1);
    if (pread(fd, bytes, (size_t)st.st_size, 0) != st.st_size)
        return err_set(err, -EIO, "cannot read the compiled seccomp filter");
    *ret_len = (size_t)st.st_size;
    *ret = steal(bytes);
    return 0;
}
