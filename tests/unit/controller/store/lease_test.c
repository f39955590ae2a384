#include "controller/store/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 8

/* A lease, and the versions that its keys have in the index. */
struct held {
    struct lease lease;
    struct item *items[KEYS];
    int64_t revision;
};

static void put(struct held *held, int key, size_t len, int64_t now)
{
    static const char zeros[1000];
    char name[2] = {(char)('a' + key), '\0'};
    struct item *item = item_new(name, zeros, len);
    item->mod_revision = ++held->revision;
    if (held->items[key])
        lease_remove(&held->lease, held->items[key]);
    lease_add(&held->lease, item, now);
    item_unref(held->items[key]);
    held->items[key] = item;
}

static void drop(struct held *held, int key)
{
    lease_remove(&held->lease, held->items[key]);
    item_unref(held->items[key]);
    held->items[key] = NULL;
}

/* What goes, one after the other, as a text of keys. */
static const char *go(struct held *held, int64_t now)
{
    static char text[KEYS + 1];
    const struct item *item;
    size_t len = 0;
    while ((item = lease_due(&held->lease, now)) && len < KEYS) {
        text[len++] = *item_key(item);
        drop(held, *item_key(item) - 'a');
    }
    text[len] = '\0';
    return text;
}

static void done(struct held *held)
{
    for (int i = 0; i < KEYS; i++)
        item_unref(held->items[i]);
    lease_done(&held->lease);
}

static void test_lease__the_longest_unwritten_goes_first(void **state)
{
    (void)state;
    struct held held = {0};
    lease_init(&held.lease, &(struct store_lease){.max_items = 3});
    for (int i = 0; i < 3; i++)
        put(&held, i, 10, 0);
    assert_string_equal(go(&held, INT64_MAX - 1), "");
    put(&held, 0, 10, 0); /* again: b is the oldest now */
    assert_string_equal(go(&held, 0), "");
    put(&held, 3, 10, 0);
    put(&held, 4, 10, 0);
    assert_string_equal(go(&held, 0), "bc");
    drop(&held, 3); /* in the middle */
    put(&held, 5, 10, 0);
    put(&held, 6, 10, 0);
    assert_string_equal(go(&held, 0), "a");
    assert_int_equal(held.lease.held, 3);
    assert_int_equal(lease_next(&held.lease), INT64_MAX);
    done(&held);
}

static void test_lease__bytes_are_bounded_too(void **state)
{
    (void)state;
    struct held held = {0};
    lease_init(&held.lease, &(struct store_lease){.max_bytes = 2500});
    put(&held, 0, 900, 0);
    put(&held, 1, 900, 0);
    assert_string_equal(go(&held, 0), "");
    put(&held, 2, 900, 0);
    assert_string_equal(go(&held, 0), "a");
    put(&held, 1, 10, 0); /* smaller than before */
    put(&held, 3, 900, 0);
    assert_string_equal(go(&held, 0), "");
    done(&held);
}

static void test_lease__each_put_begins_its_time_anew(void **state)
{
    (void)state;
    struct held held = {0};
    lease_init(&held.lease, &(struct store_lease){.ttl_ns = 100});
    put(&held, 0, 10, 0);
    put(&held, 1, 10, 10);
    put(&held, 2, 10, 10);
    put(&held, 0, 10, 50);
    assert_int_equal(lease_next(&held.lease), 110);
    assert_string_equal(go(&held, 109), "");
    assert_string_equal(go(&held, 110), "bc");
    assert_int_equal(lease_next(&held.lease), 150);
    assert_string_equal(go(&held, 1000), "a");
    assert_int_equal(lease_next(&held.lease), INT64_MAX);
    assert_int_equal(held.lease.bytes, 0);
    done(&held);
}

/* One key that is written again and again takes no more room than one. */
static void test_lease__gaps_are_closed(void **state)
{
    (void)state;
    struct held held = {0};
    lease_init(&held.lease, &(struct store_lease){.max_items = 100});
    put(&held, 7, 10, 0);
    for (int i = 0; i < 9999; i++)
        put(&held, i % 3, 10, 0);
    assert_in_range(held.lease.cap, 1, 64);
    assert_int_equal(held.lease.held, 4);
    held.lease.terms.max_items = 1;
    assert_string_equal(go(&held, 0), "hab");
    done(&held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease__the_longest_unwritten_goes_first),
        cmocka_unit_test(test_lease__bytes_are_bounded_too),
        cmocka_unit_test(test_lease__each_put_begins_its_time_anew),
        cmocka_unit_test(test_lease__gaps_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
