/* Nodes out of touch: partitions, wiped nodes, nodes that lie, tokens. */

#include "common/base/map.h"
#include "common/bus/enroll.h"
#include "common/bus/report.h"
#include "tests/sim/world/scenario.h"

/* Two minutes: nothing restarts; NotReady and Ready again; what was said meanwhile settles. */
static void test_touch__partition_settles(void **state)
{
    WORLD_EACH_SEED(seed, 6)
    {
        struct world *world = world_new(*state, seed, 2);
        world_pod(world, "stays", 0, "[run]", "Always");
        world_pod(world, "goes", 0, "[run]", "Always");
        world_pod(world, "other", 1, "[run]", "Always");
        world_settle(world, 20 * S);
        autofree char *before = world_running(world, 0);
        autofree char *other = world_running(world, 1);
        world_cut(world, 0, true);
        world_run(world, 20 * S);
        assert_string_equal(world_ready(world, 0), "True");
        world_run(world, 15 * S);
        assert_string_equal(world_ready(world, 0), "Unknown");
        world_pod(world, "new", 0, "[run]", "Always");
        world_delete(world, "goes");
        world_run(world, 85 * S);
        world_expect_running(world, 0, before);
        world_expect_running(world, 1, other);
        assert_string_not_equal(world_phase(world, "goes"), "");
        world_cut(world, 0, false);
        world_settle(world, 60 * S);
        assert_string_equal(world_ready(world, 0), "True");
        assert_true(world_runs(world, 0, "stays"));
        assert_true(world_runs(world, 0, "new"));
        assert_false(world_runs(world, 0, "goes"));
        world_free(world);
    }
}

/* The node was off when its pod was deleted. */
static void test_touch__deleted_while_away(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = world_new(*state, seed, 1);
        world_pod(world, "web", 0, "[run]", "Always");
        world_pod(world, "stays", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        if (seed % 2)
            node_power_off(&world->nodes[0], DISK_FAKE_CHANCE);
        else
            world_kill_agent(world, 0);
        world_delete(world, "web");
        world_run(world, 300 * S);
        if (seed % 3 == 0)
            bus_fake_wipe(world->broker);
        world_start_agent(world, 0);
        world_settle(world, 60 * S);
        assert_string_equal(world_phase(world, "web"), "");
        assert_true(world_runs(world, 0, "stays"));
        world_free(world);
    }
}

