#include "ledger.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define VALUE_MAX 9000 /* more than two pages */

void ledger_init(struct ledger *ledger, uint64_t disk_seed, uint64_t seed)
{
    struct err err = {0};
    *ledger = (struct ledger){.disk = disk_fake_new(disk_seed, NULL)};
    struct disk *disk = disk_fake_disk(ledger->disk);
    assert_int_equal(disk->mkdirs(disk, "/var/lib/limpet", 0755, &err), 0);
    ledger->vfs = vfs_fake_new(ledger->disk);
    rng_seeded_init(&ledger->rng, seed);
    assert_int_equal(loop_new(clock_system(), &ledger->loop, &err), 0);
}

void ledger_done(struct ledger *ledger)
{
    ledger_close(ledger);
    loop_free(ledger->loop);
    vfs_fake_free(ledger->vfs);
    disk_fake_free(ledger->disk);
}

int ledger_open(struct ledger *ledger)
{
    const struct store_medium medium = {disk_fake_disk(ledger->disk), vfs_fake_name(ledger->vfs)};
    struct err err = {0};
    int r = store_open_on(ledger->loop, &medium, LEDGER_PATH, &ledger->store, &err);
    snprintf(ledger->why, sizeof(ledger->why), "%s", err.msg);
    if (r < 0 && !strstr(err.msg, LEDGER_PATH) && !strstr(err.msg, "/var/lib/limpet"))
        fail_msg("refused without saying what: %s", err.msg);
    if (r == 0)
        assert_true(store_revision(ledger->store) > ledger->revision);
    return r;
}

void ledger_close(struct ledger *ledger)
{
    store_close(ledger->store);
    ledger->store = NULL;
}

static void key_name(char ret[32], int key)
{
    snprintf(ret, 32, "/pods/default/k%d", key);
}

/* Which value a number stands for: as long as its number says, and no two alike. */
static size_t value_of(int64_t number, char ret[VALUE_MAX])
{
    size_t len = (size_t)(number * 7919 % (number % 5 == 0 ? VALUE_MAX : 700)) + 24;
    len = len > VALUE_MAX ? VALUE_MAX : len;
    memset(ret, 'a' + (int)(number % 26), len);
    int head = snprintf(ret, 24, "%lld:", (long long)number);
    ret[head] = '.';
    return len;
}

static void on_done(void *ctx, int code, int64_t revision)
{
    struct ledger *ledger = ctx;
    ledger->waiting--;
    if (code == 0 && revision > ledger->revision)
        ledger->revision = revision;
    if (code == 0)
        return;
    ledger->failed++;
    ledger->code = code;
}

static void one_write(struct ledger *ledger)
{
    char key[32], value[VALUE_MAX];
    int i = (int)rng_below(&ledger->rng.rng, LEDGER_KEYS);
    key_name(key, i);
    ledger->waiting++;
    if (ledger->asked.numbers[i] && rng_below(&ledger->rng.rng, 3) == 0) {
        ledger->asked.numbers[i] = 0;
        store_delete(ledger->store, key, STORE_ANY, on_done, ledger);
        return;
    }
    ledger->asked.numbers[i] = ++ledger->number;
    size_t len = value_of(ledger->number, value);
    store_put(ledger->store, STORE_DURABLE, key, value, len, STORE_ANY, on_done, ledger);
}

int ledger_batch(struct ledger *ledger)
{
    int count = 1 + (int)rng_below(&ledger->rng.rng, 5);
    ledger->asked = ledger->acked;
    ledger->failed = ledger->code = 0;
    for (int i = 0; i < count; i++)
        one_write(ledger);
    int64_t until = loop_now(ledger->loop) + 60 * NS_PER_S;
    while (ledger->waiting) {
        assert_true(loop_now(ledger->loop) < until);
        assert_int_equal(loop_step(ledger->loop, NS_PER_S), 0);
    }
    if (ledger->failed == 0) {
        assert_false(ledger->fenced);
        ledger->acked = ledger->asked;
        ledger->batches++;
        return 0;
    }
    assert_int_equal(ledger->failed, count);
    if (ledger->fenced)
        assert_int_equal(ledger->code, -EIO);
    ledger->fenced |= ledger->code != -ENOSPC;
    return ledger->code;
}

int ledger_run(struct ledger *ledger, int lives, int batches)
{
    for (int life = 0; life < lives; life++) {
        int r = ledger_open(ledger);
        for (int i = 0; i < batches && r == 0; i++)
            r = ledger_batch(ledger);
        if (r < 0)
            return r;
        ledger_close(ledger);
    }
    return 0;
}

/* What the store holds; fails on a value that nobody wrote. */
static struct ledger_state look(struct ledger *ledger)
{
    struct ledger_state found = {0};
    char key[32], value[VALUE_MAX];
    size_t count = 0;
    for (int i = 0; i < LEDGER_KEYS; i++) {
        struct store_item item;
        key_name(key, i);
        if (store_get(ledger->store, key, &item) < 0)
            continue;
        count++;
        char text[24] = ""; /* a value does not end with a NUL */
        memcpy(text, item.value, item.len < sizeof(text) ? item.len : sizeof(text) - 1);
        found.numbers[i] = strtoll(text, NULL, 10);
        size_t len = value_of(found.numbers[i], value);
        assert_int_equal(item.len, len);
        assert_memory_equal(item.value, value, len);
    }
    assert_int_equal(store_count(ledger->store, ""), count);
    return found;
}

static void expect(struct ledger *ledger, bool or_asked)
{
    int r = ledger_open(ledger);
    if (r < 0)
        fail_msg("does not open: %d: %s", r, ledger->why);
    struct ledger_state found = look(ledger);
    bool acked = memcmp(&found, &ledger->acked, sizeof(found)) == 0;
    bool asked = memcmp(&found, &ledger->asked, sizeof(found)) == 0;
    for (int i = 0; !acked && !(or_asked && asked) && i < LEDGER_KEYS; i++)
        print_message("k%d: acknowledged %lld, asked %lld, found %lld\n", i,
                      (long long)ledger->acked.numbers[i], (long long)ledger->asked.numbers[i],
                      (long long)found.numbers[i]);
    assert_true(acked || (or_asked && asked));
    ledger->acked = ledger->asked = found;
    ledger->fenced = false;
}

void ledger_check(struct ledger *ledger)
{
    ledger_close(ledger);
    expect(ledger, true);
}

void ledger_check_acked(struct ledger *ledger)
{
    ledger_close(ledger);
    expect(ledger, false);
}
