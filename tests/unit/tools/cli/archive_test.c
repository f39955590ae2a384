/* Archives as tar makes them, and as it does not. */

#include "tools/cli/bundle.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define LONG_NAME                                                                                  \
    "a-rather-long-folder-name-that-goes-on/a-rather-long-folder-name-that-goes-on/"               \
    "a-rather-long-folder-name-that-goes-on/a-rather-long-folder-name-that-goes-on/file"

struct fixture {
    char dir[64];
    struct buf tar;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/archive_test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), f->dir, &err), 0);
    buf_done(&f->tar);
    free(f);
    return 0;
}

static void add_header(struct fixture *f, char type, const char *name, const char *link,
                       const char *size)
{
    char block[512] = {0};
    unsigned sum = 0;
    snprintf(block, 100, "%s", name);
    snprintf(block + 100, 8, "%07o", 0644);
    memcpy(block + 124, size, strlen(size));
    block[156] = type;
    if (link)
        snprintf(block + 157, 100, "%s", link);
    memcpy(block + 257,
           "ustar\0"
           "00",
           8);
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += (unsigned char)block[i];
    snprintf(block + 148, 8, "%06o", sum);
    (void)buf_add(&f->tar, block, sizeof(block));
}

static void add(struct fixture *f, char type, const char *name, const char *link, const char *text)
{
    static const char zeros[512];
    char size[32];
    size_t len = text ? strlen(text) : 0;
    snprintf(size, sizeof(size), "%011zo", len);
    add_header(f, type, name, link, size);
    (void)buf_add(&f->tar, text ? text : "", len);
    (void)buf_add(&f->tar, zeros, (512 - len % 512) % 512);
}

static char *write_tar(struct fixture *f)
{
    char *path = xasprintf("%s/a.tar", f->dir);
    struct err err = {0};
    assert_int_equal(
        disk_posix()->replace(disk_posix(), path, buf_str(&f->tar), f->tar.len, 0600, &err), 0);
    return path;
}

static int open_it(struct fixture *f, struct archive **ret, struct err *err)
{
    autofree char *path = write_tar(f);
    return archive_open(path, ret, err);
}

static void assert_holds(struct archive *archive, const char *name, const char *text)
{
    cleanup(buf_done) struct buf is = {0};
    struct err err = {0};
    int r = archive_read(archive, name, 1000, &is, &err);
    assert_int_equal(r, text ? 0 : -ENOENT);
    if (text)
        assert_string_equal(buf_str(&is), text);
}

static void test_archive__tar(void **state)
{
    struct fixture *f = *state;
    cleanup(archive_free) struct archive *archive = NULL;
    struct err err = {0};
    autofree char *pax = xasprintf("%zu path=" LONG_NAME "1\n", strlen(LONG_NAME) + 11);
    add(f, '5', "./folder/", NULL, NULL);
    add(f, '0', "./folder/one", NULL, "one");
    add(f, 'L', "././@LongLink", NULL, LONG_NAME);
    add(f, '0', "cut", NULL, "long");
    add(f, 'x', "PaxHeaders/x", NULL, pax);
    add(f, '0', "cut", NULL, "pax");
    add(f, '2', "folder/link", "../folder/one", NULL);
    add(f, '2', "out", "../../etc/passwd", NULL);
    add(f, '2', "loop", "loop", NULL);
    add(f, '1', "hard", "folder/one", NULL);
    add(f, 'g', "pax_global_header", NULL, "11 path=xx\n");
    add(f, '0', "folder/one", NULL, "again");
    (void)buf_add(&f->tar, (char[1024]){0}, 1024);
    assert_int_equal(open_it(f, &archive, &err), 0);
    assert_holds(archive, "folder/one", "again");
    assert_holds(archive, "folder/link", "again");
    assert_holds(archive, "hard", "again");
    assert_holds(archive, LONG_NAME, "long");
    assert_holds(archive, LONG_NAME "1", "pax");
    assert_holds(archive, "cut", NULL);
    assert_holds(archive, "out", NULL);
    assert_holds(archive, "loop", NULL);
    assert_holds(archive, "folder", NULL);
    assert_holds(archive, "xx", NULL);
}

static void test_archive__bad_tars(void **state)
{
    static const char *const sizes[] = {"77777777777", "\x80\0\0\0\0\0\0\0\1",
                                        "\xff\xff\xff\xff\xff", "0000000x000", "00000002000"};
    struct fixture *f = *state;
    struct archive *archive = NULL;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct err err = {0};
        buf_done(&f->tar);
        add_header(f, '0', "file", NULL, sizes[i]);
        if (i == 1) /* as large as it can be said */
            memset(f->tar.data + 124, 0xff, 12);
        assert_int_equal(open_it(f, &archive, &err), -EINVAL);
        assert_null(archive);
    }
    static const char *const pax[] = {"9999999999999999999 path=a\n",
                                      "5 a=b\n",
                                      "11 path=xxxx",
                                      "0 a=b\n",
                                      "x",
                                      "13 size=-100\n",
                                      "4 a\n"};
    for (size_t i = 0; i < ARRAY_LEN(pax); i++) {
        struct err err = {0};
        buf_done(&f->tar);
        print_message("%s\n", pax[i]);
        add(f, 'x', "PaxHeaders/x", NULL, pax[i]);
        add(f, '0', "file", NULL, "x");
        assert_int_equal(open_it(f, &archive, &err), -EINVAL);
    }
    struct err err = {0};
    buf_done(&f->tar);
    assert_int_equal(open_it(f, &archive, &err), -EINVAL);
    (void)buf_addstr(&f->tar, "\x1f\x8b this is compressed");
    assert_int_equal(open_it(f, &archive, &err), -EINVAL);
    assert_non_null(strstr(err.msg, "not compressed"));
}

