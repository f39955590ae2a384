#include "agent/pod/status.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define T0 (INT64_C(1700000000) * NS_PER_S) /* 2023-11-14T22:13:20Z */

static struct value *spec_of(size_t containers)
{
    static const char *const names[] = {"app", "side"};
    struct value *spec = value_new_map();
    struct value *list = value_set(spec, "containers", value_new_list());
    for (size_t i = 0; i < containers; i++) {
        struct value *c = value_new_map();
        value_set_str(c, "name", names[i]);
        value_set_str(c, "image", "busybox:1");
        value_append(list, c);
    }
    return spec;
}

static struct keeper_container started(const char *name)
{
    struct keeper_container c = {.state = KEEPER_STARTED, .started_wall_ns = T0, .pid = 42};
    strcpy(c.name, name);
    return c;
}

static struct keeper_container exited(const char *name, enum keeper_container_state state, int code)
{
    struct keeper_container c = {.state = state, .restarts = 1};
    strcpy(c.name, name);
    c.last = (struct keeper_exit){.valid = true, .code = code, .finished_wall_ns = T0};
    return c;
}

static const struct value *state_of(const struct value *status, size_t i)
{
    return value_get(value_at(value_get(status, "containerStatuses"), i), "state");
}

static const char *condition_of(const struct value *status, const char *type, const char *field)
{
    const struct value *list = value_get(status, "conditions");
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "type"), type))
            return value_get_str(value_at(list, i), field);
    return NULL;
}

static void test_status__pending_says_why(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(1);
    const struct pod_container_facts known = {.waiting_reason = "ErrImagePull",
                                              .waiting_message = "no such image"};
    cleanup(value_free) struct value *status = pod_status(&(struct pod_facts){
        .spec = spec, .containers = &known, .container_count = 1, .now_wall_ns = T0});
    assert_string_equal(value_get_str(status, "phase"), "Pending");
    const struct value *waiting = value_get(state_of(status, 0), "waiting");
    assert_string_equal(value_get_str(waiting, "reason"), "ErrImagePull");
    assert_string_equal(value_get_str(waiting, "message"), "no such image");
    assert_string_equal(condition_of(status, "Ready", "status"), "False");
    assert_string_equal(condition_of(status, "Ready", "message"),
                        "containers with unready status: [app]");
}

/* A pod that is stopped because no manifest asks for it any more still has its containers. */
static void test_status__without_a_manifest(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(2);
    struct keeper_container cs[] = {started("app"), started("side")};
    const struct keeper_report report = {
        .state = KEEPER_RUNNING, .containers = cs, .container_count = 2};
    const struct pod_container_facts known[2] = {{.image_id = "sha256:1"}, {0}};
    cleanup(value_free) struct value *before = pod_status(&(struct pod_facts){.spec = spec,
                                                                              .report = &report,
                                                                              .containers = known,
                                                                              .container_count = 2,
                                                                              .now_wall_ns = T0});
    cleanup(value_free) struct value *after =
        pod_status(&(struct pod_facts){.report = &report, .previous = before, .now_wall_ns = T0});
    assert_true(value_equal(before, after));
    /* An agent that was started after the manifest went knows them by the keeper alone. */
    cleanup(value_free) struct value *fresh =
        pod_status(&(struct pod_facts){.report = &report, .now_wall_ns = T0});
    assert_int_equal(value_len(value_get(fresh, "containerStatuses")), 2);
    assert_non_null(value_get(state_of(fresh, 1), "running"));
    cleanup(value_free) struct value *never = pod_status(&(struct pod_facts){.now_wall_ns = T0});
    assert_int_equal(value_len(value_get(never, "containerStatuses")), 0);
}

