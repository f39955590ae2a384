/* The store on a real disk: what is kept, what goes, what it leaves after a crash at each step. */

#include "controller/registry/depot.h"
#include "controller/registry/uploads.h"

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#define OCI "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"
#define DAY_S (24 * 3600)

/* The real disk, which stops working after so many writes. */
struct failing {
    struct disk disk;
    int left; /* -1: for ever */
};

static int failing_replace(struct disk *disk, const char *path, const void *data, size_t len,
                           mode_t mode, struct err *err)
{
    struct failing *failing = container_of(disk, struct failing, disk);
    if (failing->left == 0)
        return err_set(err, -EIO, "the power is gone");
    if (failing->left > 0)
        failing->left--;
    return disk_posix()->replace(disk_posix(), path, data, len, mode, err);
}

struct fixture {
    char dir[64];
    struct failing failing;
    struct depot *depot;
    struct uploads *uploads;
    int64_t now_s;
};

static void open_depot(struct fixture *f, int64_t max_bytes)
{
    struct err err = {0};
    const struct depot_spec spec = {&f->failing.disk, f->dir, max_bytes};
    assert_int_equal(depot_open(&spec, &f->depot, &err), 0);
    assert_int_equal(uploads_new(f->depot, spec.disk, rng_system(), &f->uploads, &err), 0);
}

static void close_depot(struct fixture *f)
{
    uploads_free(f->uploads);
    depot_free(f->depot);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/depot_test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->failing = (struct failing){*disk_posix(), -1};
    f->failing.disk.replace = failing_replace;
    f->now_s = time(NULL);
    open_depot(f, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    close_depot(f);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), f->dir, &err), 0);
    free(f);
    return 0;
}

static void digest_of(const char *text, char ret[DIGEST_LEN + 1])
{
    strcpy(ret, "sha256:");
    sha256_hex(text, strlen(text), ret + strlen("sha256:"));
}

static int push_blob(struct fixture *f, const char *repository, const char *text,
                     char ret[DIGEST_LEN + 1])
{
    struct upload *upload;
    struct err err = {0};
    digest_of(text, ret);
    assert_int_equal(upload_begin(f->uploads, &upload, &err), 0);
    assert_int_equal(upload_open(upload, &err), 0);
    assert_int_equal(upload_add(upload, text, strlen(text), &err), 0);
    return upload_commit(upload, repository, ret, &err);
}

static int put(struct fixture *f, const char *repository, const char *tag, const char *type,
               const char *text, char ret[DIGEST_LEN + 1])
{
    struct err err = {0};
    char missing[DIGEST_LEN + 1] = "";
    struct buf buf = {.data = (char *)(uintptr_t)text, .len = strlen(text)};
    cleanup(content_free) struct content *content = NULL;
    assert_int_equal(content_parse(text, buf.len, type, &content, &err), 0);
    return depot_manifest_put(f->depot, repository, tag, &buf, content, ret, missing, &err);
}

static char *image_text(const char *config, const char *layer, const char *subject)
{
    autofree char *about = subject ? xasprintf(",\"subject\":{\"digest\":\"%s\"}", subject) : NULL;
    return xasprintf("{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":1},"
                     "\"layers\":[{\"digest\":\"%s\",\"size\":1}]%s}",
                     config, layer, about ? about : "");
}

/* An image of two blobs. */
static int push_image(struct fixture *f, const char *repository, const char *tag, const char *what,
                      char ret[DIGEST_LEN + 1])
{
    char config[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];
    autofree char *first = xasprintf("config of %s", what),
                  *second = xasprintf("layer of %s", what);
    int r = push_blob(f, repository, first, config);
    if (r == 0)
        r = push_blob(f, repository, second, layer);
    autofree char *text = image_text(config, layer, NULL);
    return r ? r : put(f, repository, tag, OCI, text, ret);
}

static bool has_manifest(struct fixture *f, const char *repository, const char *reference)
{
    cleanup(depot_manifest_done) struct depot_manifest manifest = {0};
    struct err err = {0};
    return depot_manifest(f->depot, repository, reference, &manifest, &err) == 0;
}

