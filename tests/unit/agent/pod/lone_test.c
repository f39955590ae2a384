#include "agent/pod/lone.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WALL (INT64_C(1790000000) * NS_PER_S)

static const char running[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"namespace\":\"default\","
    "\"uid\":\"ab-1\"},\"why\":\"it runs\\n\",\"status\":{\"phase\":\"Running\",\"hostIP\":"
    "\"192.168.1.2\",\"podIP\":\"10.42.0.9\",\"startTime\":\"2026-01-02T03:04:05Z\","
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":"
    "\"2026-01-02T03:04:06Z\"}],"
    "\"containerStatuses\":[{\"name\":\"main\",\"image\":\"busybox:1\",\"imageID\":\"sha256:aa\","
    "\"ready\":true,\"restartCount\":2,\"state\":{\"running\":{\"startedAt\":"
    "\"2026-01-02T03:04:05Z\"}}}]}}";
static const char pending[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"namespace\":\"default\","
    "\"uid\":\"ab-1\"},\"why\":\"image x: ErrImagePull: no; failed 2 times, next try in 8 s\\n\","
    "\"status\":{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"main\",\"ready\":false,"
    "\"state\":{\"waiting\":{\"reason\":\"ErrImagePull\"}}}]}}";

static struct keeper_container one = {.name = "main", .state = KEEPER_STARTED, .restarts = 5};
static const struct keeper_report report = {.pod_uid = "ab-1",
                                            .pod_ns = "default",
                                            .pod_name = "web",
                                            .state = KEEPER_RUNNING,
                                            .container_count = 1,
                                            .containers = &one};

/* What becomes of it; the caller frees. */
static struct value *now(const char *written, const struct keeper_report *said, bool silent)
{
    cleanup(value_free) struct value *value = NULL;
    struct err err = {0};
    if (written && json_parse(written, strlen(written), &value, &err) < 0)
        fail_msg("%s", err.msg);
    const struct lone lone = {.written = value,
                              .report = said,
                              .silent = silent,
                              .wall_ns = WALL,
                              .boot_ns = 1000 * NS_PER_S};
    return lone_pod(&lone);
}

static const struct value *container(const struct value *pod)
{
    return value_at(value_path(pod, "status", "containerStatuses", NULL), 0);
}

static const char *phase(const struct value *pod)
{
    return value_str(value_path(pod, "status", "phase", NULL));
}

static const char *waiting(const struct value *pod)
{
    return value_str(value_path(container(pod), "state", "waiting", "reason", NULL));
}

static void test_lone__keeper_says(void **state)
{
    (void)state;
    cleanup(value_free) struct value *pod = now(running, &report, false);
    assert_string_equal(phase(pod), "Running");
    assert_int_equal(value_get_int(container(pod), "restartCount", -1), 5);
    assert_true(value_get_bool(container(pod), "ready", false));
    assert_string_equal(value_get_str(container(pod), "image"), "busybox:1");
    assert_string_equal(value_get_str(container(pod), "imageID"), "sha256:aa");
    assert_string_equal(value_get_str(pod, "why"), "it runs\n");
    const struct value *status = value_get(pod, "status");
    assert_string_equal(value_get_str(status, "podIP"), "10.42.0.9");
    assert_string_equal(value_get_str(status, "hostIP"), "192.168.1.2");
    assert_string_equal(value_get_str(status, "startTime"), "2026-01-02T03:04:05Z");
    assert_string_equal(value_str(value_path(pod, "metadata", "uid", NULL)), "ab-1");
}

/* What its probes said last, of this attempt. */
static void test_lone__keeps_readiness(void **state)
{
    (void)state;
    static const char text[] =
        "{\"metadata\":{\"name\":\"web\"},\"status\":{\"phase\":\"Running\",\"containerStatuses\":"
        "[{\"name\":\"main\",\"ready\":false,\"started\":true,\"restartCount\":5}]}}";
    cleanup(value_free) struct value *pod = now(text, &report, false);
    assert_false(value_get_bool(container(pod), "ready", true));
    assert_true(value_get_bool(container(pod), "started", false));
}

static void test_lone__backoff(void **state)
{
    (void)state;
    struct keeper_container c = {.name = "main",
                                 .restarts = 7,
                                 .restart_at_boot_ns = 1008 * NS_PER_S,
                                 .last = {.valid = true, .code = 3, .reason = "Error"}};
    struct keeper_report said = report;
    said.containers = &c;
    cleanup(value_free) struct value *pod = now(running, &said, false);
    assert_string_equal(waiting(pod), "CrashLoopBackOff");
    assert_false(value_get_bool(container(pod), "ready", true));
    assert_string_equal(value_get_str(pod, "why"),
                        "container main: in back-off after 7 restarts, next start in 8 s; last "
                        "exit: code 3, Error\n");
}

static void test_lone__ended_and_stopping(void **state)
{
    (void)state;
    struct keeper_container c = {.name = "main",
                                 .state = KEEPER_TERMINATED,
                                 .last = {.valid = true, .code = 0, .reason = "Completed"}};
    struct keeper_report said = report;
    said.containers = &c;
    said.state = KEEPER_ENDED;
    cleanup(value_free) struct value *pod = now(running, &said, false);
    assert_string_equal(phase(pod), "Succeeded");
    said = report;
    said.state = KEEPER_STOPPING;
    cleanup(value_free) struct value *stopping = now(running, &said, false);
    assert_string_equal(value_get_str(stopping, "why"), "it is being stopped\n");
    said.state = KEEPER_SANDBOX;
    c = (struct keeper_container){.name = "main"};
    said.containers = &c;
    cleanup(value_free) struct value *sandbox = now(pending, &said, false);
    assert_string_equal(phase(sandbox), "Pending");
    assert_non_null(strstr(value_get_str(sandbox, "why"), "waits for the agent"));
}

/* The agent died before it wrote anything of it. */
static void test_lone__nothing_written(void **state)
{
    (void)state;
    cleanup(value_free) struct value *pod = now(NULL, &report, false);
    assert_string_equal(value_str(value_path(pod, "metadata", "name", NULL)), "web");
    assert_string_equal(value_str(value_path(pod, "metadata", "namespace", NULL)), "default");
    assert_string_equal(phase(pod), "Running");
    assert_string_equal(value_get_str(container(pod), "name"), "main");
    assert_true(value_get_bool(container(pod), "ready", false));
}

/* No keeper: what was written as running does not. */
static void test_lone__keeper_died(void **state)
{
    (void)state;
    cleanup(value_free) struct value *pod = now(running, NULL, false);
    assert_string_not_equal(phase(pod), "Running");
    assert_string_equal(waiting(pod), "KeeperDied");
    assert_false(value_get_bool(container(pod), "ready", true));
    assert_int_equal(value_get_int(container(pod), "restartCount", -1), 2);
    assert_non_null(strstr(value_get_str(pod, "why"), "its keeper died"));
    assert_null(strstr(value_get_str(pod, "why"), "it runs"));
}

static void test_lone__never_had_a_keeper(void **state)
{
    (void)state;
    cleanup(value_free) struct value *pod = now(pending, NULL, false);
    assert_string_equal(phase(pod), "Pending");
    assert_string_equal(waiting(pod), "ErrImagePull");
    assert_non_null(strstr(value_get_str(pod, "why"), "ErrImagePull: no"));
    assert_non_null(strstr(value_get_str(pod, "why"), "nothing is tried until"));
    static const char ended[] = "{\"status\":{\"phase\":\"Succeeded\"},\"why\":\"ended\\n\"}";
    cleanup(value_free) struct value *over = now(ended, NULL, false);
    assert_string_equal(phase(over), "Succeeded");
    assert_string_equal(value_get_str(over, "why"), "ended\n");
}

static void test_lone__silent_keeper(void **state)
{
    (void)state;
    cleanup(value_free) struct value *pod = now(running, NULL, true);
    assert_string_equal(phase(pod), "Running");
    assert_int_equal(value_get_int(container(pod), "restartCount", -1), 2);
    assert_non_null(strstr(value_get_str(pod, "why"), "does not answer"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lone__keeper_says),
        cmocka_unit_test(test_lone__keeps_readiness),
        cmocka_unit_test(test_lone__backoff),
        cmocka_unit_test(test_lone__ended_and_stopping),
        cmocka_unit_test(test_lone__nothing_written),
        cmocka_unit_test(test_lone__keeper_died),
        cmocka_unit_test(test_lone__never_had_a_keeper),
        cmocka_unit_test(test_lone__silent_keeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
