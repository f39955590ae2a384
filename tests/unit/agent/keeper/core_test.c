#include "agent/keeper/core.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#define EXIT(code) ((code) << 8)
#define MS NS_PER_MS

struct fixture {
    struct launch_container containers[5];
    struct launch_plan plan;
    struct keeper_core *core;
    struct keeper_actions actions;
    int64_t now;
};

static void setup(struct fixture *f, enum launch_restart restart, size_t count)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    *f = (struct fixture){.now = 1000 * MS};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        f->containers[i] = (struct launch_container){.name = names[i], .restart = restart};
    f->plan = (struct launch_plan){.pod_uid = "u",
                                   .pod_ns = "ns",
                                   .pod_name = "pod",
                                   .spec_hash = "h",
                                   .backoff_min_ms = 10000,
                                   .backoff_max_ms = 300000,
                                   .backoff_reset_ms = 600000,
                                   .containers = f->containers,
                                   .container_count = count};
    f->core = keeper_core_new(&f->plan, "boot", 42, 7);
}

static const struct keeper_report *report(const struct fixture *f)
{
    return keeper_core_report(f->core);
}

/* Whether the actions since the last call hold this one; "take" forgets them. */
static bool did(const struct fixture *f, enum keeper_act act, size_t container, int signo)
{
    for (size_t i = 0; i < f->actions.count; i++)
        if (f->actions.list[i].act == act && f->actions.list[i].container == container &&
            f->actions.list[i].signal == signo)
            return true;
    return false;
}
static void take(struct fixture *f)
{
    f->actions.count = 0;
}

static void go(struct fixture *f)
{
    take(f);
    keeper_core_go(f->core, f->now, &f->actions);
}
static void started(struct fixture *f, size_t i)
{
    take(f);
    keeper_core_started(f->core, i, (pid_t)(100 + i), f->now, f->now, &f->actions);
}
static void exited(struct fixture *f, size_t i, int status, bool oom)
{
    take(f);
    keeper_core_exited(f->core, i, status, oom, NULL, f->now, f->now, &f->actions);
}
static void stop(struct fixture *f, int64_t grace_ms)
{
    take(f);
    keeper_core_stop(f->core, grace_ms * MS, f->now, &f->actions);
}
static void tick(struct fixture *f)
{
    take(f);
    keeper_core_tick(f->core, f->now, &f->actions);
}

static void test_core__waits_for_go(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 2);
    assert_int_equal(report(&f)->state, KEEPER_SANDBOX);
    assert_int_equal(report(&f)->keeper_pid, 42);
    assert_string_equal(report(&f)->boot_id, "boot");
    assert_true(keeper_core_next(f.core) == INT64_MAX);
    go(&f);
    assert_true(did(&f, KEEPER_ACT_START, 0, 0) && did(&f, KEEPER_ACT_START, 1, 0));
    assert_int_equal(report(&f)->state, KEEPER_RUNNING);
    assert_int_equal(report(&f)->containers[0].state, KEEPER_WAITING);
    started(&f, 0);
    assert_int_equal(report(&f)->containers[0].state, KEEPER_STARTED);
    assert_int_equal(report(&f)->containers[0].pid, 100);
    go(&f); /* again: nothing */
    assert_int_equal(f.actions.count, 0);
    keeper_core_free(f.core);
}

