#include "agent/volume/claim.h"

#include "agent/runtime/selinux.h"
#include "agent/volume/fs_group.h"
#include "agent/volume/volume.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* A node's folder, and what the node knows of claims and volumes. */
struct world {
    char dir[64];
    struct value *objects; /* "Kind/ns/name" -> object */
    struct value *pod;
    struct volume_source source;
    struct volume_spec spec;
    struct volume *list;
    size_t count;
    struct err err;
};

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &value, &err) < 0)
        fail_msg("%s: %s", err.msg, text);
    return value;
}

static const struct value *find(void *ctx, const char *kind, const char *ns, const char *name)
{
    const struct world *world = ctx;
    autofree char *key = xasprintf("%s/%s/%s", kind, ns, name);
    return value_get(world->objects, key);
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    umask(0077); /* modes must not depend on it */
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-claim-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->objects = value_new_map();
    world->pod = parse("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"u1\"}}");
    world->source = (struct volume_source){.find = find, .ctx = world};
    world->spec = (struct volume_spec){.pod_ns = "shop",
                                       .disk_dir = "/nowhere",
                                       .tmp_dir = "/nowhere",
                                       .node_dir = world->dir,
                                       .pod = world->pod,
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
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(world->dir, '/') + 1), 0);
    value_free(world->objects);
    value_free(world->pod);
    free(world);
    return 0;
}

/* '@' stands for the world's folder. */
static char *at(const struct world *world, const char *text)
{
    cleanup(buf_done) struct buf out;
    buf_init(&out, 0);
    for (; *text; text++)
        assert_int_equal(*text == '@' ? buf_addstr(&out, world->dir) : buf_add(&out, text, 1), 0);
    return xstrdup(buf_str(&out));
}

static void put(struct world *world, const char *key, const char *text)
{
    autofree char *json = at(world, text);
    value_set(world->objects, key, parse(json));
}

/* Of one volume, by its source. */
static int prepare(struct world *world, const char *source)
{
    autofree char *text = xasprintf("[{\"name\":\"v\",%s}]", source);
    cleanup(value_free) struct value *v = parse(text);
    volumes_free(world->list, world->count);
    world->list = NULL;
    world->count = 0;
    world->err = (struct err){0};
    return volumes_prepare(&world->spec, v, &world->list, &world->count, &world->err);
}

#define CLAIM "\"persistentVolumeClaim\":{\"claimName\":\"data\"}"
#define READ_ONLY "\"persistentVolumeClaim\":{\"claimName\":\"data\",\"readOnly\":true}"
#define EPHEMERAL "\"ephemeral\":{\"volumeClaimTemplate\":{}}"

/* A claim of the namespace shop, with more of its metadata and its spec. */
#define A_CLAIM(name, meta, spec)                                                                  \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\"" meta "},\"spec\":{" spec "}}"
#define BOUND A_CLAIM("data", ",\"uid\":\"c1\"", "\"volumeName\":\"pv\"")
#define REF "\"claimRef\":{\"namespace\":\"shop\",\"name\":\"data\",\"uid\":\"c1\"}"
#define A_VOLUME(meta, spec) "{\"metadata\":{\"name\":\"pv\"" meta "},\"spec\":{" spec "}}"
#define OURS "\"annotations\":{\"pv.kubernetes.io/provisioned-by\":\"limpet.io/local\"}"
#define ELSEWHERE "\"annotations\":{\"limpet.io/not-of-this-node\":\"true\"}"
#define OWN A_VOLUME("," OURS, REF ",\"local\":{\"path\":\"/nowhere\"}")

#define FAILED "MountVolume.SetUp failed for volume \"v\" : "

