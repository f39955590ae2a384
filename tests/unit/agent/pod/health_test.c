/* The probes and hooks of containers, over a keeper that the test plays and a clock that stands
 * still until it is moved. */

#include "agent/pod/health.h"

#include "agent/keeper/control.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tests/lib/await.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#define START_NS (1000 * NS_PER_S)
#define WALL_NS (INT64_C(1700000000) * NS_PER_S)
#define ASKED_MAX 32

struct fixture {
    struct clock_fake clock;
    struct loop *loop;
    struct rng_seeded rng;
    struct health *health;
    struct value *spec;
    struct keeper_container containers[2];
    struct keeper_report report;
    struct health_view view;
    size_t changes;
    char events[4096]; /* "Reason: message\n" each */
    /* What was asked of the keeper. */
    bool old;       /* it is of an older release */
    bool busy;      /* it takes no mark */
    char asked[64]; /* the word of the program that runs now; "" */
    bool lasting;
    uint32_t asked_attempt;
    size_t execs;
    int keeper;
    int64_t kill_grace_s; /* -1: none was asked */
    uint32_t kill_attempt;
    size_t marks;
};

static void view(void *ctx, struct health_view *ret)
{
    const struct fixture *f = ctx;
    *ret = f->view;
}

static void event(void *ctx, const char *type, const char *reason, const char *message)
{
    struct fixture *f = ctx;
    size_t len = strlen(f->events);
    (void)type;
    snprintf(f->events + len, sizeof(f->events) - len, "%s: %s\n", reason, message);
}

static void changed(void *ctx)
{
    struct fixture *f = ctx;
    f->changes++;
}

static int mark(void *ctx, const char *container, uint32_t attempt, uint32_t marks, struct err *err)
{
    struct fixture *f = ctx;
    const uint32_t its = KEEPER_MARK_ENDING | KEEPER_MARK_HOOK;
    if (f->old)
        return err_set(err, -EPROTONOSUPPORT, "older");
    if (f->busy)
        return err_set(err, -EAGAIN, "busy");
    for (size_t i = 0; i < f->report.container_count; i++)
        if (str_eq(f->containers[i].name, container) && f->containers[i].restarts == attempt &&
            f->containers[i].marks != marks) {
            f->containers[i].marks = (marks & ~its) | (f->containers[i].marks & its);
            f->marks++;
        }
    return 0;
}

static int end(void *ctx, const char *container, uint32_t attempt, int64_t grace_s, struct err *err)
{
    struct fixture *f = ctx;
    (void)err;
    assert_string_equal(container, "app");
    f->kill_grace_s = grace_s;
    f->kill_attempt = attempt;
    return 0;
}

static int ask(void *ctx, const void *request, size_t len, const int *fds, size_t count,
               struct err *err)
{
    struct fixture *f = ctx;
    struct exec_request decoded;
    (void)err;
    assert_int_equal(exec_request_decode(request, len, &decoded), 0);
    assert_int_equal(count, exec_request_fds(&decoded));
    f->lasting = decoded.lasting;
    assert_true(decoded.of_attempt);
    f->asked_attempt = decoded.attempt;
    snprintf(f->asked, sizeof(f->asked), "%s", decoded.argv[0]);
    exec_request_done(&decoded);
    f->execs++;
    if (f->keeper >= 0)
        close(f->keeper);
    f->keeper = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
    return 0;
}

static const struct health_handler handler = {
    .view = view, .event = event, .changed = changed, .mark = mark, .kill = end, .exec = ask};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    clock_fake_init(&f->clock, START_NS, WALL_NS);
    rng_seeded_init(&f->rng, 1);
    f->keeper = -1;
    f->kill_grace_s = -1;
    assert_int_equal(loop_new(&f->clock.clock, &f->loop, NULL), 0);
    f->health = health_new(f->loop, &f->rng.rng, &handler, f);
    f->report.containers = f->containers;
    f->report.container_count = 1;
    snprintf(f->containers[0].name, sizeof(f->containers[0].name), "app");
    f->view = (struct health_view){.report = &f->report, .address = "127.0.0.1", .grace_s = 30};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    health_free(f->health);
    loop_free(f->loop);
    value_free(f->spec);
    if (f->keeper >= 0)
        close(f->keeper);
    free(f);
    return 0;
}

static void look(struct fixture *f)
{
    health_look(f->health);
    await_quiet(f->loop);
}

/* The container app of the spec: these fields of it. */
static void set_spec(struct fixture *f, const char *fields)
{
    autofree char *text = xasprintf(
        "{\"restartPolicy\": \"Always\", \"containers\": [{\"name\": \"app\", %s}]}", fields);
    assert_int_equal(json_parse(text, strlen(text), &f->spec, NULL), 0);
    f->view.spec = f->spec;
}