static void test_core__restart_policy(void **state)
{
    (void)state;
    static const struct {
        enum launch_restart restart;
        int status;
        bool again;
    } cases[] = {
        {LAUNCH_RESTART_ALWAYS, EXIT(0), true},      {LAUNCH_RESTART_ALWAYS, EXIT(1), true},
        {LAUNCH_RESTART_ON_FAILURE, EXIT(0), false}, {LAUNCH_RESTART_ON_FAILURE, EXIT(1), true},
        {LAUNCH_RESTART_ON_FAILURE, SIGKILL, true},  {LAUNCH_RESTART_NEVER, EXIT(0), false},
        {LAUNCH_RESTART_NEVER, EXIT(1), false},      {LAUNCH_RESTART_NEVER, SIGSEGV, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        setup(&f, cases[i].restart, 1);
        go(&f);
        started(&f, 0);
        exited(&f, 0, cases[i].status, false);
        assert_int_equal(did(&f, KEEPER_ACT_START, 0, 0), cases[i].again);
        assert_int_equal(did(&f, KEEPER_ACT_RECORD, 0, 0), !cases[i].again);
        assert_int_equal(report(&f)->containers[0].restarts, cases[i].again);
        keeper_core_free(f.core);
    }
}

static void test_core__exit_reasons(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool oom;
        int code, signal;
        bool says_oom;
        const char *reason;
    } cases[] = {
        {EXIT(0), false, 0, 0, false, "Completed"},
        {EXIT(3), false, 3, 0, false, "Error"},
        {SIGKILL, false, 137, SIGKILL, false, "Error"},
        {SIGKILL, true, 137, SIGKILL, true, "OOMKilled"},
        {EXIT(137), true, 137, 0, true, "OOMKilled"}, /* a shell whose child was killed */
        {EXIT(0), true, 0, 0, false, "Completed"},    /* it coped */
        {SIGTERM, false, 143, SIGTERM, false, "Error"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        setup(&f, LAUNCH_RESTART_NEVER, 1);
        go(&f);
        started(&f, 0);
        f.now += 5 * MS;
        exited(&f, 0, cases[i].status, cases[i].oom);
        const struct keeper_exit *last = &report(&f)->containers[0].last;
        assert_true(last->valid);
        assert_int_equal(last->code, cases[i].code);
        assert_int_equal(last->signal, cases[i].signal);
        assert_int_equal(last->oom, cases[i].says_oom);
        assert_string_equal(last->reason, cases[i].reason);
        assert_int_equal(last->finished_wall_ns - last->started_wall_ns, 5 * MS);
        keeper_core_free(f.core);
    }
}

/* The first restart at once, then 10 s doubling to 5 min, anew after 10 min of running. */
static void test_core__backoff(void **state)
{
    (void)state;
    static const int64_t delays_s[] = {0, 10, 20, 40, 80, 160, 300, 300};
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 1);
    go(&f);
    for (size_t i = 0; i < ARRAY_LEN(delays_s); i++) {
        started(&f, 0);
        f.now += 100 * MS;
        exited(&f, 0, EXIT(1), false);
        if (delays_s[i] > 0) {
            assert_false(did(&f, KEEPER_ACT_START, 0, 0));
            assert_int_equal(report(&f)->containers[0].state, KEEPER_WAITING);
            assert_true(keeper_core_next(f.core) == f.now + delays_s[i] * NS_PER_S);
            assert_true(report(&f)->containers[0].restart_at_boot_ns == keeper_core_next(f.core));
            f.now = keeper_core_next(f.core) - 1;
            tick(&f);
            assert_int_equal(f.actions.count, 0);
            f.now++;
            tick(&f);
        }
        assert_true(did(&f, KEEPER_ACT_START, 0, 0));
        assert_int_equal(report(&f)->containers[0].restarts, i + 1);
        assert_int_equal(report(&f)->containers[0].restart_at_boot_ns, 0);
        assert_true(keeper_core_next(f.core) == INT64_MAX);
    }
    started(&f, 0);
    f.now += 600 * NS_PER_S;
    exited(&f, 0, EXIT(1), false);
    assert_true(did(&f, KEEPER_ACT_START, 0, 0));
    started(&f, 0);
    exited(&f, 0, EXIT(1), false);
    assert_true(keeper_core_next(f.core) == f.now + 10 * NS_PER_S);
    keeper_core_free(f.core);
}

/* Exits are told at once; the end only when the records are on disk. */
static void test_core__records_before_the_end(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_NEVER, 2);
    go(&f);
    started(&f, 0);
    started(&f, 1);
    exited(&f, 0, EXIT(0), false);
    assert_false(did(&f, KEEPER_ACT_RECORD, 0, 0));
    assert_int_equal(report(&f)->containers[0].state, KEEPER_TERMINATED);
    assert_int_equal(report(&f)->state, KEEPER_RUNNING);
    exited(&f, 1, EXIT(2), false);
    assert_true(did(&f, KEEPER_ACT_RECORD, 0, 0));
    assert_int_equal(report(&f)->state, KEEPER_RUNNING);
    take(&f);
    keeper_core_recorded(f.core, &f.actions);
    assert_int_equal(report(&f)->state, KEEPER_ENDED);
    assert_true(did(&f, KEEPER_ACT_REPORT, 0, 0));
    take(&f);
    keeper_core_recorded(f.core, &f.actions);
    assert_int_equal(f.actions.count, 0);
    keeper_core_free(f.core);
}

static void test_core__stop(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 3);
    f.containers[1].stop_signal = SIGINT;
    go(&f);
    started(&f, 0);
    started(&f, 1); /* the third is still being started */
    stop(&f, 30000);
    assert_int_equal(report(&f)->state, KEEPER_STOPPING);
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGTERM));
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 1, SIGINT));
    assert_true(keeper_core_next(f.core) == f.now + 30 * NS_PER_S);
    started(&f, 2);
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 2, SIGTERM));
    exited(&f, 0, EXIT(0), false);
    assert_int_equal(report(&f)->containers[0].state, KEEPER_TERMINATED);
    assert_false(did(&f, KEEPER_ACT_START, 0, 0) || did(&f, KEEPER_ACT_RECORD, 0, 0));
    stop(&f, 60000); /* a longer grace changes nothing */
    assert_true(keeper_core_next(f.core) == f.now + 30 * NS_PER_S);
    stop(&f, 5000);
    assert_true(keeper_core_next(f.core) == f.now + 5 * NS_PER_S);
    f.now += 5 * NS_PER_S;
    tick(&f);
    assert_false(did(&f, KEEPER_ACT_SIGNAL, 0, SIGKILL));
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 1, SIGKILL) && did(&f, KEEPER_ACT_SIGNAL, 2, SIGKILL));
    assert_true(keeper_core_next(f.core) == INT64_MAX);
    exited(&f, 1, SIGKILL, false);
    exited(&f, 2, SIGKILL, false);
    assert_int_equal(report(&f)->state, KEEPER_ENDED);
    assert_false(did(&f, KEEPER_ACT_RECORD, 2, 0));
    stop(&f, 0);
    assert_int_equal(f.actions.count, 0);
    keeper_core_free(f.core);
}

