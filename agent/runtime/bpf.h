#pragma once
/* A seccomp filter as a search tree over ranges of system call numbers: a few hundred instructions
 * where a list has a thousand, found in seven steps. Loading a filter costs by its length, at every
 * start of a container: this is a tenth of that start. Pure. */

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BPF_MAX_NUMBER 1024 /* of the common table; ARM has a few of its own far above */
#define BPF_MAX_FAR 8

enum bpf_kind {
    BPF_DEFAULT, /* the errno given to bpf_compile */
    BPF_ALLOW,
    BPF_ERRNO,          /* `mask` is the errno */
    BPF_DENY_ARG0_BITS, /* the default if the first argument has any bit of mask, else allowed */
    BPF_DENY_ARG0_IS,   /* ... if it is mask */
    BPF_ALLOW_ARG0_IN,  /* allowed if the first argument is one of values (at most 16; borrowed) */
};
struct bpf_action {
    enum bpf_kind kind;
    uint32_t mask;
    const uint32_t *values;
    size_t count;
};

/* The rules of one architecture (AUDIT_ARCH_...). Arguments are looked at as the kernel takes these
 * calls': the lower 32 bits. */
struct bpf_arch {
    uint32_t audit_arch;
    struct bpf_action *actions; /* by number */
    struct {
        uint32_t number;
        struct bpf_action action;
    } far[BPF_MAX_FAR]; /* ascending */
    size_t far_count;
};
void bpf_arch_init(struct bpf_arch *arch, uint32_t audit_arch);
void bpf_arch_done(struct bpf_arch *arch);
/* A later rule for the same number replaces the earlier one; numbers below 0 or beyond the last are
 * ignored. */
void bpf_rule(struct bpf_arch *arch, int number, struct bpf_action action);

/* Struct sock_filter[]; caller frees. Calls of another architecture end the process. -E2BIG. */
nodiscard int bpf_compile(const struct bpf_arch *archs, size_t count, uint16_t default_errno,
                          void **ret, size_t *ret_len);