static void start(struct fixture *f)
{
    f->containers[0].state = KEEPER_STARTED;
    f->containers[0].started_wall_ns = clock_wall(&f->clock.clock);
    look(f);
}

static void exit_and_start(struct fixture *f)
{
    f->containers[0].state = KEEPER_WAITING;
    f->containers[0].marks = 0;
    look(f);
    f->containers[0].restarts++;
    start(f);
}

/* The agent dies and comes again; what it asked is broken off. */
static void restart_agent(struct fixture *f)
{
    health_free(f->health);
    f->health = health_new(f->loop, &f->rng.rng, &handler, f);
    f->view.adopted = true;
    f->asked[0] = '\0';
    look(f);
}

static void pass(struct fixture *f, int64_t seconds)
{
    clock_fake_advance(&f->clock, seconds * NS_PER_S);
    await_quiet(f->loop);
}

/* The program that runs ends so. */
static void answer(struct fixture *f, const char *what, int code)
{
    assert_string_equal(f->asked, what);
    f->asked[0] = '\0';
    control_say(f->keeper, PROTO_BEGUN, 0, NULL, -1);
    control_say(f->keeper, PROTO_OVER, code, "", -1);
    await_quiet(f->loop);
}

static void expect(const struct fixture *f, bool started, bool ready)
{
    bool is_started, is_ready;
    assert_true(health_of(f->health, "app", &is_started, &is_ready));
    assert_int_equal(is_started, started);
    assert_int_equal(is_ready, ready);
}

#define READY "\"readinessProbe\": {\"exec\": {\"command\": [\"ready\"]}}"
#define ALIVE "\"livenessProbe\": {\"exec\": {\"command\": [\"alive\"]}, \"failureThreshold\": 2}"
#define UP "\"startupProbe\": {\"exec\": {\"command\": [\"up\"]}, \"failureThreshold\": 2}"
#define POST "\"lifecycle\": {\"postStart\": {\"exec\": {\"command\": [\"post\"]}}}"
#define PRE "\"lifecycle\": {\"preStop\": {\"exec\": {\"command\": [\"pre\"]}}}"

static void test_health__readiness(void **state)
{
    struct fixture *f = *state;
    set_spec(f, READY);
    bool started, ready;
    assert_false(health_of(f->health, "app", &started, &ready));
    start(f);
    expect(f, true, false);
    answer(f, "ready", 0);
    expect(f, true, true);
    assert_int_equal(f->containers[0].marks,
                     KEEPER_MARK_STARTED | HEALTH_MARK_READY | HEALTH_MARK_POST_START);
    for (int i = 0; i < 3; i++) { /* three failures in a row, one a period */
        pass(f, 9);
        assert_string_equal(f->asked, "");
        expect(f, true, true);
        pass(f, 1);
        answer(f, "ready", 1);
    }
    expect(f, true, false);
    cleanup(buf_done) struct buf why = {0};
    health_why(f->health, "app", &why);
    assert_string_equal(buf_str(&why),
                        "container app: is not ready: Readiness probe failed: command "
                        "ended with 1\n");
    assert_int_equal(f->containers[0].marks, KEEPER_MARK_STARTED | HEALTH_MARK_POST_START);
    assert_int_equal(f->kill_grace_s, -1);
    /* The same words again and again are told once a minute. */
    assert_string_equal(f->events, "Unhealthy: Readiness probe failed: command ended with 1\n");
    exit_and_start(f);
    expect(f, true, false);
}

/* It does not read for a while: what it did not take is said again. */
static void test_health__a_mark_that_is_not_taken(void **state)
{
    struct fixture *f = *state;
    set_spec(f, READY);
    f->busy = true;
    start(f);
    answer(f, "ready", 0);
    expect(f, true, true);
    assert_int_equal(f->containers[0].marks, 0);
    f->busy = false;
    look(f);
    assert_int_equal(f->containers[0].marks,
                     KEEPER_MARK_STARTED | HEALTH_MARK_READY | HEALTH_MARK_POST_START);
    size_t marks = f->marks;
    look(f);
    assert_int_equal(f->marks, marks);
}

static void test_health__liveness(void **state)
{
    struct fixture *f = *state;
    set_spec(f, ALIVE);
    start(f);
    expect(f, true, true);
    answer(f, "alive", 1);
    pass(f, 10);
    answer(f, "alive", 1);
    assert_int_equal(f->kill_grace_s, 30);
    assert_non_null(
        strstr(f->events, "Killing: Container app failed liveness probe, will be restarted\n"));
    pass(f, 60);
    assert_string_equal(f->asked, ""); /* it is at rest until the container starts anew */
    f->kill_grace_s = -1;
    exit_and_start(f);
    answer(f, "alive", 0);
    assert_int_equal(f->kill_grace_s, -1);
}