/* What the container was given, and what it has as long as that is something else. */
static void test_status__resources(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(2);
    struct value *app = value_at(value_get(spec, "containers"), 0);
    struct value *resources = value_set(app, "resources", value_new_map());
    struct value *limits = value_set(resources, "limits", value_new_map());
    value_set_str(limits, "cpu", "0.5");
    value_set_str(limits, "memory", "64Mi");
    value_set(resources, "requests", value_copy(limits));
    struct keeper_container cs[] = {started("app"), started("side")};
    cs[0].size = (struct keeper_size){64 << 20, 50000, 512};
    struct keeper_report report = {
        .state = KEEPER_RUNNING, .containers = cs, .container_count = 2, .misfit = "too low"};
    struct pod_facts facts = {.spec = spec, .report = &report, .now_wall_ns = T0};
    cleanup(value_free) struct value *settled = pod_status(&facts);
    const struct value *one = value_at(value_get(settled, "containerStatuses"), 0);
    assert_true(value_equal(value_get(one, "resources"), resources));
    assert_true(value_equal(value_get(one, "allocatedResources"), limits));
    const struct value *other = value_at(value_get(settled, "containerStatuses"), 1);
    assert_null(value_get(other, "resources"));
    assert_null(condition_of(settled, "PodResizePending", "status"));
    assert_null(condition_of(settled, "PodResizeInProgress", "status"));
    cs[0].size = (struct keeper_size){32 << 20, 25000, 256};
    facts.resize_reason = "Deferred";
    facts.resize_message = "no room";
    facts.resizing = true;
    cleanup(value_free) struct value *status = pod_status(&facts);
    one = value_at(value_get(status, "containerStatuses"), 0);
    assert_string_equal(value_str(value_path(one, "resources", "limits", "memory", NULL)),
                        "33554432");
    assert_string_equal(value_str(value_path(one, "resources", "limits", "cpu", NULL)), "250m");
    assert_string_equal(value_str(value_path(one, "resources", "requests", "cpu", NULL)), "250m");
    assert_string_equal(value_str(value_path(one, "resources", "requests", "memory", NULL)),
                        "64Mi");
    assert_true(value_equal(value_get(one, "allocatedResources"), limits));
    assert_string_equal(condition_of(status, "PodResizePending", "status"), "True");
    assert_string_equal(condition_of(status, "PodResizePending", "reason"), "Deferred");
    assert_string_equal(condition_of(status, "PodResizePending", "message"), "no room");
    assert_string_equal(condition_of(status, "PodResizeInProgress", "reason"), "Error");
    assert_string_equal(condition_of(status, "PodResizeInProgress", "message"), "too low");
    report.misfit[0] = '\0';
    cleanup(value_free) struct value *still = pod_status(&facts);
    assert_string_equal(condition_of(still, "PodResizeInProgress", "status"), "True");
    assert_null(condition_of(still, "PodResizeInProgress", "reason"));
}

static void test_status__has_run(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(1);
    struct keeper_container cs[] = {started("app"),
                                    exited("app", KEEPER_WAITING, 1),
                                    exited("app", KEEPER_TERMINATED, 0),
                                    {.state = KEEPER_WAITING, .name = "app"}};
    static const bool ran[] = {true, true, true, false}, ran_before[] = {false, true, false, false};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(cs); i++) {
        const struct keeper_report report = {
            .state = KEEPER_RUNNING, .containers = &cs[i], .container_count = 1};
        cleanup(value_free) struct value *status =
            pod_status(&(struct pod_facts){.spec = spec, .report = &report, .now_wall_ns = T0});
        assert_int_equal(pod_status_has_run(status, "web", "app", false, &err) == 0, ran[i]);
        assert_int_equal(pod_status_has_run(status, "web", "app", true, &err) == 0, ran_before[i]);
    }
    const struct pod_container_facts known = {.waiting_reason = "ErrImagePull"};
    cleanup(value_free) struct value *pending = pod_status(&(struct pod_facts){
        .spec = spec, .containers = &known, .container_count = 1, .now_wall_ns = T0});
    assert_int_equal(pod_status_has_run(pending, "web", "app", false, &err), -EINVAL);
    assert_string_equal(err.msg,
                        "container \"app\" in pod \"web\" is waiting to start: ErrImagePull");
    assert_int_equal(pod_status_has_run(pending, "web", "app", true, &err), -EINVAL);
    assert_string_equal(err.msg, "previous terminated container \"app\" in pod \"web\" not found");
    assert_int_equal(pod_status_has_run(NULL, "web", "app", false, &err), -EINVAL);
}