static void test_core__stop_at_other_times(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 1);
    stop(&f, 1000); /* never started */
    assert_int_equal(report(&f)->state, KEEPER_ENDED);
    go(&f);
    assert_int_equal(f.actions.count, 0);
    keeper_core_free(f.core);

    setup(&f, LAUNCH_RESTART_ALWAYS, 1); /* in backoff */
    go(&f);
    for (int i = 0; i < 2; i++) {
        started(&f, 0);
        exited(&f, 0, EXIT(1), false);
    }
    assert_true(keeper_core_next(f.core) != INT64_MAX);
    stop(&f, 1000);
    assert_int_equal(report(&f)->state, KEEPER_ENDED);
    assert_int_equal(report(&f)->containers[0].restart_at_boot_ns, 0);
    assert_true(keeper_core_next(f.core) == INT64_MAX);
    keeper_core_free(f.core);

    setup(&f, LAUNCH_RESTART_ALWAYS, 1); /* the grace ends while it is being started */
    go(&f);
    stop(&f, 0);
    assert_int_equal(report(&f)->state, KEEPER_STOPPING);
    started(&f, 0);
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGKILL));
    keeper_core_free(f.core);

    setup(&f, LAUNCH_RESTART_ALWAYS, 1); /* for ever */
    go(&f);
    started(&f, 0);
    take(&f);
    keeper_core_stop(f.core, INT64_MAX, f.now, &f.actions);
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGTERM));
    assert_true(keeper_core_next(f.core) == INT64_MAX);
    keeper_core_free(f.core);
}

static void test_core__start_failures(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_NEVER, 2);
    go(&f);
    take(&f);
    keeper_core_start_failed(f.core, 0, 127, "ContainerCannotRun", "exec: \"/x\": not there", false,
                             f.now, 9, &f.actions);
    const struct keeper_container *shown = &report(&f)->containers[0];
    assert_int_equal(shown->state, KEEPER_TERMINATED);
    assert_int_equal(shown->last.code, 127);
    assert_string_equal(shown->last.reason, "ContainerCannotRun");
    assert_string_equal(shown->last.message, "exec: \"/x\": not there");
    /* A fault in the set-up is tried again, whatever the policy: at once, then with backoff. */
    for (int i = 0; i < 2; i++) {
        take(&f);
        keeper_core_start_failed(f.core, 1, 128, "CreateContainerConfigError", "no user", true,
                                 f.now, 9, &f.actions);
    }
    assert_int_equal(report(&f)->containers[1].state, KEEPER_WAITING);
    assert_true(keeper_core_next(f.core) == f.now + 10 * NS_PER_S);
    stop(&f, 0);
    assert_int_equal(report(&f)->state, KEEPER_ENDED);
    keeper_core_free(f.core);
}

/* Where nothing was made nothing is made again: such a try is no restart. */
static void test_core__never_made_is_no_restart(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 1);
    go(&f);
    take(&f);
    keeper_core_start_failed(f.core, 0, 128, "CreateContainerConfigError", "no user", true, f.now,
                             9, &f.actions);
    assert_true(did(&f, KEEPER_ACT_START, 0, 0));
    const struct keeper_container *shown = &report(&f)->containers[0];
    assert_int_equal(shown->restarts, 0);
    started(&f, 0);
    assert_int_equal(shown->restarts, 0);
    exited(&f, 0, EXIT(1), false);
    f.now = keeper_core_next(f.core);
    tick(&f);
    assert_true(did(&f, KEEPER_ACT_START, 0, 0));
    assert_int_equal(shown->restarts, 1);
    keeper_core_free(f.core);
}

/* What comes late or twice changes nothing. */
static void test_core__stray_inputs(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_NEVER, 1);
    started(&f, 0);
    exited(&f, 0, EXIT(0), false);
    assert_int_equal(report(&f)->containers[0].state, KEEPER_WAITING);
    go(&f);
    started(&f, 0);
    started(&f, 0);
    assert_int_equal(f.actions.count, 0);
    exited(&f, 0, EXIT(0), false);
    exited(&f, 0, EXIT(1), false);
    assert_int_equal(f.actions.count, 0);
    assert_int_equal(report(&f)->containers[0].last.code, 0);
    keeper_core_free(f.core);
}

/* ---- order: a pod as a row of letters, and what happens to it as a script ---- */

/* Of each container: I init, W sidecar that waits to be marked, S sidecar, M main, D debug, H main
 * and P sidecar with something to do before they are told to stop. Steps: "0+" container 0 runs,
 * "0-" it exits with 0, "0!" with 1, "0K" killed, "0m" marked as started, "0b" as one that may
 * stop, "0k" its kill is asked, "s" the pod is stopped, "T" the next timer is due, "r" the records
 * are written. After each step comes what is done, in [ ]: "0s" start, "0t" its stop signal, "0k"
 * SIGKILL, "R" record. At the end: the pod's state. */
struct story {
    const char *what, *roles;
    enum launch_restart restart; /* of the pod */
    const char *script;
    enum keeper_pod_state end;
};

