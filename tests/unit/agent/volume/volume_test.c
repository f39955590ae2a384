#include "agent/volume/volume.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TMPFS 0x01021994

/* A pod's folders, and what the node has of ConfigMaps and Secrets. */
struct world {
    char dir[64];
    char *disk, *tmp;
    struct value *objects; /* "Kind/name" -> object */
    struct volume_source source;
    struct volume_spec spec;
    struct volume *list;
    size_t count;
    struct err err;
};

static const struct value *find(void *ctx, const char *kind, const char *ns, const char *name)
{
    const struct world *world = ctx;
    assert_string_equal(ns, "default");
    autofree char *key = xasprintf("%s/%s", kind, name);
    return value_get(world->objects, key);
}

static const char objects[] =
    "{\"ConfigMap/app\":{\"metadata\":{\"name\":\"app\"},"
    "\"data\":{\"a.conf\":\"one\",\"..b\":\"two\"},\"binaryData\":{\"bin\":\"AAEC\"}},"
    "\"ConfigMap/broken\":{\"metadata\":{\"name\":\"broken\"},\"binaryData\":{\"bin\":\"?\"}},"
    "\"Secret/key\":{\"metadata\":{\"name\":\"key\"},\"data\":{\"token\":\"c2VjcmV0\"}}}";

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    umask(0077); /* modes must not depend on it */
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-volume-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->disk = xasprintf("%s/disk", world->dir);
    world->tmp = xasprintf("%s/tmp", world->dir);
    assert_int_equal(mkdir(world->disk, 0700) | mkdir(world->tmp, 0700), 0);
    assert_int_equal(json_parse(objects, strlen(objects), &world->objects, &world->err), 0);
    world->source = (struct volume_source){.find = find, .ctx = world};
    world->spec = (struct volume_spec){"default", world->disk, world->tmp, &world->source, -1};
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    volumes_free(world->list, world->count);
    volumes_remove(&world->spec);
    assert_int_equal(path_remove_tree(AT_FDCWD, world->dir + 1), -EINVAL); /* one component only */
    int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(world->dir, '/') + 1), 0);
    close(tmp);
    value_free(world->objects);
    free(world->disk);
    free(world->tmp);
    free(world);
    return 0;
}

static int prepare(struct world *world, const char *volumes)
{
    struct value *v = NULL;
    assert_int_equal(json_parse(volumes, strlen(volumes), &v, &world->err), 0);
    volumes_free(world->list, world->count);
    world->list = NULL;
    world->count = 0;
    world->err = (struct err){0};
    int rc = volumes_prepare(&world->spec, v, &world->list, &world->count, &world->err);
    value_free(v);
    return rc;
}

/* "<mode in octal> <content>" of a file in the first volume; "-" if it is not there. */
static char *look(const struct world *world, const char *name)
{
    autofree char *path = xasprintf("%s/%s", world->list[0].host_path, name);
    char text[64] = "";
    struct stat st;
    if (lstat(path, &st) < 0)
        return xstrdup("-");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    bool binary = len == 3 && memcmp(text, "\0\1\2", 3) == 0;
    return xasprintf("%o %s", st.st_mode & 07777, binary ? "000102" : text);
}

/* What of `keys` ("name=look name=look") is as it should be. */
static void expect_files(const struct world *world, const char *expected)
{
    cleanup(buf_done) struct buf all;
    buf_init(&all, 0);
    autofree char *copy = xstrdup(expected);
    char *left = NULL;
    for (char *item = strtok_r(copy, ";", &left); item; item = strtok_r(NULL, ";", &left)) {
        *strchr(item, '=') = '\0';
        autofree char *found = look(world, item);
        (void)buf_addf(&all, "%s=%s;", item, found);
    }
    assert_string_equal(buf_str(&all), expected);
}