/* The last word on a pod is not lost with the broker. */
static void test_touch__gone_survives_the_broker(void **state)
{
    WORLD_EACH_SEED(seed, 6)
    {
        struct world *world = world_new(*state, seed, 1);
        world_pod(world, "web", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        world_delete(world, "web");
        world_run(world, (int64_t)rng_below(&world->rng.rng, 100) * MS);
        gateway_kill(&world->gateway);
        world_run(world, 10 * S);
        bus_fake_kill(world->broker);
        world_run(world, 2 * S);
        bus_fake_start(world->broker, true);
        gateway_start(&world->gateway);
        world_settle(world, 60 * S);
        assert_string_equal(world_phase(world, "web"), "");
        world_run(world, 5 * S);
        assert_int_equal(bus_fake_retained_count(world->broker, "limpet/v1/nodes/+/up/status/+"),
                         0);
        world_free(world);
    }
}

/* A new card, the same identity, nobody but the broker alive. */
static void test_touch__wiped_node_converges_from_the_broker(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = world_new(*state, seed, 1);
        world_apply(world, "apiVersion: v1\n"
                           "kind: ConfigMap\n"
                           "metadata: {name: conf, namespace: default}\n"
                           "data: {a: b}\n");
        world_pod(world, "a", 0, "[run]", "Always");
        world_pod(world, "b", 0, "[run]", "Always");
        world_pod(world, "c", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        world_delete(world, "c");
        world_settle(world, 20 * S);
        world_run(world, 2 * S);
        gateway_kill(&world->gateway);
        node_power_off(&world->nodes[0], DISK_FAKE_LOSE_ALL);
        disk_fake_wipe(world->nodes[0].state);
        world_start_agent(world, 0);
        world_run(world, 15 * S);
        assert_true(world_runs(world, 0, "a"));
        assert_true(world_runs(world, 0, "b"));
        assert_false(world_runs(world, 0, "c"));
        autofree char *before = world_running(world, 0);
        gateway_start(&world->gateway);
        world_settle(world, 30 * S);
        world_expect_running(world, 0, before);
        world_free(world);
    }
}

/* Node 1 says that node 0's pod is gone, or failed; with its uid and with another. */
static void test_touch__report_for_a_foreign_pod_changes_nothing(void **state)
{
    struct world *world = world_new(*state, 5, 2);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    autofree char *running = world_running(world, 0);
    for (int i = 0; i < 4; i++) {
        cleanup(value_free) struct value *pod =
            gateway_get(&world->gateway, &kind_pod, "default", "web");
        if (i == 3) {
            world_delete(world, "web"); /* only its own node may end that */
            world_cut(world, 0, true);
        }
        autofree char *uid = xstrdup(object_uid(pod));
        cleanup(value_free) struct value *told = value_new_map();
        value_set_str(told, "apiVersion", "v1");
        value_set_str(told, "kind", "Pod");
        struct value *meta = value_set(told, "metadata", value_new_map());
        value_set_str(meta, "name", "web");
        value_set_str(meta, "namespace", "default");
        value_set_str(meta, "uid", uid);
        value_set_str(value_set(told, "status", value_new_map()), "phase", "Failed");
        struct report report = {.seq = UINT64_C(1) << 50, .gone = i % 2, .pod = told};
        snprintf(report.boot, sizeof(report.boot), "%s", world->nodes[1].boot_id);
        cleanup(buf_done) struct buf payload;
        buf_init(&payload, 0);
        assert_int_equal(report_write(&report, &payload), 0);
        autofree char *topic =
            xasprintf("limpet/v1/nodes/%s/up/status/%s", world->cast->nodes[1]->node, uid);
        const struct bus_msg msg = {
            .topic = topic, .payload = payload.data, .len = payload.len, .qos = 1};
        bus_fake_inject(world->broker, &msg);
        world_run(world, 2 * S);
        assert_string_equal(world_phase(world, "web"), "Running");
        world_expect_running(world, 0, running);
    }
    world_cut(world, 0, false);
    world_settle(world, 60 * S);
    assert_string_equal(world_phase(world, "web"), "");
    world_free(world);
}

/* Statuses that the broker acknowledged are lost on their way to the gateway, and then in the
 * broker too: the hash of beats tells. */
static void test_touch__lost_reports_are_asked_for(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = world_new(*state, seed, 1);
        const struct identity *id = world->cast->nodes[0];
        const struct bus_fake_faults calm = {.delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
        const struct bus_fake_faults deaf = {
            .drop = 1000, .delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
        world_pod(world, "web", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        autofree char *before = world_running(world, 0);
        bus_fake_set_faults(world->broker, &deaf);
        assert_true(keepers_fake_exit(world->nodes[0].keepers, "default", "web", "main", 256));
        world_run(world, 1 * S);
        bus_fake_set_faults(world->broker, &calm);
        cleanup(value_free) struct value *pod =
            gateway_get(&world->gateway, &kind_pod, "default", "web");
        autofree char *topic =
            xasprintf("limpet/v1/nodes/%s/up/status/%s", id->node, object_uid(pod));
        const struct bus_msg clear = {.topic = topic, .retain = true, .qos = 1};
        if (seed % 2)
            bus_fake_inject(world->broker, &clear);
        world_run(world, 60 * S);
        cleanup(value_free) struct value *now =
            gateway_get(&world->gateway, &kind_pod, "default", "web");
        const struct value *list = value_path(now, "status", "containerStatuses", NULL);
        assert_int_equal(value_get_int(value_at(list, 0), "restartCount", -1), 1);
        autofree char *after = world_running(world, 0);
        assert_string_not_equal(before, after);
        world_run(world, 60 * S);
        world_expect_running(world, 0, after);
        world_free(world);
    }
}

/* At any packet, the first ones of a connection too; the broker forgets nothing. */
static void test_touch__connections_that_break_settle(void **state)
{
    WORLD_EACH_SEED(seed, 8)
    {
        struct world *world = world_new(*state, seed, 1);
        const struct bus_fake_faults calm = {.delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
        const struct bus_fake_faults bad = {
            .disconnect = 400, .delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
        world_kill_agent(world, 0);
        bus_fake_set_faults(world->broker, &bad);
        world_start_agent(world, 0);
        for (int i = 0; i < 5; i++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d", i);
            world_pod(world, name, 0, "[run]", "Always");
            world_run(world, (int64_t)rng_below(&world->rng.rng, 4000) * MS);
        }
        bus_fake_set_faults(world->broker, &calm);
        world_settle(world, 90 * S);
        world_free(world);
    }
}

/* Enrolment. */

struct answers {
    unsigned granted, refused;
    char node[TOPIC_NODE_MAX + 1];
};

static void see_reply(void *ctx, const char *client_id, const struct bus_msg *msg)
{
    struct answers *answers = ctx;
    (void)client_id;
    if (!strstr(msg->topic, "/reply"))
        return;
    cleanup(enroll_answer_done) struct enroll_answer answer = {0};
    struct err err = {0};
    assert_int_equal(enroll_answer_read(msg->payload, msg->len, &answer, &err), 0);
    answers->granted += !answer.error;
    answers->refused += answer.error != NULL;
    snprintf(answers->node, sizeof(answers->node), "%s", answer.node);
}

static void ask(struct world *world, const char *name, const struct key *identity,
                const struct key *sealing)
{
    struct enroll_request request = {0};
    struct err err = {0};
    cleanup(buf_done) struct buf csr, payload;
    buf_init(&csr, 0);
    buf_init(&payload, 0);
    char id[SHA256_HEX + 1], node[TOPIC_NODE_MAX + 1];
    assert_int_equal(key_id(identity, id, &err), 0);
    assert_int_equal(topic_node_id(name, id, node, &err), 0);
    assert_int_equal(csr_write(identity, node, sealing, &csr, &err), 0);
    snprintf(request.name, sizeof(request.name), "%s", name);
    request.csr_pem = csr.data;
    assert_int_equal(enroll_request_write(&request, &payload), 0);
    const struct bus_msg msg = {.topic = "limpet/v1/enroll/abcdef/request",
                                .payload = payload.data,
                                .len = payload.len,
                                .qos = 1};
    bus_fake_inject(world->broker, &msg);
    world_run(world, 2 * S);
}

/* A token lets one node in, however often that one asks, and no other. */
static void test_touch__token_used_twice(void **state)
{
    struct world *world = world_new(*state, 6, 1);
    const struct identity *first = world->cast->nodes[1], *second = world->cast->nodes[2];
    struct answers answers = {0};
    autofree char *secret =
        base64_encode("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 64);
    autofree char *token_id = base64_encode("abcdef", 6);
    autofree char *yaml = xasprintf("apiVersion: v1\n"
                                    "kind: Secret\n"
                                    "metadata: {name: bootstrap-token-abcdef, "
                                    "namespace: kube-system}\n"
                                    "type: bootstrap.kubernetes.io/token\n"
                                    "data: {token-id: %s, token-secret: %s}\n",
                                    token_id, secret);
    bus_fake_set_spy(world->broker, see_reply, &answers);
    ask(world, "fresh", first->identity_key, first->sealing_key);
    assert_int_equal(answers.granted, 0); /* no such token yet */
    world_apply(world, yaml);
    world_run(world, 1 * S);
    ask(world, "fresh", first->identity_key, first->sealing_key);
    assert_int_equal(answers.granted, 1);
    assert_true(str_has_prefix(answers.node, "fresh."));
    gateway_kill(&world->gateway);
    gateway_start(&world->gateway);
    world_run(world, 2 * S);
    ask(world, "fresh", first->identity_key, first->sealing_key); /* the answer was lost */
    assert_int_equal(answers.granted, 2);
    unsigned refused = answers.refused;
    ask(world, "second", second->identity_key, second->sealing_key);
    assert_int_equal(answers.granted, 2);
    assert_int_equal(answers.refused, refused + 1);
    cleanup(value_free) struct value *node = gateway_get(&world->gateway, &kind_node, "", "second");
    assert_null(node);
    world_free(world);
}

static const char *host_ip_of(struct world *world, const char *pod)
{
    static char text[64];
    cleanup(value_free) struct value *object =
        gateway_get(&world->gateway, &kind_pod, "default", pod);
    const char *ip = value_str(value_path(object, "status", "hostIP", NULL));
    const char *own = value_str(value_path(object, "status", "podIP", NULL));
    snprintf(text, sizeof(text), "%s %s", ip ? ip : "-", own ? own : "-");
    return text;
}

static void set_address(struct node *node, const char *address)
{
    cleanup(value_free) struct value *status = value_new_map();
    struct value *list = value_set(status, "addresses", value_new_list());
    struct value *item = value_new_map();
    value_set_str(item, "type", "InternalIP");
    value_set_str(item, "address", address);
    value_append(list, item);
    agent_set_host_ip(node->agent, address);
    link_set_node_status(node->link, status);
}

/* A node that gets its address late, or another one: told of the node and of its pods, in touch and
 * out of it, and nothing is restarted for it. */
static void test_touch__address_changes(void **state)
{
    struct world *world = world_new(*state, 3, 1);
    world_apply(world, "apiVersion: v1\nkind: Pod\nmetadata: {name: host, namespace: default}\n"
                       "spec: {nodeName: node-0, hostNetwork: true, containers: [{name: main, "
                       "image: app, command: [run]}]}\n");
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    autofree char *before = world_running(world, 0);
    for (int cut = 0; cut < 2; cut++) {
        const char *address = cut ? "192.168.7.8" : "192.168.7.7";
        autofree char *both = xasprintf("%s %s", address, address);
        world_cut(world, 0, cut);
        world_run(world, 30 * S);
        set_address(&world->nodes[0], address);
        world_run(world, 2 * S);
        world_cut(world, 0, false);
        world_run(world, 2 * S);
        world_settle(world, 60 * S);
        cleanup(value_free) struct value *node =
            gateway_get(&world->gateway, &kind_node, "", "node-0");
        const struct value *first = value_at(value_path(node, "status", "addresses", NULL), 0);
        assert_string_equal(value_get_str(first, "address"), address);
        assert_string_equal(host_ip_of(world, "host"), both);
        assert_true(str_has_prefix(host_ip_of(world, "web"), address));
        assert_string_not_equal(host_ip_of(world, "web"), both);
        world_expect_running(world, 0, before);
    }
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touch__partition_settles),
        cmocka_unit_test(test_touch__deleted_while_away),
        cmocka_unit_test(test_touch__gone_survives_the_broker),
        cmocka_unit_test(test_touch__wiped_node_converges_from_the_broker),
        cmocka_unit_test(test_touch__report_for_a_foreign_pod_changes_nothing),
        cmocka_unit_test(test_touch__lost_reports_are_asked_for),
        cmocka_unit_test(test_touch__connections_that_break_settle),
        cmocka_unit_test(test_touch__token_used_twice),
        cmocka_unit_test(test_touch__address_changes),
    };
    return SCENARIOS(tests);
}