static void add_text(char *text, const char *item)
{
    strcat(text, *text ? " " : "");
    strcat(text, item);
}

static void print_actions(const struct fixture *f, char *ret)
{
    *ret = '\0';
    for (size_t i = 0; i < f->actions.count; i++) {
        const struct keeper_action *action = &f->actions.list[i];
        char item[16] = "R";
        if (action->act == KEEPER_ACT_REPORT)
            continue;
        if (action->act != KEEPER_ACT_RECORD)
            snprintf(item, sizeof(item), "%zu%c", action->container,
                     action->act == KEEPER_ACT_START ? 's'
                     : action->signal == SIGKILL     ? 'k'
                                                     : 't');
        add_text(ret, item);
    }
}

static void step(struct fixture *f, const char *s)
{
    size_t i = (size_t)(s[0] - '0');
    const uint32_t attempt = i < 8 ? report(f)->containers[i].restarts : 0;
    take(f);
    if (*s == 's')
        keeper_core_stop(f->core, 30 * NS_PER_S, f->now, &f->actions);
    else if (*s == 'T')
        keeper_core_tick(f->core, f->now = keeper_core_next(f->core), &f->actions);
    else if (*s == 'r')
        keeper_core_recorded(f->core, &f->actions);
    else if (*s == 'g')
        keeper_core_go(f->core, f->now, &f->actions);
    else if (s[1] == '+')
        keeper_core_started(f->core, i, (pid_t)(100 + i), f->now, f->now, &f->actions);
    else if (s[1] == 'm')
        keeper_core_mark(f->core, i, attempt, KEEPER_MARK_STARTED, f->now, &f->actions);
    else if (s[1] == 'b')
        keeper_core_mark(f->core, i, attempt, KEEPER_MARK_MAY_STOP, f->now, &f->actions);
    else if (s[1] == 'n')
        keeper_core_renew(f->core, i, 5 * NS_PER_S, f->now, &f->actions);
    else if (s[1] == 'k')
        keeper_core_kill(f->core, i, attempt, 5 * NS_PER_S, f->now, &f->actions);
    else
        keeper_core_exited(f->core, i,
                           s[1] == '-'   ? EXIT(0)
                           : s[1] == 'K' ? SIGKILL
                                         : EXIT(1),
                           false, NULL, f->now, f->now, &f->actions);
}

static void cast(struct fixture *f, const struct story *story)
{
    static const enum launch_role roles[] = {
        ['I'] = LAUNCH_INIT,  ['S'] = LAUNCH_SIDECAR, ['W'] = LAUNCH_SIDECAR, ['M'] = LAUNCH_MAIN,
        ['D'] = LAUNCH_DEBUG, ['H'] = LAUNCH_MAIN,    ['P'] = LAUNCH_SIDECAR,
    };
    size_t count = strlen(story->roles);
    setup(f, story->restart, 1);
    keeper_core_free(f->core);
    for (size_t i = 0; i < count; i++) {
        const enum launch_role role = roles[(unsigned char)story->roles[i]];
        f->containers[i].role = role;
        f->containers[i].waits = story->roles[i] == 'W';
        f->containers[i].pre_stop = strchr("HP", story->roles[i]) != NULL;
        f->containers[i].restart = role == LAUNCH_SIDECAR ? LAUNCH_RESTART_ALWAYS
                                   : role == LAUNCH_DEBUG ? LAUNCH_RESTART_NEVER
                                   : role == LAUNCH_INIT && story->restart == LAUNCH_RESTART_ALWAYS
                                       ? LAUNCH_RESTART_ON_FAILURE
                                       : story->restart;
    }
    f->plan.grace_s = 10;
    f->plan.container_count = count;
    f->core = keeper_core_new(&f->plan, "boot", 42, 7);
}

