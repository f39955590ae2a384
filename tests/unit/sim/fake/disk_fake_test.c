#include "tests/sim/fake/disk_fake.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OLD "the old content"
#define NEW "the new content, which is longer"
#define REPLACE_STEPS 4 /* write, fsync, rename, fsync of the directory */

static int put(struct disk_fake *fake, const char *path, const char *text)
{
    struct disk *disk = disk_fake_disk(fake);
    return disk->replace(disk, path, text, strlen(text), 0600, NULL);
}

static int get(struct disk_fake *fake, const char *path, struct buf *ret)
{
    struct disk *disk = disk_fake_disk(fake);
    buf_done(ret);
    return disk->read(disk, path, 1000, ret, NULL);
}

static void expect(struct disk_fake *fake, const char *path, const char *text)
{
    cleanup(buf_done) struct buf buf = {0};
    assert_int_equal(get(fake, path, &buf), text ? 0 : -ENOENT);
    assert_string_equal(buf_str(&buf), text ? text : "");
}

static struct disk_fake *with_old(uint64_t seed)
{
    struct disk_fake *fake = disk_fake_new(seed, NULL);
    disk_fake_plant(fake, "/d/e/file", OLD, strlen(OLD));
    assert_int_equal(disk_fake_steps(fake), 0);
    return fake;
}

/* The promise of replace, at every step and under every fate: old or new, never mixed; and new once
 * it was acknowledged. */
static void test_disk_fake__a_cut_at_every_step(void **state)
{
    (void)state;
    int olds = 0, news = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        for (uint64_t step = 0; step <= REPLACE_STEPS; step++) {
            struct disk_fake *fake = with_old(seed);
            disk_fake_cut_after(fake, step);
            int r = put(fake, "/d/e/file", NEW);
            assert_int_equal(r, step == REPLACE_STEPS ? 0 : -EIO);
            assert_true(disk_fake_is_cut(fake));
            cleanup(buf_done) struct buf buf = {0};
            assert_int_equal(get(fake, "/d/e/file", &buf), -EIO);
            disk_fake_reboot(fake, DISK_FAKE_CHANCE);
            assert_int_equal(get(fake, "/d/e/file", &buf), 0);
            bool is_new = str_eq(buf_str(&buf), NEW);
            assert_true(is_new || str_eq(buf_str(&buf), OLD));
            assert_true(is_new || r < 0);
            if (step <= 2)
                assert_false(is_new); /* not renamed yet */
            olds += step == 3 && !is_new;
            news += step == 3 && is_new;
            disk_fake_free(fake);
        }
    }
    assert_true(olds > 5 && news > 5); /* renamed, not synced: both happen */
}

/* What a writer gets who leaves the fsync out: that the fake shows it is what makes it worth
 * having. */
static void test_disk_fake__without_fsync_files_are_torn(void **state)
{
    (void)state;
    int whole = 0, empty = 0, shorter = 0, zeros = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct disk_fake *fake = with_old(seed);
        disk_fake_fail(fake, DISK_FAKE_UNLINK, -EIO, 0, -1); /* the temporary file stays */
        disk_fake_cut_after(fake, 1);
        assert_int_equal(put(fake, "/d/e/file", NEW), -EIO);
        disk_fake_reboot(fake, DISK_FAKE_CHANCE);
        cleanup(buf_done) struct buf buf = {0};
        if (get(fake, "/d/e/.limpet-tmp-file", &buf) == 0) {
            bool cut = buf.len < strlen(NEW);
            whole += str_eq(buf_str(&buf), NEW);
            empty += buf.len == 0;
            shorter += cut && buf.len > 0;
            zeros += !cut && memcmp(buf.data, NEW, buf.len) != 0;
            assert_memory_equal(buf_str(&buf), NEW, strlen(buf_str(&buf)));
        }
        expect(fake, "/d/e/file", OLD);
        disk_fake_free(fake);
    }
    assert_true(whole > 5 && empty > 5 && shorter > 5 && zeros > 5);
}

