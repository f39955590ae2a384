#include "agent/runtime/bpf.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>

#define MAX_BYTES ((size_t)BPF_MAXINSNS * sizeof(struct sock_filter))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

void bpf_arch_init(struct bpf_arch *arch, uint32_t audit_arch)
{
    *arch = (struct bpf_arch){.audit_arch = audit_arch};
    arch->actions = xcalloc(BPF_MAX_NUMBER, sizeof(*arch->actions));
}

void bpf_arch_done(struct bpf_arch *arch)
{
    free(arch->actions);
}

static void far_rule(struct bpf_arch *arch, uint32_t number, const struct bpf_action *action)
{
    size_t at = 0;
    while (at < arch->far_count && arch->far[at].number < number)
        at++;
    if (at == arch->far_count || arch->far[at].number != number) {
        if (arch->far_count == BPF_MAX_FAR)
            return;
        memmove(&arch->far[at + 1], &arch->far[at], (arch->far_count - at) * sizeof(arch->far[0]));
        arch->far_count++;
    }
    arch->far[at].number = number;
    arch->far[at].action = *action;
}

void bpf_rule(struct bpf_arch *arch, int number, struct bpf_action action)
{
    if (number >= BPF_MAX_NUMBER)
        far_rule(arch, (uint32_t)number, &action);
    else if (number >= 0)
        arch->actions[number] = action;
}

/* Neighbours with the same action, as one. */
struct range {
    uint32_t first;
    const struct bpf_action *action;
};

static bool same(const struct bpf_action *a, const struct bpf_action *b)
{
    return a->kind == b->kind && a->mask == b->mask && a->values == b->values;
}

#define MAX_RANGES (BPF_MAX_NUMBER + 1 + 2 * BPF_MAX_FAR)

static void add_range(struct range *ranges, size_t *count, uint32_t first,
                      const struct bpf_action *action)
{
    if (*count > 0 && ranges[*count - 1].first == first)
        ranges[*count - 1].action = action;
    else if (*count == 0 || !same(ranges[*count - 1].action, action))
        ranges[(*count)++] = (struct range){first, action};
}

static size_t make_ranges(const struct bpf_arch *arch, struct range *ret)
{
    static const struct bpf_action beyond = {.kind = BPF_DEFAULT};
    size_t count = 0;
    for (uint32_t number = 0; number < BPF_MAX_NUMBER; number++)
        add_range(ret, &count, number, &arch->actions[number]);
    add_range(ret, &count, BPF_MAX_NUMBER, &beyond);
    for (size_t i = 0; i < arch->far_count; i++) {
        add_range(ret, &count, arch->far[i].number, &arch->far[i].action);
        add_range(ret, &count, arch->far[i].number + 1, &beyond);
    }
    return count;
}

static int add(struct buf *code, struct sock_filter instruction)
{
    return buf_add(code, &instruction, sizeof(instruction));
}

static struct sock_filter give(uint32_t value)
{
    return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value);
}

/* One of values: allowed. Every comparison jumps to the last instruction but one. */
static int add_values(const struct bpf_action *action, struct buf *code)
{
    int r = 0;
    if (action->count > 16)
        return -E2BIG;
    for (size_t i = 0; r == 0 && i < action->count; i++)
        r = add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, action->values[i],
                                                   (uint8_t)(action->count - i), 0));
    return r;
}

static int add_leaf(const struct bpf_action *action, uint32_t deny, struct buf *code)
{
    static const struct sock_filter load = LOAD(args[0]);
    int r;
    switch (action->kind) {
    case BPF_DEFAULT:
        return add(code, give(deny));
    case BPF_ALLOW:
        return add(code, give(SECCOMP_RET_ALLOW));
    case BPF_ERRNO:
        return add(code, give(SECCOMP_RET_ERRNO | (action->mask & SECCOMP_RET_DATA)));
    case BPF_DENY_ARG0_BITS:
    case BPF_DENY_ARG0_IS:
        r = add(code, load);
        if (r == 0)
            r = add(code,
                    (struct sock_filter)BPF_JUMP(
                        BPF_JMP | BPF_K | (action->kind == BPF_DENY_ARG0_IS ? BPF_JEQ : BPF_JSET),
                        action->mask, 0, 1));
        break;
    case BPF_ALLOW_ARG0_IN:
        r = add(code, load);
        if (r == 0)
            r = add_values(action, code);
        break;
    default:
        return -EINVAL;
    }
    if (r == 0)
        r = add(code, give(deny));
    return r < 0 ? r : add(code, give(SECCOMP_RET_ALLOW));
}

/* Instructions of a leaf, of a tree. */
static size_t leaf_len(const struct bpf_action *action)
{
    switch (action->kind) {
    case BPF_DENY_ARG0_BITS:
    case BPF_DENY_ARG0_IS:
        return 4;
    case BPF_ALLOW_ARG0_IN:
        return action->count + 3;
    case BPF_DEFAULT:
    case BPF_ALLOW:
    case BPF_ERRNO:
        break;
    }
    return 1;
}

static size_t middle_of(size_t first, size_t last)
{
    return first + (last - first + 1) / 2;
}

static size_t tree_len(const struct range *ranges, size_t first, size_t last)
{
    if (first == last)
        return leaf_len(ranges[first].action);
    size_t middle = middle_of(first, last), left = tree_len(ranges, first, middle - 1);
    return (left <= UINT8_MAX ? 1 : 2) + left + tree_len(ranges, middle, last);
}

/* The tree over ranges [first, last]. A conditional jump reaches 255 instructions, an unconditional
 * one all. */
static int add_tree(const struct range *ranges, size_t first, size_t last, uint32_t deny,
                    struct buf *code)
{
    if (first == last)
        return add_leaf(ranges[first].action, deny, code);
    size_t middle = middle_of(first, last), left = tree_len(ranges, first, middle - 1);
    bool is_near = left <= UINT8_MAX;
    int r = add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].first,
                                                   is_near ? (uint8_t)left : 0, is_near ? 0 : 1));
    if (r == 0 && !is_near)
        r = add(code, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)left));
    if (r == 0)
        r = add_tree(ranges, first, middle - 1, deny, code);
    return r < 0 ? r : add_tree(ranges, middle, last, deny, code);
}

static int add_arch(const struct bpf_arch *arch, uint32_t deny, struct buf *code)
{
    autofree struct range *ranges = xcalloc(MAX_RANGES, sizeof(*ranges));
    size_t count = make_ranges(arch, ranges);
    uint32_t len = (uint32_t)tree_len(ranges, 0, count - 1) + 1;
    int r =
        add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch->audit_arch, 1, 0));
    if (r == 0)
        r = add(code, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, len)); /* to the next one */
    if (r == 0)
        r = add(code, (struct sock_filter)LOAD(nr));
    return r < 0 ? r : add_tree(ranges, 0, count - 1, deny, code);
}

int bpf_compile(const struct bpf_arch *archs, size_t count, uint16_t default_errno, void **ret,
                size_t *ret_len)
{
    cleanup(buf_done) struct buf code;
    buf_init(&code, MAX_BYTES);
    int r = add(&code, (struct sock_filter)LOAD(arch));
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_arch(&archs[i], SECCOMP_RET_ERRNO | default_errno, &code);
    if (r == 0)
        r = add(&code, give(SECCOMP_RET_KILL_PROCESS));
    if (r < 0)
        return r;
    *ret = buf_steal(&code, ret_len);
    return 0;
}