#define ALWAYS LAUNCH_RESTART_ALWAYS
#define FAILED LAUNCH_RESTART_ON_FAILURE
#define NEVER LAUNCH_RESTART_NEVER
static const struct story stories[] = {
    {"one after the other, then all mains", "IIMM", ALWAYS,
     "g[0s] 0+[] 0-[1s] 1+[] 1-[2s 3s] 2+[] 3+[]", KEEPER_RUNNING},
    {"an init container is tried until it succeeds", "IM", ALWAYS,
     "g[0s] 0+[] 0![0s] 0+[] 0![] T[0s] 0+[] 0-[1s]", KEEPER_RUNNING},
    {"on failure too", "IM", FAILED, "g[0s] 0+[] 0![0s] 0+[] 0-[1s] 1+[] 1-[R] r[]", KEEPER_ENDED},
    {"one that fails fails the pod", "IIM", NEVER, "g[0s] 0+[] 0![R] r[]", KEEPER_ENDED},
    {"and ends the sidecars", "SIM", NEVER, "g[0s] 0+[1s] 1+[] 1![0t] 0-[R] r[]", KEEPER_ENDED},
    {"a sidecar is waited for until it runs", "SIM", NEVER,
     "g[0s] 0+[1s] 1+[] 1-[2s] 2+[] 2-[0t] 0-[R] r[]", KEEPER_ENDED},
    {"or until it is said to have started", "WIM", ALWAYS, "g[0s] 0+[] 0m[1s] 1+[] 1-[2s]",
     KEEPER_RUNNING},
    {"not before it runs", "WM", ALWAYS, "g[0s] 0m[] 0+[1s]", KEEPER_RUNNING},
    {"a new attempt has to start again", "WM", ALWAYS, "g[0s] 0+[] 0![0s] 0+[] 0m[1s]",
     KEEPER_RUNNING},
    {"once it has, nobody waits again", "SIM", ALWAYS, "g[0s] 0+[1s] 0![0s] 1+[] 1-[2s] 0+[]",
     KEEPER_RUNNING},
    {"a sidecar is restarted whatever the pod says", "SM", NEVER,
     "g[0s] 0+[1s] 1+[] 0-[0s] 0+[] 0![] T[0s]", KEEPER_RUNNING},
    {"sidecars end after the mains, from the last to the first", "SSMM", FAILED,
     "g[0s] 0+[1s] 1+[2s 3s] 2+[] 3+[] 2-[] 3-[1t] 1-[0t] 0-[R] r[]", KEEPER_ENDED},
    {"and are killed when their grace is over", "SSM", NEVER,
     "g[0s] 0+[1s] 1+[2s] 2+[] 2-[1t] T[0k 1k] 0K[] 1K[R] r[]", KEEPER_ENDED},
    {"a stop is in the same order", "SSMM", ALWAYS,
     "g[0s] 0+[1s] 1+[2s 3s] 2+[] 3+[] s[3t 2t] 3-[] 2-[1t] 1-[0t] 0-[]", KEEPER_ENDED},
    {"in one grace", "SM", ALWAYS, "g[0s] 0+[1s] 1+[] s[1t] T[0k 1k] 0K[] 1K[]", KEEPER_ENDED},
    {"amid init containers", "SIM", ALWAYS, "g[0s] 0+[1s] 1+[] s[1t] 1![0t] 0-[]", KEEPER_ENDED},
    {"while one starts", "SIM", ALWAYS, "g[0s] 0+[1s] s[] 1+[1t] 1-[0t] 0-[]", KEEPER_ENDED},
    {"in an init container's backoff", "IM", ALWAYS, "g[0s] 0+[] 0![0s] 0+[] 0![] s[]",
     KEEPER_ENDED},
    {"before it is let go", "IM", ALWAYS, "s[]", KEEPER_ENDED},
    {"a sidecar that starts when all mains are gone", "SM", ALWAYS,
     "g[0s] 0+[1s] 1+[] 0![0s] s[1t] 1-[] 0+[0t] 0-[]", KEEPER_ENDED},
    {"a stop while it ends by itself keeps the end", "SM", NEVER,
     "g[0s] 0+[1s] 1+[] 1-[0t] s[] 0-[R] r[]", KEEPER_ENDED},
    {"a debug container waits for nobody, and nobody for it", "IMD", NEVER,
     "g[0s 2s] 0+[] 2+[] 0-[1s] 2![] 1+[] 1-[R] r[]", KEEPER_ENDED},
    {"it ends with the mains", "SMD", ALWAYS,
     "g[0s 2s] 0+[1s] 1+[] 2+[] s[2t 1t] 1-[0t] 0-[] T[2k] 2K[]", KEEPER_ENDED},
    {"or when they have ended", "MD", NEVER, "g[0s 1s] 0+[] 1+[] 0-[1t] 1-[R] r[]", KEEPER_ENDED},
    {"a kill restarts by policy", "M", ALWAYS, "g[0s] 0+[] 0k[0t] 0-[0s] 0+[] 0k[0t] 0![]",
     KEEPER_RUNNING},
    {"or not", "M", NEVER, "g[0s] 0+[] 0k[0t] 0![R] r[]", KEEPER_ENDED},
    {"it kills after its grace", "MM", ALWAYS, "g[0s 1s] 0+[] 1+[] 1k[1t] T[1k] 1K[1s] 1+[]",
     KEEPER_RUNNING},
    {"only what runs", "M", ALWAYS, "g[0s] 0k[] 0+[]", KEEPER_RUNNING},
    {"once", "M", ALWAYS, "g[0s] 0+[] 0k[0t] 0k[] s[] 0-[]", KEEPER_ENDED},
    {"a hook is waited for, by its container alone", "HM", ALWAYS,
     "g[0s 1s] 0+[] 1+[] s[1t] 1-[] 0b[0t] 0-[]", KEEPER_ENDED},
    {"and by the sidecars", "SH", ALWAYS, "g[0s] 0+[1s] 1+[] s[] 1b[1t] 1-[0t] 0-[]", KEEPER_ENDED},
    {"a sidecar's hook is over before its turn", "PM", ALWAYS,
     "g[0s] 0+[1s] 1+[] s[1t] 0b[] 1-[0t] 0-[]", KEEPER_ENDED},
    {"or after it", "PM", ALWAYS, "g[0s] 0+[1s] 1+[] s[1t] 1-[] 0b[0t] 0-[]", KEEPER_ENDED},
    {"nobody runs the hook: it is told in time, then killed", "HM", ALWAYS,
     "g[0s 1s] 0+[] 1+[] s[1t] T[0t] T[0k 1k] 0K[] 1K[]", KEEPER_ENDED},
    {"it ends by itself amid its hook", "H", ALWAYS, "g[0s] 0+[] s[] 0-[]", KEEPER_ENDED},
    {"marked before the stop", "H", ALWAYS, "g[0s] 0+[] 0b[] s[0t] 0-[]", KEEPER_ENDED},
    {"a sidecar's, too, when the pod ends by itself", "PM", NEVER,
     "g[0s] 0+[1s] 1+[] 1-[] 0b[0t] 0-[R] r[]", KEEPER_ENDED},
    {"of the last first, whoever is ready", "PPM", ALWAYS,
     "g[0s] 0+[1s] 1+[2s] 2+[] s[2t] 0b[] 2-[] 1b[1t] 1-[0t] 0-[]", KEEPER_ENDED},
    {"by itself the same", "PPM", NEVER,
     "g[0s] 0+[1s] 1+[2s] 2+[] 2-[] 0b[] 1b[1t] 1-[0t] 0-[R] r[]", KEEPER_ENDED},
    {"when an init container fails", "PIM", NEVER, "g[0s] 0+[1s] 1+[] 1![] 0b[0t] 0-[R] r[]",
     KEEPER_ENDED},
    {"nobody runs that hook: as in a stop", "PM", NEVER,
     "g[0s] 0+[1s] 1+[] 1-[] T[0t] T[0k] 0K[R] r[]", KEEPER_ENDED},
    {"a stop meanwhile waits for it, too", "PM", NEVER,
     "g[0s] 0+[1s] 1+[] 1-[] s[] 0b[0t] 0-[R] r[]", KEEPER_ENDED},
    {"to start anew, the hook first, of that alone", "HM", ALWAYS,
     "g[0s 1s] 0+[] 1+[] 0n[] 0b[0t] 0-[0s] 0+[] 0n[] T[0t] T[0k] 0K[0s]", KEEPER_RUNNING},
    {"whoever was to start anew ends", "HM", ALWAYS,
     "g[0s 1s] 0+[] 1+[] 0n[] s[1t] 1-[] 0b[0t] 0-[]", KEEPER_ENDED},
    {"a kill overtakes it", "H", ALWAYS, "g[0s] 0+[] 0n[] 0k[0t] 0-[0s]", KEEPER_RUNNING},
    {"a kill waits for nobody", "H", ALWAYS, "g[0s] 0+[] 0k[0t] 0-[0s]", KEEPER_RUNNING},
    {"a killed sidecar comes again", "SM", NEVER, "g[0s] 0+[1s] 0k[0t] 0K[0s] 0+[] 1+[]",
     KEEPER_RUNNING},
};