static void test_status__running_and_ready(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(2);
    struct keeper_container cs[] = {started("app"), started("side")};
    const struct keeper_report report = {
        .state = KEEPER_RUNNING, .containers = cs, .container_count = 2};
    cleanup(value_free) struct value *status =
        pod_status(&(struct pod_facts){.spec = spec,
                                       .report = &report,
                                       .pod_ip = "10.42.0.2",
                                       .host_ip = "192.0.2.7",
                                       .now_wall_ns = T0});
    assert_string_equal(value_get_str(status, "phase"), "Running");
    assert_string_equal(condition_of(status, "Ready", "status"), "True");
    assert_string_equal(value_get_str(value_at(value_get(status, "podIPs"), 0), "ip"), "10.42.0.2");
    assert_string_equal(value_get_str(status, "hostIP"), "192.0.2.7");
    assert_string_equal(value_get_str(value_at(value_get(status, "hostIPs"), 0), "ip"),
                        "192.0.2.7");
    assert_string_equal(value_get_str(value_get(state_of(status, 1), "running"), "startedAt"),
                        "2023-11-14T22:13:20Z");
}

/* Each attempt has an id, which its end has, too. */
static void test_status__container_ids(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(2);
    struct keeper_container cs[] = {started("app"), started("side")};
    struct keeper_report report = {
        .pod_uid = "1", .state = KEEPER_RUNNING, .containers = cs, .container_count = 2};
    const struct pod_facts facts = {.spec = spec, .report = &report, .now_wall_ns = T0};
    cleanup(value_free) struct value *first = pod_status(&facts);
    const struct value *app = value_at(value_get(first, "containerStatuses"), 0);
    const struct value *side = value_at(value_get(first, "containerStatuses"), 1);
    const char *id = value_get_str(app, "containerID");
    assert_non_null(id);
    assert_int_equal(strlen(id), strlen("limpet://") + 32);
    assert_true(str_has_prefix(id, "limpet://"));
    assert_string_not_equal(id, value_get_str(side, "containerID"));
    cs[0].last = (struct keeper_exit){.valid = true, .code = 1, .started_wall_ns = T0};
    cs[0].started_wall_ns = T0 + NS_PER_S;
    cleanup(value_free) struct value *again = pod_status(&facts);
    app = value_at(value_get(again, "containerStatuses"), 0);
    assert_string_not_equal(value_get_str(app, "containerID"), id);
    assert_string_equal(value_str(value_path(app, "lastState", "terminated", "containerID", NULL)),
                        id);
    cs[0].state = KEEPER_WAITING; /* in backoff it is the one that was */
    cleanup(value_free) struct value *waits = pod_status(&facts);
    app = value_at(value_get(waits, "containerStatuses"), 0);
    assert_string_equal(value_get_str(app, "containerID"), id);
    strcpy(report.pod_uid, "2");
    cleanup(value_free) struct value *other = pod_status(&facts);
    app = value_at(value_get(other, "containerStatuses"), 0);
    assert_string_not_equal(value_get_str(app, "containerID"), id);
    cs[0].last.started_wall_ns = 0; /* it could not be started at all */
    cleanup(value_free) struct value *never = pod_status(&facts);
    app = value_at(value_get(never, "containerStatuses"), 0);
    assert_null(value_get_str(app, "containerID"));
}

/* What probes and hooks say of those that run. */
static void test_status__readiness(void **state)
{
    (void)state;
    static const struct {
        struct pod_container_facts known;
        bool started, ready;
    } cases[] = {
        {{0}, true, true},
        {{.ready_known = true}, false, false},
        {{.ready_known = true, .started = true}, true, false},
        {{.ready_known = true, .ready = true}, false, false},
        {{.ready_known = true, .started = true, .ready = true}, true, true},
    };
    cleanup(value_free) struct value *spec = spec_of(1);
    struct keeper_container c = started("app");
    const struct keeper_report report = {
        .state = KEEPER_RUNNING, .containers = &c, .container_count = 1};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *status =
            pod_status(&(struct pod_facts){.spec = spec,
                                           .report = &report,
                                           .containers = &cases[i].known,
                                           .container_count = 1,
                                           .now_wall_ns = T0});
        const struct value *cs = value_at(value_get(status, "containerStatuses"), 0);
        assert_int_equal(value_get_bool(cs, "started", false), cases[i].started);
        assert_int_equal(value_get_bool(cs, "ready", false), cases[i].ready);
        assert_string_equal(condition_of(status, "ContainersReady", "status"),
                            cases[i].ready ? "True" : "False");
        assert_string_equal(value_get_str(status, "phase"), "Running");
    }
}

