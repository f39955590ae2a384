#include "common/backup/record.h"

#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct record records[] = {
    {RECORD_INFO, "", "{}", 2, 0, 0},
    {RECORD_FILE, "trust/ca.key", "secret", 6, 0, 0},
    {RECORD_FILE, "empty", "", 0, 0, 0},
    {RECORD_ITEM, "/pods/default/a", "{\"a\":1}", 7, 5, INT64_C(1) << 40},
};
#define COUNT (sizeof(records) / sizeof(records[0]))

static void write_all(struct buf *ret)
{
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(record_write(&records[i], ret), 0);
    record_write_end(COUNT, ret);
}

static int see(void *ctx, const struct record *record, struct err *err)
{
    size_t *seen = ctx;
    (void)err;
    const struct record *want = &records[(*seen)++];
    assert_int_equal(record->type, want->type);
    assert_string_equal(record->name, want->name);
    assert_int_equal(record->len, want->len);
    assert_memory_equal(record->value, want->value, want->len);
    assert_int_equal(record->create_revision, want->create_revision);
    assert_int_equal(record->mod_revision, want->mod_revision);
    return 0;
}

static void test_record__comes_back(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    write_all(&text);
    for (size_t step = 1; step < text.len + 10; step++) {
        struct err err = {0};
        size_t seen = 0;
        cleanup(record_reader_free) struct record_reader *reader = record_reader_new(see, &seen);
        for (size_t at = 0; at < text.len; at += step) {
            size_t len = text.len - at < step ? text.len - at : step;
            assert_int_equal(record_read(reader, text.data + at, len, &err), 0);
        }
        assert_int_equal(record_read_end(reader, &err), 0);
        assert_int_equal(seen, COUNT);
    }
}

static int accept(void *ctx, const struct record *record, struct err *err)
{
    (void)ctx, (void)err;
    assert_true(strlen(record->name) <= RECORD_MAX_NAME && record->len <= RECORD_MAX_VALUE);
    return 0;
}

static int read_all(const struct buf *text, size_t len)
{
    struct err err = {0};
    cleanup(record_reader_free) struct record_reader *reader = record_reader_new(accept, NULL);
    int r = record_read(reader, text->data, len, &err);
    if (r == 0)
        r = record_read_end(reader, &err);
    assert_true(r == 0 || *err.msg);
    return r;
}

static void test_record__damaged(void **state)
{
    (void)state;
    struct err err = {0};
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    write_all(&text);
    for (size_t len = 0; len < text.len; len++)
        assert_int_equal(read_all(&text, len), -EBADMSG);
    /* Nothing that is flipped makes it fall over. */
    for (size_t bit = 0; bit < 8 * text.len; bit++) {
        text.data[bit / 8] = (char)(text.data[bit / 8] ^ (1 << bit % 8));
        (void)read_all(&text, text.len);
        text.data[bit / 8] = (char)(text.data[bit / 8] ^ (1 << bit % 8));
    }
    /* Something behind the end; a count that is wrong; no information first. */
    (void)buf_addc(&text, 'x');
    assert_int_equal(read_all(&text, text.len), -EBADMSG);
    text.len = 0;
    assert_int_equal(record_write(&records[0], &text), 0);
    record_write_end(2, &text);
    assert_int_equal(read_all(&text, text.len), -EBADMSG);
    text.len = 0;
    assert_int_equal(record_write(&records[1], &text), 0);
    record_write_end(1, &text);
    assert_int_equal(read_all(&text, text.len), -EBADMSG);
    (void)err;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record__comes_back),
        cmocka_unit_test(test_record__damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