static void test_core__order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
        struct fixture f;
        cast(&f, &stories[i]);
        for (const char *at = stories[i].script; *at;) {
            char want[64], got[64];
            const char *open = strchr(at, '['), *close = strchr(open, ']');
            step(&f, at);
            snprintf(want, sizeof(want), "%.*s", (int)(close - open - 1), open + 1);
            print_actions(&f, got);
            if (strcmp(want, got) != 0)
                fail_msg("%s: after %.*s: want [%s], got [%s]", stories[i].what, (int)(open - at),
                         at, want, got);
            at = close + 1 + strspn(close + 1, " ");
        }
        if (report(&f)->state != stories[i].end)
            fail_msg("%s: the pod is in state %d", stories[i].what, (int)report(&f)->state);
        keeper_core_free(f.core);
    }
}

/* What is meant for an attempt that is over changes nothing. */
static void test_core__marks_and_kills_of_an_attempt(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 1);
    go(&f);
    started(&f, 0);
    take(&f);
    keeper_core_mark(f.core, 0, 0, 6, f.now, &f.actions);
    assert_true(did(&f, KEEPER_ACT_REPORT, 0, 0));
    assert_int_equal(report(&f)->containers[0].marks, 6);
    take(&f);
    keeper_core_mark(f.core, 0, 0, 6, f.now, &f.actions); /* nothing new */
    keeper_core_mark(f.core, 1, 0, 6, f.now, &f.actions); /* no such container */
    keeper_core_kill(f.core, 1, 0, 0, f.now, &f.actions);
    assert_int_equal(f.actions.count, 0);
    exited(&f, 0, EXIT(1), false);
    assert_int_equal(report(&f)->containers[0].marks, 0);
    started(&f, 0);
    take(&f);
    keeper_core_mark(f.core, 0, 0, 6, f.now, &f.actions);
    keeper_core_kill(f.core, 0, 0, 0, f.now, &f.actions);
    assert_int_equal(f.actions.count, 0);
    assert_int_equal(report(&f)->containers[0].marks, 0);
    keeper_core_kill(f.core, 0, 1, 0, f.now, &f.actions); /* no grace */
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGTERM) && did(&f, KEEPER_ACT_SIGNAL, 0, SIGKILL));
    keeper_core_free(f.core);
}

