#include "controller/gateway/gateway.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/mqtt.h"
#include "common/fs/disk.h"
#include "controller/admission/admission.h"
#include "controller/auth/authn.h"
#include "controller/auth/bootstrap_tokens.h"
#include "controller/auth/sa_tokens.h"
#include "controller/auth/token_file.h"
#include "controller/auth/users.h"
#include "controller/broker/broker.h"
#include "controller/broker/doorman.h"
#include "controller/gateway/backups.h"
#include "controller/gateway/restore.h"
#include "controller/gateway/vitals.h"
#include "controller/link/hub.h"
#include "controller/link/podstreams.h"
#include "controller/link/usages.h"
#include "controller/reconcile/accounts.h"
#include "controller/reconcile/aggregation.h"
#include "controller/reconcile/bootstrap.h"
#include "controller/reconcile/claims.h"
#include "controller/reconcile/definitions.h"
#include "controller/reconcile/ephemeral.h"
#include "controller/reconcile/garbage.h"
#include "controller/reconcile/nodes.h"
#include "controller/reconcile/podgc.h"
#include "controller/reconcile/policy.h"
#include "controller/reconcile/priority_classes.h"
#include "controller/reconcile/quota.h"
#include "controller/reconcile/recorder.h"
#include "controller/reconcile/schedule.h"
#include "controller/reconcile/signer.h"
#include "controller/reconcile/storage_class.h"
#include "controller/reconcile/users.h"
#include "controller/monitor/audit.h"
#include "controller/monitor/census.h"
#include "controller/registry/registry.h"
#include "controller/server/server.h"
#include "controller/stream/streams.h"
#include "controller/trust/trust.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

