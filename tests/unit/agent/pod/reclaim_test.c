#include "agent/pod/reclaim.h"

#include "agent/pod/internal.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/path.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A node's folders on a real disk, and the parts of an agent that reclaim looks at. */
struct fixture {
    char dir[64];
    struct clock_fake clock;
    struct agent agent;
    struct keepers keepers;
    char parent[96];
    char asked[64]; /* what is to be removed; "": nothing */
    char told[256]; /* "a b", as the handler last heard; "-": never */
    bool refuses;   /* to remove anything */
};

static int remove_tree(struct keepers *keepers, const char *parent, const char *name,
                       struct err *err)
{
    struct fixture *f = container_of(keepers, struct fixture, keepers);
    (void)err;
    assert_true(str_has_prefix(parent, f->dir));
    snprintf(f->parent, sizeof(f->parent), "%s", parent);
    assert_string_equal(f->asked, ""); /* one at a time */
    if (f->refuses)
        return -EAGAIN;
    snprintf(f->asked, sizeof(f->asked), "%s", name);
    return 0;
}

static void volumes_gone(void *ctx, const struct value *names)
{
    struct fixture *f = ctx;
    f->told[0] = '\0';
    for (size_t i = 0; i < value_len(names); i++) {
        size_t len = strlen(f->told);
        snprintf(f->told + len, sizeof(f->told) - len, "%s%s", i ? " " : "",
                 value_str(value_at(names, i)));
    }
}

static void problem(void *ctx, const char *file, const char *message)
{
    (void)ctx;
    fail_msg("%s: %s", file, message);
}

static void turn(struct fixture *f, int64_t ns)
{
    clock_fake_advance(&f->clock, ns);
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_step(f->agent.world.loop, 0), 0);
}

static void look(struct fixture *f)
{
    reclaim_look(f->agent.reclaim);
    turn(f, 0);
}

/* The agent is killed, and another one is there. */
static void restart(struct fixture *f)
{
    reclaim_free(f->agent.reclaim);
    f->asked[0] = '\0';
    strcpy(f->told, "-");
    f->agent.reclaim = reclaim_new(&f->agent);
    look(f);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-reclaim-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    clock_fake_init(&f->clock, 1000 * NS_PER_S, 1700000000 * NS_PER_S);
    assert_int_equal(loop_new(&f->clock.clock, &f->agent.world.loop, &err), 0);
    f->keepers.remove_tree = remove_tree;
    f->agent.world.keepers = &f->keepers;
    f->agent.world.disk = disk_posix();
    f->agent.spec.state_dir = f->dir;
    f->agent.records = map_new();
    f->agent.handler.volumes_gone = volumes_gone;
    f->agent.ctx = f;
    f->agent.started = true;
    autofree char *manifests = xasprintf("%s/manifests", f->dir);
    assert_int_equal(mkdir(manifests, 0700), 0);
    f->agent.manifests = manifests_new(&(struct manifests_spec){
        .disk = disk_posix(), .static_dir = manifests, .node_name = "pi", .problem = problem});
    restart(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(f->dir, '/') + 1), 0);
    reclaim_free(f->agent.reclaim);
    manifests_free(f->agent.manifests);
    map_free(f->agent.records, NULL);
    loop_free(f->agent.world.loop);
    free(f);
    return 0;
}

#define HEAD "---\napiVersion: v1\nkind: PersistentVolume\n"
#define VOLUME(name, meta)                                                                         \
    HEAD                                                                                           \
        "metadata: {name: " name ", annotations: {pv.kubernetes.io/provisioned-by: "               \
        "limpet.io/local}" meta "}\n"                                                              \
        "spec: {persistentVolumeReclaimPolicy: Delete, claimRef: {namespace: default, name: c}}\n"
#define ENDING ", deletionTimestamp: \"2026-11-30T10:00:00Z\", finalizers: [limpet.io/local-volume]"
#define NOTHING "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: none}\n"

static void list(struct fixture *f, const char *text)
{
    struct err err = {0};
    autofree char *path = xasprintf("%s/manifests/all.yaml", f->dir);
    assert_int_equal(disk_posix()->replace(disk_posix(), path, text, strlen(text), 0600, &err), 0);
    manifests_read(f->agent.manifests);
}

/* With something in it. */
static void make(struct fixture *f, const char *name)
{
    autofree char *path = xasprintf("%s/volumes/%s/deep/file", f->dir, name);
    autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int fd = path_mkdirs_in(root, path, 0700);
    assert_true(fd >= 0);
}

static bool exists(const struct fixture *f, const char *name)
{
    autofree char *path = xasprintf("%s/volumes/%s", f->dir, name);
    return access(path, F_OK) == 0;
}