/* Its keeper says so itself, and no agent takes that away; the next attempt is not meant. */
static void test_core__ending_is_marked(void **state)
{
    (void)state;
    const uint32_t both = KEEPER_MARK_STARTED | KEEPER_MARK_ENDING;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 2);
    f.containers[0].pre_stop = true;
    f.plan.grace_s = 10;
    go(&f);
    started(&f, 0);
    started(&f, 1);
    keeper_core_mark(f.core, 0, 0, both, f.now, &f.actions); /* not an agent's to say */
    assert_int_equal(report(&f)->containers[0].marks, KEEPER_MARK_STARTED);
    keeper_core_renew(f.core, 0, 5 * NS_PER_S, f.now, &f.actions);
    assert_int_equal(report(&f)->containers[0].marks, both);
    assert_int_equal(report(&f)->containers[1].marks, 0);
    assert_int_equal(keeper_core_next(f.core), f.now + 5 * NS_PER_S); /* the hook has the grace */
    keeper_core_mark(f.core, 0, 0, 0, f.now, &f.actions);
    assert_int_equal(report(&f)->containers[0].marks, KEEPER_MARK_ENDING);
    keeper_core_mark(f.core, 0, 0, KEEPER_MARK_MAY_STOP, f.now, &f.actions);
    exited(&f, 0, EXIT(0), false);
    assert_int_equal(report(&f)->containers[0].marks, 0);
    started(&f, 0);
    keeper_core_deadline(f.core, 1, f.now, f.now, &f.actions);
    assert_int_equal(report(&f)->containers[0].marks, KEEPER_MARK_ENDING);
    assert_int_equal(keeper_core_next(f.core), f.now + 10 * NS_PER_S);
    keeper_core_free(f.core);
}

/* Nobody but the keeper needs to see a hook to its end; of an attempt that is over it means
 * nothing.
 */
static void test_core__hook_without_an_agent(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 1);
    f.containers[0].pre_stop = true;
    go(&f);
    started(&f, 0);
    stop(&f, 30000);
    keeper_core_hook(f.core, 0, 0, true, f.now, &f.actions);
    keeper_core_mark(f.core, 0, 0, 0, f.now, &f.actions); /* no agent's to take away */
    assert_true(report(&f)->containers[0].marks & KEEPER_MARK_HOOK);
    assert_false(did(&f, KEEPER_ACT_SIGNAL, 0, SIGTERM));
    take(&f);
    keeper_core_hook(f.core, 0, 1, false, f.now, &f.actions);
    assert_int_equal(f.actions.count, 0);
    keeper_core_hook(f.core, 0, 0, false, f.now, &f.actions);
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGTERM));
    assert_int_equal(report(&f)->containers[0].marks, KEEPER_MARK_MAY_STOP | KEEPER_MARK_ENDING);
    keeper_core_mark(f.core, 0, 0, KEEPER_MARK_STARTED, f.now, &f.actions); /* nor that */
    assert_int_equal(report(&f)->containers[0].marks,
                     KEEPER_MARK_MAY_STOP | KEEPER_MARK_ENDING | KEEPER_MARK_STARTED);
    keeper_core_free(f.core);
}

/* At once, whatever its policy and however often it has been started; nothing else is touched. */
static void test_core__renew(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_NEVER, 2);
    f.containers[0].memory_bytes = 7;
    keeper_core_free(f.core);
    f.core = keeper_core_new(&f.plan, "boot", 42, 7);
    assert_int_equal(report(&f)->containers[0].size.memory_bytes, 7);
    go(&f);
    take(&f);
    keeper_core_renew(f.core, 0, 5 * NS_PER_S, f.now, &f.actions); /* it is being started */
    assert_int_equal(f.actions.count, 0);
    assert_false(keeper_core_renews(f.core, 0));
    started(&f, 0);
    started(&f, 1);
    for (uint32_t n = 0; n < 3; n++) {
        take(&f);
        keeper_core_renew(f.core, 0, 5 * NS_PER_S, f.now, &f.actions);
        assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGTERM));
        assert_false(did(&f, KEEPER_ACT_SIGNAL, 1, SIGTERM));
        assert_true(keeper_core_renews(f.core, 0));
        f.now += 5 * NS_PER_S;
        tick(&f);
        assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGKILL));
        exited(&f, 0, SIGKILL, false);
        assert_true(did(&f, KEEPER_ACT_START, 0, 0));
        assert_false(keeper_core_renews(f.core, 0));
        assert_int_equal(report(&f)->containers[0].restarts, n + 1);
        started(&f, 0);
    }
    take(&f);
    keeper_core_renew(f.core, 0, NS_PER_S, f.now, &f.actions);
    stop(&f, 1000); /* whoever ends has no need to start anew */
    exited(&f, 0, EXIT(0), false);
    assert_false(did(&f, KEEPER_ACT_START, 0, 0));
    keeper_core_free(f.core);
}

