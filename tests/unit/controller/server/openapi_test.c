#include "controller/server/openapi.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct bytes {
    const uint8_t *at;
    size_t len;
};

/* The next field of a message of nothing but bytes (protobuf wire type 2); false at its end. */
static bool next_field(struct bytes *message, unsigned *ret_field, struct bytes *ret)
{
    size_t len = 0, i = 1;
    if (message->len == 0)
        return false;
    assert_int_equal(message->at[0] & 7, 2);
    *ret_field = message->at[0] >> 3;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(i < message->len);
        len |= (size_t)(message->at[i] & 0x7f) << shift;
        if (!(message->at[i++] & 0x80))
            break;
    }
    assert_true(len <= message->len - i);
    *ret = (struct bytes){message->at + i, len};
    *message = (struct bytes){message->at + i + len, message->len - i - len};
    return true;
}

/* Down a path of fields, 0 ending it, taking the first of each. */
static struct bytes descend(struct bytes message, const unsigned *path)
{
    for (; *path; path++) {
        unsigned field = 0;
        struct bytes inner = {0};
        while (next_field(&message, &field, &inner) && field != *path)
            ;
        assert_int_equal(field, *path);
        message = inner;
    }
    return message;
}

static void assert_text(struct bytes message, const unsigned *path, const char *want)
{
    struct bytes text = descend(message, path);
    assert_int_equal(text.len, strlen(want));
    assert_memory_equal(text.at, want, text.len);
}

static void test_openapi__every_kind_can_be_tried(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    openapi_write(NULL, &text);
    const struct bytes document = {(const uint8_t *)text.data, text.len};
    assert_text(document, (const unsigned[]){1, 0}, "2.0");
    struct bytes paths = descend(document, (const unsigned[]){8, 0}), path;
    unsigned field;
    size_t count = 0;
    while (next_field(&paths, &field, &path)) {
        char want[128];
        const struct schema_kind *kind = kinds_at(NULL, count++);
        assert_int_equal(field, 2);
        snprintf(want, sizeof(want), "group: \"%s\"\nkind: %s\nversion: %s\n", kind->group,
                 kind->kind, kind->version);
        assert_text(path, (const unsigned[]){2, 8, 13, 1, 0}, "x-kubernetes-group-version-kind");
        assert_text(path, (const unsigned[]){2, 8, 13, 2, 2, 0}, want);
        assert_text(path, (const unsigned[]){2, 8, 8, 1, 2, 3, 4, 0}, "dryRun");
    }
    assert_null(kinds_at(NULL, count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_openapi__every_kind_can_be_tried)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