static void test_health__liveness_with_a_grace_of_its_own(void **state)
{
    struct fixture *f = *state;
    set_spec(f, "\"livenessProbe\": {\"exec\": {\"command\": [\"alive\"]}, \"failureThreshold\": 1,"
                " \"terminationGracePeriodSeconds\": 3}, " PRE);
    value_set_str(f->spec, "restartPolicy", "Never");
    start(f);
    answer(f, "alive", 1);
    assert_non_null(strstr(f->events, "Killing: Container app failed liveness probe\n"));
    assert_int_equal(f->kill_grace_s, -1); /* its hook first */
    pass(f, 2);
    answer(f, "pre", 0);
    assert_int_equal(f->kill_grace_s, 2); /* of 3 there is 1 left, and 2 at least */
}

static void test_health__startup_comes_first(void **state)
{
    struct fixture *f = *state;
    set_spec(f, UP ", " READY ", " ALIVE);
    start(f);
    expect(f, false, false);
    answer(f, "up", 1);
    assert_int_equal(f->execs, 1);
    pass(f, 10);
    answer(f, "up", 0);
    expect(f, true, false);
    assert_int_equal(f->execs, 4); /* and now, at once, the others */
    pass(f, 10);
    assert_int_equal(f->execs, 6);
    assert_string_not_equal(f->asked, "up");
}

static void test_health__startup_fails(void **state)
{
    struct fixture *f = *state;
    set_spec(f, UP);
    start(f);
    answer(f, "up", 1);
    pass(f, 10);
    answer(f, "up", 1);
    assert_non_null(strstr(f->events, "Container app failed startup probe, will be restarted\n"));
    assert_int_equal(f->kill_grace_s, 30);
}

static void test_health__post_start(void **state)
{
    struct fixture *f = *state;
    set_spec(f, POST ", " READY);
    start(f);
    expect(f, false, false);
    pass(f, 100);
    assert_int_equal(f->execs, 1); /* however long it takes */
    answer(f, "post", 0);
    expect(f, true, false);
    answer(f, "ready", 0);
    expect(f, true, true);
    assert_int_equal(f->containers[0].marks,
                     KEEPER_MARK_STARTED | HEALTH_MARK_READY | HEALTH_MARK_POST_START);
}

static void test_health__post_start_fails(void **state)
{
    struct fixture *f = *state;
    set_spec(f, POST);
    start(f);
    answer(f, "post", 1);
    assert_string_equal(f->events, "FailedPostStartHook: PostStartHook failed\n"
                                   "Killing: FailedPostStartHook\n");
    assert_int_equal(f->kill_grace_s, 30);
    expect(f, false, false);
    exit_and_start(f);
    assert_string_equal(f->asked, "post");
    assert_int_equal(f->execs, 2);
}

