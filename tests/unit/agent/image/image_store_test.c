#include "agent/image/image_store.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIFF_ID "sha256:" HEX

struct fixture {
    char root[64];
    struct image_store *store;
    struct reference ref;
    struct blob manifest, config;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->root, sizeof(f->root), "/tmp/limpet-store-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_int_equal(image_store_open(f->root, &f->store, NULL), 0);
    assert_int_equal(reference_parse("reg.local/web:2", &f->ref, NULL), 0);
    blob_init(&f->manifest);
    blob_init(&f->config);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    blob_done(&f->manifest);
    blob_done(&f->config);
    image_store_free(f->store);
    struct disk *disk = disk_posix();
    int rc = disk->remove_tree(disk, f->root, NULL);
    free(f);
    return rc;
}

static void seal(struct blob *blob)
{
    memcpy(blob->digest, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    sha256_hex(buf_str(&blob->text), blob->text.len, blob->digest + strlen(DIGEST_PREFIX));
}

/* The documents of an image of one layer. */
static void write_documents(struct fixture *f)
{
    (void)buf_addstr(&f->config.text, "{\"rootfs\":{\"diff_ids\":[\"" DIFF_ID "\"]}}");
    seal(&f->config);
    (void)buf_addf(&f->manifest.text,
                   "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[{"
                   "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"" DIFF_ID
                   "\",\"size\":1}]}",
                   f->config.digest, f->config.text.len);
    seal(&f->manifest);
}

static void add_layer(struct fixture *f)
{
    struct image_store_dir dir;
    assert_int_equal(image_store_dir_new(f->store, &dir, NULL), 0);
    autoclose int fd = openat(dir.fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(image_store_add_layer(f->store, &dir, DIFF_ID, 42, 1, NULL), 0);
    close(dir.fd);
}

static void put(struct fixture *f)
{
    write_documents(f);
    add_layer(f);
    assert_int_equal(image_store_put(f->store, &f->ref, &f->manifest, &f->config, NULL), 0);
}

static int get(struct fixture *f)
{
    struct stored *stored = NULL;
    struct err err = {0};
    int rc = image_store_get(f->store, &f->ref, &stored, &err);
    stored_free(stored);
    return rc;
}

static char *below(struct fixture *f, const char *folder, const char *digest, const char *suffix)
{
    return xasprintf("%s/%s/%s%s", f->root, folder, digest_hex(digest), suffix);
}

static void test_image_store__round_trip(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f), -ENOENT);
    put(f);
    cleanup(stored_free) struct stored *stored = NULL;
    assert_int_equal(image_store_get(f->store, &f->ref, &stored, NULL), 0);
    assert_string_equal(stored->reference, "reg.local/web:2");
    assert_string_equal(stored->digest, f->manifest.digest);
    assert_string_equal(stored->id, f->config.digest);
    assert_int_equal(stored->bytes, 42);
    autofree char *dir = below(f, "layers", DIFF_ID, "");
    assert_string_equal(stored->layers[0], dir);
    assert_null(stored->layers[1]);
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
}

static void test_image_store__layer_without_record(void **state)
{
    struct fixture *f = *state;
    put(f);
    autofree char *record = below(f, "layers", DIFF_ID, ".json");
    assert_int_equal(unlink(record), 0);
    assert_false(image_store_has_layer(f->store, DIFF_ID));
    assert_int_equal(get(f), -ENOENT);
    image_store_sweep(f->store);
    autofree char *dir = below(f, "layers", DIFF_ID, "");
    assert_int_equal(access(dir, F_OK), -1);
    add_layer(f); /* it heals */
    assert_int_equal(get(f), 0);
}

static void test_image_store__record_without_layer(void **state)
{
    struct fixture *f = *state;
    put(f);
    struct disk *disk = disk_posix();
    autofree char *dir = below(f, "layers", DIFF_ID, "");
    assert_int_equal(disk->remove_tree(disk, dir, NULL), 0);
    assert_int_equal(get(f), -ENOENT);
}

static void damage(const char *path, const char *text)
{
    autoclose int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_image_store__damaged(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"", "{", "{\"schemaVersion\":2,\"manifests\":[]}"};
    put(f);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        autofree char *manifest = below(f, "manifests", f->manifest.digest, "");
        autofree char *config = below(f, "configs", f->config.digest, "");
        damage(manifest, texts[i]);
        assert_int_equal(get(f), -ENOENT);
        assert_int_equal(image_store_put(f->store, &f->ref, &f->manifest, &f->config, NULL), 0);
        assert_int_equal(get(f), 0);
        damage(config, texts[i]);
        assert_int_equal(get(f), -ENOENT);
        assert_int_equal(image_store_put(f->store, &f->ref, &f->manifest, &f->config, NULL), 0);
    }
}

/* Well-formed, and not what its name says. */
static void test_image_store__other_bytes(void **state)
{
    struct fixture *f = *state;
    put(f);
    autofree char *config = below(f, "configs", f->config.digest, "");
    damage(config,
           "{\"rootfs\":{\"diff_ids\":[\"" DIFF_ID "\"]},\"config\":{\"Cmd\":[\"/evil\"]}}");
    assert_int_equal(get(f), -ENOENT);
}

static void test_image_store__sweep(void **state)
{
    struct fixture *f = *state;
    struct image_store_dir dir;
    assert_int_equal(image_store_dir_new(f->store, &dir, NULL), 0);
    close(dir.fd);
    autofree char *path = xasprintf("%s/tmp/%s", f->root, dir.name);
    int lock = image_store_lock(f->store, false, true, NULL);
    image_store_sweep(f->store); /* somebody works here */
    assert_int_equal(access(path, F_OK), 0);
    close(lock);
    image_store_sweep(f->store);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_image_store__archives(void **state)
{
    struct fixture *f = *state;
    static const char *const images[] = {"reg.local/web:2", NULL};
    autofree char *path = xasprintf("%s/x.tar", f->root);
    put(f);
    assert_false(image_store_is_loaded(f->store, "x.tar"));
    assert_int_equal(image_store_set_loaded(f->store, "x.tar", images, NULL), -ENOENT);
    autoclose int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(image_store_set_loaded(f->store, "x.tar", images, NULL), 0);
    assert_true(image_store_is_loaded(f->store, "x.tar"));
    autofree char *record = below(f, "layers", DIFF_ID, ".json");
    assert_int_equal(unlink(record), 0); /* its image is damaged: to be loaded again */
    assert_false(image_store_is_loaded(f->store, "x.tar"));
    add_layer(f);
    assert_true(image_store_is_loaded(f->store, "x.tar"));
    assert_int_equal(write(fd, "more", 4), 4);
    assert_false(image_store_is_loaded(f->store, "x.tar"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_image_store__round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_image_store__layer_without_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_image_store__record_without_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_image_store__damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_image_store__other_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_image_store__sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_image_store__archives, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
