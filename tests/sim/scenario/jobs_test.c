/* Pods that end, pods that cannot start, pods that change. */

#include "tests/sim/world/scenario.h"

static const struct {
    const char *name, *command, *phase;
} jobs[] = {
    {"good", "[exit, \"0\", \"2\"]", "Succeeded"},
    {"bad", "[exit, \"3\", \"2\"]", "Failed"},
    {"none", "[missing]", "Failed"},
};
#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

static void run_jobs(struct world *world)
{
    for (size_t i = 0; i < JOBS; i++)
        world_pod(world, jobs[i].name, 0, jobs[i].command, "Never");
    world_settle(world, 30 * S);
}

static void expect_phases(struct world *world)
{
    for (size_t i = 0; i < JOBS; i++)
        assert_string_equal(world_phase(world, jobs[i].name), jobs[i].phase);
}

static void see_any(void *ctx, const struct keepers_fake_process *process)
{
    (void)process;
    (*(unsigned *)ctx)++;
}

/* Nothing of them ever starts within this time. */
static void expect_none_runs(struct world *world, int64_t seconds)
{
    for (int64_t i = 0; i < seconds * 10; i++) {
        unsigned any = 0;
        world_run(world, 100 * MS);
        keepers_fake_each(world->nodes[0].keepers, see_any, &any);
        if (any)
            world_fail(world, "a pod that had ended runs again");
    }
}

static void test_jobs__finished_is_not_run_again(void **state)
{
    WORLD_EACH_SEED(seed, 3)
    {
        struct world *world = world_new(*state, seed, 1);
        run_jobs(world);
        expect_phases(world);
        world_kill_agent(world, 0);
        world_start_agent(world, 0);
        expect_none_runs(world, 5);
        gateway_kill(&world->gateway);
        bus_fake_kill(world->broker);
        node_power_off(&world->nodes[0], DISK_FAKE_LOSE_ALL);
        world_start_agent(world, 0);
        expect_none_runs(world, 20);
        bus_fake_start(world->broker, true);
        gateway_start(&world->gateway);
        world_settle(world, 60 * S);
        world_run(world, 5 * S);
        expect_phases(world);
        for (size_t i = 0; i < JOBS; i++)
            world_delete(world, jobs[i].name);
        world_settle(world, 30 * S);
        assert_string_equal(world_phase(world, "good"), "");
        assert_int_equal(keepers_fake_count(world->nodes[0].keepers), 0);
        world_free(world);
    }
}

/* While its containers run, end, are recorded and removed. */
static void test_jobs__agent_killed_around_the_end(void **state)
{
    WORLD_EACH_SEED(seed, 6)
    {
        struct world *world = world_new(*state, seed, 1);
        for (int i = 0; i < 3; i++) {
            world_pod(world, jobs[i].name, 0, jobs[i].command, "Never");
            world_run(world, (int64_t)rng_below(&world->rng.rng, 2600) * MS);
            world_restart_agent(world, 0);
        }
        world_settle(world, 30 * S);
        expect_phases(world);
        expect_none_runs(world, 3);
        world_free(world);
    }
}

static char *pod_yaml(const char *name, const char *image, const char *command, const char *policy)
{
    return xasprintf("apiVersion: v1\n"
                     "kind: Pod\n"
                     "metadata: {name: %s, namespace: default}\n"
                     "spec:\n"
                     "  nodeName: node-0\n"
                     "  restartPolicy: %s\n"
                     "  terminationGracePeriodSeconds: 5\n"
                     "  containers:\n"
                     "  - {name: main, image: %s, command: %s}\n",
                     name, policy, image, command);
}

