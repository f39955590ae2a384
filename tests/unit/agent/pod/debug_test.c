/* Ephemeral containers, from the asking to the keeper: what stands on disk is what was given. */

#include "agent/pod/internal.h"

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/path.h"
#include "tests/sim/fake/clock_fake.h"
#include "tests/sim/fake/node/images_fake.h"

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

#define UID "11111111-2222-3333-4444-555555555555"
#define KEEPER 100 /* when one was started */
#define NEXT_KEEPER 200

struct fixture {
    char dir[64];
    struct clock_fake clock;
    struct agent agent;
    struct images_fake *images;
    struct keepers keepers;
    int refuses; /* what the keeper answers */
    size_t adds;
    char *file;    /* debugs, as it stood when the keeper was asked last; NULL: it was not there */
    char last[64]; /* event */
    struct pod_record *record;
};

static char *read_file(const struct fixture *f)
{
    struct disk *disk = disk_posix();
    autofree char *path = xasprintf("%s/pods/" UID "/debugs", f->dir);
    cleanup(buf_done) struct buf text;
    struct err err = {0};
    buf_init(&text, 0);
    return disk->read(disk, path, 4096, &text, &err) < 0 ? NULL : buf_steal(&text, NULL);
}

static int add(struct keepers *keepers, const char *uid, const void *plan, size_t len,
               struct err *err)
{
    struct fixture *f = container_of(keepers, struct fixture, keepers);
    struct launch_plan *decoded = NULL;
    assert_string_equal(uid, UID);
    assert_int_equal(launch_decode(plan, len, &decoded, err), 0);
    assert_int_equal(decoded->container_count, 1);
    assert_string_equal(decoded->containers[0].name, "look");
    assert_int_equal(decoded->containers[0].role, LAUNCH_DEBUG);
    launch_free(decoded);
    f->adds++;
    free(f->file);
    f->file = read_file(f);
    return f->refuses ? err_set(err, f->refuses, "of an older release") : 0;
}

static void event(void *ctx, const char *ns, const char *name, const char *uid, const char *type,
                  const char *reason, const char *message)
{
    struct fixture *f = ctx;
    (void)ns;
    (void)name;
    (void)uid;
    (void)type;
    snprintf(f->last, sizeof(f->last), "%s: %.50s", reason, message);
}

/* Of an agent that has just heard the pod's keeper, which was started then and has no more than the
 * pod's own container. */
static void come(struct fixture *f, int64_t keeper)
{
    static const char text[] =
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\",\"uid\":\"" UID "\"},\"spec\":{"
        "\"containers\":[{\"name\":\"app\",\"image\":\"a\"}],"
        "\"ephemeralContainers\":[{\"name\":\"look\",\"image\":\"tools\"}]}}";
    struct err err = {0};
    struct value *object = NULL;
    struct pod_spec *spec = NULL;
    struct keeper_container app = {.name = "app", .state = KEEPER_STARTED};
    const struct keeper_report report = {.pod_uid = UID,
                                         .state = KEEPER_RUNNING,
                                         .started_wall_ns = keeper,
                                         .container_count = 1,
                                         .containers = &app};
    assert_int_equal(json_parse(text, strlen(text), &object, &err), 0);
    assert_int_equal(pod_spec_new(object, NULL, &spec, &err), 0);
    f->record = pod_record_new(&f->agent, UID, "default", "web");
    f->record->spec = spec;
    f->record->report = keeper_report_copy(&report);
    debug_recall(f->record);
}

static void go(struct fixture *f)
{
    debug_release(f->record);
    pod_spec_free((struct pod_spec *)f->record->spec);
    pod_record_free(steal(f->record));
}

static void restart(struct fixture *f, int64_t keeper)
{
    go(f);
    come(f, keeper);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-debug-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    clock_fake_init(&f->clock, 1000 * NS_PER_S, 1700000000 * NS_PER_S);
    assert_int_equal(loop_new(&f->clock.clock, &f->agent.world.loop, &err), 0);
    f->images = images_fake_new(f->agent.world.loop, NULL, NULL);
    f->keepers.add = add;
    f->agent.world.images = images_fake_open(f->images);
    f->agent.world.keepers = &f->keepers;
    f->agent.world.disk = disk_posix();
    f->agent.spec = (struct agent_spec){.node_name = "n1",
                                        .host_name = "machine",
                                        .state_dir = f->dir,
                                        .run_dir = f->dir,
                                        .log_dir = f->dir,
                                        .cgroup_root = "limpet/t",
                                        .seccomp_dir = "/nowhere",
                                        .host_ip = "10.0.0.1"};
    f->agent.filters = filters_new();
    f->agent.records = map_new();
    f->agent.handler.event = event;
    f->agent.ctx = f;
    autofree char *manifests = xasprintf("%s/manifests", f->dir);
    assert_int_equal(mkdir(manifests, 0700), 0);
    f->agent.manifests = manifests_new(
        &(struct manifests_spec){.disk = disk_posix(), .static_dir = manifests, .node_name = "n1"});
    come(f, KEEPER);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    go(f);
    f->agent.world.images->free(f->agent.world.images);
    assert_int_equal(images_fake_held(f->images), 0);
    images_fake_free(f->images);
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(f->dir, '/') + 1), 0);
    manifests_free(f->agent.manifests);
    map_free(f->agent.records, NULL);
    filters_free(f->agent.filters);
    loop_free(f->agent.world.loop);
    free(f->file);
    free(f);
    return 0;
}

