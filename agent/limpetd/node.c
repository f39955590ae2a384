#include "agent/limpetd/node.h"

#include "agent/cache/desired.h"
#include "agent/image/images.h"
#include "agent/image/prepulls.h"
#include "agent/keeper/keepers.h"
#include "agent/limpetd/file_watch.h"
#include "agent/limpetd/folder_watch.h"
#include "agent/limpetd/gateway_registry.h"
#include "agent/limpetd/image_gc.h"
#include "agent/limpetd/nodeinfo.h"
#include "agent/limpetd/presence.h"
#include "agent/link/identity.h"
#include "agent/link/link.h"
#include "agent/net/net.h"
#include "agent/net/node_address.h"
#include "agent/pod/agent.h"
#include "agent/pod/evict.h"
#include "agent/pod/manifests.h"
#include "agent/pod/storage.h"
#include "agent/pod/usage.h"
#include "agent/runtime/open_files.h"
#include "agent/runtime/userns.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/mqtt.h"
#include "common/program/notify.h"
#include "common/schema/quantity.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#define WATCH_SETTLE_NS (100 * NS_PER_MS)
/* A node is back on the bus within 5 s of the broker being back, however long it was gone. */
#define RECONNECT_MAX_NS (3 * NS_PER_S)

struct node {
    const struct config *config;
    struct loop *loop;
    struct disk *disk;
    struct rng *rng;
    struct notify *notify; /* NULL: no service manager */
    char boot_id[64];
    char nonce[17];
    char *address; /* the node's own; "" = it has had none yet */
    struct node_address *address_watch;
    int lock_fd;
    bool user_namespaces;      /* pods may have them */
    struct identity *identity; /* NULL: never enrolled */
    struct desired *desired;
    struct keepers *keepers;
    struct gateway_registry registry;
    struct images *images;
    struct image_gc *image_gc;
    struct net *net;
    struct agent *agent;
    struct usage *usage;
    struct prepulls *prepulls;
    struct evict *evict;
    struct storage *storage;
    struct bus *bus;
    struct link *link;
    struct folder_watch *watch;
    struct file_watch *node_files;
};

