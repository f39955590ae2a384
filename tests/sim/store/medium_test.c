/* The store on a disk that loses power, refuses, is full, or flips bits, at every single step. */

#include "ledger.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIVES 2
#define BATCHES 4

/* How many steps of the disk the whole row takes. */
static uint64_t all_steps(uint64_t seed)
{
    struct ledger ledger;
    ledger_init(&ledger, 1, seed);
    uint64_t before = disk_fake_steps(ledger.disk);
    assert_int_equal(ledger_run(&ledger, LIVES, BATCHES), 0);
    uint64_t steps = disk_fake_steps(ledger.disk) - before;
    ledger_done(&ledger);
    return steps;
}

static uint64_t seeds(void)
{
    return getenv("LIMPET_LONG") ? 20 : 2;
}

/* It goes on as if nothing had been: another life, and all is there. */
static void goes_on(struct ledger *ledger)
{
    assert_int_equal(ledger_batch(ledger), 0);
    ledger_check_acked(ledger);
}

static void cut_at(uint64_t seed, uint64_t step, enum disk_fake_loss loss)
{
    struct ledger ledger;
    ledger_init(&ledger, seed * 1000 + step, seed);
    disk_fake_cut_after(ledger.disk, step);
    assert_true(ledger_run(&ledger, LIVES, BATCHES) < 0 || disk_fake_is_cut(ledger.disk));
    ledger_close(&ledger);
    disk_fake_reboot(ledger.disk, loss);
    /* And again, while it recovers. */
    disk_fake_cut_after(ledger.disk, step % 7);
    int r = ledger_open(&ledger);
    ledger_close(&ledger);
    assert_true(r == 0 || disk_fake_is_cut(ledger.disk));
    disk_fake_reboot(ledger.disk, loss);
    ledger_check(&ledger);
    goes_on(&ledger);
    ledger_done(&ledger);
}

static void test_medium__power_goes_at_every_step(void **state)
{
    (void)state;
    static const enum disk_fake_loss losses[] = {DISK_FAKE_CHANCE, DISK_FAKE_LOSE_ALL,
                                                 DISK_FAKE_KEEP_ALL};
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        uint64_t steps = all_steps(seed);
        print_message("%d steps\n", (int)steps);
        assert_true(steps > 60);
        for (uint64_t step = 0; step < steps; step++)
            for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
                cut_at(seed, step, losses[i]);
    }
}

struct refusal {
    unsigned ops;
    int error, times;
};

/* Writes until the store gives up, and beyond: nothing is acknowledged by a fenced store. */
static int run_refused(struct ledger *ledger, const struct refusal *refusal)
{
    for (int life = 0; life < LIVES; life++) {
        int r = ledger_open(ledger);
        if (r < 0) {
            if (r != -EIO && r != -ENOSPC && r != -EROFS && r != -EACCES)
                fail_msg("told as something else: %d: %s", r, ledger->why);
            return r;
        }
        for (int i = 0; i < BATCHES; i++) {
            r = ledger_batch(ledger);
            if (r < 0 && r != -ENOSPC)
                return r;
            if (r < 0 && refusal->times < 0) /* the disk stays full */
                return r;
        }
        ledger_close(ledger);
    }
    return 0;
}

/* Returns whether it struck while writes were handed over. */
static bool refuse_at(uint64_t seed, int n, const struct refusal *refusal)
{
    struct ledger ledger;
    ledger_init(&ledger, seed, seed);
    disk_fake_fail(ledger.disk, refusal->ops, refusal->error, n, refusal->times);
    int r = run_refused(&ledger, refusal);
    bool struck = r < 0 && ledger.store;
    bool full = struck && r == -ENOSPC;
    if (full) {
        /* There is room again: it goes on without being opened anew, and what was refused is not
         * there. */
        disk_fake_heal(ledger.disk);
        ledger.asked = ledger.acked;
        assert_int_equal(ledger_batch(&ledger), 0);
    } else if (struck) {
        disk_fake_heal(ledger.disk);
        assert_int_equal(ledger_batch(&ledger), -EIO); /* fenced */
    }
    if (n % 2) {
        disk_fake_cut_after(ledger.disk, 0);
        ledger_close(&ledger);
        disk_fake_reboot(ledger.disk, DISK_FAKE_CHANCE);
    }
    ledger_close(&ledger);
    disk_fake_heal(ledger.disk);
    if (full)
        ledger_check_acked(&ledger);
    else
        ledger_check(&ledger);
    goes_on(&ledger);
    ledger_done(&ledger);
    return struck;
}

