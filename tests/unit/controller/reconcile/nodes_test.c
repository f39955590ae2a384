#include "controller/reconcile/nodes.h"

#include "world.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define S NS_PER_S

struct fleet {
    struct world world;
    struct nodes *nodes;
    struct recorder *recorder;
    uint64_t sequence;
};

static void start(struct fleet *fleet)
{
    struct nodes_spec spec = {
        .loop = fleet->world.loop, .api = fleet->world.api, .recorder = fleet->recorder};
    assert_int_equal(nodes_new(&spec, &fleet->nodes, &fleet->world.err), 0);
    world_turn(&fleet->world);
}

static void init(struct fleet *fleet)
{
    *fleet = (struct fleet){0};
    world_init(&fleet->world);
    fleet->recorder = recorder_new(fleet->world.api, &fleet->world.clock);
    world_create(&fleet->world, "{'apiVersion':'v1','kind':'Node','metadata':{'name':'a'}}", 201);
    start(fleet);
}

static void done(struct fleet *fleet)
{
    nodes_free(fleet->nodes);
    recorder_free(fleet->recorder);
    world_done(&fleet->world);
}

static void beat(struct fleet *fleet, const char *boot)
{
    struct nodes_beat beat = {boot, ++fleet->sequence, 7};
    nodes_beat(fleet->nodes, "a", &beat);
    world_turn(&fleet->world);
}

/* Beats every 10 s, the first one now. */
static void beats(struct fleet *fleet, int count)
{
    for (int i = 0; i < count; i++) {
        beat(fleet, "boot-1");
        world_pass(&fleet->world, 10 * S);
    }
}

static void assert_ready(struct fleet *fleet, const char *status)
{
    const char *text = world_condition(&fleet->world, "Node", "", "a", "Ready");
    if (!str_has_prefix(text, status))
        fail_msg("\"%s\" is not \"%s\"", text, status);
}

static void test_nodes__three_missed_beats(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    struct nodes_seen seen;
    assert_int_equal(nodes_last(fleet.nodes, "a", &seen), -ENOENT);
    beats(&fleet, 5);
    assert_ready(&fleet, "True AgentReady");
    assert_int_equal(nodes_last(fleet.nodes, "a", &seen), 0);
    assert_int_equal(seen.generation, 7);
    assert_int_equal(seen.sequence, 5);
    assert_int_equal(seen.age_ns, 10 * S);
    assert_string_equal(seen.boot_id, "boot-1");
    world_pass(&fleet.world, 22 * S); /* 32 s after the last */
    assert_ready(&fleet, "True");
    world_pass(&fleet.world, 4 * S);
    assert_ready(&fleet, "Unknown NodeStatusUnknown no beat for 3");
    world_pass(&fleet.world, 1000 * S);
    beat(&fleet, "boot-1");
    assert_ready(&fleet, "True AgentReady");
    done(&fleet);
}

/* Beats that change nothing write nothing. */
static void test_nodes__beats_are_not_written(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    beats(&fleet, 2);
    int64_t revision = store_revision(fleet.world.store);
    beats(&fleet, 100);
    assert_int_equal(store_revision(fleet.world.store), revision);
    done(&fleet);
}

static void test_nodes__never_beaten(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    world_pass(&fleet.world, 30 * S);
    assert_ready(&fleet, "");
    world_pass(&fleet.world, 6 * S);
    assert_ready(&fleet, "Unknown NodeStatusNeverUpdated");
    done(&fleet);
}

/* This process stood still for ten minutes: nobody is blamed. */
static void test_nodes__own_gap_freezes(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    beats(&fleet, 3);
    world_jump(&fleet.world, 600 * S);
    /* The first thing that happens may be another node's event. */
    world_create(&fleet.world, "{'apiVersion':'v1','kind':'Node','metadata':{'name':'b'}}", 201);
    assert_ready(&fleet, "True");
    world_pass(&fleet.world, 15 * S);
    assert_ready(&fleet, "True");
    world_pass(&fleet.world, 30 * S);
    assert_ready(&fleet, "Unknown");
    done(&fleet);
}

/* While this controller's own connection is down, no time passes. */
static void test_nodes__deaf_freezes(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    beats(&fleet, 3);
    nodes_hearing(fleet.nodes, false);
    world_pass(&fleet.world, 600 * S);
    assert_ready(&fleet, "True");
    nodes_hearing(fleet.nodes, true);
    world_pass(&fleet.world, 20 * S);
    assert_ready(&fleet, "True");
    world_pass(&fleet.world, 20 * S);
    assert_ready(&fleet, "Unknown");
    done(&fleet);
}