/* What a keeper was asked to remove is removed, or is not; the agent hears that it is over. */
static void removed(struct fixture *f, bool whole)
{
    autoclose int fd = open(f->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (whole)
        assert_int_equal(path_remove_tree(fd, f->asked), 0);
    f->asked[0] = '\0';
    reclaim_removed(f->agent.reclaim);
    turn(f, 0);
}

/* What is listed as ending goes, and is told while it is listed; nothing else goes. */
static void test_reclaim__in_order(void **state)
{
    struct fixture *f = *state;
    make(f, "dead");
    make(f, "live");
    make(f, "unlisted");
    look(f);
    assert_true(exists(f, "dead"));
    list(f, VOLUME("dead", ENDING) VOLUME("live", "") VOLUME("never", ENDING));
    look(f);
    assert_false(exists(f, "dead"));
    assert_true(exists(f, ".gone/dead/deep/file"));
    assert_string_equal(f->asked, "dead");
    assert_string_equal(f->told, "never");
    look(f); /* nothing twice */
    removed(f, true);
    assert_string_equal(f->asked, "");
    assert_string_equal(f->told, "dead never");
    strcpy(f->told, "-");
    look(f);
    assert_string_equal(f->told, "-"); /* once */
    list(f, VOLUME("live", ""));
    look(f);
    assert_string_equal(f->told, "");
    assert_true(exists(f, "live/deep/file"));
    assert_true(exists(f, "unlisted/deep/file"));
}

/* Whatever step is the last before the agent is killed. */
static void test_reclaim__killed_at_each_step(void **state)
{
    struct fixture *f = *state;
    for (int step = 0; step < 4; step++) {
        list(f, NOTHING);
        make(f, "dead");
        make(f, "live");
        list(f, VOLUME("dead", ENDING) VOLUME("live", ""));
        restart(f); /* before anything, and at once after it is out of use */
        for (int i = 0; i < step; i++) {
            if (i == 1) { /* half of it is removed */
                autofree char *file = xasprintf("%s/volumes/.gone/dead/deep/file", f->dir);
                assert_int_equal(rmdir(file), 0);
            }
            restart(f);
        }
        assert_string_equal(f->asked, "dead");
        if (step == 3) { /* it is removed, and not heard of */
            autofree char *gone = xasprintf("%s/volumes/.gone", f->dir);
            autoclose int fd = open(gone, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            assert_int_equal(path_remove_tree(fd, "dead"), 0);
            restart(f);
        } else {
            removed(f, true);
        }
        assert_string_equal(f->told, "dead");
        assert_false(exists(f, "dead"));
        assert_false(exists(f, ".gone/dead"));
        assert_true(exists(f, "live/deep/file"));
    }
}

/* The gateway may have forgotten it meanwhile: what is out of use goes all the same. */
static void test_reclaim__sweeps_at_start(void **state)
{
    struct fixture *f = *state;
    make(f, ".gone/a");
    make(f, ".gone/b");
    make(f, ".new/c");
    restart(f);
    assert_false(exists(f, ".new"));
    assert_string_equal(f->asked, "a");
    removed(f, true);
    assert_string_equal(f->asked, "b");
    removed(f, true);
    assert_string_equal(f->asked, "");
    assert_string_equal(f->told, "-");
}

/* One that stays does not keep the others, and is tried again later. */
static void test_reclaim__one_that_stays(void **state)
{
    struct fixture *f = *state;
    make(f, "a");
    make(f, "b");
    list(f, VOLUME("a", ENDING) VOLUME("b", ENDING));
    look(f);
    assert_string_equal(f->asked, "a");
    removed(f, false);
    assert_string_equal(f->asked, "b");
    removed(f, true);
    assert_string_equal(f->asked, "");
    assert_string_equal(f->told, "b");
    turn(f, 10 * NS_PER_S - 1);
    assert_string_equal(f->asked, "");
    turn(f, 1);
    assert_string_equal(f->asked, "a");
    removed(f, false);
    turn(f, 20 * NS_PER_S - 1);
    assert_string_equal(f->asked, "");
    turn(f, 1);
    assert_string_equal(f->asked, "a");
    removed(f, true);
    assert_string_equal(f->told, "a b");
}

/* What a pod has on disk, with something in it. */
static void take(struct fixture *f, const char *uid)
{
    autofree char *file = xasprintf("%s/pods/%s/volumes/deep/file", f->dir, uid);
    autofree char *path = xasprintf("%s/pods/%s/volumes", f->dir, uid);
    autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int fd = path_mkdirs_in(root, file, 0700);
    assert_true(fd >= 0);
    reclaim_take(f->agent.reclaim, path, uid);
    assert_int_equal(access(path, F_OK), -1);
    turn(f, 0);
}

/* A pod's folder goes at once, whatever was not to be removed before, and is held until then. */
static void test_reclaim__takes(void **state)
{
    struct fixture *f = *state;
    make(f, "a");
    make(f, "z");
    list(f, VOLUME("a", ENDING) VOLUME("z", ENDING));
    look(f);
    removed(f, false);
    assert_string_equal(f->asked, "z");
    removed(f, false);
    assert_string_equal(f->asked, "");
    assert_false(reclaim_holds(f->agent.reclaim, "1"));
    take(f, "1");
    assert_true(reclaim_holds(f->agent.reclaim, "1"));
    assert_string_equal(f->asked, "1_0");
    autofree char *beside = xasprintf("%s/pods/.gone", f->dir); /* volumes may have another disk */
    assert_string_equal(f->parent, beside);
    take(f, "1"); /* one that has the same name */
    removed(f, true);
    assert_true(reclaim_holds(f->agent.reclaim, "1"));
    assert_string_equal(f->asked, "1_1");
    removed(f, true);
    assert_false(reclaim_holds(f->agent.reclaim, "1"));
    assert_string_equal(f->asked, "a");
    removed(f, false);
    removed(f, false);
    assert_string_equal(f->asked, "");
    turn(f, 19 * NS_PER_S); /* those that stay are not hurried for all time */
    assert_string_equal(f->asked, "");
    turn(f, 1 * NS_PER_S);
    assert_string_equal(f->asked, "a");
}

/* Nor does it wait where there was no process for the one before. */
static void test_reclaim__takes_after_a_refusal(void **state)
{
    struct fixture *f = *state;
    f->refuses = true;
    take(f, "1");
    take(f, "2");
    assert_string_equal(f->asked, "");
    f->refuses = false;
    look(f);
    assert_string_equal(f->asked, "");
    take(f, "3");
    assert_string_equal(f->asked, "1_0");
    removed(f, false);
    assert_string_equal(f->asked, "2_0");
    make(f, "dead");
    list(f, VOLUME("dead", ENDING));
    removed(f, true);
    assert_string_equal(f->asked, "1_0");
    removed(f, false);
    assert_string_equal(f->asked, "3_0");
    removed(f, true);
    assert_string_equal(f->asked, "dead");
}

/* Nothing is taken from a pod that may still have it. */
static void test_reclaim__in_use(void **state)
{
    struct fixture *f = *state;
#define POD                                                                                        \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: m, image: "    \
    "x}]\n  volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]\n"
#define CLAIM(volume)                                                                              \
    "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\n"                      \
    "spec: {volumeName: " volume "}\n"
    static const struct {
        const char *name, *more;
        bool spec, keeper, finished, forgotten, used;
    } cases[] = {
        {"by its claim", CLAIM("dead"), true, true, .used = true},
        {"it is about to start", CLAIM("dead"), true, false, .used = true},
        {"its claim is gone", "", true, true, .used = true},
        {"its claim has another one", CLAIM("live"), true, true},
        {"it is stopped, and its manifest gone", "", false, true, .used = true},
        {"it has ended", "", true, false, true},
        {"it has ended, but for its keeper", "", true, true, true, .used = true},
        {"it is off this node", CLAIM("dead"), true, false, .forgotten = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        list(f, NOTHING);
        look(f);
        make(f, "dead");
        cleanup(buf_done) struct buf text = {0};
        assert_int_equal(buf_addf(&text, "%s%s%s", POD, cases[i].more, VOLUME("dead", ENDING)), 0);
        list(f, buf_str(&text));
        struct pod_record record = {.agent = &f->agent, .ns = (char *)"default"};
        record.spec = cases[i].spec ? manifests_pod_at(f->agent.manifests, 0) : NULL;
        record.keeper = cases[i].keeper ? POD_KEEPER_RUNNING : POD_KEEPER_NONE;
        record.finished = cases[i].finished;
        record.forgotten = cases[i].forgotten;
        (void)map_put(f->agent.records, "uid", &record);
        look(f);
        if (exists(f, "dead") != cases[i].used || (f->asked[0] != '\0') == cases[i].used)
            fail_msg("%s", cases[i].name);
        record.forgotten = true;
        reclaim_round(f->agent.reclaim); /* it goes, and nobody says so but the agent's round */
        turn(f, 0);
        (void)map_del(f->agent.records, "uid");
        assert_false(exists(f, "dead"));
        removed(f, true);
        assert_string_equal(f->told, "dead");
    }
}

/* What keepers hold is not known before all of them have reported. */
static void test_reclaim__not_before_start(void **state)
{
    struct fixture *f = *state;
    f->agent.started = false;
    make(f, "dead");
    list(f, VOLUME("dead", ENDING));
    look(f);
    assert_true(exists(f, "dead"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_reclaim__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(in_order),        TEST(killed_at_each_step),
        TEST(sweeps_at_start), TEST(one_that_stays),
        TEST(in_use),          TEST(not_before_start),
        TEST(takes),           TEST(takes_after_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
