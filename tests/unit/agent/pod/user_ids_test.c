#include "agent/pod/user_ids.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define NTH(n) (USER_IDS_FIRST + (n)*USER_IDS_POD)

static int setup(void **state)
{
    char dir[] = "/tmp/limpet-ids-XXXXXX";
    assert_non_null(mkdtemp(dir));
    *state = xstrdup(dir);
    return 0;
}

static int teardown(void **state)
{
    autofree char *command = xasprintf("rm -r %s", (char *)*state);
    free(*state);
    return system(command);
}

static uint32_t take(const char *dir, const char *uid)
{
    uint32_t first = 0;
    struct err err = {0};
    if (user_ids_take(disk_posix(), dir, uid, &first, &err) < 0)
        fail_msg("%s", err.msg);
    return first;
}

static void put(const char *dir, const char *uid, const char *text)
{
    autofree char *folder = xasprintf("%s/%s", dir, uid);
    autofree char *path = xasprintf("%s/%s/ids", dir, uid);
    (void)mkdir(folder, 0700);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

/* Nobody has another's, who comes again has the same, and what is gone is free. */
static void test_user_ids__apart(void **state)
{
    const char *dir = *state;
    autofree char *gone = xasprintf("rm -r %s/b", dir);
    autofree char *none = xasprintf("%s/without", dir);
    assert_int_equal(mkdir(none, 0700), 0);
    assert_int_equal(take(dir, "a"), NTH(0));
    assert_int_equal(take(dir, "b"), NTH(1));
    assert_int_equal(take(dir, "c"), NTH(2));
    assert_int_equal(take(dir, "a"), NTH(0));
    assert_int_equal(system(gone), 0);
    assert_int_equal(take(dir, "d"), NTH(1));
    assert_int_equal(take(dir, "c"), NTH(2));
    assert_int_equal(take(dir, "e"), NTH(3));
}

/* What is damaged may be anybody's. One's own is taken anew: its files have the disk's ids. */
static void test_user_ids__damaged(void **state)
{
    const char *dir = *state;
    static const char *const bad[] = {"",        "x\n",  "1879048192",   "1879048193\n",  "0\n",
                                      "65536\n", "-1\n", "1946157056\n", "1879048192\n\n"};
    assert_int_equal(take(dir, "a"), NTH(0));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint32_t first = 7;
        struct err err = {0};
        put(dir, "b", bad[i]);
        assert_int_equal(user_ids_take(disk_posix(), dir, "c", &first, &err), -EINVAL);
        assert_non_null(strstr(err.msg, "/b/ids"));
        assert_int_equal(first, 7);
        assert_int_equal(take(dir, "a"), NTH(0));
        assert_int_equal(take(dir, "b"), NTH(1));
    }
}

static void test_user_ids__all_taken(void **state)
{
    const char *dir = *state;
    for (unsigned i = 0; i < USER_IDS_PODS; i++) {
        char uid[16], text[16];
        snprintf(uid, sizeof(uid), "p%u", i);
        snprintf(text, sizeof(text), "%u\n", NTH(i));
        put(dir, uid, text);
    }
    uint32_t first = 0;
    assert_int_equal(user_ids_take(disk_posix(), dir, "more", &first, NULL), -ENOSPC);
    put(dir, "p1000", "1879048192\n"); /* whoever put it there */
    assert_int_equal(take(dir, "more"), NTH(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_user_ids__apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_user_ids__damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_user_ids__all_taken, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