struct gateway {
    const struct config *config;
    const char *config_file;
    struct loop *loop;
    struct disk *disk;
    struct rng *rng;
    int lock_fd;
    struct trust *trust;
    struct store *store;
    struct api *api;
    struct admission *admission;
    struct bootstrap *bootstrap;
    struct policy *policy;
    struct aggregation *aggregation;
    struct authn *authn;
    struct sa_tokens *sa_tokens;
    struct users_watch *users_watch;
    struct token_file *token_file; /* NULL: there are no static tokens */
    struct recorder *recorder;
    struct nodes *nodes;
    struct schedule *schedule;
    struct podgc *podgc;
    struct claims *claims;
    struct ephemeral *ephemeral;
    struct definitions *definitions;
    struct garbage *garbage;
    struct quota_controller *quota;
    struct accounts *accounts;
    struct signer *signer;
    struct users *users;
    struct broker *broker;
    struct bus *bus;
    struct hub *hub;
    struct doorman *doorman;
    struct podstreams *podstreams;
    struct streams *streams;
    struct usages *usages;
    struct node_usage_source usage;
    struct backups *backups;
    struct vitals vitals;
    struct health health;
    struct census *census;
    struct metrics *metrics;
    struct audit *audit; /* NULL: there is no trail */
    struct server_hooks hooks;
    struct registry *registry; /* NULL: no images are kept */
    struct server_guest guest;
    struct server *server;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static char *below(const char *dir, const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static int take_lock(struct gateway *g, struct err *err)
{
    int rc = g->disk->mkdirs(g->disk, g->config->state_dir, 0755, err);
    if (rc == 0)
        rc = g->disk->mkdirs(g->disk, g->config->run_dir, 0700, err);
    if (rc < 0)
        return rc;
    autofree char *path = below(g->config->state_dir, "controller.lock");
    g->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (g->lock_fd < 0)
        return err_errno(err, errno, "%s", path);
    if (flock(g->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, -EBUSY, "another controller runs on %s", g->config->state_dir);
    autofree char *mark = below(g->config->state_dir, RESTORE_MARK);
    if (access(mark, F_OK) == 0)
        return err_set(err, -EBADMSG,
                       "%s: a restore did not come to its end: do it again, with --force",
                       g->config->state_dir);
    return 0;
}

/* "https://127.0.0.1:6443": an address of this machine that its certificate names. */
static char *own_url(const struct config *c)
{
    struct in6_addr in;
    bool anywhere = str_empty(c->api_address) || str_eq(c->api_address, "0.0.0.0") ||
                    str_eq(c->api_address, "::");
    const char *host = anywhere ? "127.0.0.1" : c->api_address;
    bool v6 = inet_pton(AF_INET6, host, &in) == 1;
    return xasprintf("https://%s%s%s:%lld", v6 ? "[" : "", host, v6 ? "]" : "",
                     (long long)c->api_port);
}

/* The addresses that the server's certificate must hold: those of the configuration, and what the
 * API listens on. Borrowed strings; caller frees the list. */
static const char **own_addresses(const struct config *c)
{
    size_t count = 0;
    while (c->addresses[count])
        count++;
    const char **list = xcalloc(count + 2, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = c->addresses[i];
    struct in6_addr in;
    if (inet_pton(AF_INET6, c->api_address, &in) == 1 ||
        inet_pton(AF_INET, c->api_address, &in) == 1)
        list[count] = c->api_address;
    return list;
}

static int open_trust(struct gateway *g, struct err *err)
{
    const struct config *c = g->config;
    autofree char *dir = below(c->state_dir, "trust");
    autofree const char **ips = own_addresses(c);
    const struct trust_spec spec = {
        .disk = g->disk,
        .dir = dir,
        .clock = loop_clock(g->loop),
        .dns = (const char *const *)c->names,
        .ips = ips,
    };
    int rc = trust_open(&spec, &g->trust, err);
    if (rc < 0)
        return rc;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    autofree char *url = own_url(c);
    (void)trust_kubeconfig(g->trust, url, &text);
    rc = g->disk->replace(g->disk, c->kubeconfig, text.data, text.len, 0600, err);
    crypto_wipe(text.data, text.len);
    return rc;
}

static int open_api(struct gateway *g, struct err *err)
{
    autofree char *path = below(g->config->state_dir, "store.db");
    int rc = store_open(g->loop, path, &g->store, err);
    const struct api_spec spec = {
        .loop = g->loop, .store = g->store, .clock = loop_clock(g->loop), .rng = g->rng};
    const struct admission_config admission = {.not_ready_s = g->config->not_ready_s,
                                               .unreachable_s = g->config->unreachable_s,
                                               .mount_tokens = g->config->mount_tokens};
    if (rc == 0)
        rc = api_new(&spec, &g->api, err);
    if (rc == 0)
        g->admission = admission_new(g->api, &admission);
    if (rc == 0)
        g->bootstrap = bootstrap_new(g->api, NULL, NULL);
    if (rc == 0)
        g->policy = policy_new(g->api, NULL, NULL);
    return rc;
}

/* What a user has open was granted to what it was before. */
static void user_changed(void *ctx, const char *name)
{
    struct gateway *g = ctx;
    if (g->server)
        server_cut_user(g->server, name);
    if (g->streams)
        (void)streams_revoke(g->streams, name);
    if (g->doorman)
        doorman_look(g->doorman, name);
}

static bool is_unwanted(void *ctx, const char *name)
{
    static const struct api_user self = {.name = "system:limpet:doorman"};
    const struct gateway *g = ctx;
    const struct api_ref ref = {&kind_user, "", name};
    const struct value *user = NULL;
    return api_see(g->api, &self, &ref, &user) == 0 && user_is_revoked(user);
}

static int open_authn(struct gateway *g, struct err *err)
{
    const struct authn_spec spec = {.loop = g->loop, .api = g->api, .clock = loop_clock(g->loop)};
    g->authn = authn_new(&spec);
    authn_add(g->authn, bootstrap_tokens_check, g->api);
    const struct sa_tokens_spec accounts = {g->api, g->rng, g->trust->accounts};
    int rc = sa_tokens_new(&accounts, &g->sa_tokens, err);
    if (rc < 0)
        return rc;
    authn_add(g->authn, sa_tokens_check, g->sa_tokens);
    rc = users_watch_new(g->api, user_changed, g, &g->users_watch, err);
    if (rc < 0)
        return rc;
    if (str_empty(g->config->token_file))
        return 0;
    rc = token_file_new(g->loop, g->config->token_file, &g->token_file, err);
    if (rc < 0)
        return err_wrap(err, "tokenFile");
    authn_add(g->authn, token_file_check, g->token_file);
    return 0;
}

static int open_audit(struct gateway *g, struct err *err)
{
    const struct config *c = g->config;
    const struct audit_spec spec = {.loop = g->loop,
                                    .rng = g->rng,
                                    .file = c->audit_file,
                                    .bytes = (size_t)c->audit_bytes,
                                    .policy = c->audit_policy};
    g->metrics = metrics_new();
    if (!c->audit_bytes)
        return 0;
    int r = audit_new(&spec, &g->audit, err);
    if (r == 0)
        audit_register(g->audit, g->metrics);
    return r;
}

static int start_controllers(struct gateway *g, struct err *err)
{
    priority_classes_create(g->api);
    storage_class_create(g->api);
    g->quota = quota_controller_new(g->loop, g->api, admission_quotas(g->admission));
    g->recorder = recorder_new(g->api, loop_clock(g->loop));
    const struct nodes_spec nodes = {.loop = g->loop,
                                     .api = g->api,
                                     .recorder = g->recorder,
                                     .interval_ns = g->config->beat_s * NS_PER_S};
    int rc = nodes_new(&nodes, &g->nodes, err);
    if (rc == 0)
        rc = schedule_new(g->loop, g->api, g->rng, g->recorder, &g->schedule, err);
    if (rc == 0)
        rc = podgc_new(g->loop, g->api, 0, &g->podgc, err);
    if (rc == 0)
        rc = claims_new(g->loop, g->api, g->recorder, &g->claims, err);
    if (rc == 0)
        rc = ephemeral_new(g->loop, g->api, g->recorder, &g->ephemeral, err);
    if (rc == 0)
        rc = definitions_new(g->loop, g->api, &g->definitions, err);
    if (rc == 0)
        rc = garbage_new(g->loop, g->api, g->recorder, &g->garbage, err);
    const struct accounts_spec accounts = {g->loop, g->api, g->sa_tokens, g->trust->ca_pem};
    if (rc == 0)
        rc = accounts_new(&accounts, &g->accounts, err);
    if (rc == 0)
        rc = aggregation_new(g->loop, g->api, &g->aggregation, err);
    if (rc == 0)
        rc = signer_new(g->loop, g->api, g->trust, &g->signer, err);
    if (rc == 0)
        rc = users_new(g->loop, g->api, &g->users, err);
    return rc;
}

static void broker_up(void *ctx, bool adopted)
{
    (void)ctx;
    log_info("broker runs adopted=%s", adopted ? "yes" : "no");
}

static void broker_down(void *ctx, const struct err *err, int64_t retry_ns)
{
    (void)ctx;
    log_error("broker is down: error=%s retry_ms=%lld", log_quote(err->msg),
              (long long)(retry_ns / NS_PER_MS));
}

static const char *or_null(const char *text)
{
    return str_empty(text) ? NULL : text;
}

static int start_broker(struct gateway *g, struct err *err)
{
    static const struct broker_handler handler = {broker_up, broker_down};
    const struct config *c = g->config;
    autofree char *dir = below(c->state_dir, "broker");
    const struct broker_spec spec = {
        .loop = g->loop,
        .rng = g->rng,
        .dir = dir,
        .program = or_null(c->broker_program),
        .user = or_null(c->broker_user),
        .address = or_null(c->bus_address),
        .tls_port = (int)c->bus_port,
        .enroll_port = (int)c->enroll_port,
        .ca_pem = g->trust->ca_pem,
        .cert_pem = g->trust->server_pem,
        .key_pem = g->trust->server_key_pem,
    };
    int rc = broker_new(&spec, &handler, g, &g->broker, err);
    return rc < 0 ? rc : broker_start(g->broker, err);
}

static int start_hub(struct gateway *g, struct err *err)
{
    uint8_t nonce[8];
    char hex[2 * sizeof(nonce) + 1];
    rng_fill(g->rng, nonce, sizeof(nonce));
    hex_encode(nonce, sizeof(nonce), hex);
    autofree char *client_id = xasprintf("limpet-controller-%s", hex);
    const struct mqtt_spec mqtt = {
        .client_id = client_id,
        .unix_path = broker_socket(g->broker),
        .keepalive_s = 15,
        .backoff_min_ns = 50 * NS_PER_MS,
        .backoff_max_ns = NS_PER_S,
        .rng = g->rng,
    };
    int rc = mqtt_new(g->loop, &mqtt, &g->bus, err);
    const struct hub_spec hub = {.loop = g->loop,
                                 .api = g->api,
                                 .store = g->store,
                                 .bus = g->bus,
                                 .broker = g->broker,
                                 .nodes = g->nodes,
                                 .recorder = g->recorder,
                                 .trust = g->trust,
                                 .rng = g->rng,
                                 .authn = g->authn,
                                 .audit = g->audit,
                                 .tokens = g->sa_tokens};
    if (rc == 0)
        rc = hub_new(&hub, &g->hub, err);
    if (rc == 0 && hub_epoch(g->hub)->adopt)
        log_warn("restored from a backup: nodes keep what it does not know until 'limpet restore "
                 "--settle'");
    const struct doorman_spec doorman = {.loop = g->loop,
                                         .rng = g->rng,
                                         .socket = broker_socket(g->broker),
                                         .unwanted = is_unwanted,
                                         .ctx = g};
    if (rc == 0)
        rc = doorman_new(&doorman, &g->doorman, err);
    return rc < 0 ? rc : hub_start(g->hub, err);
}

static int start_metrics(struct gateway *g, struct err *err)
{
    g->vitals = (struct vitals){g->config->state_dir, g->store, g->nodes, g->broker, g->bus};
    g->health = (struct health){vitals_checks, vitals_check_count, &g->vitals};
    vitals_register(&g->vitals, g->metrics);
    int rc = census_new(g->store, &g->census, err);
    if (rc == 0)
        census_register(g->census, g->metrics);
    return rc;
}

static int call_node(void *ctx, const char *node, const struct call_handler *handler,
                     void *handler_ctx, struct call **ret, struct err *err)
{
    const struct gateway *g = ctx;
    return hub_call_node(g->hub, node, "usage", NULL, handler, handler_ctx, ret, err);
}

static void start_registry(struct gateway *g)
{
    const struct registry_spec spec = {.loop = g->loop,
                                       .api = g->api,
                                       .authn = g->authn,
                                       .ca_pem = g->trust->ca_pem,
                                       .dir = g->config->registry_dir,
                                       .max_bytes = g->config->registry_bytes};
    if (g->config->registry)
        g->registry = registry_new(&spec);
    g->guest = (struct server_guest){REGISTRY_PATH, REGISTRY_MAX_BODY, registry_take, g->registry};
}

static int start_server(struct gateway *g, struct err *err)
{
    const struct config *c = g->config;
    g->podstreams = podstreams_new(g->hub);
    const struct usages_spec usages = {.loop = g->loop, .ctx = g, .call = call_node};
    g->usages = usages_new(&usages);
    g->usage = usages_source(g->usages);
    autofree char *trust_dir = below(c->state_dir, "trust");
    const struct backups_spec backups = {.loop = g->loop,
                                         .disk = g->disk,
                                         .store = g->store,
                                         .hub = g->hub,
                                         .trust_dir = trust_dir,
                                         .config_file = g->config_file};
    g->backups = backups_new(&backups);
    g->streams = streams_new(g->loop, &g->hooks);
    g->hooks = (struct server_hooks){.ctx = g->podstreams,
                                     .pod_stream = podstreams_open,
                                     .pod_dial = podstreams_dial,
                                     .node_pull = podstreams_pull,
                                     .streams = g->streams,
                                     .stream = streams_serve,
                                     .usage = &g->usage,
                                     .gateway = g->backups,
                                     .backup = backups_backup,
                                     .restore = backups_restore};
    start_registry(g);
    const struct server_spec spec = {.loop = g->loop,
                                     .api = g->api,
                                     .guest = g->registry ? &g->guest : NULL,
                                     .clock = loop_clock(g->loop),
                                     .rng = g->rng,
                                     .hooks = &g->hooks,
                                     .authn = g->authn,
                                     .tokens = g->sa_tokens,
                                     .metrics = g->metrics,
                                     .health = &g->health,
                                     .audit = g->audit};
    const struct server_listen listen = {
        .address = str_empty(c->api_address) ? "::" : c->api_address,
        .port = (uint16_t)c->api_port,
        .cert_pem = g->trust->server_pem,
        .key = g->trust->server_key,
        .client_ca_pem = g->trust->ca_pem,
    };
    int rc = server_new(&spec, &g->server, err);
    if (rc == 0)
        rc = server_listen(g->server, &listen, err);
    if (rc == 0)
        log_info("API listens port=%u", server_port(g->server));
    return rc;
}

static void left_bus(void *ctx)
{
    struct gateway *g = ctx;
    if (g->config->stop_broker)
        broker_stop(g->broker, g->stopped, g->stopped_ctx);
    else
        g->stopped(g->stopped_ctx);
}

/* What ends with the process: the connection to the broker, and the broker itself if it is not to
 * outlive us. done may be called at once. */
void gateway_stop(struct gateway *g, void (*done)(void *ctx), void *ctx)
{
    g->stopped = done;
    g->stopped_ctx = ctx;
    hub_stop(g->hub, left_bus, g);
}

int gateway_new(struct loop *loop, const struct config *config, const char *config_file,
                struct gateway **ret, struct err *err)
{
    struct gateway *g = xcalloc(1, sizeof(*g));
    g->config = config;
    g->config_file = config_file;
    g->loop = loop;
    g->disk = disk_posix();
    g->rng = rng_system();
    g->lock_fd = -1;
    static int (*const steps[])(struct gateway *, struct err *) = {
        take_lock,         open_trust,   open_api,  open_authn,    open_audit,
        start_controllers, start_broker, start_hub, start_metrics, start_server,
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int rc = steps[i](g, err);
        if (rc < 0) {
            gateway_free(g);
            return rc;
        }
    }
    *ret = g;
    return 0;
}

void gateway_free(struct gateway *g)
{
    if (!g)
        return;
    streams_free(g->streams);
    podstreams_free(g->podstreams);
    usages_free(g->usages);
    doorman_free(g->doorman);
    hub_free(g->hub);
    quota_controller_free(g->quota);
    users_free(g->users);
    signer_free(g->signer);
    accounts_free(g->accounts);
    aggregation_free(g->aggregation);
    garbage_free(g->garbage);
    definitions_free(g->definitions);
    ephemeral_free(g->ephemeral);
    claims_free(g->claims);
    podgc_free(g->podgc);
    schedule_free(g->schedule);
    nodes_free(g->nodes);
    recorder_free(g->recorder);
    policy_free(g->policy);
    bootstrap_free(g->bootstrap);
    users_watch_free(g->users_watch);
    if (g->api)
        api_stop(g->api);
    backups_free(g->backups);
    server_free(g->server);
    registry_free(g->registry);
    authn_free(g->authn);
    token_file_free(g->token_file);
    sa_tokens_free(g->sa_tokens);
    census_free(g->census);
    if (g->store)
        store_close(g->store);
    metrics_free(g->metrics);
    audit_free(g->audit);
    admission_free(g->admission);
    api_free(g->api);
    if (g->bus)
        g->bus->free(g->bus);
    broker_free(g->broker);
    trust_free(g->trust);
    if (g->lock_fd >= 0)
        close(g->lock_fd);
    free(g);
}