static void test_medium__refuses_at_every_step(void **state)
{
    (void)state;
    static const unsigned changes = DISK_FAKE_CHANGES | DISK_FAKE_FSYNC | DISK_FAKE_DIR_FSYNC;
    static const struct refusal refusals[] = {
        {DISK_FAKE_WRITE, -ENOSPC, -1}, {DISK_FAKE_WRITE, -ENOSPC, 1}, {DISK_FAKE_WRITE, -EIO, 1},
        {DISK_FAKE_FSYNC, -EIO, 1},     {changes, -EIO, -1},           {changes, -EROFS, -1},
        {DISK_FAKE_READ, -EIO, 1},
    };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        int struck = 0;
        for (uint64_t seed = 1; seed <= seeds(); seed++) {
            int steps = (int)all_steps(seed);
            for (int n = 0; n < steps; n++)
                struck += refuse_at(seed, n, &refusals[i]);
        }
        print_message("refusal %zu: struck at %d writes\n", i, struck);
        assert_true(struck > 10 || refusals[i].ops == DISK_FAKE_READ || refusals[i].times > 0);
    }
}

/* The disk fills up in the middle of a write: it is short. */
static void test_medium__short_writes(void **state)
{
    (void)state;
    int full = 0;
    for (int64_t size = 0; size < 150000; size += 1117) {
        struct ledger ledger;
        ledger_init(&ledger, (uint64_t)size, 3);
        disk_fake_set_size(ledger.disk, size);
        int r = ledger_run(&ledger, LIVES, BATCHES);
        assert_true(r == 0 || r == -ENOSPC || (r == -EIO && !ledger.store));
        full += r < 0 && ledger.store;
        if (size % 2) {
            disk_fake_cut_after(ledger.disk, 0);
            ledger_close(&ledger);
            disk_fake_reboot(ledger.disk, DISK_FAKE_CHANCE);
        }
        ledger_close(&ledger);
        disk_fake_set_size(ledger.disk, -1);
        ledger_check_acked(&ledger);
        goes_on(&ledger);
        ledger_done(&ledger);
    }
    assert_true(full > 10);
}

/* A bit that flipped is of no consequence, or the store says that it is damaged: never another
 * content. */
static void test_medium__flipped_bits(void **state)
{
    (void)state;
    struct ledger ledger;
    struct disk_stat st = {0};
    ledger_init(&ledger, 5, 5);
    assert_int_equal(ledger_run(&ledger, LIVES, 2 * BATCHES), 0);
    struct disk *disk = disk_fake_disk(ledger.disk);
    assert_int_equal(disk->stat(disk, LEDGER_PATH, &st, NULL), 0);
    int refused = 0, rounds = 0;
    cleanup(buf_done) struct buf whole;
    buf_init(&whole, 0);
    assert_int_equal(disk->read(disk, LEDGER_PATH, 1 << 24, &whole, NULL), 0);
    uint64_t bits = 8 * (uint64_t)st.size;
    for (uint64_t bit = 3; bit < bits; bit += bits / 700 + 1, rounds++) {
        disk_fake_plant(ledger.disk, LEDGER_PATH, whole.data, whole.len);
        assert_int_equal(disk_fake_flip(ledger.disk, LEDGER_PATH, bit), 0);
        ledger.revision = 0; /* the number that is reserved may be what flipped */
        int r = ledger_open(&ledger);
        refused += r < 0;
        if (r < 0)
            assert_true(r == -EBADMSG || r == -ENOTSUP || r == -EIO);
        else
            ledger_check_acked(&ledger);
        ledger_close(&ledger);
    }
    print_message("%d of %d flips were refused\n", refused, rounds);
    assert_true(refused > 30);
    disk_fake_plant(ledger.disk, LEDGER_PATH, whole.data, whole.len);
    ledger_check_acked(&ledger);
    ledger_done(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_medium__power_goes_at_every_step),
        cmocka_unit_test(test_medium__refuses_at_every_step),
        cmocka_unit_test(test_medium__short_writes),
        cmocka_unit_test(test_medium__flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