static const struct claim_case {
    const char *name, *claim, *volume, *source;
    int rc;
    const char *path; /* or the message */
    bool read_only;
} claim_cases[] = {
    {"no claim", NULL, NULL, CLAIM, -ENOENT, FAILED "persistentvolumeclaim \"data\" not found"},
    {"a claim that is not bound", A_CLAIM("data", ",\"uid\":\"c1\"", ""), NULL, CLAIM, -ENOENT,
     FAILED "persistentvolumeclaim \"data\" is not bound"},
    {"no volume", BOUND, NULL, CLAIM, -ENOENT, FAILED "persistentvolume \"pv\" not found"},
    {"of the gateway's making", BOUND, OWN, CLAIM, 0, "@/volumes/pv"},
    {"local", BOUND, A_VOLUME("", REF ",\"local\":{\"path\":\"@/disk\"}"), CLAIM, 0, "@/disk"},
    {"of another node", BOUND, A_VOLUME("," ELSEWHERE, REF ",\"local\":{\"path\":\"@/disk\"}"),
     CLAIM, -EINVAL,
     "MountVolume.NodeAffinity check failed for volume \"pv\" : no matching "
     "NodeSelectorTerms"},
    {"local, by a link", BOUND, A_VOLUME("", REF ",\"local\":{\"path\":\"@/link\"}"), CLAIM, 0,
     "@/disk"},
    {"local, not there", BOUND, A_VOLUME("", REF ",\"local\":{\"path\":\"/no/where\"}"), CLAIM,
     -ENOENT, FAILED "path \"/no/where\" does not exist"},
    {"local, a file", BOUND, A_VOLUME("", REF ",\"local\":{\"path\":\"/dev/null\"}"), CLAIM,
     -EINVAL, FAILED "path \"/dev/null\" is not a directory"},
    {"hostPath", BOUND, A_VOLUME("", REF ",\"hostPath\":{\"path\":\"@/made\"}"), CLAIM, 0,
     "@/made"},
    {"hostPath of a type", BOUND,
     A_VOLUME("", REF ",\"hostPath\":{\"path\":\"/dev/null\",\"type\":\"Directory\"}"), CLAIM,
     -EINVAL, FAILED "hostPath type check failed: /dev/null is not a directory"},
    {"another type", BOUND, A_VOLUME("", REF ",\"nfs\":{\"server\":\"x\",\"path\":\"/\"}"), CLAIM,
     -EINVAL, FAILED "volume pv is neither local nor hostPath, which this node mounts alone"},
    {"a block device", BOUND,
     A_VOLUME("", REF ",\"volumeMode\":\"Block\",\"local\":{\"path\":\"@/disk\"}"), CLAIM, -EINVAL,
     FAILED "volume pv has volumeMode Block, but is specified in volumeMounts"},
    {"a way up", BOUND, A_VOLUME("", REF ",\"local\":{\"path\":\"@/disk/../disk\"}"), CLAIM,
     -EINVAL, "must not hold '..'"},
    {"hostPath, a way up", BOUND, A_VOLUME("", REF ",\"hostPath\":{\"path\":\"/..\"}"), CLAIM,
     -EINVAL, "must not hold '..'"},
    {"no path", BOUND, A_VOLUME("", REF ",\"hostPath\":{}"), CLAIM, -EINVAL,
     FAILED "\"\": must be an absolute path"},
    {"a relative path", BOUND, A_VOLUME("", REF ",\"local\":{\"path\":\"tmp\"}"), CLAIM, -EINVAL,
     FAILED "\"tmp\": must be an absolute path"},
    {"no map", BOUND, A_VOLUME("", REF ",\"local\":\"/tmp\""), CLAIM, -EINVAL, "absolute path"},
    {"kept for nobody", BOUND, A_VOLUME("", "\"local\":{\"path\":\"@/disk\"}"), CLAIM, -EINVAL,
     FAILED "persistentvolume \"pv\" is not bound to claim \"shop/data\""},
    {"of another claim", BOUND,
     A_VOLUME("", "\"claimRef\":{\"namespace\":\"shop\",\"name\":\"other\",\"uid\":\"c1\"},"
                  "\"local\":{\"path\":\"@/disk\"}"),
     CLAIM, -EINVAL, "is not bound to claim"},
    {"of another namespace's", BOUND,
     A_VOLUME("", "\"claimRef\":{\"namespace\":\"bank\",\"name\":\"data\",\"uid\":\"c1\"},"
                  "\"local\":{\"path\":\"@/disk\"}"),
     CLAIM, -EINVAL, "is not bound to claim"},
    {"of an earlier claim of that name", BOUND,
     A_VOLUME("", "\"claimRef\":{\"namespace\":\"shop\",\"name\":\"data\",\"uid\":\"c0\"},"
                  "\"local\":{\"path\":\"@/disk\"}"),
     CLAIM, -EINVAL, "is not bound to claim"},
    {"the pod says readOnly", BOUND, OWN, READ_ONLY, 0, "@/volumes/pv", true},
    {"for many readers", BOUND,
     A_VOLUME("", REF ",\"accessModes\":[\"ReadOnlyMany\"],\"local\":{\"path\":\"@/disk\"}"), CLAIM,
     0, "@/disk", true},
    {"the claim is for many readers",
     A_CLAIM("data", ",\"uid\":\"c1\"", "\"volumeName\":\"pv\",\"accessModes\":[\"ReadOnlyMany\"]"),
     OWN, CLAIM, 0, "@/volumes/pv", true},
    {"for readers and one writer", BOUND,
     A_VOLUME("", REF ",\"accessModes\":[\"ReadWriteOnce\",\"ReadOnlyMany\"],"
                      "\"local\":{\"path\":\"@/disk\"}"),
     CLAIM, 0, "@/disk"},
    {"ephemeral", NULL, NULL, EPHEMERAL, -ENOENT,
     FAILED "persistentvolumeclaim \"web-v\" not found"},
    {"a node by itself", A_CLAIM("data", "", "\"storageClassName\":\"local\""), NULL, CLAIM, 0,
     "@/volumes/shop_data"},
    {"a node by itself, no class", A_CLAIM("data", "", ""), NULL, CLAIM, 0, "@/volumes/shop_data"},
    {"a node by itself, another class", A_CLAIM("data", "", "\"storageClassName\":\"fast\""), NULL,
     CLAIM, -ENOENT, FAILED "persistentvolumeclaim \"data\" is not bound"},
    {"a node by itself, a volume", A_CLAIM("data", "", "\"volumeName\":\"pv\""),
     A_VOLUME("", "\"local\":{\"path\":\"@/disk\"}"), CLAIM, 0, "@/disk"},
    {"a name that is a way up", A_CLAIM("data", "", "\"volumeName\":\"pv\""),
     "{\"metadata\":{\"name\":\"../../etc\"," OURS "},\"spec\":{}}", CLAIM, -EINVAL,
     FAILED "\"../../etc\" is no name of a volume"},
    {"a name of ours", A_CLAIM("data", "", "\"volumeName\":\"pv\""),
     "{\"metadata\":{\"name\":\".gone\"," OURS "},\"spec\":{}}", CLAIM, -EINVAL,
     FAILED "\".gone\" is no name of a volume"},
};