static void test_disk_fake__a_seed_repeats(void **state)
{
    (void)state;
    char outcomes[2][65] = {{0}};
    for (int round = 0; round < 2; round++) {
        struct disk_fake *fake = with_old(77);
        for (int i = 0; i < 64; i++) {
            char path[32];
            snprintf(path, sizeof(path), "/d/%d", i);
            disk_fake_cut_after(fake, 3);
            assert_int_equal(put(fake, path, NEW), -EIO);
            disk_fake_reboot(fake, DISK_FAKE_CHANCE);
            cleanup(buf_done) struct buf buf = {0};
            outcomes[round][i] = get(fake, path, &buf) == 0 ? '1' : '0';
        }
        disk_fake_free(fake);
    }
    assert_string_equal(outcomes[0], outcomes[1]);
    assert_non_null(strchr(outcomes[0], '0'));
    assert_non_null(strchr(outcomes[0], '1'));
}

static void test_disk_fake__lose_all_and_keep_all(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct disk_fake *fake = with_old(seed);
        disk_fake_cut_after(fake, 3); /* renamed, not synced */
        assert_int_equal(put(fake, "/d/e/file", NEW), -EIO);
        disk_fake_reboot(fake, DISK_FAKE_KEEP_ALL); /* the program was killed */
        expect(fake, "/d/e/file", NEW);
        disk_fake_cut_after(fake, 0); /* and then the power failed */
        disk_fake_reboot(fake, DISK_FAKE_LOSE_ALL);
        expect(fake, "/d/e/file", OLD);
        disk_fake_free(fake);
    }
}

static void test_disk_fake__folders_and_removals_need_their_sync(void **state)
{
    (void)state;
    struct disk_fake *fake = with_old(1);
    struct disk *disk = disk_fake_disk(fake);
    disk_fake_cut_after(fake, 1); /* mkdir, then its sync */
    assert_int_equal(disk->mkdirs(disk, "/d/new", 0755, NULL), -EIO);
    disk_fake_reboot(fake, DISK_FAKE_LOSE_ALL);
    assert_int_equal(put(fake, "/d/new/x", "1"), -ENOENT);
    disk_fake_cut_after(fake, 1); /* unlink, then its sync */
    assert_int_equal(disk->remove(disk, "/d/e/file", NULL), -EIO);
    disk_fake_reboot(fake, DISK_FAKE_LOSE_ALL);
    expect(fake, "/d/e/file", OLD);
    disk_fake_cut_after(fake, 2);
    assert_int_equal(disk->remove(disk, "/d/e/file", NULL), 0);
    disk_fake_reboot(fake, DISK_FAKE_LOSE_ALL);
    expect(fake, "/d/e/file", NULL);
    disk_fake_cut_after(fake, 2);
    assert_int_equal(disk->mkdirs(disk, "/d/new", 0755, NULL), 0);
    disk_fake_reboot(fake, DISK_FAKE_LOSE_ALL);
    assert_int_equal(put(fake, "/d/new/x", "1"), 0);
    disk_fake_free(fake);
}

static void test_disk_fake__a_failed_sync_proves_nothing_later(void **state)
{
    (void)state;
    struct disk_fake *fake = with_old(1);
    disk_fake_fail(fake, DISK_FAKE_DIR_FSYNC, -EIO, 0, 1);
    assert_int_equal(put(fake, "/d/e/file", NEW), -EIO);
    expect(fake, "/d/e/file", NEW);                    /* seen, but... */
    assert_int_equal(put(fake, "/d/e/other", "x"), 0); /* ...a good sync of the same folder... */
    disk_fake_cut_after(fake, 0);
    disk_fake_reboot(fake, DISK_FAKE_LOSE_ALL);
    expect(fake, "/d/e/file", OLD); /* ...did not make it durable */
    expect(fake, "/d/e/other", "x");
    assert_int_equal(put(fake, "/d/e/file", NEW), 0); /* writing anew does */
    disk_fake_reboot(fake, DISK_FAKE_LOSE_ALL);
    expect(fake, "/d/e/file", NEW);
    disk_fake_free(fake);
}