static void test_archive__folder(void **state)
{
    struct fixture *f = *state;
    cleanup(archive_free) struct archive *archive = NULL;
    struct err err = {0};
    autofree char *sub = xasprintf("%s/sub", f->dir), *file = xasprintf("%s/sub/one", f->dir),
                  *link = xasprintf("%s/out", f->dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    assert_int_equal(disk_posix()->replace(disk_posix(), file, "one", 3, 0600, &err), 0);
    assert_int_equal(symlink("/etc/hostname", link), 0);
    assert_int_equal(archive_open(f->dir, &archive, &err), 0);
    assert_holds(archive, "sub/one", "one");
    assert_holds(archive, "sub", NULL);
    assert_holds(archive, "out", NULL);
    assert_holds(archive, "none", NULL);
}

/* ---- images in it ---- */

static void add_blob(struct fixture *f, const char *text, char hex[SHA256_HEX + 1])
{
    sha256_hex(text, strlen(text), hex);
    autofree char *name = xasprintf("blobs/sha256/%s", hex);
    add(f, '0', name, NULL, text);
}

static int open_bundle(struct fixture *f, struct bundle **ret, struct err *err)
{
    autofree char *path = write_tar(f);
    return bundle_open(path, NULL, NULL, ret, err);
}

static void test_bundle__oci(void **state)
{
    struct fixture *f = *state;
    cleanup(bundle_free) struct bundle *bundle = NULL;
    struct err err = {0};
    char config[SHA256_HEX + 1], layer[SHA256_HEX + 1], manifest[SHA256_HEX + 1],
        index[SHA256_HEX + 1];
    add_blob(f, "{}", config);
    add_blob(f, "layer", layer);
    autofree char *text =
        xasprintf("{\"config\":{\"digest\":\"sha256:%s\"},\"layers\":[{\"digest\":"
                  "\"sha256:%s\"},{\"digest\":\"sha256:%s\"}]}",
                  config, layer, layer);
    add_blob(f, text, manifest);
    autofree char *list =
        xasprintf("{\"manifests\":[{\"digest\":\"sha256:%s\",\"mediaType\":\"m\"}]}", manifest);
    add_blob(f, list, index);
    autofree char *top =
        xasprintf("{\"manifests\":[{\"digest\":\"sha256:%s\",\"mediaType\":\"i\",\"annotations\":{"
                  "\"org.opencontainers.image.ref.name\":\"app:1\"}}]}",
                  index);
    add(f, '0', "index.json", NULL, top);
    assert_int_equal(open_bundle(f, &bundle, &err), 0);
    assert_int_equal(bundle->count, 1);
    const struct bundle_image *image = &bundle->images[0];
    assert_string_equal(image->name, "app:1");
    assert_int_equal(image->count, 4);
    assert_int_equal(image->steps[0].piece.size, 5);
    assert_null(image->steps[0].text);
    assert_int_equal(image->steps[1].piece.size, 2);
    assert_string_equal(image->steps[2].text, text);
    assert_string_equal(image->steps[2].type, "m");
    assert_string_equal(image->steps[3].text, list);
    assert_string_equal(image->steps[3].type, "i");
}

static void test_bundle__docker(void **state)
{
    struct fixture *f = *state;
    cleanup(bundle_free) struct bundle *bundle = NULL;
    struct err err = {0};
    char hex[SHA256_HEX + 1];
    add(f, '0', "c.json", NULL, "{}");
    add(f, '0', "1/layer.tar", NULL, "layer");
    add(f, '2', "2/layer.tar", "../1/layer.tar", NULL);
    add(f, '0', "manifest.json", NULL,
        "[{\"Config\":\"c.json\",\"RepoTags\":[\"app:1\",\"app:2\"],"
        "\"Layers\":[\"1/layer.tar\",\"2/layer.tar\"]}]");
    assert_int_equal(open_bundle(f, &bundle, &err), 0);
    assert_int_equal(bundle->count, 2);
    assert_string_equal(bundle->images[1].name, "app:2");
    const struct bundle_image *image = &bundle->images[0];
    assert_int_equal(image->count, 3);
    sha256_hex("layer", 5, hex);
    assert_string_equal(image->steps[1].digest + strlen("sha256:"), hex);
    assert_non_null(strstr(image->steps[2].text, hex));
    sha256_hex(image->steps[2].text, image->steps[2].len, hex);
    assert_string_equal(image->steps[2].digest + strlen("sha256:"), hex);
}

static void test_bundle__what_is_none(void **state)
{
    static const struct {
        const char *name, *text, *why;
    } cases[] = {
        {"other", "x", "neither index.json"},
        {"index.json", "{", "index.json"},
        {"index.json", "{}", "no image"},
        {"index.json", "{\"manifests\":[{\"digest\":\"sha256:../../x\"}]}", "digest"},
        {"index.json",
         "{\"manifests\":[{\"digest\":"
         "\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}]}",
         "it is not there"},
        {"manifest.json", "[{\"Layers\":[]}]", "not in it"},
        {"manifest.json", "[{\"Config\":\"manifest.json\",\"Layers\":[\"none\"]}]", "not in it"},
        {"manifest.json", "[]", "no image"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bundle *bundle = NULL;
        struct err err = {0};
        buf_done(&f->tar);
        add(f, '0', cases[i].name, NULL, cases[i].text);
        assert_true(open_bundle(f, &bundle, &err) < 0);
        assert_null(bundle);
        print_message("%s\n", err.msg);
        assert_non_null(strstr(err.msg, cases[i].why));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_archive__tar), TEST(test_archive__bad_tars), TEST(test_archive__folder),
        TEST(test_bundle__oci),  TEST(test_bundle__docker),    TEST(test_bundle__what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