static char *below(const char *dir, const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static void pod_status_changed(void *ctx, const struct value *pod, bool gone)
{
    struct node *node = ctx;
    if (node->link)
        link_status(node->link, pod, gone);
}

static void pod_event(void *ctx, const char *ns, const char *name, const char *uid,
                      const char *type, const char *reason, const char *message)
{
    struct node *node = ctx;
    if (node->link)
        link_event(node->link, ns, name, uid, type, reason, message);
}

/* What the Node object says of this machine; the caller's. It fails by what is configured alone. */
static int status_of(const struct node *node, struct value **ret, struct err *err)
{
    const char *const *extended = (const char *const *)node->config->extended_resources;
    *ret = nodeinfo_status(node->config->node, node->address, node->boot_id,
                           node->config->state_dir, node->user_namespaces);
    if (node->evict)
        value_set(*ret, "conditions", evict_conditions(node->evict));
    return nodeinfo_extend(*ret, extended, err);
}

static void tell_status(struct node *node)
{
    if (!node->link)
        return;
    cleanup(value_free) struct value *status = NULL;
    if (status_of(node, &status, NULL) == 0)
        link_set_node_status(node->link, status);
}

/* Pods would be ended for an image that nobody needs yet. */
static void hold_prepulls(struct node *node)
{
    bool hold = evict_is_short(node->evict, PRESSURE_DISK);
    if (node->prepulls)
        prepulls_hold(node->prepulls, hold ? "The node had condition: [DiskPressure]." : NULL);
}

static void conditions_changed(void *ctx)
{
    hold_prepulls(ctx);
    tell_status(ctx);
}

static void volumes_gone(void *ctx, const struct value *names)
{
    struct node *node = ctx;
    if (node->link)
        link_set_volumes_gone(node->link, names);
}

static void pods_ready(void *ctx)
{
    struct node *node = ctx;
    notify_ready(node->notify);
}

/* One agent a run folder. */
static int take_lock(struct node *node, struct err *err)
{
    int rc = node->disk->mkdirs(node->disk, node->config->run_dir, 0700, err);
    if (rc < 0)
        return rc;
    node->lock_fd = presence_take(node->config->run_dir, err);
    return node->lock_fd < 0 ? node->lock_fd : 0;
}

static int read_boot_id(struct node *node, struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    int rc = node->disk->read(node->disk, node->config->boot_id_file, sizeof(node->boot_id) - 1,
                              &text, err);
    if (rc < 0)
        return rc;
    snprintf(node->boot_id, sizeof(node->boot_id), "%.*s", (int)strcspn(buf_str(&text), "\n"),
             buf_str(&text));
    uint8_t nonce[8];
    rng_fill(node->rng, nonce, sizeof(nonce));
    hex_encode(nonce, sizeof(nonce), node->nonce);
    return 0;
}

/* Sealed secrets are opened into files below the run folder: never onto flash. */
static void warn_if_on_disk(const struct node *node)
{
    const char *dir = node->config->run_dir;
    struct statfs fs;
    if (statfs(dir, &fs) == 0 && (unsigned long)fs.f_type != TMPFS_MAGIC &&
        (unsigned long)fs.f_type != RAMFS_MAGIC)
        log_warn("runDir is not on tmpfs: secrets of pods are written to a disk: dir=%s", dir);
}

/* Roots and volumes of pods lie in both. */
static void look_for_user_namespaces(struct node *node)
{
    struct err err = {0};
    node->user_namespaces =
        node->disk->mkdirs(node->disk, node->config->state_dir, 0700, &err) == 0 &&
        userns_works(node->config->state_dir, &err) && userns_works(node->config->run_dir, &err);
    if (!node->user_namespaces)
        log_info("no pods with hostUsers false on this node: reason=%s", log_quote(err.msg));
}

/* Where it stays as it is, pods run all the same. */
static void unbind_open_files(void)
{
    struct err err = {0};
    if (open_files_unbound(OPEN_FILES_NODE, &err) < 0)
        log_info("the node's bound of open files stays as it is: reason=%s", log_quote(err.msg));
}

/* What is enrolled but damaged is told; static pods, and pods that run, do not depend on it. */
static void load_identity(struct node *node)
{
    autofree char *dir = below(node->config->state_dir, "identity");
    struct err err = {0};
    int rc = identity_load(node->disk, dir, &node->identity, &err);
    if (rc == -ENOENT)
        log_info("not enrolled: static pods only (limpetd join TOKEN enrols this node)");
    else if (rc < 0)
        log_error("identity unreadable, static pods only: error=%s", log_quote(err.msg));
}

static void open_desired(struct node *node)
{
    if (!node->identity)
        return;
    autofree char *dir = below(node->config->state_dir, "desired");
    const struct desired_spec spec = {.disk = node->disk,
                                      .dir = dir,
                                      .node = node->identity->node,
                                      .signer = node->identity->signer,
                                      .sealing = node->identity->sealing_key};
    struct err err = {0};
    if (desired_open(&spec, &node->desired, &err) < 0)
        log_error("desired state unreadable: error=%s", log_quote(err.msg));
}

static int make_parts(struct node *node, struct err *err)
{
    const struct config *c = node->config;
    autofree char *keeper = below(c->libexec_dir, "limpet-keeper");
    autofree char *fetch = below(c->libexec_dir, "limpet-fetch");
    autofree char *pods_run = below(c->run_dir, "pods");
    autofree char *images_root = below(c->state_dir, "images");
    const struct keepers_spec keepers = {
        .keeper_path = keeper, .run_dir = pods_run, .cgroup_root = c->cgroup};
    const struct images_spec images = {
        .root = images_root,
        .fetch_path = fetch,
        .insecure_registries = (const char *const *)c->insecure_registries,
        .ca_dir = str_empty(c->registry_ca_dir) ? NULL : c->registry_ca_dir,
        .gateway = str_empty(c->gateway) ? NULL : &node->registry.gateway,
        .registries_file = c->registries_file,
        .pulls_max = (unsigned)c->pulls_max,
        .rate = c->pull_rate,
    };
    gateway_registry_init(&node->registry, c, &node->identity, loop_clock(node->loop));
    const struct net_spec net = {
        .bridge = c->bridge, .pod_cidr = c->pod_cidr, .run_dir = c->run_dir, .mtu = (int)c->mtu};
    int rc = node->disk->mkdirs(node->disk, pods_run, 0700, err);
    if (rc == 0)
        rc = node->disk->mkdirs(node->disk, images_root, 0700, err);
    if (rc == 0)
        rc = keepers_new(node->loop, &keepers, &node->keepers, err);
    if (rc == 0)
        rc = images_new(node->loop, &images, &node->images, err);
    if (rc == 0)
        rc = net_new(node->loop, &net, &node->net, err);
    return rc;
}

static int make_agent(struct node *node, const struct value *status, struct err *err)
{
    static const struct agent_handler handler = {pod_status_changed, pod_event, volumes_gone,
                                                 pods_ready};
    const struct config *c = node->config;
    const struct agent_world world = {.loop = node->loop,
                                      .rng = node->rng,
                                      .disk = node->disk,
                                      .keepers = node->keepers,
                                      .images = node->images,
                                      .net = node->net};
    char host_name[HOST_NAME_MAX + 1] = "localhost";
    (void)gethostname(host_name, sizeof(host_name));
    const struct agent_spec spec = {
        .node_name = c->node,
        .host_name = host_name,
        .static_dir = c->manifest_dir,
        .state_dir = c->state_dir,
        .run_dir = c->run_dir,
        .log_dir = c->log_dir,
        .cgroup_root = c->cgroup,
        .host_ip = node->address,
        .boot_id = node->boot_id,
        .resolv_conf = c->resolv_conf,
        .seccomp_dir = c->seccomp_dir,
        .user_namespaces = node->user_namespaces,
        .unsafe_sysctls = (const char *const *)c->unsafe_sysctls,
        .allocatable = value_get(status, "allocatable"),
        .memory_bytes = quantity_units_of(value_path(status, "capacity", "memory", NULL), 0),
        .desired = node->desired,
        .token_renew_percent = (int)c->token_renew_percent};
    return agent_new(&world, &spec, &handler, node, &node->agent, err);
}

/* Beats ask the network more often than pings would, and TCP tells when nobody answers them (the
 * relay): pings, which the broker answers one by one, are for a broker that hangs. */
static int keepalive_s(int64_t beat_s)
{
    const int64_t rare = 12 * beat_s;
    return rare < 15 ? 15 : rare > 600 ? 600 : (int)rare;
}

static int make_bus(struct node *node, struct err *err)
{
    const struct config *c = node->config;
    const struct identity *id = node->identity;
    const struct tls_client_spec tls_spec = {
        .ca_pem = id->ca_pem,
        .cert_pem = id->cert_pem,
        .key = id->identity_key,
        .server_name = ENROLL_SERVER_NAME,
        /* A clock that is before our own certificate is plainly wrong (DESIGN.md section 5, time).
         */
        .ignore_time = clock_wall(loop_clock(node->loop)) / NS_PER_S < id->not_before_s,
    };
    struct tls_config *tls = NULL;
    int rc = tls_client_config(&tls_spec, &tls, err);
    if (rc < 0)
        return rc;
    char topic[TOPIC_MAX + 1];
    cleanup(buf_done) struct buf will;
    buf_init(&will, 0);
    autofree char *client_id = xasprintf("%s-%s", id->node, node->nonce);
    rc = link_will(id->node, node->boot_id, node->nonce, topic, &will);
    const struct bus_msg will_msg = {
        .topic = topic, .payload = will.data, .len = will.len, .qos = 1, .retain = true};
    const struct mqtt_spec spec = {
        .client_id = client_id,
        .host = c->gateway,
        .port = (int)c->bus_port,
        .tls = tls,
        .run_dir = c->run_dir,
        .keepalive_s = keepalive_s(c->beat_s),
        .session_expiry_s = 300,
        .will = &will_msg,
        .backoff_min_ns = NS_PER_S / 4,
        .backoff_max_ns = RECONNECT_MAX_NS,
        .rng = node->rng,
    };
    if (rc == 0)
        rc = mqtt_new(node->loop, &spec, &node->bus, err);
    tls_config_unref(tls);
    return rc;
}

static int watch_pressure(struct node *node, struct err *err)
{
    struct evict_spec spec = {.agent = node->agent, .changed = conditions_changed, .ctx = node};
    int rc = pressure_limits_parse(node->config->eviction_hard, &spec.limits, err);
    if (rc < 0)
        return err_wrap(err, "evictionHard");
    node->evict = evict_new(&spec);
    node->storage = storage_new(node->agent, node->config->storage_check_s * NS_PER_S);
    return 0;
}

static int make_link(struct node *node, struct err *err)
{
    cleanup(value_free) struct value *status = NULL;
    int rc = status_of(node, &status, err);
    if (rc == 0)
        rc = make_bus(node, err);
    if (rc < 0)
        return rc;
    node->usage = usage_new(node->agent);
    node->prepulls = prepulls_new(node->loop, node->images, node->rng);
    hold_prepulls(node);
    cleanup(value_free) struct value *labels = nodeinfo_labels(node->config->node);
    const struct link_spec spec = {.loop = node->loop,
                                   .bus = node->bus,
                                   .disk = node->disk,
                                   .rng = node->rng,
                                   .desired = node->desired,
                                   .agent = node->agent,
                                   .usage = node->usage,
                                   .prepulls = node->prepulls,
                                   .identity = node->identity,
                                   .boot_id = node->boot_id,
                                   .nonce = node->nonce,
                                   .run_dir = node->config->run_dir,
                                   .beat_s = (int)node->config->beat_s,
                                   .pod_cidr = node->config->pod_cidr,
                                   .status = status,
                                   .labels = labels};
    rc = link_new(&spec, &node->link, err);
    return rc < 0 ? rc : link_start(node->link, err);
}

/* The node's address. */

static void address_changed(void *ctx, const char *address)
{
    struct node *node = ctx;
    log_info("the node's address is another: address=%s before=%s", address,
             log_quote(node->address));
    free(node->address);
    node->address = xstrdup(address);
    agent_set_host_ip(node->agent, address);
    tell_status(node);
}

static void watch_address(struct node *node)
{
    struct err err = {0};
    if (node_address_new(node->loop, node->address, address_changed, node, &node->address_watch,
                         &err) < 0)
        log_warn("the node's address is taken at start only: error=%s", log_quote(err.msg));
}

/* The static directory. */

static void files_changed(void *ctx)
{
    struct node *node = ctx;
    agent_reload(node->agent);
}

static void watch_static(struct node *node)
{
    struct err err = {0};
    const char *dir = node->config->manifest_dir;
    if (node->disk->mkdirs(node->disk, dir, 0755, &err) < 0)
        log_warn("no folder for static manifests: error=%s", log_quote(err.msg));
    if (folder_watch_new(node->loop, dir, manifests_is_file, files_changed, node, &node->watch,
                         &err) < 0)
        log_warn("static manifests are read at start and at SIGHUP only: dir=%s error=%s", dir,
                 log_quote(err.msg));
}

static void node_files_changed(void *ctx)
{
    struct node *node = ctx;
    agent_node_files_changed(node->agent);
}

/* A node that boots offline gets its name servers minutes later. */
static void watch_node_files(struct node *node)
{
    const char *const paths[] = {node->config->resolv_conf, AGENT_RESOLVED_FILE, AGENT_HOSTS_FILE,
                                 NULL};
    struct err err = {0};
    if (file_watch_new(node->loop, paths, WATCH_SETTLE_NS, node_files_changed, node,
                       &node->node_files, &err) < 0)
        log_warn("pods that run see changes of the node's name servers at SIGHUP only: error=%s",
                 log_quote(err.msg));
}

static int watch_images(struct node *node, const char *config_file, struct err *err)
{
    autofree char *root = below(node->config->state_dir, "images");
    return image_gc_new(node->loop, node->config, config_file, root, &node->image_gc, err);
}

int node_new(struct loop *loop, const struct config *config, const char *config_file,
             struct node **ret, struct err *err)
{
    struct node *node = xcalloc(1, sizeof(*node));
    node->config = config;
    node->loop = loop;
    node->disk = disk_posix();
    node->rng = rng_system();
    node->notify = notify_new(loop);
    node->lock_fd = -1;
    node->address = node_address_read();
    int rc = take_lock(node, err);
    if (rc == 0)
        rc = read_boot_id(node, err);
    if (rc == 0) {
        warn_if_on_disk(node);
        look_for_user_namespaces(node);
        unbind_open_files();
        load_identity(node);
        open_desired(node);
        rc = make_parts(node, err);
    }
    if (rc == 0)
        rc = watch_images(node, config_file, err);
    cleanup(value_free) struct value *status = NULL;
    if (rc == 0)
        rc = status_of(node, &status, err);
    if (rc == 0)
        rc = make_agent(node, status, err);
    if (rc == 0)
        rc = watch_pressure(node, err);
    if (rc == 0 && node->desired && !str_empty(config->gateway))
        rc = make_link(node, err);
    if (rc == 0)
        rc = agent_start(node->agent, err);
    if (rc < 0) {
        node_free(node);
        return rc;
    }
    watch_static(node);
    watch_node_files(node);
    watch_address(node);
    *ret = node;
    return 0;
}

void node_reload(struct node *node)
{
    agent_reload(node->agent);
    agent_node_files_changed(node->agent);
}

void node_stop(struct node *node, void (*done)(void *ctx), void *ctx)
{
    notify_stopping(node->notify);
    if (node->link)
        link_stop(node->link, done, ctx);
    else
        done(ctx);
}

void node_free(struct node *node)
{
    if (!node)
        return;
    link_free(node->link);
    if (node->bus)
        node->bus->free(node->bus);
    usage_free(node->usage);
    prepulls_free(node->prepulls);
    storage_free(node->storage);
    evict_free(node->evict);
    agent_free(node->agent);
    if (node->net)
        node->net->free(node->net);
    image_gc_free(node->image_gc);
    if (node->images)
        node->images->free(node->images);
    if (node->keepers)
        node->keepers->free(node->keepers);
    gateway_registry_done(&node->registry);
    desired_free(node->desired);
    identity_free(node->identity);
    folder_watch_free(node->watch);
    file_watch_free(node->node_files);
    node_address_free(node->address_watch);
    notify_free(node->notify);
    if (node->lock_fd >= 0)
        close(node->lock_fd);
    free(node->address);
    free(node);
}