static void test_health__pre_stop(void **state)
{
    struct fixture *f = *state;
    set_spec(f, PRE);
    start(f);
    assert_true(health_holds(f->health));
    f->view.stopping = true;
    f->view.spec = NULL; /* the manifest is gone already */
    look(f);
    assert_false(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    pass(f, 5);
    answer(f, "pre", 0);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    look(f);
    assert_int_equal(f->execs, 1);
    assert_string_equal(f->events, "");
}

static void test_health__pre_stop_fails_or_takes_too_long(void **state)
{
    struct fixture *f = *state;
    set_spec(f, PRE);
    start(f);
    f->view.stopping = true;
    look(f);
    answer(f, "pre", 1);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    assert_string_equal(f->events, "FailedPreStopHook: PreStopHook failed\n");
    f->view.stopping = false;
    exit_and_start(f);
    f->view.stopping = true;
    look(f);
    assert_int_equal(f->asked_attempt, 1);
    pass(f, 29);
    assert_false(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    pass(f, 1);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
}

/* Without a grace there is no time for it. */
static void test_health__pre_stop_not_at_all(void **state)
{
    struct fixture *f = *state;
    set_spec(f, PRE);
    start(f);
    f->view.stopping = true;
    f->view.grace_s = 0;
    look(f);
    assert_int_equal(f->execs, 0);
    f->view.grace_s = 30;
    f->containers[0].state = KEEPER_TERMINATED; /* nor when it has ended */
    look(f);
    assert_int_equal(f->execs, 0);
}

static void test_health__an_agent_that_is_restarted_goes_on(void **state)
{
    struct fixture *f = *state;
    set_spec(f, POST ", " UP ", " READY);
    start(f);
    answer(f, "post", 0);
    answer(f, "up", 0);
    answer(f, "ready", 0);
    expect(f, true, true);
    size_t changes = f->changes, execs = f->execs;
    restart_agent(f);
    expect(f, true, true); /* before anything was asked */
    assert_int_equal(f->containers[0].marks,
                     KEEPER_MARK_STARTED | HEALTH_MARK_READY | HEALTH_MARK_POST_START);
    pass(f, 10); /* the first within a period */
    assert_int_equal(f->execs, execs + 1);
    assert_string_equal(f->asked, "ready");
    assert_true(f->changes >= changes);
    for (int i = 0; i < 3; i++) {
        answer(f, "ready", 1);
        expect(f, true, i < 2);
        pass(f, 10);
    }
}

static void test_health__restarted_amid_a_hook(void **state)
{
    struct fixture *f = *state;
    set_spec(f, PRE);
    start(f);
    f->view.stopping = true;
    look(f);
    assert_string_equal(f->asked, "pre");
    assert_true(f->lasting);
    f->containers[0].marks |= KEEPER_MARK_HOOK; /* its keeper goes on with it */
    for (int i = 0; i < 3; i++) {
        restart_agent(f);
        assert_false(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    }
    f->containers[0].marks &= ~KEEPER_MARK_HOOK;
    look(f);
    assert_int_equal(f->execs, 1);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
}

/* Or before the program was asked for; or nobody knows any more what the hook was. */
static void test_health__restarted_before_a_hook(void **state)
{
    struct fixture *f = *state;
    set_spec(f, PRE);
    start(f);
    f->view.stopping = true;
    look(f);
    restart_agent(f);
    assert_int_equal(f->execs, 1);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    f->containers[0].marks = 0;
    f->view.spec = NULL;
    restart_agent(f);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    f->containers[0].marks = HEALTH_MARK_PRE_STOP | KEEPER_MARK_HOOK;
    restart_agent(f);
    assert_false(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    assert_int_equal(f->execs, 1);
}

/* Nothing happens twice when it waits once more. */
static void test_health__restarted_amid_a_sleep(void **state)
{
    struct fixture *f = *state;
    set_spec(f, "\"lifecycle\": {\"preStop\": {\"sleep\": {\"seconds\": 10}}}");
    start(f);
    f->view.stopping = true;
    look(f);
    pass(f, 9);
    restart_agent(f);
    pass(f, 9);
    assert_false(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    pass(f, 1);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
}

/* What it was run for is done then. */
static void test_health__restarted_amid_the_hook_of_a_kill(void **state)
{
    struct fixture *f = *state;
    set_spec(f, PRE ", " ALIVE);
    for (int amid = 0; amid < 2; amid++) {
        exit_and_start(f);
        for (int i = 0; i < 2; i++) {
            answer(f, "alive", 1);
            pass(f, i == 0 ? 10 : 0);
        }
        assert_string_equal(f->asked, "pre");
        f->containers[0].marks |= amid ? KEEPER_MARK_HOOK : 0;
        f->kill_grace_s = -1;
        restart_agent(f);
        assert_int_equal(f->kill_grace_s, amid ? -1 : 30);
        f->containers[0].marks &= ~KEEPER_MARK_HOOK;
        look(f);
        assert_int_equal(f->kill_grace_s, 30);
        assert_int_equal(f->kill_attempt, amid + 1);
        pass(f, 100);
        assert_string_equal(f->asked, ""); /* and it is not asked any more */
    }
}

/* A hook that hangs does not keep it for ever, whoever began it; nor is its end waited for when the
 * container may be stopped already. */
static void test_health__restarted_amid_the_hook_of_a_kill_that_hangs(void **state)
{
    struct fixture *f = *state;
    set_spec(f, PRE ", " ALIVE);
    start(f);
    answer(f, "alive", 1);
    pass(f, 10);
    answer(f, "alive", 1);
    assert_string_equal(f->asked, "pre");
    f->containers[0].marks |= KEEPER_MARK_HOOK;
    restart_agent(f);
    pass(f, 29);
    assert_int_equal(f->kill_grace_s, -1);
    pass(f, 1);
    assert_int_equal(f->kill_grace_s, HEALTH_LEAST_GRACE_S);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    f->kill_grace_s = -1;
    pass(f, 100);
    assert_int_equal(f->kill_grace_s, -1); /* once */
    restart_agent(f);
    assert_int_equal(f->kill_grace_s, 30);
}

/* Its pod ends by itself, or its keeper is to start it anew. */
static void test_health__pre_stop_of_an_end_by_the_keeper(void **state)
{
    struct fixture *f = *state;
    set_spec(f, PRE ", " ALIVE);
    start(f);
    f->containers[0].marks |= KEEPER_MARK_ENDING;
    look(f);
    assert_string_equal(f->asked, "pre");
    answer(f, "pre", 0);
    assert_true(f->containers[0].marks & KEEPER_MARK_MAY_STOP);
    pass(f, 100);
    assert_int_equal(f->execs, 2); /* nobody asks whether it lives */
    assert_int_equal(f->kill_grace_s, -1);
    exit_and_start(f);
    assert_string_equal(f->asked, "alive");
}

/* What ran before there were probes is not begun with again. */
static void test_health__keeper_of_an_older_release(void **state)
{
    struct fixture *f = *state;
    f->old = true;
    set_spec(f, POST ", " UP ", " READY);
    f->containers[0].state = KEEPER_STARTED;
    f->containers[0].started_wall_ns = WALL_NS - 3600 * NS_PER_S;
    f->view.adopted = true;
    look(f);
    expect(f, true, true);
    assert_int_equal(f->execs, 0);
    pass(f, 10);
    assert_string_equal(f->asked, "ready");
}

static void test_health__a_pause_stops_the_time(void **state)
{
    struct fixture *f = *state;
    set_spec(f, READY);
    start(f);
    answer(f, "ready", 0);
    pass(f, 4);
    f->view.paused = true;
    look(f);
    pass(f, 1000);
    assert_int_equal(f->execs, 1);
    f->view.paused = false;
    look(f);
    expect(f, true, true);
    pass(f, 5);
    assert_int_equal(f->execs, 1);
    pass(f, 1);
    assert_int_equal(f->execs, 2);
    f->view.paused = true; /* amid an attempt: it is broken off, and does not count */
    look(f);
    pass(f, 1000);
    f->view.paused = false;
    look(f);
    assert_int_equal(f->execs, 3);
    assert_string_equal(f->events, "");
}

static void test_health__a_pod_that_stops_is_not_killed_by_its_probes(void **state)
{
    struct fixture *f = *state;
    set_spec(f, ALIVE ", " READY);
    start(f);
    f->view.stopping = true;
    look(f);
    size_t execs = f->execs;
    pass(f, 10);
    assert_int_equal(f->execs, execs + 1); /* readiness goes on */
    assert_string_equal(f->asked, "ready");
}

/* A probe that fails each second in other words is not told of each second. */
static void test_health__many_words_are_told_slowly(void **state)
{
    struct fixture *f = *state;
    set_spec(f, "\"readinessProbe\": {\"exec\": {\"command\": [\"ready\"]}, \"periodSeconds\": 1}");
    start(f);
    for (int i = 0; i < 120; i++) {
        answer(f, "ready", 1 + i % 100);
        pass(f, 1);
    }
    size_t lines = 0;
    for (const char *c = f->events; *c; c++)
        lines += *c == '\n';
    assert_in_range(lines, 12, 12 + 6);
}

static void test_health__hooks_by_tcp_are_of_no_use(void **state)
{
    struct fixture *f = *state;
    set_spec(f, "\"lifecycle\": {\"postStart\": {\"tcpSocket\": {\"port\": 1}}}");
    start(f);
    assert_true(str_has_prefix(f->events, "FailedPostStartHook: PostStartHook failed\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_health__##name, setup, teardown)
        TEST(readiness),
        TEST(a_mark_that_is_not_taken),
        TEST(liveness),
        TEST(liveness_with_a_grace_of_its_own),
        TEST(startup_comes_first),
        TEST(startup_fails),
        TEST(post_start),
        TEST(post_start_fails),
        TEST(pre_stop),
        TEST(pre_stop_fails_or_takes_too_long),
        TEST(pre_stop_not_at_all),
        TEST(an_agent_that_is_restarted_goes_on),
        TEST(restarted_amid_a_hook),
        TEST(restarted_before_a_hook),
        TEST(restarted_amid_a_sleep),
        TEST(restarted_amid_the_hook_of_a_kill),
        TEST(restarted_amid_the_hook_of_a_kill_that_hangs),
        TEST(pre_stop_of_an_end_by_the_keeper),
        TEST(keeper_of_an_older_release),
        TEST(a_pause_stops_the_time),
        TEST(a_pod_that_stops_is_not_killed_by_its_probes),
        TEST(many_words_are_told_slowly),
        TEST(hooks_by_tcp_are_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
