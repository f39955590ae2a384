#include "agent/pod/evict.h"

#include "agent/pod/internal.h"
#include "agent/pod/reclaim.h"
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
#include <unistd.h>

#include <cmocka.h>

#define PODS 3

/* A node that is short of something, and pods of which each has a little on disk. */
struct fixture {
    char dir[64];
    struct clock_fake clock;
    struct agent agent;
    struct keepers keepers;
    struct evict *evict;
    enum pressure_signal what; /* is short */
    struct pod_spec specs[PODS];
    struct pod_record records[PODS];
};

static int remove_tree(struct keepers *keepers, const char *parent, const char *name,
                       struct err *err)
{
    (void)keepers;
    (void)parent;
    (void)name;
    (void)err;
    return 0; /* and takes its time */
}

static void event(void *ctx, const char *ns, const char *name, const char *uid, const char *type,
                  const char *reason, const char *message)
{
    (void)ctx;
    (void)ns;
    (void)name;
    (void)uid;
    (void)type;
    (void)message;
    assert_string_equal(reason, "Evicted");
}

static void problem(void *ctx, const char *file, const char *message)
{
    (void)ctx;
    fail_msg("%s: %s", file, message);
}

static void sample(void *ctx, struct pressure_sample *ret)
{
    const struct fixture *f = ctx;
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        ret->of[i] = (struct pressure_amount){10000, 10000};
    ret->of[f->what].available = 0;
}

static void turn(struct fixture *f, int64_t ns)
{
    clock_fake_advance(&f->clock, ns);
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_step(f->agent.world.loop, 0), 0);
}

static void add_pod(struct fixture *f, size_t i)
{
    struct pod_record *record = &f->records[i];
    autofree char *name = xasprintf("pod-%zu", i);
    record->agent = &f->agent;
    snprintf(record->uid, sizeof(record->uid), "uid-%zu", i);
    record->ns = xstrdup("default");
    record->name = steal(name);
    record->spec = &f->specs[i];
    f->specs[i].object = value_new_map();
    value_set(f->specs[i].object, "spec", value_new_map());
    record->keeper = POD_KEEPER_RUNNING;
    (void)map_put(f->agent.records, record->uid, record);
    autofree char *file = xasprintf("%s/pods/%s/volumes/v/deep", f->dir, record->uid);
    autofree char *logs = agent_log_dir(&f->agent, record);
    autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int made = path_mkdirs_in(root, file, 0700);
    autoclose int log = path_mkdirs_in(root, logs, 0700);
    assert_true(made >= 0 && log >= 0);
    autoclose int data = openat(made, "data", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    static const char bytes[8192] = {1};
    assert_int_equal(write(data, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-evict-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    clock_fake_init(&f->clock, 1000 * NS_PER_S, 1700000000 * NS_PER_S);
    assert_int_equal(loop_new(&f->clock.clock, &f->agent.world.loop, &err), 0);
    f->keepers.remove_tree = remove_tree;
    f->agent.world.keepers = &f->keepers;
    f->agent.world.disk = disk_posix();
    f->agent.spec.state_dir = f->agent.spec.log_dir = f->dir;
    f->agent.spec.cgroup_root = "/limpet-evict-test";
    f->agent.records = map_new();
    f->agent.handler.event = event;
    f->agent.ctx = f;
    f->agent.started = true;
    f->agent.round = (struct loop_defer *)f; /* a round that is never due: nothing is planned */
    f->agent.manifests = manifests_new(&(struct manifests_spec){
        .disk = disk_posix(), .static_dir = f->dir, .node_name = "pi", .problem = problem});
    f->agent.reclaim = reclaim_new(&f->agent);
    for (size_t i = 0; i < PODS; i++)
        add_pod(f, i);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(f->dir, '/') + 1), 0);
    evict_free(f->evict);
    reclaim_free(f->agent.reclaim);
    manifests_free(f->agent.manifests);
    for (size_t i = 0; i < PODS; i++) {
        verdict_free(f->records[i].verdict);
        value_free(f->specs[i].object);
        free(f->records[i].ns);
        free(f->records[i].name);
    }
    map_free(f->agent.records, NULL);
    loop_free(f->agent.world.loop);
    free(f);
    return 0;
}

static void begin(struct fixture *f, enum pressure_signal what)
{
    struct evict_spec spec = {.agent = &f->agent, .sample = sample, .ctx = f};
    struct err err = {0};
    assert_int_equal(pressure_limits_parse(PRESSURE_DEFAULT, &spec.limits, &err), 0);
    f->what = what;
    f->evict = evict_new(&spec);
}

/* One that was evicted, and is not counted yet; all but one are left alone. */
static struct pod_record *next_victim(struct fixture *f, bool *told)
{
    struct pod_record *victim = NULL;
    turn(f, NS_PER_S);
    for (size_t i = 0; i < PODS; i++) {
        if (!f->records[i].verdict || told[i])
            continue;
        assert_null(victim);
        victim = &f->records[i];
        told[i] = true;
    }
    return victim;
}

static void release(struct fixture *f, struct pod_record *record)
{
    autofree char *state = agent_state_dir(&f->agent, record->uid);
    autofree char *volumes = xasprintf("%s/volumes", state);
    reclaim_take(f->agent.reclaim, volumes, record->uid);
    record->volumes_released = true;
}

static void gone(const struct fixture *f, const struct pod_record *record)
{
    autofree char *dir = xasprintf("%s/pods/.gone", f->dir);
    autofree char *name = xasprintf("%s_0", record->uid);
    autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(fd, name), 0);
}

/* The next one goes when the one before is off the disk, though nobody knows that one any more. */
static void test_evict__waits_for_the_disk(void **state)
{
    for (int deleted = 0; deleted < 2; deleted++) {
        struct fixture *f = *state;
        bool told[PODS] = {false};
        begin(f, deleted ? SIGNAL_NODEFS_INODES_FREE : SIGNAL_NODEFS_AVAILABLE);
        struct pod_record *victim = next_victim(f, told);
        assert_non_null(victim);
        assert_null(next_victim(f, told)); /* it runs */
        victim->keeper = POD_KEEPER_NONE;
        assert_null(next_victim(f, told)); /* it has its volumes */
        release(f, victim);
        if (deleted)
            (void)map_del(f->agent.records, victim->uid);
        assert_null(next_victim(f, told)); /* they are being removed */
        gone(f, victim);
        assert_non_null(next_victim(f, told));
        (void)teardown(state);
        (void)setup(state);
    }
}

/* Nobody waits for ever, and nobody for what gives nothing back of what is short. */
static void test_evict__waits_for_nothing_else(void **state)
{
    static const enum pressure_signal signals[] = {SIGNAL_NODEFS_AVAILABLE,
                                                   SIGNAL_MEMORY_AVAILABLE};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        struct fixture *f = *state;
        bool told[PODS] = {false};
        begin(f, signals[i]);
        struct pod_record *victim = next_victim(f, told);
        assert_non_null(victim);
        victim->keeper = POD_KEEPER_NONE;
        release(f, victim);
        struct pod_record *next = next_victim(f, told);
        if (signals[i] == SIGNAL_NODEFS_AVAILABLE) {
            assert_null(next);
            turn(f, 28 * NS_PER_S);
            next = next_victim(f, told);
        }
        assert_non_null(next);
        (void)teardown(state);
        (void)setup(state);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_evict__##name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(waits_for_the_disk), TEST(waits_for_nothing_else)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
