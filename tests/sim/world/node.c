#include "tests/sim/world/node.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BEAT_S 10

static bool is_dead(void *ctx)
{
    const struct node *node = ctx;
    return node->dying || node_is_cut(node);
}

static void new_boot(struct node *node)
{
    node->boots++;
    snprintf(node->boot_id, sizeof(node->boot_id), "boot-%s-%u", node->name, node->boots);
}

void node_init(struct node *node, const struct node_spec *spec)
{
    *node = (struct node){.loop = spec->loop,
                          .rng = spec->rng,
                          .broker = spec->broker,
                          .number = spec->number,
                          .identity = spec->identity};
    const struct clock *clock = loop_clock(spec->loop);
    snprintf(node->name, sizeof(node->name), "node-%zu", spec->number);
    new_boot(node);
    node->state = disk_fake_new(spec->seed, clock);
    node->run = disk_fake_new(spec->seed + 1, clock);
    node->disk = disk_mux_new(disk_fake_disk(node->state), "/run", disk_fake_disk(node->run));
    const struct keepers_fake_spec keepers = {.loop = spec->loop,
                                              .rng = spec->rng,
                                              .disk = disk_mux_disk(node->disk),
                                              .cut = is_dead,
                                              .cut_ctx = node,
                                              .ending = spec->ending,
                                              .ctx = spec->ctx};
    node->keepers = keepers_fake_new(&keepers, node->boot_id);
    node->images = images_fake_new(spec->loop, is_dead, node);
    node->net = net_fake_new(is_dead, node);
}

void node_done(struct node *node)
{
    node_kill(node);
    keepers_fake_free(node->keepers);
    images_fake_free(node->images);
    net_fake_free(node->net);
    disk_mux_free(node->disk);
    disk_fake_free(node->state);
    disk_fake_free(node->run);
}

bool node_is_cut(const struct node *node)
{
    return disk_fake_is_cut(node->state) || disk_fake_is_cut(node->run);
}

/* What limpetd/node.c wires. */

static void pod_status_changed(void *ctx, const struct value *pod, bool gone)
{
    struct node *node = ctx;
    if (node->link && !is_dead(node))
        link_status(node->link, pod, gone);
}

static void pod_event(void *ctx, const char *ns, const char *name, const char *uid,
                      const char *type, const char *reason, const char *message)
{
    struct node *node = ctx;
    if (is_dead(node))
        return;
    if (str_eq(type, "Warning")) {
        node->warnings++;
        snprintf(node->last_warning, sizeof(node->last_warning), "%s: %s", reason, message);
    }
    if (node->link)
        link_event(node->link, ns, name, uid, type, reason, message);
}

static void volumes_gone(void *ctx, const struct value *names)
{
    struct node *node = ctx;
    if (node->link && !is_dead(node))
        link_set_volumes_gone(node->link, names);
}

static int count_running(void *ctx, const struct value *pod)
{
    struct node *node = ctx;
    node->ready_runs += str_eq(value_get_str(value_get(pod, "status"), "phase"), "Running");
    return 0;
}

static void pods_ready(void *ctx)
{
    struct node *node = ctx;
    node->ready++;
    (void)agent_each_pod(node->agent, count_running, node);
}

static int make_agent(struct node *node, struct err *err)
{
    static const struct agent_handler handler = {pod_status_changed, pod_event, volumes_gone,
                                                 pods_ready};
    const struct agent_world world = {.loop = node->loop,
                                      .rng = node->rng,
                                      .disk = disk_mux_disk(node->disk),
                                      .keepers = keepers_fake_open(node->keepers),
                                      .images = images_fake_open(node->images),
                                      .net = net_fake_open(node->net)};
    const struct agent_spec spec = {.node_name = node->name,
                                    .host_name = node->name,
                                    .static_dir = NODE_MANIFESTS,
                                    .state_dir = NODE_STATE,
                                    .run_dir = NODE_RUN,
                                    .log_dir = "/var/log/limpet",
                                    .cgroup_root = "limpet",
                                    .host_ip = "192.168.1.10",
                                    .boot_id = node->boot_id,
                                    .resolv_conf = "/etc/resolv.conf",
                                    .desired = node->desired};
    return agent_new(&world, &spec, &handler, node, &node->agent, err);
}