static void test_disk_fake__faults(void **state)
{
    (void)state;
    static const struct {
        unsigned ops;
        int error;
        const char *after;
    } cases[] = {
        {DISK_FAKE_WRITE, -ENOSPC, OLD},  {DISK_FAKE_WRITE, -EIO, OLD},
        {DISK_FAKE_FSYNC, -EIO, OLD},     {DISK_FAKE_RENAME, -EIO, OLD},
        {DISK_FAKE_CHANGES, -EROFS, OLD}, {DISK_FAKE_DIR_FSYNC, -EIO, NEW},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct disk_fake *fake = with_old(1);
        disk_fake_fail(fake, cases[i].ops, cases[i].error, 0, -1);
        assert_int_equal(put(fake, "/d/e/file", NEW), cases[i].error);
        expect(fake, "/d/e/file", cases[i].after);
        assert_int_equal(disk_fake_files(fake), 1);
        disk_fake_heal(fake);
        assert_int_equal(put(fake, "/d/e/file", NEW), 0);
        disk_fake_fail(fake, cases[i].ops, cases[i].error, 1, 1); /* the second time only */
        assert_int_equal(put(fake, "/d/e/file", OLD) < 0,
                         cases[i].ops == DISK_FAKE_CHANGES); /* two of its operations are changes */
        assert_int_equal(put(fake, "/d/e/file", OLD) < 0, cases[i].ops != DISK_FAKE_CHANGES);
        assert_int_equal(put(fake, "/d/e/file", OLD), 0);
        disk_fake_free(fake);
    }
    struct disk_fake *fake = with_old(1);
    cleanup(buf_done) struct buf buf = {0};
    disk_fake_fail(fake, DISK_FAKE_READ, -EIO, 0, 1);
    assert_int_equal(get(fake, "/d/e/file", &buf), -EIO);
    assert_int_equal(get(fake, "/d/e/file", &buf), 0);
    disk_fake_free(fake);
}

static void test_disk_fake__full(void **state)
{
    (void)state;
    struct disk_fake *fake = with_old(1);
    struct disk *disk = disk_fake_disk(fake);
    int64_t room;
    disk_fake_set_size(fake, 40);
    assert_int_equal(disk->space(disk, "/d", &room, NULL), 0);
    assert_int_equal(room, 40 - strlen(OLD));
    assert_int_equal(put(fake, "/d/e/file", NEW), -ENOSPC); /* both must fit for a moment */
    expect(fake, "/d/e/file", OLD);
    assert_int_equal(disk_fake_files(fake), 1);
    assert_int_equal(put(fake, "/d/e/file", "short"), 0);
    assert_int_equal(put(fake, "/d/e/file", NEW), 0);
    disk_fake_set_size(fake, 10);
    assert_int_equal(disk->space(disk, "/d", &room, NULL), 0);
    assert_int_equal(room, 0);
    assert_int_equal(disk->remove(disk, "/d/e/file", NULL), 0); /* even when full */
    disk_fake_free(fake);
}

static void test_disk_fake__flip_wipe_count(void **state)
{
    (void)state;
    struct disk_fake *fake = with_old(1);
    assert_int_equal(disk_fake_flip(fake, "/d/e/file", 0), 0);
    expect(fake, "/d/e/file", "uhe old content"); /* 't' ^ 1 */
    disk_fake_cut_after(fake, 0);
    disk_fake_reboot(fake, DISK_FAKE_LOSE_ALL);
    expect(fake, "/d/e/file", "uhe old content"); /* on the medium too */
    assert_int_equal(disk_fake_flip(fake, "/d/e/file", 8 * strlen(OLD)), 0);
    expect(fake, "/d/e/file", OLD);
    assert_int_equal(disk_fake_flip(fake, "/d/none", 0), -ENOENT);
    assert_int_equal(put(fake, "/d/empty", ""), 0);
    assert_int_equal(disk_fake_flip(fake, "/d/empty", 0), -ENOENT);
    assert_int_equal(disk_fake_steps(fake), REPLACE_STEPS);
    assert_int_equal(disk_fake_bytes(fake), 0);
    assert_int_equal(put(fake, "/d/empty", "1234"), 0);
    assert_int_equal(disk_fake_bytes(fake), 4);
    disk_fake_wipe(fake);
    assert_int_equal(disk_fake_files(fake), 0);
    assert_int_equal(put(fake, "/d/x", "1"), -ENOENT);
    disk_fake_free(fake);
}