/* Last words are whatever a container wrote: they are told as text. */
static void test_status__last_words(void **state)
{
    (void)state;
    static const struct {
        const char *said, *message;
    } cases[] = {{NULL, "why"},
                 {"gone\n", "gone\n"},
                 {"\xc3\xa4\xff\xe2\x82", "\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = spec_of(1);
        struct keeper_container c = exited("app", KEEPER_TERMINATED, 1);
        autofree char *said = cases[i].said ? xstrdup(cases[i].said) : NULL;
        strcpy(c.last.message, "why");
        c.said = said;
        const struct keeper_report report = {
            .state = KEEPER_ENDED, .containers = &c, .container_count = 1};
        cleanup(value_free) struct value *status =
            pod_status(&(struct pod_facts){.spec = spec, .report = &report, .now_wall_ns = T0});
        const struct value *end = value_get(state_of(status, 0), "terminated");
        assert_string_equal(value_get_str(end, "message"), cases[i].message);
    }
}

/* A container that cannot be made, and one that runs: as a kubelet shows them. */
static void test_status__never_made(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(2);
    struct keeper_container c[] = {exited("app", KEEPER_WAITING, 128), started("side")};
    strcpy(c[0].last.reason, "CreateContainerConfigError");
    strcpy(c[0].last.message, "no such user");
    c[0].last.started_wall_ns = T0;
    const struct keeper_report report = {
        .pod_uid = "1", .state = KEEPER_RUNNING, .containers = c, .container_count = 2};
    cleanup(value_free) struct value *status =
        pod_status(&(struct pod_facts){.spec = spec, .report = &report, .now_wall_ns = T0});
    assert_string_equal(value_get_str(status, "phase"), "Pending");
    const struct value *waiting = value_get(state_of(status, 0), "waiting");
    assert_string_equal(value_get_str(waiting, "reason"), "CreateContainerConfigError");
    assert_string_equal(value_get_str(waiting, "message"), "no such user");
    const struct value *cs = value_at(value_get(status, "containerStatuses"), 0);
    assert_int_equal(value_len(value_get(cs, "lastState")), 0);
    assert_null(value_get_str(cs, "containerID"));
    c[0].state = KEEPER_TERMINATED; /* its pod ends */
    cleanup(value_free) struct value *ended =
        pod_status(&(struct pod_facts){.spec = spec, .report = &report, .now_wall_ns = T0});
    assert_string_equal(value_get_str(ended, "phase"), "Running");
    const struct value *end = value_get(state_of(ended, 0), "terminated");
    assert_non_null(end);
    assert_null(value_get_str(end, "containerID"));
    for (int ran = 0; ran < 2; ran++) { /* or is evicted */
        cleanup(value_free) struct value *evicted =
            pod_status(&(struct pod_facts){.spec = spec,
                                           .report = &report,
                                           .refused_reason = "Evicted",
                                           .refused_message = "memory",
                                           .refused_ran = ran,
                                           .now_wall_ns = T0});
        const struct value *state_now =
            value_get(state_of(evicted, 0), ran ? "terminated" : "waiting");
        assert_string_equal(value_get_str(state_now, "reason"),
                            ran ? "ContainerStatusUnknown" : "Evicted");
        assert_null(value_get_str(state_now, "containerID"));
    }
}

/* A pod is Pending until each of its containers has been started once, and never again. */
static void test_status__pending_until_all_were_started(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(2);
    struct keeper_container unmade = exited("side", KEEPER_WAITING, 128);
    strcpy(unmade.last.reason, "CreateContainerConfigError");
    const struct {
        struct keeper_container side;
        const char *phase;
    } cases[] = {{{.name = "side", .state = KEEPER_WAITING}, "Pending"},
                 {unmade, "Pending"},
                 {started("side"), "Running"},
                 {exited("side", KEEPER_WAITING, 1), "Running"},
                 {exited("side", KEEPER_TERMINATED, 0), "Running"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct keeper_container c[] = {started("app"), cases[i].side};
        const struct keeper_report report = {
            .state = KEEPER_RUNNING, .containers = c, .container_count = 2};
        assert_string_equal(pod_phase(&(struct pod_facts){.spec = spec, .report = &report}),
                            cases[i].phase);
    }
}

static void test_status__crash_loop_keeps_the_last_exit(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(1);
    struct keeper_container c = exited("app", KEEPER_WAITING, 137);
    c.last.oom = true;
    strcpy(c.last.reason, "OOMKilled");
    const struct keeper_report report = {
        .state = KEEPER_RUNNING, .containers = &c, .container_count = 1};
    cleanup(value_free) struct value *status =
        pod_status(&(struct pod_facts){.spec = spec, .report = &report, .now_wall_ns = T0});
    assert_string_equal(value_get_str(status, "phase"), "Running");
    assert_string_equal(value_get_str(value_get(state_of(status, 0), "waiting"), "reason"),
                        "CrashLoopBackOff");
    const struct value *cs = value_at(value_get(status, "containerStatuses"), 0);
    const struct value *last = value_get(value_get(cs, "lastState"), "terminated");
    assert_string_equal(value_get_str(last, "reason"), "OOMKilled");
    assert_int_equal(value_get_int(last, "exitCode", -1), 137);
    assert_int_equal(value_get_int(cs, "restartCount", -1), 1);
}

static void test_status__phases_of_the_end(void **state)
{
    (void)state;
    static const struct {
        int code_a, code_b;
        const char *phase, *ready_reason;
    } ends[] = {
        {0, 0, "Succeeded", "PodCompleted"},
        {0, 3, "Failed", "PodFailed"},
        {1, 0, "Failed", "PodFailed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        cleanup(value_free) struct value *spec = spec_of(2);
        struct keeper_container cs[] = {exited("app", KEEPER_TERMINATED, ends[i].code_a),
                                        exited("side", KEEPER_TERMINATED, ends[i].code_b)};
        const struct keeper_report report = {
            .state = KEEPER_ENDED, .containers = cs, .container_count = 2};
        cleanup(value_free) struct value *status = pod_status(&(struct pod_facts){
            .spec = spec, .report = &report, .finished = true, .now_wall_ns = T0});
        assert_string_equal(value_get_str(status, "phase"), ends[i].phase);
        assert_string_equal(condition_of(status, "Ready", "reason"), ends[i].ready_reason);
        assert_non_null(value_get(state_of(status, 0), "terminated"));
        assert_string_equal(condition_of(status, "Initialized", "status"), "True");
        const char *why = condition_of(status, "Initialized", "reason");
        assert_string_equal(why ? why : "",
                            str_eq(ends[i].phase, "Succeeded") ? "PodCompleted" : "");
    }
}

/* A pod of init containers a and b (b goes on running: a sidecar), app, and the ephemeral dbg. */
static struct value *spec_of_all(void)
{
    static const struct {
        const char *list, *name, *restart;
    } rows[] = {{"initContainers", "a", NULL},
                {"initContainers", "b", "Always"},
                {"containers", "app", NULL},
                {"ephemeralContainers", "dbg", NULL}};
    struct value *spec = value_new_map();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!value_get(spec, rows[i].list))
            value_set(spec, rows[i].list, value_new_list());
        struct value *list = value_get(spec, rows[i].list);
        struct value *c = value_new_map();
        value_set_str(c, "name", rows[i].name);
        value_set_str(c, "image", "busybox:1");
        value_set_str(c, "restartPolicy", rows[i].restart);
        value_append(list, c);
    }
    return spec;
}

/* "name:state:ready/started" of each list. */
static void print_list(const struct value *status, const char *list, struct buf *ret)
{
    static const char *const states[] = {"waiting", "running", "terminated"};
    const struct value *all = value_get(status, list);
    for (size_t i = 0; i < value_len(all); i++) {
        const struct value *c = value_at(all, i);
        const char *what = "?";
        for (size_t s = 0; s < ARRAY_LEN(states); s++) {
            const struct value *of = value_path(c, "state", states[s], NULL);
            if (of)
                what = s == 1 ? "runs" : value_get_str(of, "reason");
        }
        (void)buf_addf(ret, "%s%s:%s%s%s", ret->len ? " " : "", value_get_str(c, "name"), what,
                       value_get_bool(c, "started", false) ? "+" : "",
                       value_get_bool(c, "ready", false) ? "!" : "");
    }
}

/* Init containers, sidecars and ephemeral containers, as far as the pod has come. */
static void test_status__roles(void **state)
{
    (void)state;
    static const struct {
        enum keeper_pod_state pod;
        /* a, b, app, dbg: '.' waits, 'r' runs, '0' has ended with 0, '1' with 1, 'b' in backoff */
        const char *are, *shown, *phase, *initialized, *ready;
    } cases[] = {
        {KEEPER_SANDBOX, "....",
         "a:PodInitializing b:PodInitializing app:PodInitializing dbg:ContainerCreating", "Pending",
         "containers with incomplete status: [a b]", "containers with unready status: [b app]"},
        {KEEPER_RUNNING, "r..r", "a:runs b:PodInitializing app:PodInitializing dbg:runs", "Pending",
         "containers with incomplete status: [a b]", "containers with unready status: [b app]"},
        {KEEPER_RUNNING, "b...",
         "a:CrashLoopBackOff b:PodInitializing app:PodInitializing dbg:ContainerCreating",
         "Pending", "containers with incomplete status: [a b]",
         "containers with unready status: [b app]"},
        {KEEPER_RUNNING, "0r.0", "a:Completed! b:runs+! app:PodInitializing dbg:Completed",
         "Pending", NULL, "containers with unready status: [app]"},
        {KEEPER_RUNNING, "0rr.", "a:Completed! b:runs+! app:runs+! dbg:ContainerCreating",
         "Running", NULL, NULL},
        {KEEPER_RUNNING, "0br.", "a:Completed! b:CrashLoopBackOff app:runs+! dbg:ContainerCreating",
         "Running", NULL, "containers with unready status: [b]"},
        {KEEPER_ENDED, "001r", "a:Completed! b:Completed app:Error dbg:runs", "Failed", NULL, NULL},
        {KEEPER_ENDED, "0101", "a:Completed! b:Error app:Completed dbg:Error", "Succeeded", NULL,
         NULL},
        {KEEPER_ENDED, "1...",
         "a:Error b:PodInitializing app:PodInitializing dbg:ContainerCreating", "Failed",
         "containers with incomplete status: [a b]", NULL},
    };
    static const char *const names[] = {"a", "b", "app", "dbg"};
    static const enum launch_role roles[] = {LAUNCH_INIT, LAUNCH_SIDECAR, LAUNCH_MAIN,
                                             LAUNCH_DEBUG};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *spec = spec_of_all();
        cleanup(buf_done) struct buf shown;
        struct keeper_container cs[4];
        buf_init(&shown, 0);
        for (size_t c = 0; c < 4; c++) {
            char is = cases[i].are[c];
            cs[c] = is == 'r'                ? started(names[c])
                    : is == '0' || is == '1' ? exited(names[c], KEEPER_TERMINATED, is - '0')
                    : is == 'b'              ? exited(names[c], KEEPER_WAITING, 1)
                                             : (struct keeper_container){.state = KEEPER_WAITING};
            strcpy(cs[c].name, names[c]);
            cs[c].role = roles[c];
        }
        const struct keeper_report report = {
            .state = cases[i].pod, .containers = cs, .container_count = 4};
        cleanup(value_free) struct value *status =
            pod_status(&(struct pod_facts){.spec = spec, .report = &report, .now_wall_ns = T0});
        print_list(status, "initContainerStatuses", &shown);
        print_list(status, "containerStatuses", &shown);
        print_list(status, "ephemeralContainerStatuses", &shown);
        assert_string_equal(buf_str(&shown), cases[i].shown);
        assert_string_equal(value_get_str(status, "phase"), cases[i].phase);
        assert_true(str_eq(condition_of(status, "Initialized", "message"), cases[i].initialized));
        assert_true(str_eq(condition_of(status, "Ready", "message"), cases[i].ready));
        assert_string_equal(condition_of(status, "PodReadyToStartContainers", "status"),
                            cases[i].pod == KEEPER_RUNNING ? "True" : "False");
        /* And so without the manifest. */
        cleanup(value_free) struct value *after = pod_status(
            &(struct pod_facts){.report = &report, .previous = status, .now_wall_ns = T0});
        assert_int_equal(value_len(value_get(after, "initContainerStatuses")), 2);
        assert_int_equal(value_len(value_get(after, "ephemeralContainerStatuses")), 1);
    }
}