/* An image that changes in place: the pod begins anew, ended or not. */
static void test_jobs__changed_pod_begins_anew(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = world_new(*state, seed, 1);
        autofree char *web1 = pod_yaml("web", "app:1", "[run]", "Always");
        autofree char *web2 = pod_yaml("web", "app:2", "[run]", "Always");
        autofree char *job1 = pod_yaml("job", "app:1", "[exit, \"0\", \"1\"]", "Never");
        autofree char *job2 = pod_yaml("job", "app:2", "[exit, \"0\", \"1\"]", "Never");
        world_apply(world, web1);
        world_apply(world, job1);
        world_settle(world, 20 * S);
        autofree char *before = world_running(world, 0);
        size_t pulls = images_fake_pulls(world->nodes[0].images);
        if (seed % 2)
            world_kill_agent(world, 0);
        world_apply(world, web2);
        world_apply(world, job2);
        if (seed % 2) {
            world_start_agent(world, 0);
            world_run(world, (int64_t)rng_below(&world->rng.rng, 900) * MS);
            world_restart_agent(world, 0);
        }
        world_run(world, 15 * S);
        world_settle(world, 20 * S);
        autofree char *after = world_running(world, 0);
        assert_string_not_equal(before, after);
        assert_true(world_runs(world, 0, "web"));
        assert_int_equal(images_fake_pulls(world->nodes[0].images), pulls + 1);
        assert_string_equal(world_phase(world, "job"), "Succeeded");
        world_free(world);
    }
}

static void test_jobs__image_that_fails_says_so_and_comes(void **state)
{
    struct world *world = world_new(*state, 3, 1);
    world_pod(world, "good", 0, "[run]", "Always");
    images_fake_fail(world->nodes[0].images, "bad:1", "ErrImagePull");
    autofree char *yaml = pod_yaml("web", "bad:1", "[run]", "Always");
    world_apply(world, yaml);
    world_settle(world, 20 * S);
    cleanup(value_free) struct value *pod =
        gateway_get(&world->gateway, &kind_pod, "default", "web");
    const struct value *list = value_path(pod, "status", "containerStatuses", NULL);
    const struct value *waiting = value_path(value_at(list, 0), "state", "waiting", NULL);
    assert_string_equal(value_get_str(waiting, "reason"), "ErrImagePull");
    world_restart_agent(world, 0);
    world_run(world, 30 * S);
    assert_true(world_runs(world, 0, "good"));
    assert_string_equal(world_phase(world, "web"), "Pending");
    images_fake_fail(world->nodes[0].images, "bad:1", NULL);
    world_run(world, 320 * S);
    assert_true(world_runs(world, 0, "web"));
    world_free(world);
}

/* No keeper can be started, no network wired: tried again with backoff. */
static void test_jobs__faults_of_the_node_pass(void **state)
{
    struct world *world = world_new(*state, 4, 1);
    struct node *node = &world->nodes[0];
    keepers_fake_refuse(node->keepers, -ENOMEM);
    world_pod(world, "web", 0, "[run]", "Always");
    world_run(world, 10 * S);
    assert_string_equal(world_phase(world, "web"), "Pending");
    keepers_fake_refuse(node->keepers, 0);
    net_fake_break(node->net, true);
    world_run(world, 30 * S);
    assert_string_equal(world_phase(world, "web"), "Pending");
    net_fake_break(node->net, false);
    world_settle(world, 90 * S);
    world_delete(world, "web");
    world_settle(world, 30 * S);
    assert_int_equal(net_fake_addresses(node->net), 0);
    world_free(world);
}

/* A sandbox that cannot be set up says why wherever one looks, is told once, tried again with
 * backoff, and disturbs nothing. */
