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
    struct value *pod, *allocatable;
    char *token; /* the last that was given */
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
    "\"data\":{\"a.conf\":\"one\",\"b..\":\"two\"},\"binaryData\":{\"bin\":\"AAEC\"}},"
    "\"ConfigMap/other\":{\"data\":{\"a.conf\":\"uno\"}},"
    "\"ConfigMap/hostile\":{\"data\":{\"..data\":\"x\"}},"
    "\"ConfigMap/broken\":{\"metadata\":{\"name\":\"broken\"},\"binaryData\":{\"bin\":\"?\"}},"
    "\"Secret/key\":{\"metadata\":{\"name\":\"key\"},\"data\":{\"token\":\"c2VjcmV0\"}}}";

static const char pod[] =
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\",\"labels\":{\"zone\":\"b\",\"app\":"
    "\"web\"}},\"spec\":{\"containers\":[{\"name\":\"main\",\"resources\":{\"limits\":{\"memory\":"
    "\"32Mi\"}}}]}}";

static int token(void *ctx, const char *audience, int64_t expiration_s, const char **ret_text,
                 struct err *err)
{
    struct world *world = ctx;
    assert_int_equal(expiration_s, 3600);
    if (str_eq(audience, "nobody"))
        return err_set(err, -ENOENT, "nobody answers");
    if (str_eq(audience, "slow") && !world->token)
        return err_set(err, -EAGAIN, "on its way");
    free(world->token);
    world->token = xasprintf("a token for %s", audience ? audience : "us");
    *ret_text = world->token;
    return 0;
}

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &value, &err) < 0)
        fail_msg("%s", err.msg);
    return value;
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    umask(0077); /* modes must not depend on it */
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-volume-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->disk = xasprintf("%s/disk", world->dir);
    world->tmp = xasprintf("%s/tmp", world->dir);
    assert_int_equal(mkdir(world->disk, 0700) | mkdir(world->tmp, 0700), 0);
    world->objects = parse(objects);
    world->pod = parse(pod);
    world->allocatable = parse("{\"cpu\":\"3\"}");
    world->source = (struct volume_source){.find = find, .token = token, .ctx = world};
    world->spec = (struct volume_spec){.pod_ns = "default",
                                       .disk_dir = world->disk,
                                       .tmp_dir = world->tmp,
                                       .pod = world->pod,
                                       .allocatable = world->allocatable,
                                       .source = &world->source,
                                       .fs_group = -1,
                                       .user = -1};
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
    value_free(world->pod);
    value_free(world->allocatable);
    free(world->token);
    free(world->disk);
    free(world->tmp);
    free(world);
    return 0;
}