/* An ephemeral container whose keeper died has ended, whatever it was about to do. */
static void test_status__lost_ephemeral(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of_all();
    struct keeper_container c = started("dbg");
    c.role = LAUNCH_DEBUG;
    const struct keeper_report report = {
        .state = KEEPER_RUNNING, .containers = &c, .container_count = 1};
    cleanup(value_free) struct value *first =
        pod_status(&(struct pod_facts){.spec = spec, .report = &report, .now_wall_ns = T0});
    cleanup(value_free) struct value *lost =
        pod_status(&(struct pod_facts){.spec = spec, .previous = first, .now_wall_ns = T0});
    cleanup(value_free) struct value *later =
        pod_status(&(struct pod_facts){.spec = spec, .previous = lost, .now_wall_ns = T0});
    /* Nothing was told of it, but that it ran is known. */
    const struct pod_container_facts all[] = {{0}, {0}, {0}, {.spent = true}};
    cleanup(value_free) struct value *known = pod_status(&(struct pod_facts){
        .spec = spec, .containers = all, .container_count = ARRAY_LEN(all), .now_wall_ns = T0});
    const struct value *both[] = {lost, later, known};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        const struct value *dbg = value_at(value_get(both[i], "ephemeralContainerStatuses"), 0);
        const struct value *end = value_path(dbg, "state", "terminated", NULL);
        assert_string_equal(value_get_str(end, "reason"), "ContainerStatusUnknown");
        assert_int_equal(value_get_int(end, "exitCode", 0), 137);
    }
}