static void test_claim__table(void **state)
{
    struct world *world = *state;
    autofree char *disk = at(world, "@/disk");
    autofree char *link = at(world, "@/link");
    assert_int_equal(mkdir(disk, 0700) | symlink("disk", link), 0);
    for (size_t i = 0; i < ARRAY_LEN(claim_cases); i++) {
        const struct claim_case *c = &claim_cases[i];
        value_del(world->objects, "PersistentVolumeClaim/shop/data");
        value_del(world->objects, "PersistentVolume//pv");
        if (c->claim)
            put(world, "PersistentVolumeClaim/shop/data", c->claim);
        if (c->volume)
            put(world, "PersistentVolume//pv", c->volume);
        int rc = prepare(world, c->source);
        autofree char *want = at(world, c->path);
        const char *got = rc < 0 ? world->err.msg : world->list[0].host_path;
        bool whole = rc >= 0 || str_has_prefix(want, "MountVolume.");
        if (rc != c->rc || (whole ? !str_eq(got, want) : !strstr(got, want)))
            fail_msg("%s: %d %s, want %d %s", c->name, rc, got, c->rc, want);
        if (rc == 0 && world->list[0].read_only != c->read_only)
            fail_msg("%s: read-only %d", c->name, world->list[0].read_only);
    }
}

static void test_claim__ephemeral_is_its_pods(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *owner;
        int rc;
    } cases[] = {
        {"", -EINVAL},
        {",\"ownerReferences\":[{\"uid\":\"u2\",\"controller\":true}]", -EINVAL},
        {",\"ownerReferences\":[{\"uid\":\"u1\"}]", -EINVAL},
        {",\"ownerReferences\":[{\"uid\":\"u0\"},{\"uid\":\"u1\",\"controller\":true}]", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *claim =
            xasprintf("{\"metadata\":{\"name\":\"web-v\",\"namespace\":\"shop\"%s},"
                      "\"spec\":{}}",
                      cases[i].owner);
        put(world, "PersistentVolumeClaim/shop/web-v", claim);
        int rc = prepare(world, EPHEMERAL);
        if (rc != cases[i].rc)
            fail_msg("%zu: %d %s", i, rc, world->err.msg);
        if (rc < 0)
            assert_string_equal(world->err.msg,
                                FAILED "PVC shop/web-v was not created for pod shop/web (pod is "
                                       "not owner)");
    }
}

