#include "agent/image/hold.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define A "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

struct fixture {
    char root[64];
    int user, other, remover;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->root, sizeof(f->root), "/tmp/limpet-hold-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    f->user = hold_open(f->root, NULL);
    f->other = hold_open(f->root, NULL);
    f->remover = hold_open(f->root, NULL);
    assert_true(f->user >= 0 && f->other >= 0 && f->remover >= 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->user);
    close(f->other);
    close(f->remover);
    autofree char *path = xasprintf("%s/lock", f->root);
    unlink(path);
    int rc = rmdir(f->root);
    free(f);
    return rc;
}

static void test_hold__shared_among_users_kept_from_removers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(hold_take(f->user, A), 0);
    assert_int_equal(hold_take(f->other, A), 0);
    assert_int_equal(hold_deny(f->remover, A), -EAGAIN);
    assert_int_equal(hold_deny(f->remover, B), 0); /* another image is not held by it */
    hold_drop(f->user, A);
    assert_int_equal(hold_deny(f->remover, A), -EAGAIN);
    hold_drop(f->other, A);
    assert_int_equal(hold_deny(f->remover, A), 0);
}

static void test_hold__refused_while_it_is_removed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(hold_deny(f->remover, A), 0);
    assert_int_equal(hold_deny(f->remover, A), 0); /* of two references */
    assert_int_equal(hold_take(f->user, A), -EAGAIN);
    assert_int_equal(hold_take(f->user, B), 0);
    close(f->remover); /* as its end would */
    f->remover = dup(f->user);
    assert_int_equal(hold_take(f->user, A), 0);
}

/* The store's own lock is a lock of another kind on the same file. */
static void test_hold__apart_from_the_lock_of_the_store(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(hold_take(f->user, A), 0);
    assert_int_equal(flock(f->remover, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(hold_take(f->other, B), 0);
    assert_int_equal(hold_deny(f->remover, A), -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hold__shared_among_users_kept_from_removers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_hold__refused_while_it_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hold__apart_from_the_lock_of_the_store, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