/* A restarted controller waits a whole lease. */
static void test_nodes__restart_gives_a_lease(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    beats(&fleet, 3);
    nodes_free(fleet.nodes);
    world_pass(&fleet.world, 1000 * S);
    start(&fleet);
    world_pass(&fleet.world, 30 * S);
    assert_ready(&fleet, "True");
    world_pass(&fleet.world, 6 * S);
    assert_ready(&fleet, "Unknown");
    done(&fleet);
}

static void test_nodes__will(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    /* Of another boot: nothing. */
    beats(&fleet, 1);
    beat(&fleet, "boot-2");
    nodes_offline(fleet.nodes, "a", "boot-1");
    world_pass(&fleet.world, 20 * S);
    assert_ready(&fleet, "True");
    /* A beat after it: forgotten. */
    beat(&fleet, "boot-2");
    nodes_offline(fleet.nodes, "a", "boot-2");
    world_pass(&fleet.world, 8 * S);
    beat(&fleet, "boot-2");
    world_pass(&fleet.world, 20 * S);
    assert_ready(&fleet, "True");
    /* None: sooner than three. */
    beat(&fleet, "boot-2");
    nodes_offline(fleet.nodes, "a", "boot-2");
    world_pass(&fleet.world, 10 * S);
    assert_ready(&fleet, "True");
    world_pass(&fleet.world, 6 * S);
    assert_ready(&fleet, "Unknown");
    done(&fleet);
}

/* Doubled and late beats are no sign of life; those of a new boot begin anew. */
static void test_nodes__sequence(void **state)
{
    (void)state;
    struct fleet fleet;
    struct nodes_beat old = {"boot-1", 2, 7}, rebooted = {"boot-2", 1, 7};
    init(&fleet);
    beats(&fleet, 3);
    for (int i = 0; i < 4; i++) {
        nodes_beat(fleet.nodes, "a", &old);
        world_pass(&fleet.world, 10 * S);
    }
    assert_ready(&fleet, "Unknown");
    nodes_beat(fleet.nodes, "a", &rebooted);
    world_turn(&fleet.world);
    assert_ready(&fleet, "True");
    done(&fleet);
}

/* False is the node's own word: beats do not take it back. */
static void test_nodes__own_report_stays(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    beats(&fleet, 2);
    world_status(
        &fleet.world, "Node", "", "a",
        "{'conditions':[{'type':'Ready','status':'False','reason':'DiskFull','message':'m'}]}");
    beats(&fleet, 3);
    assert_ready(&fleet, "False DiskFull");
    world_pass(&fleet.world, 40 * S);
    assert_ready(&fleet, "Unknown");
    done(&fleet);
}

/* Beats may come before the Node is there, and go on after it was deleted. */
static void test_nodes__without_an_object(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    world_delete(&fleet.world, "Node", "", "a");
    beats(&fleet, 2);
    assert_null(world_get(&fleet.world, "Node", "", "a"));
    world_create(&fleet.world, "{'apiVersion':'v1','kind':'Node','metadata':{'name':'a'}}", 201);
    assert_ready(&fleet, "True");
    done(&fleet);
}

/* In Kubernetes' words, with each change and not with each beat. */
static void test_nodes__tells_events(void **state)
{
    (void)state;
    struct fleet fleet;
    init(&fleet);
    beats(&fleet, 10);
    autofree char *ready = world_events(&fleet.world, "Node", "a");
    assert_string_equal(
        ready, "Normal NodeReady Node a status is now: NodeReady (1) from node-controller\n");
    for (int i = 0; i < 3; i++) {
        world_pass(&fleet.world, 60 * S);
        beats(&fleet, 2);
    }
    autofree char *both = world_events(&fleet.world, "Node", "a");
    assert_non_null(strstr(both, "Normal NodeReady Node a status is now: NodeReady (4) from"));
    assert_non_null(
        strstr(both, "Normal NodeNotReady Node a status is now: NodeNotReady (3) from"));
    done(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes__three_missed_beats),
        cmocka_unit_test(test_nodes__beats_are_not_written),
        cmocka_unit_test(test_nodes__never_beaten),
        cmocka_unit_test(test_nodes__own_gap_freezes),
        cmocka_unit_test(test_nodes__deaf_freezes),
        cmocka_unit_test(test_nodes__restart_gives_a_lease),
        cmocka_unit_test(test_nodes__will),
        cmocka_unit_test(test_nodes__sequence),
        cmocka_unit_test(test_nodes__own_report_stays),
        cmocka_unit_test(test_nodes__without_an_object),
        cmocka_unit_test(test_nodes__tells_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