static const struct key_case {
    const char *name, *volume;
    int rc;
    const char *files; /* or the message */
} key_cases[] = {
    {"all keys", "\"configMap\":{\"name\":\"app\"}", 0,
     "a.conf=644 one;..b=644 two;bin=644 000102;"},
    {"modes", "\"configMap\":{\"name\":\"app\",\"defaultMode\":256}", 0,
     "a.conf=400 one;bin=400 000102;"},
    {"items",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"x/y/z\","
     "\"mode\":493},{\"key\":\"bin\",\"path\":\"b\"}]}",
     0, "x/y/z=755 one;b=644 000102;a.conf=-;"},
    {"dots that are no way up",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"a/..b/...\"}]}", 0,
     "a/..b/...=644 one;"},
    {"up", "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"../up\"}]}",
     -EINVAL, "volume \"v\": file ../up: Invalid argument"},
    {"up within",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"a/../b\"}]}",
     -EINVAL, "volume \"v\": file a/../b: Invalid argument"},
    {"absolute",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"/etc/x\"}]}",
     -EINVAL, "volume \"v\": file /etc/x: Invalid argument"},
    {"secret", "\"secret\":{\"secretName\":\"key\",\"defaultMode\":384}", 0, "token=600 secret;"},
    {"missing", "\"configMap\":{\"name\":\"none\"}", -ENOENT,
     "volume \"v\": ConfigMap default/none not found"},
    {"missing and optional", "\"configMap\":{\"name\":\"none\",\"optional\":true}", 0, "a.conf=-;"},
    {"missing key",
     "\"secret\":{\"secretName\":\"key\",\"items\":[{\"key\":\"x\",\"path\":\"x\"}]}", -ENOENT,
     "volume \"v\": Secret key: key \"x\" not found"},
    {"missing key, optional",
     "\"secret\":{\"secretName\":\"key\",\"optional\":true,\"items\":[{\"key\":\"x\",\"path\":\"x\"},"
     "{\"key\":\"token\",\"path\":\"t\"}]}",
     0, "x=-;t=644 secret;"},
    {"not base64", "\"configMap\":{\"name\":\"broken\"}", -EINVAL,
     "volume \"v\": key \"bin\" is not base64"},
    {"unknown type", "\"nfs\":{\"server\":\"x\",\"path\":\"/\"}", -EINVAL,
     "volume \"v\": this node does not know its type"},
};

static void test_key_files__table(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(key_cases); i++) {
        const struct key_case *c = &key_cases[i];
        autofree char *text = xasprintf("[{\"name\":\"v\",%s}]", c->volume);
        int rc = prepare(world, text);
        if (rc != c->rc)
            fail_msg("%s: %d, want %d: %s", c->name, rc, c->rc, world->err.msg);
        if (rc < 0) {
            assert_string_equal(world->err.msg, c->files);
            continue;
        }
        assert_true(world->list[0].read_only);
        assert_true(str_has_prefix(world->list[0].host_path, world->tmp)); /* never on the disk */
        expect_files(world, c->files);
    }
}

/* What an earlier try wrote, links among it, is gone. */
static void test_key_files__begin_anew(void **state)
{
    struct world *world = *state;
    const char volumes[] = "[{\"name\":\"v\",\"configMap\":{\"name\":\"app\"}}]";
    assert_int_equal(prepare(world, volumes), 0);
    autofree char *stale = xasprintf("%s/stale", world->list[0].host_path);
    autofree char *link = xasprintf("%s/a.conf", world->list[0].host_path);
    autofree char *outside = xasprintf("%s/outside", world->dir);
    assert_int_equal(mkdir(stale, 0755) | unlink(link) | symlink(outside, link), 0);
    assert_int_equal(prepare(world, volumes), 0);
    expect_files(world, "stale=-;a.conf=644 one;");
    assert_int_equal(access(outside, F_OK), -1);
}