static void test_jobs__sandbox_that_fails_says_why(void **state)
{
    static const char why[] = "cannot set sysctl net.nothing.here=1: No such file or directory";
    struct world *world = world_new(*state, 6, 1);
    struct node *node = &world->nodes[0];
    world_pod(world, "good", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    autofree char *before = world_running(world, 0);
    keepers_fake_fail(node->keepers, why);
    size_t warnings = node->warnings;
    world_pod(world, "web", 0, "[run]", "Always");
    world_run(world, 30 * S);
    world_expect_running(world, 0, before);
    cleanup(value_free) struct value *pod =
        gateway_get(&world->gateway, &kind_pod, "default", "web");
    const struct value *list = value_path(pod, "status", "containerStatuses", NULL);
    const struct value *waiting = value_path(value_at(list, 0), "state", "waiting", NULL);
    assert_string_equal(value_get_str(waiting, "reason"), "FailedCreatePodSandBox");
    assert_string_equal(value_get_str(waiting, "message"), why);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    assert_int_equal(agent_why(node->agent, "default", "web", &text), 0);
    assert_non_null(strstr(buf_str(&text), why));
    assert_non_null(strstr(buf_str(&text), "next try in"));
    assert_int_equal(node->warnings, warnings + 1);
    assert_non_null(strstr(node->last_warning, why));
    keepers_fake_fail(node->keepers, NULL);
    world_settle(world, 60 * S);
    /* What is over is not told any more, and does not put off what comes after. */
    buf_done(&text);
    assert_int_equal(agent_why(node->agent, "default", "web", &text), 0);
    assert_string_equal(buf_str(&text), "it runs\n");
    assert_true(keepers_fake_kill(node->keepers, "default", "web"));
    world_run(world, 2 * S);
    assert_true(world_runs(world, 0, "web"));
    world_free(world);
}

static void see_env(void *ctx, const struct keepers_fake_process *process)
{
    for (size_t i = 0; process->env[i]; i++)
        if (str_has_prefix(process->env[i], "WORD="))
            snprintf(ctx, 32, "%s", process->env[i] + strlen("WORD="));
}

/* A pod waits for the Secret it reads, gets it sealed, and keeps what it has over a reboot. */
static void test_jobs__secret_reaches_its_pod(void **state)
{
    struct world *world = world_new(*state, 5, 1);
    char word[32] = "";
    world_apply(world, "apiVersion: v1\n"
                       "kind: Pod\n"
                       "metadata: {name: web, namespace: default}\n"
                       "spec:\n"
                       "  nodeName: node-0\n"
                       "  containers:\n"
                       "  - name: main\n"
                       "    image: app\n"
                       "    command: [run]\n"
                       "    env:\n"
                       "    - name: WORD\n"
                       "      valueFrom: {secretKeyRef: {name: words, key: one}}\n");
    world_run(world, 10 * S);
    assert_string_equal(world_phase(world, "web"), "Pending");
    world_apply(world, "apiVersion: v1\n"
                       "kind: Secret\n"
                       "metadata: {name: words, namespace: default}\n"
                       "stringData: {one: swordfish}\n");
    world_settle(world, 60 * S);
    keepers_fake_each(world->nodes[0].keepers, see_env, word);
    assert_string_equal(word, "swordfish");
    gateway_kill(&world->gateway);
    bus_fake_kill(world->broker);
    world_reboot(world, 0, DISK_FAKE_LOSE_ALL);
    world_run(world, 10 * S);
    word[0] = '\0';
    keepers_fake_each(world->nodes[0].keepers, see_env, word);
    assert_string_equal(word, "swordfish");
    world_free(world);
}

/* Agents come and go while a pod is at its init containers: each runs in its turn, and after its
 * deadline the pod is ended for good. */
static void test_jobs__order_without_an_agent(void **state)
{
    WORLD_EACH_SEED(seed, 6)
    {
        struct world *world = world_new(*state, seed, 1);
        world_apply(world, "apiVersion: v1\n"
                           "kind: Pod\n"
                           "metadata: {name: ordered, namespace: default}\n"
                           "spec:\n"
                           "  nodeName: node-0\n"
                           "  activeDeadlineSeconds: 600\n"
                           "  initContainers:\n"
                           "  - {name: first, image: app, command: [exit, \"0\", \"20\"]}\n"
                           "  - {name: side, image: app, command: [run], restartPolicy: Always}\n"
                           "  - {name: second, image: app, command: [exit, \"0\", \"20\"]}\n"
                           "  containers:\n"
                           "  - {name: main, image: app, command: [run]}\n");
        world_run(world, 10 * S);
        assert_string_equal(world_phase(world, "ordered"), "Pending");
        world_run(world, (int64_t)rng_below(&world->rng.rng, 25000) * MS);
        world_kill_agent(world, 0);
        assert_false(world_runs(world, 0, "ordered"));
        world_run(world, 30 * S);
        assert_true(world_runs(world, 0, "ordered"));
        world_start_agent(world, 0);
        world_run(world, 20 * S);
        assert_string_equal(world_phase(world, "ordered"), "Running");
        world_kill_agent(world, 0);
        world_run(world, 600 * S);
        assert_false(world_runs(world, 0, "ordered"));
        world_start_agent(world, 0);
        world_run(world, 20 * S);
        assert_string_equal(world_phase(world, "ordered"), "Failed");
        world_free(world);
    }
}

static char *ending_yaml(const char *image, const char *main_command, int deadline_s)
{
    return xasprintf("apiVersion: v1\n"
                     "kind: Pod\n"
                     "metadata: {name: ending, namespace: default}\n"
                     "spec:\n"
                     "  nodeName: node-0\n"
                     "  restartPolicy: Never\n"
                     "  terminationGracePeriodSeconds: 20\n"
                     "  activeDeadlineSeconds: %d\n"
                     "  initContainers:\n"
                     "  - {name: side, image: app, command: [stubborn], restartPolicy: Always}\n"
                     "  containers:\n"
                     "  - {name: main, image: %s, command: %s}\n",
                     deadline_s, image, main_command);
}

/* In the grace of an end by itself, at its deadline or with its work done, somebody tells it to
 * stop and thinks better of it, or the agent is started anew, or both: it has ended for good. */
static void test_jobs__told_to_stop_at_its_end(void **state)
{
    static const struct {
        const char *command;
        int deadline_s;
        const char *phase;
    } ends[] = {
        {"[exit, \"0\", \"5\"]", 600, "Succeeded"},
        {"[run]", 5, "Failed"},
    };
    for (size_t i = 0; i < 2 * 4; i++) {
        struct world *world = world_new(*state, i + 1, 1);
        autofree char *one = ending_yaml("app:1", ends[i % 2].command, ends[i % 2].deadline_s);
        autofree char *two = ending_yaml("app:2", ends[i % 2].command, ends[i % 2].deadline_s);
        world_apply(world, one);
        world_run(world, 10 * S);
        assert_true(keepers_fake_count(world->nodes[0].keepers) == 1); /* its sidecar lingers */
        uint64_t starts = keepers_fake_starts(world->nodes[0].keepers);
        if (i & 2) {
            world_apply(world, two);
            world_run(world, 3 * S);
            world_apply(world, one);
            world_run(world, 2 * S);
        }
        if (i & 4)
            world_restart_agent(world, 0);
        world_run(world, 55 * S);
        assert_int_equal(keepers_fake_count(world->nodes[0].keepers), 0);
        assert_string_equal(world_phase(world, "ending"), ends[i % 2].phase);
        assert_int_equal(keepers_fake_starts(world->nodes[0].keepers), starts);
        world_free(world);
    }
}

/* It has ended, became another, and is as it was: what is told of its first end on disk is no
 * reason to end it. */
static void test_jobs__as_it_was_before(void **state)
{
    struct world *world = world_new(*state, 1, 1);
    autofree char *one = pod_yaml("job", "app:1", "[exit, \"0\", \"60\"]", "Never");
    autofree char *two = pod_yaml("job", "app:2", "[exit, \"0\", \"60\"]", "Never");
    world_apply(world, one);
    world_run(world, 70 * S);
    assert_string_equal(world_phase(world, "job"), "Succeeded");
    world_apply(world, two);
    world_run(world, 10 * S);
    assert_true(world_runs(world, 0, "job"));
    world_apply(world, one);
    world_run(world, 15 * S);
    assert_true(world_runs(world, 0, "job"));
    autofree char *before = world_running(world, 0);
    world_restart_agent(world, 0);
    world_run(world, 5 * S);
    world_expect_running(world, 0, before);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs__finished_is_not_run_again),
        cmocka_unit_test(test_jobs__agent_killed_around_the_end),
        cmocka_unit_test(test_jobs__changed_pod_begins_anew),
        cmocka_unit_test(test_jobs__image_that_fails_says_so_and_comes),
        cmocka_unit_test(test_jobs__faults_of_the_node_pass),
        cmocka_unit_test(test_jobs__sandbox_that_fails_says_why),
        cmocka_unit_test(test_jobs__secret_reaches_its_pod),
        cmocka_unit_test(test_jobs__order_without_an_agent),
        cmocka_unit_test(test_jobs__told_to_stop_at_its_end),
        cmocka_unit_test(test_jobs__as_it_was_before),
    };
    return SCENARIOS(tests);
}