/* A deadline ends what has not ended by then, as failed, in order. */
static void test_core__deadline(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 1);
    f.plan.grace_s = 10;
    int64_t at = f.now + 60 * NS_PER_S;
    take(&f);
    keeper_core_deadline(f.core, 60, at, f.now, &f.actions);
    assert_int_equal(report(&f)->deadline_s, 60);
    assert_true(keeper_core_next(f.core) == INT64_MAX); /* nothing runs yet */
    go(&f);
    started(&f, 0);
    assert_true(keeper_core_next(f.core) == at);
    f.now = at - 1;
    tick(&f);
    assert_int_equal(f.actions.count, 0);
    f.now = at;
    tick(&f);
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGTERM));
    assert_string_equal(report(&f)->reason, "DeadlineExceeded");
    assert_int_equal(report(&f)->state, KEEPER_RUNNING);
    assert_true(keeper_core_next(f.core) == at + 10 * NS_PER_S);
    exited(&f, 0, EXIT(0), false);
    assert_true(did(&f, KEEPER_ACT_RECORD, 0, 0));
    assert_false(did(&f, KEEPER_ACT_START, 0, 0));
    keeper_core_free(f.core);

    setup(&f, LAUNCH_RESTART_ALWAYS, 1); /* over before it is let go: nothing starts */
    take(&f);
    keeper_core_deadline(f.core, 1, f.now - 1, f.now, &f.actions);
    go(&f);
    assert_false(did(&f, KEEPER_ACT_START, 0, 0));
    assert_true(did(&f, KEEPER_ACT_RECORD, 0, 0));
    keeper_core_free(f.core);

    setup(&f, LAUNCH_RESTART_ALWAYS, 1); /* put off, given up, brought forward to what is over */
    go(&f);
    started(&f, 0);
    take(&f);
    keeper_core_deadline(f.core, 1, f.now + NS_PER_S, f.now, &f.actions);
    keeper_core_deadline(f.core, 0, INT64_MAX, f.now, &f.actions);
    assert_true(keeper_core_next(f.core) == INT64_MAX);
    keeper_core_deadline(f.core, 1, f.now, f.now, &f.actions);
    assert_true(did(&f, KEEPER_ACT_SIGNAL, 0, SIGTERM));
    keeper_core_free(f.core);

    setup(&f, LAUNCH_RESTART_ALWAYS, 1); /* a pod that is stopped meanwhile is no failure */
    go(&f);
    started(&f, 0);
    take(&f);
    keeper_core_deadline(f.core, 1, f.now + NS_PER_S, f.now, &f.actions);
    stop(&f, 30000);
    f.now += NS_PER_S;
    tick(&f);
    exited(&f, 0, EXIT(0), false);
    assert_string_equal(report(&f)->reason, "");
    assert_int_equal(report(&f)->state, KEEPER_ENDED);
    keeper_core_free(f.core);
}

static void grow(struct fixture *f)
{
    f->containers[f->plan.container_count++] =
        (struct launch_container){.name = "debug", .role = LAUNCH_DEBUG, .restart = NEVER};
    take(f);
    keeper_core_added(f->core, f->now, &f->actions);
}

/* Last words belong to the last exit. */
static void test_core__said(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 1);
    go(&f);
    started(&f, 0);
    take(&f);
    keeper_core_exited(f.core, 0, EXIT(1), false, "oh", f.now, f.now, &f.actions);
    assert_string_equal(report(&f)->containers[0].said, "oh");
    started(&f, 0);
    assert_string_equal(report(&f)->containers[0].said, "oh");
    exited(&f, 0, EXIT(1), false);
    assert_null(report(&f)->containers[0].said);
    keeper_core_free(f.core);
}

static void test_core__added(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, LAUNCH_RESTART_ALWAYS, 1);
    grow(&f); /* before it is let go */
    assert_false(did(&f, KEEPER_ACT_START, 1, 0));
    go(&f);
    assert_true(did(&f, KEEPER_ACT_START, 0, 0) && did(&f, KEEPER_ACT_START, 1, 0));
    started(&f, 0);
    grow(&f);
    assert_true(did(&f, KEEPER_ACT_START, 2, 0));
    assert_int_equal(report(&f)->container_count, 3);
    assert_string_equal(report(&f)->containers[2].name, "debug");
    assert_int_equal(report(&f)->containers[2].role, LAUNCH_DEBUG);
    assert_int_equal(report(&f)->containers[0].pid, 100); /* as it was */
    started(&f, 2);
    exited(&f, 2, EXIT(0), false);
    assert_false(did(&f, KEEPER_ACT_START, 2, 0));
    stop(&f, 1000);
    grow(&f); /* too late */
    assert_false(did(&f, KEEPER_ACT_START, 3, 0));
    assert_int_equal(report(&f)->containers[3].state, KEEPER_TERMINATED);
    keeper_core_free(f.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_core__waits_for_go),
        cmocka_unit_test(test_core__restart_policy),
        cmocka_unit_test(test_core__exit_reasons),
        cmocka_unit_test(test_core__backoff),
        cmocka_unit_test(test_core__records_before_the_end),
        cmocka_unit_test(test_core__stop),
        cmocka_unit_test(test_core__stop_at_other_times),
        cmocka_unit_test(test_core__start_failures),
        cmocka_unit_test(test_core__never_made_is_no_restart),
        cmocka_unit_test(test_core__stray_inputs),
        cmocka_unit_test(test_core__order),
        cmocka_unit_test(test_core__marks_and_kills_of_an_attempt),
        cmocka_unit_test(test_core__said),
        cmocka_unit_test(test_core__ending_is_marked),
        cmocka_unit_test(test_core__hook_without_an_agent),
        cmocka_unit_test(test_core__renew),
        cmocka_unit_test(test_core__deadline),
        cmocka_unit_test(test_core__added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