static void test_empty_dir__disk(void **state)
{
    struct world *world = *state;
    const char volumes[] = "[{\"name\":\"v\",\"emptyDir\":{}}]";
    assert_int_equal(prepare(world, volumes), 0);
    autofree char *expected = xasprintf("%s/volumes/v", world->disk);
    struct stat st;
    assert_string_equal(world->list[0].host_path, expected);
    assert_int_equal(stat(expected, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0777);
    assert_false(world->list[0].read_only);
    autofree char *file = xasprintf("%s/kept", expected);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(prepare(world, volumes), 0); /* a second time keeps what is there */
    assert_int_equal(access(file, F_OK), 0);
    volumes_remove(&world->spec);
    assert_int_equal(access(expected, F_OK), -1);
}

static void test_empty_dir__memory(void **state)
{
    struct world *world = *state;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        skip();
    const char volumes[] =
        "[{\"name\":\"v\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"1Mi\"}}]";
    assert_int_equal(prepare(world, volumes), 0);
    struct statfs fs;
    struct stat st;
    const char *path = world->list[0].host_path;
    assert_int_equal(statfs(path, &fs) | stat(path, &st), 0);
    assert_int_equal(fs.f_type, TMPFS);
    assert_int_equal((int64_t)fs.f_blocks * fs.f_bsize, 1024 * 1024);
    assert_int_equal(st.st_mode & 07777, 0777);
    autofree char *file = xasprintf("%s/kept", path);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(prepare(world, volumes), 0); /* not mounted over */
    assert_int_equal(access(file, F_OK), 0);
    volumes_remove(&world->spec);
    assert_int_equal(access(file, F_OK), -1);
    autofree char *parent = xasprintf("%s/volumes", world->tmp);
    assert_int_equal(access(parent, F_OK), -1); /* unmounted, or it could not go */
}

/* "mode:group" of a path below the first volume; "" is the volume itself. */
static void expect_group(const struct world *world, const char *path, const char *expected)
{
    autofree char *full = xasprintf("%s/%s", world->list[0].host_path, path);
    struct stat st;
    assert_int_equal(stat(full, &st), 0);
    autofree char *found = xasprintf("%o:%u", st.st_mode & 07777, st.st_gid);
    if (strcmp(found, expected) != 0)
        fail_msg("%s: %s, want %s", path, found, expected);
}

#define ITEMS                                                                                      \
    "\"items\":[{\"key\":\"a.conf\",\"path\":\"x/y/z\",\"mode\":256},"                             \
    "{\"key\":\"bin\",\"path\":\"b\",\"mode\":493},{\"key\":\"..b\",\"path\":\"c\",\"mode\":0}]"

static void test_fs_group__files(void **state)
{
    struct world *world = *state;
    world->spec.fs_group = 2000;
    assert_int_equal(
        prepare(world, "[{\"name\":\"v\",\"configMap\":{\"name\":\"app\"," ITEMS "}}]"), 0);
    expect_group(world, "", "2755:2000");
    expect_group(world, "x", "2755:2000");
    expect_group(world, "x/y", "2755:2000");
    expect_group(world, "x/y/z", "440:2000"); /* 0400, and the group reads */
    expect_group(world, "b", "755:2000");
    expect_group(world, "c", "440:2000");
    assert_int_equal(prepare(world, "[{\"name\":\"v\",\"secret\":{\"secretName\":\"key\","
                                    "\"defaultMode\":384}}]"),
                     0);
    expect_group(world, "", "2755:2000");
    expect_group(world, "token", "640:2000");
    world->spec.fs_group = -1;
    assert_int_equal(
        prepare(world, "[{\"name\":\"v\",\"configMap\":{\"name\":\"app\"," ITEMS "}}]"), 0);
    expect_group(world, "x/y", "755:0");
    expect_group(world, "x/y/z", "400:0");
}

static void test_fs_group__empty_dir(void **state)
{
    struct world *world = *state;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        skip();
    static const char *const media[] = {"", "Memory"};
    for (size_t i = 0; i < ARRAY_LEN(media); i++) {
        world->spec.fs_group = 2000;
        autofree char *volumes =
            xasprintf("[{\"name\":\"v\",\"emptyDir\":{\"medium\":\"%s\"}}]", media[i]);
        assert_int_equal(prepare(world, volumes), 0);
        expect_group(world, "", "2777:2000");
        autofree char *file = xasprintf("%s/file", world->list[0].host_path);
        close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        expect_group(world, "file", "600:2000"); /* it inherits the group */
        assert_int_equal(chown(file, 0, 7), 0);
        assert_int_equal(prepare(world, volumes), 0);
        expect_group(world, "", "2777:2000");
        expect_group(world, "file", "600:7"); /* and is the pod's own afterwards */
        volumes_remove(&world->spec);
    }
}

/* What is the node's stays the node's. */
static void test_fs_group__host_path(void **state)
{
    struct world *world = *state;
    autofree char *dir = xasprintf("%s/dir", world->dir);
    assert_int_equal(mkdir(dir, 0750) | chmod(dir, 0750), 0);
    autofree char *volumes = xasprintf("[{\"name\":\"v\",\"hostPath\":{\"path\":\"%s\"}}]", dir);
    world->spec.fs_group = 2000;
    assert_int_equal(prepare(world, volumes), 0);
    expect_group(world, "", "750:0");
}

static const struct host_case {
    const char *type,
        *path; /* below the world's folder, which has "dir", "file", "fifo", "link" to "dir" */
    int rc;
    mode_t made; /* what stands there afterwards */
} host_cases[] = {
    {"", "dir", 0, S_IFDIR},
    {"", "fifo", 0, S_IFIFO},
    {"", "new/deep", 0, S_IFDIR},
    {"", "file/below", -ENOTDIR, 0},
    {"Directory", "dir", 0, S_IFDIR},
    {"Directory", "none", -ENOENT, 0},
    {"Directory", "link", 0, S_IFLNK},
    {"Directory", "file", -EINVAL, S_IFREG},
    {"DirectoryOrCreate", "made/deep", 0, S_IFDIR},
    {"DirectoryOrCreate", "file", -EINVAL, S_IFREG},
    {"File", "file", 0, S_IFREG},
    {"File", "none", -ENOENT, 0},
    {"FileOrCreate", "made-file", 0, S_IFREG},
    {"FileOrCreate", "fifo", -EINVAL, S_IFIFO}, /* opening it would wait for ever */
    {"FileOrCreate", "no/parent", -ENOENT, 0},
    {"Socket", "file", -EINVAL, S_IFREG},
    {"CharDevice", "none", -ENOENT, 0},
    {"BlockDevice", "dir", -EINVAL, S_IFDIR},
    {"Pipe", "fifo", -EINVAL, S_IFIFO},
};

static void test_host_path__table(void **state)
{
    struct world *world = *state;
    autofree char *dir = xasprintf("%s/dir", world->dir), *file = xasprintf("%s/file", world->dir);
    autofree char *fifo = xasprintf("%s/fifo", world->dir);
    autofree char *link = xasprintf("%s/link", world->dir);
    assert_int_equal(mkdir(dir, 0755) | mkfifo(fifo, 0600) | symlink("dir", link), 0);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    alarm(20); /* instead of hanging */
    for (size_t i = 0; i < ARRAY_LEN(host_cases); i++) {
        const struct host_case *c = &host_cases[i];
        autofree char *path = xasprintf("%s/%s", world->dir, c->path);
        autofree char *text = xasprintf(
            "[{\"name\":\"v\",\"hostPath\":{\"path\":\"%s\",\"type\":\"%s\"}}]", path, c->type);
        struct stat st = {0};
        int rc = prepare(world, text);
        if (rc != c->rc || ((void)lstat(path, &st), (st.st_mode & S_IFMT) != c->made))
            fail_msg("%s %s: %d, want %d; mode %o: %s", c->type, c->path, rc, c->rc, st.st_mode,
                     world->err.msg);
        if (rc == 0)
            assert_string_equal(world->list[0].host_path, S_ISLNK(st.st_mode) ? dir : path);
    }
    alarm(0);
    volumes_remove(&world->spec);
    assert_int_equal(access(file, F_OK), 0); /* never a hostPath */
}

/* The API takes paths of Windows; no directory of the agent's own is meant by one. */
static void test_host_path__relative(void **state)
{
    static const char text[] = "[{\"name\":\"v\",\"hostPath\":{\"path\":\"tmp\",\"type\":\"\"}}]";
    struct world *world = *state;
    assert_int_equal(prepare(world, text), -EINVAL);
    assert_non_null(strstr(world->err.msg, "hostPath tmp: must be an absolute path"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_key_files__table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_files__begin_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_dir__disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_path__table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_path__relative, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs_group__files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs_group__empty_dir, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs_group__host_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_dir__memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
