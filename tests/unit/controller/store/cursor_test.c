#include "controller/store/cursor.h"

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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
    struct cursors cursors;
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
    cursors_see(&f->cursors, item, previous);
    item_unref(item);
    item_unref(previous);
    f->pages[revision] = f->pages[revision - 1];
    f->pages[revision].at[i] = put ? revision : 0;
}

/* Reads on, at most so many items, and checks that they come in order; what came stands in *ret. */
static int read_on(struct store_cursor *cursor, size_t most, struct page *ret, char last[static 32])
{
    struct store_item item;
    int r = 0;
    while (most-- > 0 && (r = store_cursor_next(cursor, &item)) == 0) {
        assert_true(strcmp(item.key, last) > 0);
        snprintf(last, 32, "%s", item.key);
        for (int i = 0; i < KEYS; i++)
            if (str_eq(key_of(i), item.key))
                ret->at[i] = item.mod_revision;
    }
    return r;
}

static void check_page(const struct fixture *f, const struct page *page, const char *prefix,
                       const char *after, int64_t revision)
{
    for (int i = 0; i < KEYS; i++) {
        bool in = str_has_prefix(key_of(i), prefix) && (!after || strcmp(key_of(i), after) > 0);
        assert_int_equal(page->at[i], in ? f->pages[revision].at[i] : 0);
    }
}

static void compare(struct fixture *f, const char *prefix, const char *after, int64_t revision)
{
    struct page page = {{0}};
    char last[32] = "";
    struct store_cursor *cursor = cursor_new(&f->cursors, &f->history, prefix, after, revision);
    assert_int_equal(read_on(cursor, SIZE_MAX, &page, last), -ENOENT);
    check_page(f, &page, prefix, after, revision);
    store_cursor_free(cursor);
    assert_int_equal(f->cursors.bytes, 0);
}

static void init(struct fixture *f)
{
    *f = (struct fixture){0};
    tree_init(&f->tree);
    history_init(&f->history, 1000, 1 << 20, 0);
    cursors_init(&f->cursors, &f->tree);
}

static void done(struct fixture *f)
{
    history_done(&f->history);
    tree_done(&f->tree);
}

static void change_some(struct fixture *f, struct rng *rng, int64_t revision)
{
    int i = (int)rng_below(rng, KEYS);
    bool there = f->pages[revision - 1].at[i];
    change(f, revision, i, !there || rng_below(rng, 2));
}

/* Whatever happened since: every revision is seen as it was, whole, by namespace, and from any key
 * on. */
static void test_cursor__as_it_was(void **state)
{
    struct rng_seeded rng;
    struct fixture f;
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        rng_seeded_init(&rng, seed);
        init(&f);
        for (int64_t revision = 1; revision <= REVISIONS; revision++)
            change_some(&f, &rng.rng, revision);
        for (int64_t revision = 0; revision <= REVISIONS; revision++) {
            char after[32];
            snprintf(after, sizeof(after), "%s", key_of((int)rng_below(&rng.rng, KEYS)));
            compare(&f, "/pods/", NULL, revision);
            compare(&f, "/pods/shop/", NULL, revision);
            compare(&f, "/pods/", after, revision);
        }
        done(&f);
    }
}

/* ... and whatever happens while it is read, also when the history has forgotten it since. */
static void test_cursor__as_it_was_while_it_changes(void **state)
{
    struct rng_seeded rng;
    struct fixture f;
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct page page = {{0}};
        char last[32] = "";
        int64_t begun = 30 + (int64_t)(seed % 20), shown = begun - (int64_t)(seed % 7);
        struct store_cursor *cursor = NULL;
        int r = 0;
        rng_seeded_init(&rng, seed);
        init(&f);
        f.history.max_events = 8;
        for (int64_t revision = 1; revision <= REVISIONS; revision++) {
            change_some(&f, &rng.rng, revision);
            if (revision == begun)
                cursor = cursor_new(&f.cursors, &f.history, "/pods/", NULL, shown);
            if (cursor && r == 0 && rng_below(&rng.rng, 2))
                r = read_on(cursor, 1, &page, last);
        }
        assert_int_equal(r ? r : read_on(cursor, SIZE_MAX, &page, last), -ENOENT);
        check_page(&f, &page, "/pods/", NULL, shown);
        store_cursor_free(cursor);
        assert_int_equal(f.cursors.bytes, 0);
        done(&f);
    }
}

static void fill(struct fixture *f, int64_t revision, const char *key, size_t len)
{
    char *value = xcalloc(1, len);
    struct item *item = item_new(key, value, len);
    item->mod_revision = revision;
    struct item *previous = tree_put(&f->tree, item_ref(item));
    cursors_see(&f->cursors, item, previous);
    item_unref(item);
    item_unref(previous);
    free(value);
}

/* Who reads too slowly for what changes ahead loses his place, and nobody else does. */
static void test_cursor__bounded(void **state)
{
    struct fixture f;
    struct store_item item;
    const size_t len = 1 << 20;
    int64_t revision = 0, begun;
    char key[32];
    (void)state;
    init(&f);
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "/pods/a/%02d", i);
        fill(&f, ++revision, key, len);
    }
    begun = revision;
    struct store_cursor *slow = cursor_new(&f.cursors, &f.history, "/pods/", NULL, begun);
    struct store_cursor *late = cursor_new(&f.cursors, &f.history, "/pods/", "/pods/a/38", begun);
    struct store_cursor *other = cursor_new(&f.cursors, &f.history, "/nodes/", NULL, begun);
    for (int i = 39; i >= 0; i--) {
        snprintf(key, sizeof(key), "/pods/a/%02d", i);
        fill(&f, ++revision, key, 1);
        assert_true(f.cursors.bytes <= CURSORS_MAX_BYTES);
    }
    assert_int_equal(store_cursor_next(slow, &item), -ESTALE);
    assert_int_equal(store_cursor_next(late, &item), 0);
    assert_int_equal(item.len, len);
    assert_int_equal(store_cursor_next(late, &item), -ENOENT);
    assert_int_equal(store_cursor_next(other, &item), -ENOENT);
    store_cursor_free(slow);
    store_cursor_free(late);
    store_cursor_free(other);
    assert_int_equal(f.cursors.bytes, 0);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor__as_it_was),
        cmocka_unit_test(test_cursor__as_it_was_while_it_changes),
        cmocka_unit_test(test_cursor__bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