static int prepare(struct world *world, const char *volumes)
{
    struct value *v = parse(volumes);
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
    if (stat(path, &st) < 0)
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

#define FAILED "MountVolume.SetUp failed for volume \"v\" : "

static const struct key_case {
    const char *name, *volume;
    int rc;
    const char *files; /* or the message */
} key_cases[] = {
    {"all keys", "\"configMap\":{\"name\":\"app\"}", 0,
     "a.conf=644 one;b..=644 two;bin=644 000102;"},
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
     -EINVAL, FAILED "invalid path: must not contain '..': ../up"},
    {"up within",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"a/../b\"}]}",
     -EINVAL, FAILED "invalid path: must not contain '..': a/../b"},
    {"absolute",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"/etc/x\"}]}",
     -EINVAL, FAILED "invalid path: must be relative path: /etc/x"},
    {"the volume's own",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"./..data\"}]}",
     -EINVAL, FAILED "invalid path: must not start with '..': ./..data"},
    {"no name", "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"./\"}]}",
     -EINVAL, FAILED "invalid path: must not be empty: ./"},
    {"two files of one path",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"a\"},"
     "{\"key\":\"bin\",\"path\":\".//a\"}]}",
     -EINVAL, FAILED "conflicting duplicate paths: a"},
    {"a file that is a folder",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"a/b\"},"
     "{\"key\":\"bin\",\"path\":\"a\"}]}",
     -EINVAL, FAILED "conflicting paths: a is a file and a folder"},
    {"a folder that is a file",
     "\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"a\"},"
     "{\"key\":\"bin\",\"path\":\"a/b/c\"}]}",
     -EINVAL, FAILED "conflicting paths: a is a file, a/b/c is below it"},
    {"secret", "\"secret\":{\"secretName\":\"key\",\"defaultMode\":384}", 0, "token=600 secret;"},
    {"missing", "\"configMap\":{\"name\":\"none\"}", -ENOENT,
     FAILED "configmap \"none\" not found"},
    {"missing and optional", "\"configMap\":{\"name\":\"none\",\"optional\":true}", 0, "a.conf=-;"},
    {"missing key",
     "\"secret\":{\"secretName\":\"key\",\"items\":[{\"key\":\"x\",\"path\":\"x\"}]}", -ENOENT,
     FAILED "secret references non-existent secret key: x"},
    {"missing key, optional",
     "\"secret\":{\"secretName\":\"key\",\"optional\":true,\"items\":[{\"key\":\"x\",\"path\":\"x\"},"
     "{\"key\":\"token\",\"path\":\"t\"}]}",
     0, "x=-;t=644 secret;"},
    {"not base64", "\"configMap\":{\"name\":\"broken\"}", -EINVAL,
     FAILED "key \"bin\" is not base64"},
    {"a key that is the volume's own", "\"configMap\":{\"name\":\"hostile\"}", -EINVAL,
     FAILED "invalid path: must not start with '..': ..data"},
    {"downwardAPI",
     "\"downwardAPI\":{\"defaultMode\":288,\"items\":["
     "{\"path\":\"labels\",\"fieldRef\":{\"fieldPath\":\"metadata.labels\"}},"
     "{\"path\":\"d/app\",\"mode\":256,\"fieldRef\":{\"fieldPath\":\"metadata.labels['app']\"}},"
     "{\"path\":\"ns\",\"fieldRef\":{\"fieldPath\":\"metadata.namespace\"}},"
     "{\"path\":\"mem\",\"resourceFieldRef\":{\"containerName\":\"main\",\"resource\":"
     "\"limits.memory\",\"divisor\":\"1Mi\"}},"
     "{\"path\":\"cpu\",\"resourceFieldRef\":{\"containerName\":\"main\",\"resource\":"
     "\"limits.cpu\",\"divisor\":\"1m\"}}]}",
     0, "labels=440 app=\"web\"\nzone=\"b\";d/app=400 web;ns=440 default;mem=440 32;cpu=440 3000;"},
    {"downwardAPI of no such field",
     "\"downwardAPI\":{\"items\":[{\"path\":\"x\",\"fieldRef\":{\"fieldPath\":\"spec\"}}]}",
     -EINVAL, FAILED "fieldRef spec: not known on this node"},
    {"downwardAPI of no such container",
     "\"downwardAPI\":{\"items\":[{\"path\":\"x\",\"resourceFieldRef\":{\"containerName\":\"no\","
     "\"resource\":\"limits.cpu\"}}]}",
     -ENOENT, FAILED "the pod has no container \"no\""},
    {"projected",
     "\"projected\":{\"defaultMode\":256,\"sources\":["
     "{\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":\"a.conf\",\"path\":\"etc/a\"}]}},"
     "{\"secret\":{\"name\":\"key\"}},{\"secret\":{\"name\":\"none\",\"optional\":true}},"
     "{\"downwardAPI\":{\"items\":[{\"path\":\"etc/name\",\"mode\":420,\"fieldRef\":{"
     "\"fieldPath\":\"metadata.name\"}}]}},"
     "{\"serviceAccountToken\":{\"path\":\"t\",\"audience\":\"vault\"}}]}",
     0, "etc/a=400 one;token=400 secret;etc/name=644 web;t=400 a token for vault;b..=-;"},
    {"projected: keys of the later source win",
     "\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"app\"}},"
     "{\"configMap\":{\"name\":\"other\"}}]}",
     0, "a.conf=644 uno;b..=644 two;"},
    {"projected: paths that clash",
     "\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"app\",\"items\":[{\"key\":"
     "\"a.conf\",\"path\":\"t\"}]}},{\"serviceAccountToken\":{\"path\":\"t\"}}]}",
     -EINVAL, FAILED "conflicting duplicate paths: t"},
    {"projected: missing", "\"projected\":{\"sources\":[{\"secret\":{\"name\":\"none\"}}]}",
     -ENOENT, FAILED "secret \"none\" not found"},
    {"projected: a trust bundle",
     "\"projected\":{\"sources\":[{\"clusterTrustBundle\":{\"path\":\"ca\",\"name\":\"x\"}}]}",
     -EINVAL, FAILED "ClusterTrustBundle projection is not supported by this node"},
    {"projected: a token that cannot be had",
     "\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"path\":\"t\",\"audience\":"
     "\"nobody\"}},{\"secret\":{\"name\":\"key\"}}]}",
     0, "t=-;token=644 secret;"},
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

static int refresh(struct world *world, const char *volumes)
{
    cleanup(value_free) struct value *v = parse(volumes);
    world->err = (struct err){0};
    return volumes_refresh(&world->spec, v, &world->err);
}

/* The files of a pod that runs follow what they are made of, and only they are written. */
static void test_refresh__follows(void **state)
{
    struct world *world = *state;
    const char volumes[] =
        "[{\"name\":\"v\",\"configMap\":{\"name\":\"app\"}},"
        "{\"name\":\"e\",\"emptyDir\":{}},"
        "{\"name\":\"d\",\"downwardAPI\":{\"items\":[{\"path\":\"app\",\"fieldRef\":{"
        "\"fieldPath\":\"metadata.labels['app']\"}}]}}]";
    assert_int_equal(prepare(world, volumes), 0);
    struct stat before, after;
    autofree char *data = xasprintf("%s/..data/b..", world->list[0].host_path);
    assert_int_equal(stat(data, &before), 0);
    assert_int_equal(refresh(world, volumes), 0);
    assert_int_equal(stat(data, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    value_free(world->objects);
    world->objects = parse("{\"ConfigMap/app\":{\"data\":{\"a.conf\":\"two\",\"new\":\"3\"}}}");
    assert_int_equal(refresh(world, volumes), 1);
    expect_files(world, "a.conf=644 two;new=644 3;b..=-;bin=-;");
    value_set_str(value_path(world->pod, "metadata", "labels", NULL), "app", "api");
    assert_int_equal(refresh(world, volumes), 1);
    assert_int_equal(refresh(world, volumes), 0);
    autofree char *path = xasprintf("%s/volumes/d/app", world->tmp);
    char text[8] = "";
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof(text)), 3);
    assert_string_equal(text, "api");
}

/* What cannot be had takes nothing away, and the other volumes follow all the same. */
static void test_refresh__keeps(void **state)
{
    struct world *world = *state;
    const char volumes[] = "[{\"name\":\"v\",\"configMap\":{\"name\":\"app\"}},"
                           "{\"name\":\"w\",\"secret\":{\"secretName\":\"key\"}}]";
    assert_int_equal(prepare(world, volumes), 0);
    value_free(world->objects);
    world->objects = parse("{\"Secret/key\":{\"data\":{\"token\":\"bmV3\"}}}");
    assert_int_equal(refresh(world, volumes), -ENOENT);
    assert_string_equal(world->err.msg, FAILED "configmap \"app\" not found");
    expect_files(world, "a.conf=644 one;b..=644 two;../w/token=644 new;");
    value_free(world->objects);
    world->objects = parse("{\"ConfigMap/app\":{\"binaryData\":{\"bin\":\"?\"}}}");
    assert_int_equal(refresh(world, volumes), -EINVAL);
    expect_files(world, "a.conf=644 one;b..=644 two;../w/token=644 new;");
}

#define TOKEN(audience)                                                                            \
    "[{\"name\":\"v\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"path\":\"t\","       \
    "\"audience\":\"" audience "\"}}]}}]"

/* A token that is there stays until a newer one is. */
static void test_refresh__token(void **state)
{
    struct world *world = *state;
    assert_int_equal(prepare(world, TOKEN("slow")), -EAGAIN);
    assert_string_equal(world->err.msg, FAILED "t is not here yet");
    world->token = xstrdup("");
    assert_int_equal(prepare(world, TOKEN("slow")), 0);
    expect_files(world, "t=644 a token for slow;");
    free(steal(world->token));
    assert_int_equal(refresh(world, TOKEN("slow")), 0);
    assert_int_equal(refresh(world, TOKEN("nobody")), 0);
    expect_files(world, "t=644 a token for slow;");
    assert_int_equal(refresh(world, TOKEN("new")), 1);
    expect_files(world, "t=644 a token for new;");
}

static void test_token__whose(void **state)
{
    struct world *world = *state;
    struct stat st;
    autofree char *path = xasprintf("%s/volumes/v/t", world->tmp);
    world->spec.user = 1000;
    assert_int_equal(prepare(world, TOKEN("one")), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_uid, 1000);
    assert_int_equal(refresh(world, TOKEN("one")), 0);
    world->spec.fs_group = 2000;
    assert_int_equal(refresh(world, TOKEN("one")), 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_gid, 2000);
    world->source.token = NULL;
    assert_int_equal(prepare(world, TOKEN("one")), -EINVAL);
    assert_string_equal(world->err.msg, FAILED "serviceAccountToken: this node has no tokens");
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

static const struct {
    const char *source, *limit, *allocatable; /* of each container, of the node */
    int64_t size;
} bounds[] = {
    {"{\"medium\":\"Memory\",\"sizeLimit\":\"1Mi\"}", "8Mi", "16Mi", 1 << 20},
    {"{\"medium\":\"Memory\",\"sizeLimit\":\"32Mi\"}", "8Mi", "16Mi", 8 << 20},
    {"{\"medium\":\"Memory\"}", "8Mi", "16Mi", 8 << 20},
    {"{\"medium\":\"Memory\"}", "0", "16Mi", 16 << 20},
    {"{\"medium\":\"Memory\",\"sizeLimit\":\"64Mi\"}", "0", "16Mi", 16 << 20},
};

/* A volume in memory is of the pod's memory. */
static void test_empty_dir__bounds(void **state)
{
    struct world *world = *state;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        autofree char *one =
            xasprintf("[{\"resources\":{\"limits\":{\"memory\":\"%s\"}}}]", bounds[i].limit);
        autofree char *text =
            xasprintf("{\"spec\":{\"initContainers\":%s,\"containers\":%s}}", one, one);
        autofree char *node = xasprintf("{\"memory\":\"%s\"}", bounds[i].allocatable);
        cleanup(value_free) struct value *own = parse(text), *allocatable = parse(node);
        autofree char *volumes = xasprintf("[{\"name\":\"v\",\"emptyDir\":%s}]", bounds[i].source);
        world->spec.pod = own;
        world->spec.allocatable = allocatable;
        assert_int_equal(prepare(world, volumes), 0);
        struct statfs fs;
        assert_int_equal(statfs(world->list[0].host_path, &fs), 0);
        if ((int64_t)fs.f_blocks * fs.f_bsize != bounds[i].size)
            fail_msg("%zu: %lld", i, (long long)fs.f_blocks * fs.f_bsize);
        volumes_remove(&world->spec);
    }
}

static void test_empty_dir__media(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *medium, *message;
    } cases[] = {
        {"HugePages", FAILED "emptyDir medium HugePages: the pod's containers must ask for huge "
                             "pages of one size"},
        {"HugePages-3Mi", FAILED "emptyDir medium HugePages-3Mi: there are no pages of that size"},
        {"HugePagesX", FAILED "unknown storage medium \"HugePagesX\""},
        {"Disk", FAILED "unknown storage medium \"Disk\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *volumes =
            xasprintf("[{\"name\":\"v\",\"emptyDir\":{\"medium\":\"%s\"}}]", cases[i].medium);
        assert_int_equal(prepare(world, volumes), -EINVAL);
        assert_string_equal(world->err.msg, cases[i].message);
    }
}

static void note_measure(void *ctx, const struct volume_measure *measure)
{
    struct buf *all = ctx;
    (void)buf_addf(all, "%s %lld %s;", measure->name, (long long)measure->size_limit,
                   measure->usage.bytes >= 1 << 20 && measure->usage.whole ? "full" : "empty");
}

static void test_empty_dir__measure(void **state)
{
    struct world *world = *state;
    const char volumes[] = "[{\"name\":\"v\",\"emptyDir\":{\"sizeLimit\":\"1Ki\"}},"
                           "{\"name\":\"c\",\"configMap\":{\"name\":\"app\"}},"
                           "{\"name\":\"w\",\"emptyDir\":{}}]";
    assert_int_equal(prepare(world, volumes), 0);
    autofree char *path = xasprintf("%s/file", world->list[0].host_path);
    autofree char *zeros = xcalloc(1 << 20, 1);
    memset(zeros, 'x', 1 << 20);
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, zeros, 1 << 20), 1 << 20);
    assert_int_equal(fsync(fd), 0); /* its blocks are known then */
    cleanup(buf_done) struct buf all;
    buf_init(&all, 0);
    cleanup(value_free) struct value *list = parse(volumes);
    volumes_measure(&world->spec, list, note_measure, &all);
    assert_string_equal(buf_str(&all), "v 1024 full;w 0 empty;");
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
    "{\"key\":\"bin\",\"path\":\"b\",\"mode\":493},{\"key\":\"b..\",\"path\":\"c\",\"mode\":0}]"

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
    const char *noun;
} host_cases[] = {
    {"", "dir", 0, S_IFDIR},
    {"", "fifo", 0, S_IFIFO},
    {"", "new/deep", 0, S_IFDIR},
    {"", "file/below", -ENOTDIR, 0},
    {"Directory", "dir", 0, S_IFDIR},
    {"Directory", "none", -ENOENT, 0, "directory"},
    {"Directory", "link", 0, S_IFLNK},
    {"Directory", "file", -EINVAL, S_IFREG, "directory"},
    {"DirectoryOrCreate", "made/deep", 0, S_IFDIR},
    {"DirectoryOrCreate", "file", -EINVAL, S_IFREG, "directory"},
    {"File", "file", 0, S_IFREG},
    {"File", "none", -ENOENT, 0, "file"},
    {"FileOrCreate", "made-file", 0, S_IFREG},
    {"FileOrCreate", "fifo", -EINVAL, S_IFIFO, "file"}, /* opening it would wait for ever */
    {"FileOrCreate", "no/parent", -ENOENT, 0, "file"},
    {"Socket", "file", -EINVAL, S_IFREG, "socket file"},
    {"CharDevice", "none", -ENOENT, 0, "character device"},
    {"BlockDevice", "dir", -EINVAL, S_IFDIR, "block device"},
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
        if (c->noun) {
            autofree char *message =
                xasprintf(FAILED "hostPath type check failed: %s is not a %s", path, c->noun);
            assert_string_equal(world->err.msg, message);
        }
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
        cmocka_unit_test_setup_teardown(test_refresh__follows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refresh__keeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refresh__token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_token__whose, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_dir__disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_path__table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_path__relative, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs_group__files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs_group__empty_dir, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs_group__host_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_dir__media, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_dir__measure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_dir__memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_dir__bounds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