#define SECTOR 512
#define SECTORS 64

static struct disk_fake_file *in_place(struct disk_fake *fake, char fill)
{
    char data[SECTORS * SECTOR];
    struct disk_fake_file *file = NULL;
    memset(data, fill, sizeof(data));
    assert_int_equal(disk_fake_open(fake, "/d/e/db", true, &file), 0);
    assert_int_equal(disk_fake_file_write(file, 0, data, sizeof(data)), 0);
    return file;
}

/* How many of the sectors are all of that byte; each is all of one byte. */
static int count_sectors(struct disk_fake *fake, char byte)
{
    char data[SECTOR], want[SECTOR];
    int count = 0;
    struct disk_fake_file *file = NULL;
    memset(want, byte, sizeof(want));
    assert_int_equal(disk_fake_open(fake, "/d/e/db", false, &file), 0);
    assert_int_equal(disk_fake_file_size(file), SECTORS * SECTOR);
    for (int i = 0; i < SECTORS; i++) {
        assert_int_equal(disk_fake_file_read(file, i * SECTOR, data, SECTOR), SECTOR);
        assert_memory_equal(data, data + 1, SECTOR - 1);
        count += memcmp(data, want, SECTOR) == 0;
    }
    disk_fake_close(file);
    return count;
}

/* A file that is written in place: what was synced stays, what was not is kept or lost sector by
 * sector; and what a failed sync covered is lost whatever is synced later, unless it is written
 * again. */
static void test_disk_fake__in_place(void **state)
{
    (void)state;
    static const struct {
        bool fails, again, sync;
        int least, most; /* of the new sectors */
    } cases[] = {
        {false, false, false, 10, SECTORS - 10},
        {false, false, true, SECTORS, SECTORS},
        {true, false, true, 0, 0},
        {true, true, true, SECTORS, SECTORS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct disk_fake *fake = with_old(i);
        struct disk_fake_file *file = in_place(fake, 'a');
        assert_int_equal(disk_fake_file_sync(file), 0);
        assert_int_equal(disk_fake_sync_dir(fake, "/d/e"), 0);
        disk_fake_close(file);
        file = in_place(fake, 'b');
        if (cases[i].fails) {
            disk_fake_fail(fake, DISK_FAKE_FSYNC, -EIO, 0, 1);
            assert_int_equal(disk_fake_file_sync(file), -EIO);
        }
        if (cases[i].again) {
            disk_fake_close(file);
            file = in_place(fake, 'b');
        }
        if (cases[i].sync)
            assert_int_equal(disk_fake_file_sync(file), 0);
        disk_fake_close(file);
        assert_int_equal(count_sectors(fake, 'b'), SECTORS);
        disk_fake_reboot(fake, DISK_FAKE_CHANCE);
        assert_in_range(count_sectors(fake, 'b'), cases[i].least, cases[i].most);
        assert_int_equal(count_sectors(fake, 'a') + count_sectors(fake, 'b'), SECTORS);
        disk_fake_free(fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_fake__in_place),
        cmocka_unit_test(test_disk_fake__a_cut_at_every_step),
        cmocka_unit_test(test_disk_fake__without_fsync_files_are_torn),
        cmocka_unit_test(test_disk_fake__a_seed_repeats),
        cmocka_unit_test(test_disk_fake__lose_all_and_keep_all),
        cmocka_unit_test(test_disk_fake__folders_and_removals_need_their_sync),
        cmocka_unit_test(test_disk_fake__a_failed_sync_proves_nothing_later),
        cmocka_unit_test(test_disk_fake__faults),
        cmocka_unit_test(test_disk_fake__full),
        cmocka_unit_test(test_disk_fake__flip_wipe_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
