#include "agent/keeper/exits.h"

#include "agent/keeper/keepers.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
static void test_exits__only_for_their_manifest(void **state)
{
    (void)state;
    char dir[] = "/tmp/limpet-exits-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct keeper_container container = {
        .name = "a", .state = KEEPER_TERMINATED, .last = {.valid = true, .code = 4}};
    const struct keeper_report report = {.pod_uid = "u",
                                         .spec_hash = "h1",
                                         .state = KEEPER_ENDED,
                                         .container_count = 1,
                                         .containers = &container};
    struct keeper_report *back = NULL;
    struct err err = {0};
    assert_int_equal(keeper_exits_read(dir, "h1", &back, &err), -ENOENT);
    assert_int_equal(keeper_exits_write(dir, &report, &err), 0);
    assert_int_equal(keeper_exits_read(dir, "h2", &back, &err), -ENOENT);
    assert_int_equal(keeper_exits_read(dir, "h1", &back, &err), 0);
    assert_int_equal(back->state, KEEPER_ENDED);
    assert_int_equal(back->containers[0].last.code, 4);
    keeper_report_free(back);
    autofree char *path = xasprintf("%s/exits", dir);
    unlink(path);
    rmdir(dir);
}

static void test_exits__damage_is_seen(void **state)
{
    (void)state;
    char dir[] = "/tmp/limpet-exits-XXXXXX";
    assert_non_null(mkdtemp(dir));
    const struct keeper_report report = {.pod_uid = "u", .spec_hash = "h", .state = KEEPER_ENDED};
    struct keeper_report *back = NULL;
    struct err err = {0};
    assert_int_equal(keeper_exits_write(dir, &report, &err), 0);
    autofree char *path = xasprintf("%s/exits", dir);
    autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = 0; at < st.st_size; at++) {
        uint8_t byte, flipped;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        flipped = byte ^ 0x10;
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        assert_int_equal(keeper_exits_read(dir, "h", &back, &err), -EBADMSG);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
    assert_int_equal(keeper_exits_read(dir, "h", &back, &err), -EBADMSG);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exits__only_for_their_manifest),
        cmocka_unit_test(test_exits__damage_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
