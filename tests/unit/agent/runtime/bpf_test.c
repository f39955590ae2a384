/* Filters run by an interpreter here, over every system call number. */
#include "agent/runtime/bpf.h"

#include "common/base/str.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ARCH_A 0xc000003eU
#define ARCH_B 0x40000003U
#define DENIED (SECCOMP_RET_ERRNO | EPERM)

/* What the filter answers; checks that every jump stays inside. */
static uint32_t answer(const struct sock_filter *code, size_t len, uint32_t arch, uint32_t number,
                       uint64_t arg0)
{
    const struct seccomp_data data = {.nr = (int)number, .arch = arch, .args = {arg0}};
    uint32_t a = 0;
    for (size_t pc = 0; pc < len; pc++) {
        const struct sock_filter *i = &code[pc];
        bool truth = false;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k % 4 == 0 && i->k + 4 <= sizeof(data));
            memcpy(&a, (const char *)&data + i->k, sizeof(a));
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            truth = a == i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            truth = a >= i->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            truth = a & i->k;
            break;
        default:
            fail_msg("instruction %x", i->code);
        }
        pc += truth ? i->jt : i->jf;
    }
    fail_msg("ran off the end");
    return 0;
}

static void test_bpf__every_number(void **state)
{
    (void)state;
    struct bpf_arch archs[2];
    void *code;
    size_t len;
    bpf_arch_init(&archs[0], ARCH_A);
    bpf_arch_init(&archs[1], ARCH_B);
    /* Alternating, so that the tree is as large as it can be, and jumps are far. */
    for (int number = 0; number < BPF_MAX_NUMBER; number += 2)
        bpf_rule(&archs[0], number, (struct bpf_action){.kind = BPF_ALLOW});
    for (int number = 10; number < 20; number++)
        bpf_rule(&archs[1], number, (struct bpf_action){.kind = BPF_ALLOW});
    bpf_rule(&archs[1], 15, (struct bpf_action){.kind = BPF_ERRNO, .mask = ENOSYS});
    bpf_rule(&archs[1], 0xf0005, (struct bpf_action){.kind = BPF_ALLOW});
    bpf_rule(&archs[1], 0xf0002, (struct bpf_action){.kind = BPF_ALLOW});
    bpf_rule(&archs[1], -5, (struct bpf_action){.kind = BPF_ALLOW});
    assert_int_equal(bpf_compile(archs, 2, EPERM, &code, &len), 0);
    len /= sizeof(struct sock_filter);
    for (uint32_t number = 0; number < BPF_MAX_NUMBER + 10; number++) {
        bool even = number % 2 == 0 && number < BPF_MAX_NUMBER;
        assert_int_equal(answer(code, len, ARCH_A, number, 0), even ? SECCOMP_RET_ALLOW : DENIED);
        uint32_t want = number < 10 || number >= 20 ? DENIED
                        : number == 15              ? (SECCOMP_RET_ERRNO | ENOSYS)
                                                    : SECCOMP_RET_ALLOW;
        assert_int_equal(answer(code, len, ARCH_B, number, 0), want);
    }
    static const struct {
        uint32_t number, want;
    } far[] = {{0xf0001, DENIED},   {0xf0002, SECCOMP_RET_ALLOW},
               {0xf0003, DENIED},   {0xf0005, SECCOMP_RET_ALLOW},
               {0xf0006, DENIED},   {0x40000000 | 12, DENIED},
               {UINT32_MAX, DENIED}};
    for (size_t i = 0; i < ARRAY_LEN(far); i++)
        assert_int_equal(answer(code, len, ARCH_B, far[i].number, 0), far[i].want);
    assert_int_equal(answer(code, len, 0x1234, 0, 0), SECCOMP_RET_KILL_PROCESS);
    free(code);
    bpf_arch_done(&archs[0]);
    bpf_arch_done(&archs[1]);
}

static void test_bpf__arguments(void **state)
{
    (void)state;
    static const uint32_t values[] = {0, 8, 0xffffffff};
    struct bpf_arch arch;
    void *code;
    size_t len;
    bpf_arch_init(&arch, ARCH_A);
    bpf_rule(&arch, 1, (struct bpf_action){.kind = BPF_DENY_ARG0_BITS, .mask = 0xf0});
    bpf_rule(&arch, 2, (struct bpf_action){.kind = BPF_DENY_ARG0_IS, .mask = 40});
    bpf_rule(&arch, 3,
             (struct bpf_action){.kind = BPF_ALLOW_ARG0_IN, .values = values, .count = 3});
    assert_int_equal(bpf_compile(&arch, 1, EPERM, &code, &len), 0);
    static const struct {
        uint32_t number;
        uint64_t arg;
        bool allowed;
    } cases[] = {
        {1, 0x0f, true},
        {1, 0x10, false},
        {1, UINT64_C(0x100000080), false},
        {2, 40, false},
        {2, 39, true},
        {2, UINT64_C(0x500000000) | 40, false},
        {3, 0, true},
        {3, 8, true},
        {3, 0xffffffff, true},
        {3, 9, false},
        {3, UINT64_C(0x700000008), true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            answer(code, len / sizeof(struct sock_filter), ARCH_A, cases[i].number, cases[i].arg),
            cases[i].allowed ? SECCOMP_RET_ALLOW : DENIED);
    free(code);
    bpf_rule(&arch, 3,
             (struct bpf_action){.kind = BPF_ALLOW_ARG0_IN, .values = values, .count = 17});
    assert_int_equal(bpf_compile(&arch, 1, EPERM, &code, &len), -E2BIG);
    bpf_arch_done(&arch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bpf__every_number),
        cmocka_unit_test(test_bpf__arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
