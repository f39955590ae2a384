#include "controller/store/snapshot.h"

#include "common/base/rng.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 16
#define REVISIONS 60

/* The revision under which each key stood then; 0: it was not there. */
struct page {
    int64_t at[KEYS];
};

struct fixture {
    struct tree tree;
    struct history history;
    struct page pages[REVISIONS + 1];
};

static const char *key_of(int i)
{
    static char key[32];
    snprintf(key, sizeof(key), "/pods/%s/p%02d", i % 3 ? "default" : "shop", i);
    return key;
}

static void change(struct fixture *f, int64_t revision, int i, bool put)
{
    struct item *item = item_new(key_of(i), put ? "v" : NULL, put ? 1 : 0);
    item->mod_revision = revision;
    struct item *previous =
        put ? tree_put(&f->tree, item_ref(item)) : tree_del(&f->tree, key_of(i));
    history_push(&f->history, item, previous);
    item_unref(item);
    item_unref(previous);
    f->pages[revision] = f->pages[revision - 1];
    f->pages[revision].at[i] = put ? revision : 0;
}

struct seen {
    struct page page;
    char last[32];
    size_t count, stop_after;
};

static int see(void *ctx, const struct store_item *item)
{
    struct seen *seen = ctx;
    assert_true(strcmp(item->key, seen->last) > 0);
    snprintf(seen->last, sizeof(seen->last), "%s", item->key);
    for (int i = 0; i < KEYS; i++)
        if (str_eq(key_of(i), item->key))
            seen->page.at[i] = item->mod_revision;
    seen->count++;
    return seen->stop_after && seen->count == seen->stop_after ? 7 : 0;
}

static void compare(struct fixture *f, const char *prefix, const char *after, int64_t revision)
{
    struct seen seen = {0};
    assert_int_equal(snapshot_each(&f->tree, &f->history, prefix, after, revision, see, &seen), 0);
    for (int i = 0; i < KEYS; i++) {
        bool in = str_has_prefix(key_of(i), prefix) && (!after || strcmp(key_of(i), after) > 0);
        assert_int_equal(seen.page.at[i], in ? f->pages[revision].at[i] : 0);
    }
}

/* Whatever happened since: every revision is seen as it was, whole, by namespace, and from any key
 * on. */
static void test_snapshot__as_it_was(void **state)
{
    struct rng_seeded rng;
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fixture f = {0};
        rng_seeded_init(&rng, seed);
        tree_init(&f.tree);
        history_init(&f.history, 1000, 1 << 20, 0);
        for (int64_t revision = 1; revision <= REVISIONS; revision++) {
            int i = (int)rng_below(&rng.rng, KEYS);
            bool there = f.pages[revision - 1].at[i];
            change(&f, revision, i, !there || rng_below(&rng.rng, 2));
        }
        for (int64_t revision = 0; revision <= REVISIONS; revision++) {
            char after[32];
            snprintf(after, sizeof(after), "%s", key_of((int)rng_below(&rng.rng, KEYS)));
            compare(&f, "/pods/", NULL, revision);
            compare(&f, "/pods/shop/", NULL, revision);
            compare(&f, "/pods/", after, revision);
        }
        history_done(&f.history);
        tree_done(&f.tree);
    }
}

static void test_snapshot__forgotten(void **state)
{
    struct fixture f = {0};
    struct seen seen = {0};
    (void)state;
    tree_init(&f.tree);
    history_init(&f.history, 10, 1 << 20, 0);
    for (int64_t revision = 1; revision <= 30; revision++)
        change(&f, revision, (int)revision % KEYS, true);
    assert_int_equal(snapshot_each(&f.tree, &f.history, "/pods/", NULL, 19, see, &seen), -ESTALE);
    compare(&f, "/pods/", NULL, 20);
    seen = (struct seen){.stop_after = 3};
    assert_int_equal(snapshot_each(&f.tree, &f.history, "/pods/", NULL, 25, see, &seen), 7);
    assert_int_equal(seen.count, 3);
    history_done(&f.history);
    tree_done(&f.tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot__as_it_was),
        cmocka_unit_test(test_snapshot__forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