static mode_t mode_of(const char *path, struct stat *ret)
{
    assert_int_equal(lstat(path, ret), 0);
    return ret->st_mode & 07777;
}

/* Made once, for anybody; what its pod makes of it stays, and so does what is in it. */
static void test_claim__lasts(void **state)
{
    struct world *world = *state;
    struct stat st;
    put(world, "PersistentVolumeClaim/shop/data", BOUND);
    put(world, "PersistentVolume//pv", OWN);
    autofree char *half = at(world, "@/volumes/.new/pv"); /* a crash left it, without its mode */
    autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int made = path_mkdirs_in(root, half, 0700);
    assert_true(made >= 0);
    assert_int_equal(prepare(world, CLAIM), 0);
    assert_int_equal(access(half, F_OK), -1);
    autofree char *dir = xstrdup(world->list[0].host_path);
    autofree char *file = xasprintf("%s/file", dir);
    assert_int_equal(mode_of(dir, &st), 0777);
    assert_int_equal(chmod(dir, 0750) | mkdir(file, 0700), 0);
    volumes_remove(&world->spec);
    assert_int_equal(prepare(world, CLAIM), 0);
    assert_int_equal(mode_of(dir, &st), 0750);
    assert_int_equal(access(file, F_OK), 0);
}

/* What is no folder of ours is not followed. */
static void test_claim__no_link(void **state)
{
    struct world *world = *state;
    put(world, "PersistentVolumeClaim/shop/data", BOUND);
    put(world, "PersistentVolume//pv", OWN);
    assert_int_equal(prepare(world, CLAIM), 0);
    assert_int_equal(rmdir(world->list[0].host_path) | symlink("/tmp", world->list[0].host_path),
                     0);
    assert_int_equal(prepare(world, CLAIM), -ENOTDIR);
}

/* fsGroup: the whole volume once, also what root made in it; then it is the pod's own business. */
static void test_claim__fs_group(void **state)
{
    struct world *world = *state;
    struct stat st;
    if (geteuid() != 0)
        skip();
    put(world, "PersistentVolumeClaim/shop/data", BOUND);
    put(world, "PersistentVolume//pv", OWN);
    assert_int_equal(prepare(world, CLAIM), 0);
    autofree char *dir = xstrdup(world->list[0].host_path);
    autofree char *sub = xasprintf("%s/sub", dir), *pipe = xasprintf("%s/sub/pipe", dir);
    autofree char *link = xasprintf("%s/link", dir), *outside = at(world, "@/outside");
    assert_int_equal(mkdir(sub, 0700) | mkfifo(pipe, 0600) | mkdir(outside, 0700), 0);
    assert_int_equal(symlink("../../outside", link), 0);
    world->spec.fs_group = 1234;
    assert_int_equal(prepare(world, READ_ONLY), 0);
    (void)mode_of(sub, &st);
    assert_int_equal(st.st_gid, 0); /* nobody writes there */
    assert_int_equal(prepare(world, CLAIM), 0);
    assert_int_equal(mode_of(dir, &st), 02777);
    assert_int_equal(st.st_gid, 1234);
    assert_int_equal(mode_of(sub, &st), 02770);
    assert_int_equal(st.st_gid, 1234);
    assert_int_equal(mode_of(pipe, &st), 0660);
    assert_int_equal(st.st_gid, 1234);
    assert_int_equal(mode_of(outside, &st), 0700);
    assert_int_equal(st.st_gid, 0);
    assert_int_equal(chmod(sub, 0700), 0);
    assert_int_equal(prepare(world, CLAIM), 0);
    assert_int_equal(mode_of(sub, &st), 0700);
    world->spec.fs_group = 4321; /* another pod's */
    assert_int_equal(prepare(world, CLAIM), 0);
    assert_int_equal(mode_of(sub, &st), 02770);
    assert_int_equal(st.st_gid, 4321);
    put(world, "PersistentVolume//pv", A_VOLUME("", REF ",\"hostPath\":{\"path\":\"@/outside\"}"));
    assert_int_equal(prepare(world, CLAIM), 0);
    assert_int_equal(mode_of(outside, &st), 0700); /* the node's own */
    assert_int_equal(st.st_gid, 0);
}