static void test_status__deadline(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(1);
    struct keeper_container c = exited("app", KEEPER_TERMINATED, 0);
    const struct keeper_report report = {.state = KEEPER_ENDED,
                                         .reason = "DeadlineExceeded",
                                         .containers = &c,
                                         .container_count = 1};
    cleanup(value_free) struct value *status =
        pod_status(&(struct pod_facts){.spec = spec, .report = &report, .now_wall_ns = T0});
    assert_string_equal(value_get_str(status, "phase"), "Failed");
    assert_string_equal(value_get_str(status, "reason"), "DeadlineExceeded");
    assert_non_null(value_get_str(status, "message"));
}

static void test_status__refused_is_failed(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(1);
    cleanup(value_free) struct value *status =
        pod_status(&(struct pod_facts){.spec = spec,
                                       .refused_reason = "OutOfmemory",
                                       .refused_message = "wants 2Gi",
                                       .now_wall_ns = T0});
    assert_string_equal(value_get_str(status, "phase"), "Failed");
    assert_string_equal(value_get_str(status, "reason"), "OutOfmemory");
    assert_string_equal(value_get_str(value_get(state_of(status, 0), "waiting"), "reason"),
                        "OutOfmemory");
}

/* One that ran before is not said to wait for anything, whatever is still known of its end. */
static void test_status__evicted(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(1);
    struct keeper_container running = started("app"), ended = {.name = "app"};
    ended.state = KEEPER_TERMINATED;
    ended.last = (struct keeper_exit){.valid = true, .code = 143, .signal = 15, .reason = "Error"};
    struct keeper_report reports[] = {
        {.state = KEEPER_RUNNING, .containers = &running, .container_count = 1},
        {.state = KEEPER_ENDED, .containers = &ended, .container_count = 1},
    };
    static const struct {
        int report; /* -1: none */
        const char *state;
        int64_t code;
    } cases[] = {{0, "running", 0}, {1, "terminated", 143}, {-1, "terminated", 137}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *status = pod_status(
            &(struct pod_facts){.spec = spec,
                                .report = cases[i].report < 0 ? NULL : &reports[cases[i].report],
                                .refused_reason = "Evicted",
                                .refused_message = "The node was low on resource: memory.",
                                .refused_ran = true,
                                .disrupted = i > 0,
                                .now_wall_ns = T0});
        assert_string_equal(value_get_str(status, "phase"), "Failed");
        const char *why = condition_of(status, "DisruptionTarget", "reason");
        assert_string_equal(why ? why : "", i > 0 ? "TerminationByKubelet" : "");
        assert_string_equal(condition_of(status, "Ready", "status"), "False");
        const struct value *shown = value_get(state_of(status, 0), cases[i].state);
        assert_non_null(shown);
        assert_int_equal(value_get_int(shown, "exitCode", 0), cases[i].code);
    }
}

