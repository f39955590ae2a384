#include "agent/image/hold.h"
#include "agent/image/image_store.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Layers are called by a letter; each weighs 10 bytes. */
struct fixture {
    char root[64];
    struct image_store *store;
    struct map *wanted;
    const char *in_use; /* letters */
    int refuse;
    struct image_store_freed freed;
    struct image_policy policy;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->root, sizeof(f->root), "/tmp/limpet-remove-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_int_equal(image_store_open(f->root, &f->store, NULL), 0);
    f->wanted = map_new();
    f->in_use = "";
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    map_free(f->wanted, NULL);
    map_free(f->freed.images, NULL);
    image_store_free(f->store);
    int rc = disk_posix()->remove_tree(disk_posix(), f->root, NULL);
    free(f);
    return rc;
}

static void layer_digest(char letter, char ret[DIGEST_LEN + 1])
{
    memcpy(ret, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    memset(ret + strlen(DIGEST_PREFIX), letter, DIGEST_HEX);
    ret[DIGEST_LEN] = '\0';
}

static void seal(struct blob *blob)
{
    memcpy(blob->digest, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    sha256_hex(buf_str(&blob->text), blob->text.len, blob->digest + strlen(DIGEST_PREFIX));
}

static void add_layer(struct fixture *f, char letter)
{
    char digest[DIGEST_LEN + 1];
    struct image_store_dir dir;
    layer_digest(letter, digest);
    if (image_store_has_layer(f->store, digest))
        return;
    assert_int_equal(image_store_dir_new(f->store, &dir, NULL), 0);
    assert_int_equal(mkdirat(dir.fd, "sub", 0755), 0);
    assert_int_equal(image_store_add_layer(f->store, &dir, digest, 10, 1, NULL), 0);
    close(dir.fd);
}

/* An image of these layers under a reference; its manifest's digest. */
static void add_image(struct fixture *f, const char *reference, const char *layers,
                      char ret_digest[DIGEST_LEN + 1])
{
    struct reference ref;
    cleanup(blob_done) struct blob manifest, config;
    blob_init(&manifest);
    blob_init(&config);
    assert_int_equal(reference_parse(reference, &ref, NULL), 0);
    (void)buf_addstr(&config.text, "{\"rootfs\":{\"diff_ids\":[");
    (void)buf_addstr(&manifest.text, "");
    for (size_t i = 0; layers[i]; i++) {
        char digest[DIGEST_LEN + 1];
        layer_digest(layers[i], digest);
        add_layer(f, layers[i]);
        (void)buf_addf(&config.text, "%s\"%s\"", i ? "," : "", digest);
    }
    (void)buf_addstr(&config.text, "]}}");
    seal(&config);
    (void)buf_addf(&manifest.text,
                   "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
                   config.digest, config.text.len);
    for (size_t i = 0; layers[i]; i++) {
        char digest[DIGEST_LEN + 1];
        layer_digest(layers[i], digest);
        (void)buf_addf(&manifest.text,
                       "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":"
                       "\"%s\",\"size\":1}",
                       i ? "," : "", digest);
    }
    (void)buf_addstr(&manifest.text, "]}");
    seal(&manifest);
    assert_int_equal(image_store_put(f->store, &ref, &manifest, &config, NULL), 0);
    if (ret_digest)
        memcpy(ret_digest, manifest.digest, DIGEST_LEN + 1);
}

static void want(struct fixture *f, const char *reference)
{
    (void)map_put(f->wanted, reference, f);
}

static int in_use(void *ctx, struct map *layers, struct err *err)
{
    const struct fixture *f = ctx;
    for (const char *letter = f->in_use; *letter; letter++) {
        char digest[DIGEST_LEN + 1];
        layer_digest(*letter, digest);
        (void)map_put(layers, digest_hex(digest), layers);
    }
    return f->refuse ? err_set(err, f->refuse, "not now") : 0;
}

static int prune(struct fixture *f)
{
    const struct image_store_wanted wanted = {f->wanted, in_use, f, f->policy};
    map_free(f->freed.images, NULL);
    f->freed = (struct image_store_freed){0};
    return image_store_remove_unused(f->store, &wanted, &f->freed, NULL);
}

static bool has_image(struct fixture *f, const char *reference)
{
    struct reference ref;
    struct stored *stored = NULL;
    assert_int_equal(reference_parse(reference, &ref, NULL), 0);
    int rc = image_store_get(f->store, &ref, &stored, NULL);
    stored_free(stored);
    return rc == 0;
}

/* The letters of the layers that are there. */
static void expect_layers(struct fixture *f, const char *letters)
{
    for (char letter = 'a'; letter <= 'f'; letter++) {
        char digest[DIGEST_LEN + 1];
        layer_digest(letter, digest);
        autofree char *dir = xasprintf("%s/layers/%s", f->root, digest_hex(digest));
        bool there = access(dir, F_OK) == 0;
        if (there != (strchr(letters, letter) != NULL) ||
            there != image_store_has_layer(f->store, digest))
            fail_msg("layer %c is%s there", letter, there ? "" : " not");
    }
}

static void test_image_store_remove__unwanted_goes_shared_stays(void **state)
{
    struct fixture *f = *state;
    add_image(f, "reg.local/web:1", "abc", NULL);
    add_image(f, "reg.local/old:1", "ade", NULL);
    want(f, "reg.local/web:1");
    want(f, "reg.local/never:1");
    assert_int_equal(prune(f), 0);
    assert_true(has_image(f, "reg.local/web:1"));
    assert_false(has_image(f, "reg.local/old:1"));
    expect_layers(f, "abc");
    assert_int_equal(f->freed.layers, 2);
    assert_int_equal(f->freed.bytes, 20);
    assert_int_equal(map_len(f->freed.images), 1);
    assert_non_null(map_get(f->freed.images, "reg.local/old:1"));
    assert_int_equal(prune(f), 0);
    assert_int_equal(f->freed.layers + map_len(f->freed.images), 0);
}

static void set_used(struct fixture *f, const char *pattern, int64_t seconds)
{
    autofree char *command =
        xasprintf("touch -d @%lld %s/refs/%s*", (long long)seconds, f->root, pattern);
    assert_int_equal(system(command), 0);
}

/* Three images that nobody wants, used one after the other; c is shared by the last two. */
static void add_three(struct fixture *f)
{
    add_image(f, "reg.local/one:1", "ab", NULL);
    add_image(f, "reg.local/two:1", "c", NULL);
    add_image(f, "reg.local/three:1", "cd", NULL);
    set_used(f, "reg.local_one", 1000);
    set_used(f, "reg.local_two", 2000);
    set_used(f, "reg.local_three", 3000);
}

static void test_image_store_remove__by_age(void **state)
{
    struct fixture *f = *state;
    add_three(f);
    f->policy.unused_since_s = 2000;
    assert_int_equal(prune(f), 0);
    assert_false(has_image(f, "reg.local/one:1"));
    assert_true(has_image(f, "reg.local/two:1"));
    expect_layers(f, "cd");
}

/* The least recently used first, and no more than are in the way. */
static void test_image_store_remove__by_bytes(void **state)
{
    static const struct {
        int64_t bytes;
        const char *layers;
    } cases[] = {{1, "cd"}, {20, "cd"}, {21, ""}, {1000, ""}};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        add_three(f);
        f->policy.bytes = cases[i].bytes;
        assert_int_equal(prune(f), 0);
        expect_layers(f, cases[i].layers);
    }
    add_three(f); /* what is wanted or runs is not counted on */
    want(f, "reg.local/one:1");
    f->in_use = "c";
    f->policy.bytes = 10;
    assert_int_equal(prune(f), 0);
    assert_true(has_image(f, "reg.local/one:1"));
    assert_false(has_image(f, "reg.local/two:1")); /* nothing is freed by that */
    assert_false(has_image(f, "reg.local/three:1"));
    expect_layers(f, "abc");
}

static void test_image_store_remove__both(void **state)
{
    struct fixture *f = *state;
    add_three(f);
    f->policy = (struct image_policy){.bytes = 1000, .unused_since_s = 1500};
    assert_int_equal(prune(f), 0);
    expect_layers(f, "cd");
}

/* What a pull has fetched that goes on soon is not thrown away. */
static void test_image_store_remove__parts(void **state)
{
    struct fixture *f = *state;
    char digest[DIGEST_LEN + 1];
    layer_digest('a', digest);
    close(image_store_partial(f->store, digest, NULL));
    autofree char *path = xasprintf("%s/partial/%s", f->root, digest_hex(digest));
    f->policy.parts_before_s = 1000;
    assert_int_equal(prune(f), 0);
    assert_int_equal(access(path, F_OK), 0);
    f->policy.parts_before_s = 0;
    assert_int_equal(prune(f), 0);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_image_store_remove__touched(void **state)
{
    struct fixture *f = *state;
    add_three(f);
    image_store_touch(f->store, "reg.local/one:1");
    f->policy.unused_since_s = 2500;
    assert_int_equal(prune(f), 0);
    assert_true(has_image(f, "reg.local/one:1"));
    assert_false(has_image(f, "reg.local/two:1"));
}

/* Another name of an image that is wanted goes alone. */
static void test_image_store_remove__second_name(void **state)
{
    struct fixture *f = *state;
    add_image(f, "reg.local/web:1", "ab", NULL);
    add_image(f, "reg.local/alias:1", "ab", NULL);
    want(f, "reg.local/web:1");
    assert_int_equal(prune(f), 0);
    assert_true(has_image(f, "reg.local/web:1"));
    assert_false(has_image(f, "reg.local/alias:1"));
    assert_int_equal(f->freed.layers, 0);
}

static void test_image_store_remove__held_stays(void **state)
{
    struct fixture *f = *state;
    char first[DIGEST_LEN + 1], moved[DIGEST_LEN + 1];
    add_image(f, "reg.local/web:1", "ab", first);
    add_image(f, "reg.local/moved:1", "cd", moved);
    add_image(f, "reg.local/moved:1", "ef", NULL); /* the tag has moved on */
    int user = hold_open(f->root, NULL);
    assert_int_equal(hold_take(user, first), 0);
    assert_int_equal(hold_take(user, moved), 0);
    want(f, "reg.local/moved:1");
    assert_int_equal(prune(f), 0);
    assert_true(has_image(f, "reg.local/web:1"));
    expect_layers(f, "abcdef");
    close(user);
    assert_int_equal(prune(f), 0);
    assert_false(has_image(f, "reg.local/web:1"));
    expect_layers(f, "ef");
}

/* A keeper runs from layers that no image has any more. */
static void test_image_store_remove__layers_in_use_stay(void **state)
{
    struct fixture *f = *state;
    add_image(f, "reg.local/web:1", "abc", NULL);
    f->in_use = "ac";
    assert_int_equal(prune(f), 0);
    expect_layers(f, "ac");
    f->in_use = "";
    add_image(f, "reg.local/web:1", "abc", NULL);
    f->refuse = -EAGAIN;
    assert_int_equal(prune(f), -EAGAIN);
    assert_true(has_image(f, "reg.local/web:1"));
    f->refuse = 0;
    assert_int_equal(prune(f), 0);
    expect_layers(f, "");
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
    autofree char *path = xasprintf("%s/%s", f->root, name);
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_image_store_remove__images_of_archives_stay(void **state)
{
    struct fixture *f = *state;
    static const char *const images[] = {"reg.local/kiosk:1", NULL};
    add_image(f, "reg.local/kiosk:1", "ab", NULL);
    write_file(f, "kiosk.tar", "archive");
    assert_int_equal(image_store_set_loaded(f->store, "kiosk.tar", images, NULL), 0);
    write_file(f, "kiosk.tar", "another that is not loaded yet");
    assert_int_equal(prune(f), 0);
    assert_true(has_image(f, "reg.local/kiosk:1"));
    autofree char *path = xasprintf("%s/kiosk.tar", f->root);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(prune(f), 0);
    assert_false(has_image(f, "reg.local/kiosk:1"));
    expect_layers(f, "");
}

struct find {
    const struct fixture *f;
    const char *folder;
};

static int damage_one(void *ctx, const char *name, enum disk_type type)
{
    const struct find *find = ctx;
    (void)type;
    autofree char *path = xasprintf("%s/%s", find->folder, name);
    write_file(find->f, path, "{");
    return 0;
}

/* What is damaged does not say what it needs: no layer goes. */
static void test_image_store_remove__damage_removes_no_layer(void **state)
{
    static const char *const folders[] = {"manifests", "configs", "refs"};
    struct fixture *f = *state;
    want(f, "reg.local/web:1");
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        autofree char *path = xasprintf("%s/%s", f->root, folders[i]);
        struct find find = {f, folders[i]};
        add_image(f, "reg.local/web:1", "ab", NULL);
        assert_int_equal(disk_posix()->list(disk_posix(), path, damage_one, &find, NULL), 0);
        add_image(f, "reg.local/old:1", "cd", NULL);
        assert_int_equal(prune(f), 0);
        expect_layers(f, "abcd");
    }
    add_image(f, "reg.local/web:1", "ab", NULL);
    assert_int_equal(prune(f), 0);
    assert_true(has_image(f, "reg.local/web:1"));
    expect_layers(f, "ab");
}

/* A layer whose removal ends half-way does not pass for one that is whole. */
static void test_image_store_remove__half_a_layer_is_none(void **state)
{
    struct fixture *f = *state;
    char digest[DIGEST_LEN + 1];
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
        skip();
    add_image(f, "reg.local/web:1", "a", NULL);
    layer_digest('a', digest);
    autofree char *sub = xasprintf("%s/layers/%s/sub", f->root, digest_hex(digest));
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount("x", sub, "tmpfs", 0, NULL), 0); /* stops the removal */
    assert_int_equal(prune(f), 0);
    assert_false(image_store_has_layer(f->store, digest));
    assert_int_equal(f->freed.layers, 0);
    assert_int_equal(umount(sub), 0);
    assert_int_equal(prune(f), 0);
    expect_layers(f, "");
}

static void test_image_store_remove__not_while_something_is_added(void **state)
{
    struct fixture *f = *state;
    add_image(f, "reg.local/web:1", "a", NULL);
    int lock = image_store_lock(f->store, false, true, NULL);
    assert_true(lock >= 0);
    assert_int_equal(prune(f), -EWOULDBLOCK);
    assert_true(has_image(f, "reg.local/web:1"));
    close(lock);
    assert_int_equal(prune(f), 0);
    assert_false(has_image(f, "reg.local/web:1"));
}

static bool exists(const struct fixture *f, const char *name)
{
    autofree char *path = xasprintf("%s/%s", f->root, name);
    return access(path, F_OK) == 0;
}

static void age(const struct fixture *f, const char *name, time_t when)
{
    autofree char *path = xasprintf("%s/%s", f->root, name);
    const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_image_store_remove__what_pulls_left(void **state)
{
    struct fixture *f = *state;
    struct image_store_dir dir;
    write_file(f, "partial/old", "123");
    write_file(f, "partial/new", "12345");
    assert_int_equal(image_store_dir_new(f->store, &dir, NULL), 0);
    close(dir.fd);
    autofree char *tmp = xasprintf("tmp/%s", dir.name);
    age(f, "partial/old", 1000);
    age(f, "partial/new", 2000);
    age(f, tmp, 1000);
    int lock = image_store_lock(f->store, false, true, NULL);
    image_store_sweep_old(f->store, 1500); /* somebody works here */
    assert_true(exists(f, "partial/old"));
    close(lock);
    image_store_sweep_old(f->store, 1500);
    assert_false(exists(f, "partial/old"));
    assert_false(exists(f, tmp));
    assert_true(exists(f, "partial/new"));
    assert_int_equal(prune(f), 0);
    assert_false(exists(f, "partial/new"));
    assert_int_equal(f->freed.bytes, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_image_store_remove__##name, setup, teardown)

/* These are bad, and stay. */
static void expect_bad(struct fixture *f, const char *letters, const char *reason)
{
    struct image_store_checked checked;
    const struct image_store_wanted wanted = {.in_use = in_use, .ctx = f};
    assert_int_equal(image_store_check(f->store, &wanted, &checked, NULL), 0);
    assert_int_equal(map_len(checked.bad), strlen(letters));
    assert_int_equal(map_len(checked.kept), strlen(letters));
    for (const char *letter = letters; *letter; letter++) {
        char digest[DIGEST_LEN + 1];
        layer_digest(*letter, digest);
        assert_string_equal(map_get(checked.bad, digest_hex(digest)),
                            "it is not what was unpacked");
        assert_string_equal(map_get(checked.kept, digest_hex(digest)), reason);
    }
    image_store_checked_done(&checked);
}

/* A layer that is not what was unpacked goes, wanted or not, but for one that is in use; one of an
 * earlier release can only be read. */
static void test_image_store_remove__bad_layers(void **state)
{
    struct fixture *f = *state;
    struct image_store_checked checked;
    const struct image_store_wanted wanted = {.in_use = in_use, .ctx = f};
    char digest[DIGEST_LEN + 1];
    add_image(f, "abc:1", "abc", NULL);
    add_image(f, "c:1", "c", NULL);
    add_layer(f, 'd');
    assert_int_equal(image_store_check(f->store, &wanted, &checked, NULL), 0);
    assert_int_equal(checked.layers, 4);
    assert_int_equal(map_len(checked.bad) + checked.unknown, 0);
    image_store_checked_done(&checked);
    for (const char *letter = "abd"; *letter; letter++) {
        layer_digest(*letter, digest);
        autofree char *dir = xasprintf("%s/layers/%s/rot", f->root, digest_hex(digest));
        assert_int_equal(mkdir(dir, 0755), 0);
    }
    layer_digest('d', digest); /* as an earlier release left it */
    autofree char *record = xasprintf("%s/layers/%s.json", f->root, digest_hex(digest));
    assert_int_equal(disk_posix()->replace(disk_posix(), record, "{\"bytes\": 10}", 13, 0600, NULL),
                     0);
    f->in_use = "b";
    f->refuse = -EAGAIN; /* in doubt nothing goes, and all is told */
    expect_bad(f, "ab", "not now");
    f->refuse = 0;
    autoclose int pull = image_store_lock(f->store, false, true, NULL);
    expect_bad(f, "ab", "images are being pulled, loaded or removed just now: try again");
    close(steal_fd(&pull));
    write_file(f, "refs/torn", "{");
    expect_bad(f, "ab", "an image's record cannot be read");
    autofree char *torn = xasprintf("%s/refs/torn", f->root);
    assert_int_equal(unlink(torn), 0);
    expect_layers(f, "abcd");
    assert_int_equal(image_store_check(f->store, &wanted, &checked, NULL), 0);
    expect_layers(f, "bcd");
    assert_int_equal(checked.unknown, 1);
    assert_int_equal(map_len(checked.bad), 2);
    assert_int_equal(map_len(checked.kept), 1);
    layer_digest('b', digest);
    assert_string_equal(map_get(checked.kept, digest_hex(digest)),
                        "it is in use: end the pods that run from it, and check again");
    assert_string_equal(map_get(checked.bad, digest_hex(digest)), "it is not what was unpacked");
    image_store_checked_done(&checked);
    assert_false(has_image(f, "abc:1")); /* so that it is fetched again */
    assert_true(has_image(f, "c:1"));
    add_layer(f, 'a');
    assert_true(has_image(f, "abc:1"));
}

/* The reading takes no lock: images come and go meanwhile. */
static void test_image_store_remove__check_is_in_nobodys_way(void **state)
{
    struct fixture *f = *state;
    struct image_store_checked checked;
    const struct image_store_wanted wanted = {.in_use = in_use, .ctx = f};
    add_image(f, "ab:1", "ab", NULL);
    autoclose int prune = image_store_lock(f->store, true, true, NULL);
    assert_true(prune >= 0);
    alarm(30); /* not for ever */
    assert_int_equal(image_store_check(f->store, &wanted, &checked, NULL), 0);
    alarm(0);
    assert_int_equal(checked.layers, 2);
    assert_int_equal(map_len(checked.bad), 0);
    image_store_checked_done(&checked);
}

/* What cannot be removed for another reason than that somebody has it, is told with that. */
static void test_image_store_remove__bad_layers_that_stay(void **state)
{
    struct fixture *f = *state;
    struct image_store_checked checked;
    const struct image_store_wanted wanted = {.in_use = in_use, .ctx = f};
    char digest[DIGEST_LEN + 1];
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
        skip();
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    add_image(f, "a:1", "a", NULL);
    layer_digest('a', digest);
    autofree char *rot = xasprintf("%s/layers/%s/rot", f->root, digest_hex(digest));
    autofree char *layers = xasprintf("%s/layers", f->root);
    assert_int_equal(mkdir(rot, 0755), 0);
    const char *const dead[] = {layers, f->root};
    for (size_t i = 0; i < ARRAY_LEN(dead); i++) {
        assert_int_equal(mount(dead[i], dead[i], NULL, MS_BIND, NULL), 0);
        assert_int_equal(mount(NULL, dead[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
        cleanup(image_store_free) struct image_store *store = NULL;
        assert_int_equal(image_store_open(f->root, &store, NULL), 0);
        assert_int_equal(image_store_check(store, &wanted, &checked, NULL), 0);
        assert_int_equal(map_len(checked.bad), 1);
        const char *reason = map_get(checked.kept, digest_hex(digest));
        assert_non_null(reason);
        assert_non_null(strstr(reason, "Read-only file system"));
        image_store_checked_done(&checked);
    }
    for (size_t i = ARRAY_LEN(dead); i-- > 0;)
        assert_int_equal(umount2(dead[i], MNT_DETACH), 0);
    expect_layers(f, "a");
    /* Its record goes, and it cannot. */
    assert_int_equal(mount("none", rot, "tmpfs", 0, NULL), 0);
    assert_int_equal(image_store_check(f->store, &wanted, &checked, NULL), 0);
    const char *reason = map_get(checked.kept, digest_hex(digest));
    assert_non_null(reason);
    assert_non_null(strstr(reason, strerror(EBUSY)));
    image_store_checked_done(&checked);
    assert_int_equal(umount2(rot, MNT_DETACH), 0);
}

/* A folder that lists a name which then is not there is damaged, and the layer bad. The kernel has
 * such folders: those of processes that have ended. */
static void test_image_store_remove__bad_folder(void **state)
{
    struct fixture *f = *state;
    struct image_store_checked checked;
    siginfo_t info;
    const struct image_store_wanted wanted = {.in_use = in_use, .ctx = f};
    char digest[DIGEST_LEN + 1];
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
        skip();
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    add_image(f, "a:1", "a", NULL);
    layer_digest('a', digest);
    autofree char *rot = xasprintf("%s/layers/%s/rot", f->root, digest_hex(digest));
    autofree char *names = xasprintf("/proc/%d/ns", (int)pid);
    assert_int_equal(mkdir(rot, 0755), 0);
    assert_int_equal(mount(names, rot, NULL, MS_BIND, NULL), 0);
    autoclose int prune = image_store_lock(f->store, false, true, NULL); /* it stays for now */
    assert_true(prune >= 0);
    assert_int_equal(image_store_check(f->store, &wanted, &checked, NULL), 0);
    assert_int_equal(umount2(rot, MNT_DETACH), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    const char *problem = map_get(checked.bad, digest_hex(digest));
    assert_non_null(problem);
    assert_non_null(strstr(problem, strerror(ENOENT)));
    assert_int_equal(map_len(checked.kept), 1);
    image_store_checked_done(&checked);
}

/* A layer of nothing comes to 0, and that is known of it. */
static void test_image_store_remove__bad_empty_layer(void **state)
{
    struct fixture *f = *state;
    struct image_store_dir dir;
    struct image_store_checked checked;
    const struct image_store_wanted wanted = {.in_use = in_use, .ctx = f};
    char digest[DIGEST_LEN + 1];
    layer_digest('e', digest);
    assert_int_equal(image_store_dir_new(f->store, &dir, NULL), 0);
    assert_int_equal(image_store_add_layer(f->store, &dir, digest, 0, 0, NULL), 0);
    close(dir.fd);
    assert_int_equal(image_store_check(f->store, &wanted, &checked, NULL), 0);
    assert_int_equal(checked.layers, 1);
    assert_int_equal(checked.unknown + map_len(checked.bad), 0);
    image_store_checked_done(&checked);
    autofree char *rot = xasprintf("%s/layers/%s/rot", f->root, digest_hex(digest));
    assert_int_equal(mkdir(rot, 0755), 0);
    assert_int_equal(image_store_check(f->store, &wanted, &checked, NULL), 0);
    assert_int_equal(map_len(checked.bad), 1);
    assert_int_equal(map_len(checked.kept), 0);
    image_store_checked_done(&checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unwanted_goes_shared_stays),
        TEST(by_age),
        TEST(by_bytes),
        TEST(both),
        TEST(parts),
        TEST(touched),
        TEST(second_name),
        TEST(held_stays),
        TEST(layers_in_use_stay),
        TEST(bad_layers),
        TEST(bad_empty_layer),
        TEST(bad_folder),
        TEST(bad_layers_that_stay),
        TEST(check_is_in_nobodys_way),
        TEST(images_of_archives_stay),
        TEST(damage_removes_no_layer),
        TEST(half_a_layer_is_none),
        TEST(not_while_something_is_added),
        TEST(what_pulls_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