static int make_link(struct node *node, struct err *err)
{
    const char *id = node->identity->node;
    char nonce[17], topic[TOPIC_MAX + 1];
    snprintf(nonce, sizeof(nonce), "%016x", ++node->lives);
    cleanup(buf_done) struct buf will;
    buf_init(&will, 0);
    if (link_will(id, node->boot_id, nonce, topic, &will) < 0)
        return err_set(err, -EINVAL, "no will");
    const struct bus_msg will_msg = {
        .topic = topic, .payload = will.data, .len = will.len, .qos = 1, .retain = true};
    snprintf(node->client_id, sizeof(node->client_id), "%s-%s", id, nonce);
    const struct bus_fake_client spec = {.client_id = node->client_id,
                                         .user = id,
                                         .session_expiry_s = 300,
                                         .keepalive_s = 15,
                                         .will = &will_msg};
    node->bus = bus_leash_new(bus_fake_client(node->broker, &spec), is_dead, node);
    cleanup(value_free) struct value *status = value_new_map();
    struct value *allocatable = value_set(status, "allocatable", value_new_map());
    value_set_str(allocatable, "cpu", "4");
    value_set_str(allocatable, "memory", "1Gi");
    value_set_str(allocatable, "pods", "110");
    cleanup(value_free) struct value *labels = value_new_map();
    value_set_str(labels, "kubernetes.io/hostname", node->name);
    const struct link_spec link = {.loop = node->loop,
                                   .bus = bus_leash_bus(node->bus),
                                   .disk = disk_mux_disk(node->disk),
                                   .rng = node->rng,
                                   .desired = node->desired,
                                   .agent = node->agent,
                                   .identity = node->identity,
                                   .boot_id = node->boot_id,
                                   .nonce = nonce,
                                   .run_dir = NODE_RUN,
                                   .beat_s = BEAT_S,
                                   .status = status,
                                   .labels = labels};
    int rc = link_new(&link, &node->link, err);
    return rc < 0 ? rc : link_start(node->link, err);
}

static int open_desired(struct node *node, struct err *err)
{
    const struct desired_spec spec = {.disk = disk_mux_disk(node->disk),
                                      .dir = NODE_DESIRED,
                                      .node = node->identity->node,
                                      .signer = node->identity->signer,
                                      .sealing = node->identity->sealing_key};
    return desired_open(&spec, &node->desired, err);
}

int node_start(struct node *node, struct err *err)
{
    node->up = true;
    node->warnings = node->ready_runs = node->ready = 0;
    int rc = node->identity ? open_desired(node, err) : 0;
    if (rc == 0)
        rc = make_agent(node, err);
    if (rc == 0 && node->identity)
        rc = make_link(node, err);
    if (rc == 0)
        rc = agent_start(node->agent, err);
    if (rc < 0)
        node_kill(node);
    return rc;
}

static void end_life(struct node *node)
{
    node->dying = true;
    disk_fake_cut_after(node->state, 0);
    disk_fake_cut_after(node->run, 0);
    bus_leash_kill(node->bus);
    link_free(node->link);
    agent_free(node->agent);
    desired_free(node->desired);
    bus_leash_free(node->bus);
    node->link = NULL;
    node->agent = NULL;
    node->desired = NULL;
    node->bus = NULL;
    struct keepers *keepers = keepers_fake_open(node->keepers);
    struct images *images = images_fake_open(node->images);
    keepers->free(keepers);
    images->free(images);
    node->dying = node->up = false;
}

void node_kill(struct node *node)
{
    if (!node->up)
        return;
    end_life(node);
    disk_fake_reboot(node->state, DISK_FAKE_KEEP_ALL);
    disk_fake_reboot(node->run, DISK_FAKE_KEEP_ALL);
}

void node_power_off(struct node *node, enum disk_fake_loss loss)
{
    end_life(node);
    disk_fake_reboot(node->state, loss);
    disk_fake_reboot(node->run, DISK_FAKE_LOSE_ALL);
    disk_fake_wipe(node->run);
    net_fake_reboot(node->net);
    new_boot(node);
    keepers_fake_reboot(node->keepers, node->boot_id);
}
