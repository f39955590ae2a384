#pragma once
/* A seccomp filter from single rules, for profiles that somebody has written; compiled by
 * libseccomp. What a call's action is, is said as the kernel does: SECCOMP_RET_ALLOW,
 * SECCOMP_RET_ERRNO | errno... */

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SECCOMP_RULES_ARGS 6

/* As seccomp_rule_add(3) has them. */
enum seccomp_op {
    SECCOMP_NE,
    SECCOMP_LT,
    SECCOMP_LE,
    SECCOMP_EQ,
    SECCOMP_GE,
    SECCOMP_GT,
    SECCOMP_MASKED_EQ, /* argument & value == value_two */
};
struct seccomp_arg {
    unsigned index; /* 0-5 */
    enum seccomp_op op;
    uint64_t value, value_two;
};

struct seccomp_rules;

/* For this machine's own programs; those of no architecture that is added end the process.
 * -ENOSYS: this kernel has no seccomp. */
nodiscard int seccomp_rules_new(uint32_t default_action, struct seccomp_rules **ret,
                                struct err *err);
void seccomp_rules_free(struct seccomp_rules *rules);
/* "SCMP_ARCH_X86": its programs too, under the same rules added later. One of another family of
 * machines is passed over. -EINVAL: there is none of that name. */
nodiscard int seccomp_rules_arch(struct seccomp_rules *rules, const char *name, struct err *err);
/* One call; each argument at most once (all must fit), count at most SECCOMP_RULES_ARGS. A name
 * that libseccomp does not know is passed over, as in other runtimes: profiles name calls of other
 * kernels. */
nodiscard int seccomp_rules_add(struct seccomp_rules *rules, const char *name, uint32_t action,
                                const struct seccomp_arg *args, size_t count, struct err *err);
/* Struct sock_filter[], at most the kernel's 4096; caller frees. -E2BIG. */
nodiscard int seccomp_rules_compile(const struct seccomp_rules *rules, void **ret, size_t *ret_len,
                                    struct err *err);
