#include "agent/pod/verdict.h"

#include "common/base/str.h"
#include "tests/sim/fake/disk_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DIR "/state/pods/1"

/* Wherever the power goes: there is the whole of it or nothing, and once it was written it stays.
 */
static void test_verdict__power_cuts(void **state)
{
    (void)state;
    bool whole = false;
    for (uint64_t steps = 0; !whole; steps++) {
        struct disk_fake *fake = disk_fake_new(steps, NULL);
        struct disk *disk = disk_fake_disk(fake);
        struct err err = {0};
        cleanup(verdict_free) struct verdict *verdict =
            verdict_new("Evicted", "The node was low on resource: memory.", true, 7);
        verdict->disrupted = steps % 2;
        cleanup(verdict_free) struct verdict *read = NULL;
        disk_fake_cut_after(fake, steps);
        whole = verdict_write(disk, DIR, verdict, &err) == 0;
        disk_fake_reboot(fake, DISK_FAKE_CHANCE);
        int rc = verdict_read(disk, DIR, &read, &err);
        assert_true(rc == 0 || (rc == -ENOENT && !whole));
        if (rc == 0) {
            assert_string_equal(read->reason, "Evicted");
            assert_string_equal(read->message, "The node was low on resource: memory.");
            assert_true(read->ran);
            assert_int_equal(read->grace_s, 7);
            assert_int_equal(read->disrupted, steps % 2);
        }
        disk_fake_free(fake);
        assert_true(steps < 100);
    }
}

static void test_verdict__damaged(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "{",
                                        "[]",   "{\"reason\": 1, \"message\": \"\"}",
                                        "\xff", "{\"reason\": \"\", \"message\": \"a\"}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct disk_fake *fake = disk_fake_new(1, NULL);
        struct disk *disk = disk_fake_disk(fake);
        struct err err = {0};
        struct verdict *read = NULL;
        assert_int_equal(disk->mkdirs(disk, DIR, 0700, &err), 0);
        assert_int_equal(
            disk->replace(disk, DIR "/verdict", texts[i], strlen(texts[i]), 0600, &err), 0);
        assert_int_equal(verdict_read(disk, DIR, &read, &err), -EINVAL);
        assert_null(read);
        disk_fake_free(fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict__power_cuts),
        cmocka_unit_test(test_verdict__damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