static struct pod_view view(const struct fixture *f)
{
    struct pod_view ret = {0};
    debug_view(f->record, &ret);
    return ret;
}

/* By rule D2, until its image is here. */
static void pull(struct fixture *f)
{
    assert_true(view(f).debug_untried);
    debug_pull(f->record);
    assert_false(view(f).debug_untried || view(f).debug_ready);
    clock_fake_advance(&f->clock, 10 * NS_PER_S);
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_step(f->agent.world.loop, 0), 0);
    assert_true(view(f).debug_ready);
}

static bool is_quiet(const struct fixture *f)
{
    struct pod_view v = view(f);
    return !v.debug_untried && !v.debug_ready && !v.debug_retry_at;
}

static void expect_file(const struct fixture *f, const char *want)
{
    autofree char *text = read_file(f);
    assert_non_null(text);
    assert_string_equal(text, want);
}

/* Written before the keeper hears of it, so that it is not run twice, whoever dies. */
static void test_debug__given_once(void **state)
{
    struct fixture *f = *state;
    pull(f);
    debug_add(f->record);
    assert_int_equal(f->adds, 1);
    assert_string_equal(f->file, "{\"look\":100}");
    assert_string_equal(f->last, "Created: Created container: look");
    assert_true(is_quiet(f));
    debug_add(f->record);
    assert_int_equal(f->adds, 1);
    restart(f, NEXT_KEEPER);
    assert_true(debug_is_spent(f->record, "look"));
    assert_true(is_quiet(f));
}

/* The agent died between the two: the keeper that lives has not got it. */
static void test_debug__written_and_not_told(void **state)
{
    struct fixture *f = *state;
    pull(f);
    debug_add(f->record);
    restart(f, KEEPER);
    assert_false(debug_is_spent(f->record, "look"));
    pull(f);
    debug_add(f->record);
    assert_int_equal(f->adds, 2);
}

/* A keeper that cannot take it leaves it to one that can, over a restart of the agent too. */
static void test_debug__a_keeper_that_cannot_take_it(void **state)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        struct fixture *f = *state;
        f->refuses = -EPROTONOSUPPORT;
        pull(f);
        debug_add(f->record);
        assert_string_equal(f->file, "{\"look\":100}");
        expect_file(f, "{}");
        assert_string_equal(f->last, "Failed: Error: of an older release");
        const struct record_container *c = debug_find(f->record, "look");
        assert_string_equal(c->setback.reason, "CreateContainerError");
        assert_string_equal(c->setback.message, "of an older release");
        assert_int_equal(view(f).debug_retry_at, c->setback.retry_at);
        assert_false(view(f).debug_ready);
        f->refuses = 0;
        f->record->report->started_wall_ns = NEXT_KEEPER; /* the pod was started anew */
        if (restarts) {
            restart(f, NEXT_KEEPER);
            pull(f);
        } else {
            clock_fake_advance(&f->clock, 300 * NS_PER_S);
            debug_pull(f->record); /* its image is here */
        }
        assert_false(debug_is_spent(f->record, "look"));
        debug_add(f->record);
        expect_file(f, "{\"look\":200}");
        assert_true(is_quiet(f));
        teardown(state);
        setup(state);
    }
}

/* What cannot be written is not given. */
static void test_debug__a_disk_that_is_full(void **state)
{
    struct fixture *f = *state;
    pull(f);
    autofree char *path = xasprintf("%s/pods", f->dir);
    autoclose int stands_in_the_way = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(stands_in_the_way >= 0);
    debug_add(f->record);
    assert_int_equal(f->adds, 0);
    assert_true(view(f).debug_retry_at > 0);
    assert_int_equal(unlink(path), 0);
    clock_fake_advance(&f->clock, 300 * NS_PER_S);
    debug_pull(f->record);
    debug_add(f->record);
    assert_int_equal(f->adds, 1);
    expect_file(f, "{\"look\":100}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_debug__##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(given_once),
        TEST(written_and_not_told),
        TEST(a_keeper_that_cannot_take_it),
        TEST(a_disk_that_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
