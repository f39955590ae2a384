/* What nodes tell that happened, as Event objects of the gateway. */

#include "common/bus/event_batch.h"
#include "tests/sim/world/scenario.h"

/* The event of that object and reason; NULL: none. The caller frees. */
static struct value *event_of(struct world *world, const char *name, const char *reason)
{
    cleanup(value_free) struct value *list = gateway_list(&world->gateway, &kind_event);
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *event = value_at(items, i);
        const char *about = value_str(value_path(event, "involvedObject", "name", NULL));
        if (str_eq(about, name) && str_eq(value_get_str(event, "reason"), reason))
            return value_copy(event);
    }
    return NULL;
}

static int64_t count_of(struct world *world, const char *name, const char *reason)
{
    cleanup(value_free) struct value *event = event_of(world, name, reason);
    return value_get_int(event, "count", 0);
}

static int64_t age_of(const struct world *world, const struct value *event)
{
    int64_t then = 0;
    assert_int_equal(clock_parse(value_get_str(event, "firstTimestamp"), &then), 0);
    return (clock_wall(&world->clock.clock) - then) / NS_PER_S;
}

static void test_events__of_a_pods_life(void **state)
{
    struct world *world = world_new(*state, 1, 1);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    world_run(world, 2 * S);
    cleanup(value_free) struct value *started = event_of(world, "web", "Started");
    assert_non_null(started);
    assert_string_equal(value_str(value_path(started, "source", "component", NULL)), "limpetd");
    assert_string_equal(value_str(value_path(started, "source", "host", NULL)), "node-0");
    assert_int_equal(count_of(world, "node-0", "NodeReady"), 1);
    assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", "web"));
    world_settle(world, 20 * S);
    world_run(world, 2 * S);
    assert_int_equal(count_of(world, "web", "SandboxChanged"), 1);
    assert_int_equal(count_of(world, "web", "Started"), 2);
    /* The gateway forgets them when it ends; what comes then is told anew. */
    gateway_kill(&world->gateway);
    gateway_start(&world->gateway);
    world_run(world, 30 * S);
    assert_int_equal(count_of(world, "web", "Started"), 0);
    assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", "web"));
    world_settle(world, 30 * S);
    world_run(world, 2 * S);
    assert_int_equal(count_of(world, "web", "Started"), 1);
    world_free(world);
}

/* Told when the link is back, with the time at which it happened, and with what the ring lost. */
static void test_events__of_a_node_out_of_touch(void **state)
{
    struct world *world = world_new(*state, 2, 1);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    world_cut(world, 0, true);
    world_run(world, 40 * S);
    /* Events of static pods, which the API does not know yet, fill the ring. */
    for (int i = 0; i < 100; i++) {
        char name[16], file[32];
        snprintf(name, sizeof(name), "s%d", i);
        snprintf(file, sizeof(file), "%s.yaml", name);
        autofree char *yaml = xasprintf("apiVersion: v1\n"
                                        "kind: Pod\n"
                                        "metadata: {name: %s}\n"
                                        "spec:\n"
                                        "  containers:\n"
                                        "  - {name: main, image: app, command: [run]}\n",
                                        name);
        world_static(world, 0, file, yaml);
        world_run(world, 200 * MS);
    }
    assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", "web"));
    world_run(world, 50 * S);
    world_cut(world, 0, false);
    world_settle(world, 60 * S);
    world_run(world, 2 * S);
    cleanup(value_free) struct value *killed = event_of(world, "web", "SandboxChanged");
    assert_non_null(killed);
    assert_in_range(age_of(world, killed), 50, 120);
    cleanup(value_free) struct value *lost = event_of(world, "node-0", "EventsLost");
    assert_in_range(value_get_int(lost, "count", 0), 10, 1000);
    assert_int_equal(count_of(world, "s1", "Started"), 0);
    assert_int_equal(count_of(world, "node-0", "NodeNotReady"), 1);
    world_free(world);
}

static void inject(struct world *world, size_t node, bool retain, const char *payload)
{
    autofree char *topic =
        xasprintf("limpet/v1/nodes/%s/up/events", world->cast->nodes[node]->node);
    const struct bus_msg msg = {
        .topic = topic, .payload = payload, .len = strlen(payload), .qos = 1, .retain = retain};
    bus_fake_inject(world->broker, &msg);
    world_run(world, 2 * S);
}

/* Node 1 speaks for node 0's pod; a message is retained, so that each connection would bring it
 * again; noise. */
static void test_events__of_nodes_that_lie(void **state)
{
    struct world *world = world_new(*state, 3, 2);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    cleanup(value_free) struct value *pod =
        gateway_get(&world->gateway, &kind_pod, "default", "web");
    autofree char *text = xasprintf(
        "{\"v\":1,\"boot\":\"b\",\"dropped\":0,\"events\":[{\"namespace\":\"default\",\"name\":"
        "\"web\",\"uid\":\"%s\",\"type\":\"Warning\",\"reason\":\"Told\",\"message\":\"m\","
        "\"age\":0}]}",
        object_uid(pod));
    inject(world, 1, false, text);
    assert_int_equal(count_of(world, "web", "Told"), 0);
    inject(world, 0, false, text);
    assert_int_equal(count_of(world, "web", "Told"), 1);
    inject(world, 0, true, text);
    int64_t before = count_of(world, "web", "Told");
    world_run(world, 5 * S);
    gateway_kill(&world->gateway);
    gateway_start(&world->gateway);
    world_run(world, 10 * S);
    assert_int_equal(count_of(world, "web", "Told"), 0);
    inject(world, 0, false, "{\"v\":1,\"events\":[");
    inject(world, 0, false, "");
    inject(world, 0, false, text);
    assert_int_equal(count_of(world, "web", "Told"), 1);
    assert_in_range(before, 1, 2);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events__of_a_pods_life),
        cmocka_unit_test(test_events__of_a_node_out_of_touch),
        cmocka_unit_test(test_events__of_nodes_that_lie),
    };
    return SCENARIOS(tests);
}
