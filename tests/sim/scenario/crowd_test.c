/* Many pods: more than a watch tells in one turn of the loop. */

#include "common/bus/index.h"
#include "tests/sim/world/scenario.h"

#define CROWD 600
#define NODES 2500

struct told {
    const struct trust *trust;
    const char *node;
    size_t indexes, least;
};

static void see(void *ctx, const char *client_id, const struct bus_msg *msg)
{
    struct told *told = ctx;
    (void)client_id;
    if (!str_has_suffix(msg->topic, "/down/desired") || msg->len == 0)
        return;
    cleanup(index_done) struct index index;
    index_init(&index);
    const struct key *keys[] = {told->trust->signer};
    const struct index_trust trust = {keys, 1};
    struct err err = {0};
    assert_int_equal(index_open(msg->payload, msg->len, &trust, told->node, &index, &err), 0);
    told->indexes++;
    told->least = index.count < told->least ? index.count : told->least;
}

/* A gateway that starts learns of its pods in several turns. A node that was told of the first of
 * them only would end the others. */
static void test_crowd__restarted_gateway_leaves_nobody_out(void **state)
{
    struct world *world = world_new_dark(*state, 1, 1);
    const struct bus_fake_faults at_once = {0};
    struct told told = {world->cast->trust, world->cast->nodes[0]->node, 0, SIZE_MAX};
    bus_fake_set_faults(world->broker, &at_once);
    gateway_start(&world->gateway);
    world_run(world, 1 * S);
    for (int i = 0; i < CROWD; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%03d", i);
        world_pod(world, name, 0, "[run]", "Always");
    }
    bus_fake_set_spy(world->broker, see, &told);
    world_enrol(world, 0);
    for (int life = 0; life < 3; life++) {
        world_run(world, 1 * S);
        assert_true(told.indexes > 0);
        assert_int_equal(told.least, CROWD);
        gateway_kill(&world->gateway);
        told.indexes = 0;
        gateway_start(&world->gateway);
    }
    bus_fake_set_spy(world->broker, NULL, NULL);
    world_free(world);
}

/* Nor is any node forgotten whose birth the broker kept: its beats would count for nothing. */
static void test_crowd__restarted_gateway_hears_every_node(void **state)
{
    struct world *world = world_new(*state, 1, 1);
    const struct bus_fake_faults at_once = {0};
    for (int i = 0; i < NODES; i++) {
        char yaml[96];
        snprintf(yaml, sizeof(yaml), "apiVersion: v1\nkind: Node\nmetadata: {name: n%04d}\n", i);
        world_apply(world, yaml);
    }
    gateway_kill(&world->gateway);
    bus_fake_set_faults(world->broker, &at_once);
    gateway_start(&world->gateway);
    world_run(world, 60 * S);
    assert_string_equal(world_ready(world, 0), "True");
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowd__restarted_gateway_leaves_nobody_out),
        cmocka_unit_test(test_crowd__restarted_gateway_hears_every_node),
    };
    return SCENARIOS(tests);
}