#define DELETED ",\"deletionTimestamp\":\"2026-11-30T10:00:00Z\""
#define OF_NODE ",\"finalizers\":[\"limpet.io/local-volume\"]"
/* The label goes to folders of the node's making and to local paths, unless they are only read. */
static void test_claim__label(void **state)
{
    static const char label[] = "system_u:object_r:container_file_t:s0:c1,c2";
    static const struct {
        const char *volume, *source, *path;
        bool labelled;
    } cases[] = {
        {OWN, READ_ONLY, "@/volumes/pv", false},
        {OWN, CLAIM, "@/volumes/pv", true},
        {A_VOLUME("", REF ",\"local\":{\"path\":\"@/disk\"}"), READ_ONLY, "@/disk", false},
        {A_VOLUME("", REF ",\"local\":{\"path\":\"@/disk\"}"), CLAIM, "@/disk", true},
        {A_VOLUME("", REF ",\"hostPath\":{\"path\":\"@/host\"}"), CLAIM, "@/host", false},
    };
    struct world *world = *state;
    autofree char *disk = at(world, "@/disk"), *host = at(world, "@/host");
    assert_int_equal(mkdir(disk, 0755) | mkdir(host, 0755), 0);
    autoclose int fd = open(host, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (selinux_label(fd, "a:b:c") < 0 || !selinux_has_label(fd, "a:b:c"))
        skip(); /* without rights, or on a file system without labels */
    world->spec.label = label;
    put(world, "PersistentVolumeClaim/shop/data", BOUND);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(world, "PersistentVolume//pv", cases[i].volume);
        assert_int_equal(prepare(world, cases[i].source), 0);
        autofree char *path = at(world, cases[i].path);
        autoclose int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (selinux_has_label(folder, label) != cases[i].labelled)
            fail_msg("%s, case %zu", path, i);
    }
}

#define DELETE REF ",\"persistentVolumeReclaimPolicy\":\"Delete\""

static void test_claim__ending(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *name, *text;
        bool ending;
    } cases[] = {
        {"in order", A_VOLUME("," OURS DELETED OF_NODE, DELETE), true},
        {"not deleted", A_VOLUME("," OURS OF_NODE, DELETE), false},
        {"kept",
         A_VOLUME("," OURS DELETED OF_NODE, REF ",\"persistentVolumeReclaimPolicy\":\"Retain\""),
         false},
        {"no policy", A_VOLUME("," OURS DELETED OF_NODE, REF), false},
        {"bound still",
         A_VOLUME("," OURS DELETED ",\"finalizers\":[\"kubernetes.io/pv-protection\","
                  "\"limpet.io/local-volume\"]",
                  DELETE),
         false},
        {"nobody waits for it", A_VOLUME("," OURS DELETED, DELETE), false},
        {"not of our making", A_VOLUME(DELETED OF_NODE, DELETE ",\"local\":{\"path\":\"/srv\"}"),
         false},
        {"of another's making",
         A_VOLUME(",\"annotations\":{\"pv.kubernetes.io/provisioned-by\":\"x\"}" DELETED OF_NODE,
                  DELETE),
         false},
    };
    put(world, "PersistentVolumeClaim/shop/data", BOUND);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *pv = parse(cases[i].text);
        if (claim_is_ending(pv) != cases[i].ending)
            fail_msg("%s", cases[i].name);
    }
    put(world, "PersistentVolume//pv", cases[0].text); /* it would come back empty */
    assert_int_equal(prepare(world, CLAIM), -EINVAL);
    assert_non_null(strstr(world->err.msg, "is being deleted"));
    autofree char *dir = at(world, "@/volumes");
    assert_int_equal(access(dir, F_OK), -1);
}

/* Labels have changed since it was mounted, and the agent was started anew: an ephemeral container
 * of the pod gets it all the same. */
static void test_claim__of_a_pod_that_runs(void **state)
{
    struct world *world = *state;
    autofree char *disk = at(world, "@/disk");
    assert_int_equal(mkdir(disk, 0755), 0);
    put(world, "PersistentVolumeClaim/shop/data", BOUND);
    put(world, "PersistentVolume//pv",
        A_VOLUME("," ELSEWHERE, REF ",\"local\":{\"path\":\"@/disk\"}"));
    assert_int_equal(prepare(world, CLAIM), -EINVAL);
    world->spec.runs = true;
    assert_int_equal(prepare(world, CLAIM), 0);
    assert_string_equal(world->list[0].host_path, disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_claim__table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claim__of_a_pod_that_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claim__ephemeral_is_its_pods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claim__lasts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claim__no_link, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claim__fs_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claim__label, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claim__ending, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