/* Everything that an image needs is there, and is what it should be. */
static bool is_whole(struct fixture *f, const char *repository, const char *reference)
{
    cleanup(depot_manifest_done) struct depot_manifest manifest = {0};
    cleanup(content_free) struct content *content = NULL;
    struct err err = {0};
    if (depot_manifest(f->depot, repository, reference, &manifest, &err) != 0)
        return false;
    assert_int_equal(
        content_parse(manifest.text.data, manifest.text.len, manifest.type, &content, &err), 0);
    for (size_t i = 0; i < content->count; i++) {
        char text[256] = "", is[DIGEST_LEN + 1];
        int64_t size;
        autoclose int fd = depot_blob(f->depot, repository, content->needs[i].digest, &size);
        if (fd < 0 || read(fd, text, sizeof(text) - 1) != size)
            return false;
        digest_of(text, is);
        if (!str_eq(is, content->needs[i].digest))
            return false;
    }
    return true;
}

static size_t count_files(const struct fixture *f, const char *folder)
{
    autofree char *path = xasprintf("%s/%s", f->dir, folder);
    DIR *dir = opendir(path);
    size_t count = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static void test_depot__images(void **state)
{
    struct fixture *f = *state;
    char first[DIGEST_LEN + 1], second[DIGEST_LEN + 1];
    struct err err = {0};
    assert_int_equal(push_image(f, "team/app", "1", "one", first), 0);
    assert_int_equal(push_image(f, "team/app", "2", "two", second), 0);
    assert_true(is_whole(f, "team/app", "1"));
    assert_true(is_whole(f, "team/app", second));
    assert_false(has_manifest(f, "team/app", "3"));
    assert_false(has_manifest(f, "team", "1"));
    int64_t used = depot_used(f->depot);
    assert_true(used > 0);
    /* The same again takes nothing. */
    assert_int_equal(push_image(f, "team/app", "1", "one", first), 0);
    assert_int_equal(depot_used(f->depot), used);
    assert_int_equal(uploads_count(f->uploads), 0);
    /* All of it is there for another process. */
    close_depot(f);
    open_depot(f, 0);
    assert_int_equal(depot_used(f->depot), used);
    assert_true(is_whole(f, "team/app", "1"));
    /* Removing by digest takes the tags. */
    assert_int_equal(depot_manifest_remove(f->depot, "team/app", first, &err), 0);
    assert_false(has_manifest(f, "team/app", "1"));
    assert_true(has_manifest(f, "team/app", "2"));
    assert_int_equal(depot_manifest_remove(f->depot, "team/app", first, &err), -ENOENT);
    assert_int_equal(depot_untag(f->depot, "team/app", "2", &err), 0);
    assert_int_equal(depot_untag(f->depot, "team/app", "2", &err), -ENOENT);
    assert_true(has_manifest(f, "team/app", second));
}

/* Who knows a digest does not have what is another's. */
static void test_depot__blobs_are_a_repositorys(void **state)
{
    struct fixture *f = *state;
    char digest[DIGEST_LEN + 1];
    int64_t size;
    struct err err = {0};
    assert_int_equal(push_blob(f, "mine", "secret", digest), 0);
    assert_int_equal(depot_blob(f->depot, "other", digest, &size), -ENOENT);
    assert_false(depot_keep(f->depot, "other", digest));
    assert_int_equal(depot_mount(f->depot, "third", "other", digest, &err), -ENOENT);
    autofree char *text = image_text(digest, digest, NULL);
    char manifest[DIGEST_LEN + 1];
    assert_int_equal(put(f, "other", "1", OCI, text, manifest), -ENOENT);
    assert_false(has_manifest(f, "other", "1"));
    assert_int_equal(depot_mount(f->depot, "mine", "other", digest, &err), 0);
    assert_int_equal(put(f, "other", "1", OCI, text, manifest), 0);
    assert_int_equal(depot_blob_remove(f->depot, "mine", digest, &err), 0);
    assert_int_equal(depot_blob(f->depot, "mine", digest, &size), -ENOENT);
    autoclose int fd = depot_blob(f->depot, "other", digest, &size);
    assert_true(fd >= 0);
}

/* The power goes at each write in turn: an image is there whole, or not at all, and the next push
 * mends it. */
static void test_depot__a_crash_anywhere(void **state)
{
    struct fixture *f = *state;
    char digest[DIGEST_LEN + 1];
    int r = -1;
    for (int writes = 0; r != 0; writes++) {
        assert_true(writes < 20);
        autofree char *tag = xasprintf("t%d", writes);
        f->failing.left = writes;
        r = push_image(f, "app", tag, tag, digest);
        f->failing.left = -1;
        close_depot(f);
        open_depot(f, 0);
        assert_int_equal(has_manifest(f, "app", tag), r == 0);
        assert_int_equal(is_whole(f, "app", tag), r == 0);
        assert_int_equal(push_image(f, "app", tag, tag, digest), 0);
        assert_true(is_whole(f, "app", tag));
    }
    depot_collect(f->depot, f->now_s + 365 * DAY_S, 0);
    uploads_sweep(f->uploads, f->now_s + 365 * DAY_S);
    int64_t used = depot_used(f->depot);
    close_depot(f);
    open_depot(f, 0);
    assert_int_equal(depot_used(f->depot), used);
}

static void test_depot__collects(void **state)
{
    struct fixture *f = *state;
    char old[DIGEST_LEN + 1], new[DIGEST_LEN + 1], child[DIGEST_LEN + 1], index[DIGEST_LEN + 1],
        about[DIGEST_LEN + 1], alone[DIGEST_LEN + 1], blob[DIGEST_LEN + 1];
    assert_int_equal(push_image(f, "app", "1", "old", old), 0);
    assert_int_equal(push_image(f, "app", "1", "new", new), 0);
    assert_int_equal(push_image(f, "app", NULL, "child", child), 0);
    autofree char *list =
        xasprintf("{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\",\"size\":1}]}", child);
    assert_int_equal(put(f, "app", "all", INDEX, list, index), 0);
    assert_int_equal(push_blob(f, "app", "signature", blob), 0);
    autofree char *signature = image_text(blob, blob, child);
    assert_int_equal(put(f, "app", NULL, OCI, signature, about), 0);
    assert_int_equal(push_blob(f, "app", "nobody's", alone), 0);
    assert_int_equal(push_image(f, "gone", NULL, "gone", blob), 0);

    /* Young: somebody may be about to tag it. */
    size_t blobs = count_files(f, "blobs");
    depot_collect(f->depot, f->now_s + DEPOT_GRACE_S / 2, DEPOT_UNTAGGED_S);
    assert_int_equal(count_files(f, "blobs"), blobs);
    /* Blobs alone go first. */
    depot_collect(f->depot, f->now_s + 2 * DEPOT_GRACE_S, DEPOT_UNTAGGED_S);
    assert_int_equal(count_files(f, "blobs"), blobs - 1);
    assert_true(is_whole(f, "app", old));
    /* Then what is untagged, with all that nothing else needs. */
    depot_collect(f->depot, f->now_s + DEPOT_UNTAGGED_S + DAY_S, DEPOT_UNTAGGED_S);
    assert_false(has_manifest(f, "app", old));
    assert_true(is_whole(f, "app", "1"));
    assert_true(has_manifest(f, "app", "all"));
    assert_true(is_whole(f, "app", child));
    assert_true(is_whole(f, "app", about));
    assert_int_equal(count_files(f, "blobs"), blobs - 1 - 3 - 3);
    assert_int_equal(count_files(f, "repositories"), 1);
    int64_t used = depot_used(f->depot);
    close_depot(f);
    open_depot(f, 0);
    assert_int_equal(depot_used(f->depot), used);
}

/* A push that finds a blob there counts on it. */
static void test_depot__what_is_asked_for_stays(void **state)
{
    struct fixture *f = *state;
    char digest[DIGEST_LEN + 1];
    assert_int_equal(push_blob(f, "app", "layer", digest), 0);
    autofree char *place = xasprintf("%s/repositories/app/blobs/%s", f->dir, digest + 7);
    autofree char *path = xasprintf("%s/blobs/%s", f->dir, digest + 7);
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, place, long_ago, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    assert_true(depot_keep(f->depot, "app", digest));
    depot_collect(f->depot, f->now_s, 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(utimensat(AT_FDCWD, place, long_ago, 0), 0);
    depot_collect(f->depot, f->now_s, 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_false(depot_keep(f->depot, "app", digest));
}

static void test_depot__quota(void **state)
{
    struct fixture *f = *state;
    struct upload *upload;
    struct err err = {0};
    static char block[1000];
    close_depot(f);
    open_depot(f, 2500);
    assert_int_equal(upload_begin(f->uploads, &upload, &err), 0);
    assert_int_equal(upload_open(upload, &err), 0);
    assert_int_equal(upload_add(upload, block, sizeof(block), &err), 0);
    assert_int_equal(upload_add(upload, block, sizeof(block), &err), 0);
    assert_int_equal(upload_add(upload, block, sizeof(block), &err), -ENOSPC);
    assert_non_null(strstr(err.msg, "registryBytes"));
    assert_int_equal(upload_size(upload), 2000);
    assert_int_equal(depot_used(f->depot), 2000);
    upload_close(upload);
    upload_cancel(upload);
    assert_int_equal(depot_used(f->depot), 0);
}

static void test_uploads__go_on_in_another_process(void **state)
{
    struct fixture *f = *state;
    struct upload *upload;
    struct err err = {0};
    char id[UPLOAD_ID_LEN + 1], digest[DIGEST_LEN + 1];
    int64_t size;
    assert_int_equal(upload_begin(f->uploads, &upload, &err), 0);
    assert_int_equal(upload_open(upload, &err), 0);
    assert_int_equal(upload_open(upload, &err), -EBUSY);
    assert_int_equal(upload_add(upload, "hello ", 6, &err), 0);
    snprintf(id, sizeof(id), "%s", upload_id(upload));
    close_depot(f);
    open_depot(f, 0);
    assert_non_null(upload = upload_find(f->uploads, id));
    assert_int_equal(upload_size(upload), 6);
    assert_int_equal(upload_open(upload, &err), 0);
    assert_int_equal(upload_add(upload, "world", 5, &err), 0);
    digest_of("hello moon", digest);
    assert_int_equal(upload_commit(upload, "app", digest, &err), -EBADMSG);
    assert_int_equal(depot_blob(f->depot, "app", digest, &size), -ENOENT);
    digest_of("hello world", digest);
    assert_int_equal(upload_commit(upload, "app", digest, &err), 0);
    assert_null(upload_find(f->uploads, id));
    autoclose int fd = depot_blob(f->depot, "app", digest, &size);
    assert_true(fd >= 0 && size == 11);
}

static void test_uploads__are_bounded(void **state)
{
    struct fixture *f = *state;
    struct upload *upload, *busy;
    struct err err = {0};
    assert_int_equal(upload_begin(f->uploads, &busy, &err), 0);
    assert_int_equal(upload_open(busy, &err), 0);
    for (int i = 0; i < 2 * UPLOADS_MAX; i++)
        assert_int_equal(upload_begin(f->uploads, &upload, &err), 0);
    assert_int_equal(uploads_count(f->uploads), UPLOADS_MAX);
    assert_int_equal(count_files(f, "uploads"), UPLOADS_MAX);
    uploads_sweep(f->uploads, f->now_s + UPLOADS_AGE_S / 2);
    assert_int_equal(uploads_count(f->uploads), UPLOADS_MAX);
    uploads_sweep(f->uploads, f->now_s + 2 * UPLOADS_AGE_S);
    assert_int_equal(uploads_count(f->uploads), 1);
    upload_close(busy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_depot__images),
        TEST(test_depot__blobs_are_a_repositorys),
        TEST(test_depot__a_crash_anywhere),
        TEST(test_depot__collects),
        TEST(test_depot__what_is_asked_for_stays),
        TEST(test_depot__quota),
        TEST(test_uploads__go_on_in_another_process),
        TEST(test_uploads__are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