/* An agent that was restarted has not looked for the images of pods that run. */
static void test_status__image_is_remembered(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(1);
    struct keeper_container c = started("app");
    const struct keeper_report report = {
        .state = KEEPER_RUNNING, .containers = &c, .container_count = 1};
    const struct pod_container_facts known = {.image_id = "sha256:1"};
    cleanup(value_free) struct value *before = pod_status(&(struct pod_facts){.spec = spec,
                                                                              .report = &report,
                                                                              .containers = &known,
                                                                              .container_count = 1,
                                                                              .now_wall_ns = T0});
    cleanup(value_free) struct value *after = pod_status(&(struct pod_facts){
        .spec = spec, .report = &report, .previous = before, .now_wall_ns = T0});
    assert_string_equal(
        value_get_str(value_at(value_get(after, "containerStatuses"), 0), "imageID"), "sha256:1");
}

/* The time of a transition stays while the condition does. */
static void test_status__transition_times(void **state)
{
    (void)state;
    cleanup(value_free) struct value *spec = spec_of(1);
    struct keeper_container c = started("app");
    const struct keeper_report report = {
        .state = KEEPER_RUNNING, .containers = &c, .container_count = 1};
    cleanup(value_free) struct value *first =
        pod_status(&(struct pod_facts){.spec = spec, .now_wall_ns = T0});
    cleanup(value_free) struct value *second = pod_status(&(struct pod_facts){
        .spec = spec, .report = &report, .previous = first, .now_wall_ns = T0 + 5 * NS_PER_S});
    assert_string_equal(condition_of(second, "Initialized", "lastTransitionTime"),
                        "2023-11-14T22:13:20Z");
    assert_string_equal(condition_of(second, "Ready", "lastTransitionTime"),
                        "2023-11-14T22:13:25Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status__pending_says_why),
        cmocka_unit_test(test_status__without_a_manifest),
        cmocka_unit_test(test_status__has_run),
        cmocka_unit_test(test_status__resources),
        cmocka_unit_test(test_status__running_and_ready),
        cmocka_unit_test(test_status__container_ids),
        cmocka_unit_test(test_status__readiness),
        cmocka_unit_test(test_status__last_words),
        cmocka_unit_test(test_status__never_made),
        cmocka_unit_test(test_status__pending_until_all_were_started),
        cmocka_unit_test(test_status__crash_loop_keeps_the_last_exit),
        cmocka_unit_test(test_status__phases_of_the_end),
        cmocka_unit_test(test_status__deadline),
        cmocka_unit_test(test_status__roles),
        cmocka_unit_test(test_status__lost_ephemeral),
        cmocka_unit_test(test_status__refused_is_failed),
        cmocka_unit_test(test_status__evicted),
        cmocka_unit_test(test_status__image_is_remembered),
        cmocka_unit_test(test_status__transition_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
