#include "agent/volume/file_set.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int add(struct file_set *set, const char *path, const char *text, bool named)
{
    struct err err = {0};
    return file_set_add(
        set, &(struct file){.path = path, .data = text, .len = strlen(text), .named = named}, &err);
}

static void test_file_set__paths(void **state)
{
    (void)state;
    char deep[2 * (FILE_SET_MAX_DEPTH + 1) + 1] = "", long_name[300];
    for (size_t i = 0; i <= FILE_SET_MAX_DEPTH; i++)
        memcpy(deep + 2 * i, "d/", 3);
    memset(long_name, 'x', 256);
    long_name[256] = '\0';
    const struct {
        const char *path, *kept;
        int rc;
    } cases[] = {
        {"a", "a", 0},
        {"./b//c/./d/", "b/c/d", 0},
        {"...", NULL, -EINVAL},
        {"..", NULL, -EINVAL},
        {"a/..", NULL, -EINVAL},
        {"x/../y", NULL, -EINVAL},
        {"..data", NULL, -EINVAL},
        {".//..data/x", NULL, -EINVAL},
        {"y/..data", "y/..data", 0},
        {".x", ".x", 0},
        {"/etc", NULL, -EINVAL},
        {"", NULL, -EINVAL},
        {"./.", NULL, -EINVAL},
        {long_name, NULL, -ENAMETOOLONG},
        {long_name + 1, long_name + 1, 0},
        {deep, NULL, -ENAMETOOLONG},
        {deep + 2, NULL, 0},
    };
    cleanup(file_set_free) struct file_set *set = file_set_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int rc = add(set, cases[i].path, "x", false);
        if (rc != cases[i].rc)
            fail_msg("%.40s: %d", cases[i].path, rc);
        if (cases[i].kept)
            assert_non_null(file_set_get(set, cases[i].kept));
    }
    assert_int_equal(file_set_len(set), 6);
}

static void test_file_set__clashes(void **state)
{
    (void)state;
    cleanup(file_set_free) struct file_set *set = file_set_new();
    assert_int_equal(add(set, "a", "1", false), 0);
    assert_int_equal(add(set, "a", "2", true), 0);
    assert_int_equal(add(set, "a", "3", false), 0);
    assert_string_equal(file_set_get(set, "a")->data ? "3" : "", "3");
    assert_memory_equal(file_set_get(set, "a")->data, "3", 1);
    assert_int_equal(add(set, "a", "4", true), 0);
    assert_int_equal(add(set, "./a", "5", true), -EINVAL);
    assert_memory_equal(file_set_get(set, "a")->data, "4", 1);
    assert_int_equal(add(set, "a/b", "6", true), -EINVAL);
    assert_int_equal(add(set, "f/g/h", "7", true), 0);
    assert_int_equal(add(set, "f/g", "8", false), -EINVAL);
    assert_int_equal(add(set, "f", "8", false), -EINVAL);
    assert_int_equal(add(set, "f/g/i", "8", false), 0);
    assert_int_equal(file_set_len(set), 3);
}

/* A ConfigMap that is named a thousand times, under another path each: memory has an end. */
static void test_file_set__bytes(void **state)
{
    (void)state;
    size_t len = 1024 * 1024;
    autofree char *data = xcalloc(len, 1);
    cleanup(file_set_free) struct file_set *set = file_set_new();
    struct err err = {0};
    int rc = 0;
    size_t i = 0;
    for (; i < 1000 && rc == 0; i++) {
        char path[16];
        snprintf(path, sizeof(path), "f%zu", i);
        rc = file_set_add(set, &(struct file){.path = path, .data = data, .len = len}, &err);
    }
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(i - 1, FILE_SET_MAX_BYTES / len);
    /* One in place of another counts once. */
    assert_int_equal(
        file_set_add(set, &(struct file){.path = "f0", .data = data, .len = len}, &err), 0);
}

static void test_file_set__files(void **state)
{
    (void)state;
    cleanup(file_set_free) struct file_set *set = file_set_new();
    int rc = 0, i = 0;
    for (; i <= FILE_SET_MAX_FILES && rc == 0; i++) {
        char path[16];
        snprintf(path, sizeof(path), "d/%d", i);
        rc = add(set, path, "", true);
    }
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(i, FILE_SET_MAX_FILES + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_set__paths),
        cmocka_unit_test(test_file_set__clashes),
        cmocka_unit_test(test_file_set__bytes),
        cmocka_unit_test(test_file_set__files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
