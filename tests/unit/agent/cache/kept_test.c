#include "agent/cache/kept.h"

#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* "a1 b2": the path a with a digest made of 1, ... */
static void fill(struct index *index, uint64_t epoch, const char *text)
{
    struct err err = {0};
    index_init(index);
    index->epoch = epoch;
    for (; *text; text += text[2] ? 3 : 2) {
        char path[32], digest[SHA256_HEX + 1];
        snprintf(path, sizeof(path), "Pod/default/%c", text[0]);
        sha256_hex(text + 1, 1, digest);
        assert_int_equal(index_put(index, path, digest, &err), 0);
    }
}

/* The same of what is kept. */
static void expect(const struct kept *kept, const char *text)
{
    size_t count = 0;
    for (; *text; text += text[2] ? 3 : 2, count++) {
        char path[32], digest[SHA256_HEX + 1];
        snprintf(path, sizeof(path), "Pod/default/%c", text[0]);
        sha256_hex(text + 1, 1, digest);
        const struct kept_entry *entry = kept_find(kept, path);
        assert_non_null(entry);
        assert_string_equal(entry->digest, digest);
        assert_true(kept_has_digest(kept, digest));
    }
    assert_int_equal(kept->count, count);
}

static void test_kept__gather_and_prune(void **state)
{
    (void)state;
    static const struct {
        const char *now, *restored, *kept, *later, *left;
    } cases[] = {
        {"a1 b1", "a1 b1", "", "a1", ""},           /* nothing happened after the backup */
        {"a1 b1 c1", "a1", "b1 c1", "a1", "b1 c1"}, /* made after it: kept */
        {"a2 b1", "a1", "a2 b1", "a1", "a2 b1"},    /* changed after it: not rolled back */
        {"a2 b1", "a1", "a2 b1", "a3", "b1"},       /* ... until it is changed again */
        {"a2 b1", "a1", "a2 b1", "", "b1"},         /* ... or deleted */
        {"a1 b1", "a1", "b1", "a1 b9", ""},         /* known again */
        {"a1", "a1 b1", "", "a1 b1", ""},           /* deleted after it: runs again */
        {"", "a1", "", "a1", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cleanup(index_done) struct index now, restored, later;
        cleanup(kept_done) struct kept none, kept;
        kept_init(&none);
        kept_init(&kept);
        fill(&now, 1, cases[i].now);
        fill(&restored, 2, cases[i].restored);
        fill(&later, 2, cases[i].later);
        kept_gather(&now, &none, &restored, &kept);
        assert_int_equal(kept.epoch, 2);
        expect(&kept, cases[i].kept);
        assert_false(kept_prune(&kept, &restored));
        size_t before = kept.count;
        assert_int_equal(kept_prune(&kept, &later), strlen(cases[i].left) < strlen(cases[i].kept));
        assert_true(kept.count <= before);
        expect(&kept, cases[i].left);
    }
}

/* Restored twice before it was settled: what the first time kept is kept on. */
static void test_kept__twice(void **state)
{
    (void)state;
    cleanup(index_done) struct index now, first, second;
    cleanup(kept_done) struct kept none, kept, again;
    kept_init(&none);
    kept_init(&kept);
    kept_init(&again);
    fill(&now, 1, "a2 b1 c1");
    fill(&first, 2, "a1 c1");
    fill(&second, 3, "c1 d1");
    kept_gather(&now, &none, &first, &kept);
    kept_gather(&first, &kept, &second, &again);
    assert_int_equal(again.epoch, 3);
    expect(&again, "a2 b1");
}

static void test_kept__read_what_was_written(void **state)
{
    (void)state;
    struct err err = {0};
    cleanup(index_done) struct index now, restored;
    cleanup(kept_done) struct kept none, kept, read;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    kept_init(&none);
    kept_init(&kept);
    kept_init(&read);
    fill(&now, 1, "a2 b1 c1");
    fill(&restored, 1790000000, "a1 c1");
    kept_gather(&now, &none, &restored, &kept);
    kept_write(&kept, &text);
    assert_int_equal(kept_read(text.data, text.len, &read, &err), 0);
    assert_int_equal(read.epoch, 1790000000);
    expect(&read, "a2 b1");
    assert_false(kept_prune(&read, &restored));
    /* Cut short anywhere, or one byte altered: refused, and nothing was changed. */
    for (size_t i = 0; i < text.len; i++) {
        assert_int_equal(kept_read(text.data, i, &read, &err), -EBADMSG);
        text.data[i] ^= 1;
        assert_int_equal(kept_read(text.data, text.len, &read, &err), -EBADMSG);
        text.data[i] ^= 1;
    }
    expect(&read, "a2 b1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept__gather_and_prune),
        cmocka_unit_test(test_kept__twice),
        cmocka_unit_test(test_kept__read_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
