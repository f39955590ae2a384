#include "controller/store/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void push(struct history *history, const char *key, int64_t revision, size_t len)
{
    static const char zeros[1000];
    struct item *item = item_new(key, zeros, len);
    item->mod_revision = revision;
    history_push(history, item, NULL);
    item_unref(item);
}

struct seen {
    size_t count;
    int64_t first, last;
    bool ascends;
};

static void see(void *ctx, const struct history_event *event)
{
    struct seen *seen = ctx;
    if (!seen->count++)
        seen->first = event->item->mod_revision;
    seen->ascends &= event->item->mod_revision > seen->last;
    seen->last = event->item->mod_revision;
}

static struct seen look(const struct history *history, const char *prefix, int64_t from)
{
    struct seen seen = {.ascends = true};
    history_each(history, prefix, from, see, &seen);
    assert_true(seen.ascends);
    return seen;
}

#define POD "/pods/default/a"

static void test_history__capped_by_count(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 100, 1 << 20, 10);
    assert_int_equal(history_compacted(&history, "/pods/"), 10);
    for (int64_t revision = 11; revision <= 1000; revision++)
        push(&history, POD, revision, 10);
    assert_int_equal(history.count, 100);
    assert_int_equal(history_compacted(&history, "/pods/"), 900);
    assert_int_equal(history_compacted(&history, "/pods/default/"), 900);
    assert_int_equal(history_compacted(&history, "/po"), 900);
    assert_int_equal(history_compacted(&history, ""), 900);
    assert_int_equal(history_compacted(&history, "/nodes/"), 10);
    static const struct {
        int64_t from;
        size_t count;
    } cases[] = {{0, 100}, {900, 100}, {901, 99}, {999, 1}, {1000, 0}, {2000, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(look(&history, "/pods/", cases[i].from).count, cases[i].count);
    assert_int_equal(look(&history, "", 0).first, 901);
    history_done(&history);
}

static void test_history__capped_by_bytes(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 100, 3000, 0);
    for (int64_t revision = 1; revision <= 20; revision++)
        push(&history, POD, revision, 900);
    assert_in_range(history.bytes, 1000, 3000);
    assert_int_equal(history_compacted(&history, "/pods/"), 20 - (int64_t)history.count);
    /* One that is bigger than the cap is kept, alone. */
    history.max_bytes = 500;
    push(&history, POD, 21, 900);
    assert_int_equal(history.count, 1);
    assert_int_equal(history_compacted(&history, "/pods/"), 20);
    /* Of another kind: it is the newest that is kept. */
    push(&history, "/nodes//n", 22, 900);
    assert_int_equal(history.count, 1);
    assert_int_equal(look(&history, "", 0).first, 22);
    assert_int_equal(history_compacted(&history, "/pods/"), 21);
    history_done(&history);
}

/* Revisions have gaps: failed writes and reservations take numbers that nobody sees. */
static void test_history__gaps(void **state)
{
    (void)state;
    struct history history;
    history_init(&history, 100, 1 << 20, 5);
    push(&history, POD, 10, 1);
    push(&history, POD, 20, 1);
    assert_int_equal(look(&history, "/pods/", 9).first, 10);
    assert_int_equal(look(&history, "/pods/", 10).first, 20);
    assert_int_equal(look(&history, "/pods/", 15).first, 20);
    history_done(&history);
}

/* A flood of one kind, of many or of large changes, shortens no other's memory. */
static void test_history__a_flood_of_one_kind(void **state)
{
    (void)state;
    struct history history;
    for (int large = 0; large < 2; large++) {
        int64_t revision = 0;
        history_init(&history, large ? 10000 : 100, large ? 50000 : 1 << 20, 0);
        for (int i = 0; i < 20; i++) {
            push(&history, POD, ++revision, 10);
            push(&history, "apps/deployments/default/d", ++revision, 10);
        }
        for (int i = 0; i < 5000; i++)
            push(&history, "/events/default/e", ++revision, large ? 900 : 10);
        assert_int_equal(look(&history, "/pods/", 0).count, 20);
        assert_int_equal(history_compacted(&history, "/pods/default/"), 0);
        assert_int_equal(look(&history, "apps/deployments/", 0).count, 20);
        assert_int_equal(history_compacted(&history, "apps/"), 0);
        assert_in_range(look(&history, "/events/", 0).count, large ? 30 : 60, 60);
        assert_int_equal(look(&history, "/events/", 0).last, revision);
        /* Who watches everything has lost something; what is left comes in order. */
        assert_true(history_compacted(&history, "") > 4000);
        assert_int_equal(look(&history, "", 0).count, history.count);
        assert_int_equal(look(&history, "", revision - 5).count, 5);
        assert_true(history.count <= history.max_events && history.bytes <= history.max_bytes);
        history_done(&history);
    }
}

/* However many kinds there were, as custom ones come and go: the caps hold. */
static void test_history__kinds_without_end(void **state)
{
    (void)state;
    struct history history;
    char key[64];
    history_init(&history, 100, 1 << 20, 0);
    for (int64_t revision = 1; revision <= 1000; revision++) {
        snprintf(key, sizeof(key), "g%lld/things/default/t", (long long)revision);
        push(&history, key, revision, 10);
    }
    assert_int_equal(history.count, 100);
    assert_int_equal(map_len(history.rings), 100);
    assert_int_equal(look(&history, "", 0).first, 901);
    assert_int_equal(history_compacted(&history, "g5/things/"), 900);
    assert_int_equal(history_compacted(&history, ""), 900);
    history_done(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__capped_by_count),
        cmocka_unit_test(test_history__capped_by_bytes),
        cmocka_unit_test(test_history__gaps),
        cmocka_unit_test(test_history__a_flood_of_one_kind),
        cmocka_unit_test(test_history__kinds_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
