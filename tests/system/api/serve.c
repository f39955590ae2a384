/* api-serve DIR [CONNECTIONS-PER-ADDRESS]: the API server by itself on a free port of 127.0.0.1.
 * Writes ca.pem, admin.pem, admin.key, guest.pem, guest.key (no groups), foreign.pem, foreign.key
 * (another CA's) and kubeconfig into DIR, keeps its store there, prints "port N". Ends on SIGTERM.
 */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "controller/reconcile/policy.h"
#include "controller/server/server.h"
#include "controller/stream/streams.h"
#include "tests/unit/controller/pods/pods.h"

#include <signal.h>
#include <stdio.h>

struct program {
    const char *dir;
    struct loop *loop;
    struct loop_signal *term;
    struct store *store;
    struct api *api;
    struct policy *policy;
    struct server *server;
    struct buf ca, cert;
    struct key *ca_key, *key;
    struct loop_timer *tick;
    struct pod_sink *follow;
    int ticks;
    struct pods pods; /* what live streams lead to */
    struct streams *streams;
};

static _Noreturn void die(const struct err *err, const char *what)
{
    fprintf(stderr, "api-serve: %s: %s\n", what, err->msg);
    exit(1);
}

static void write_file(const char *dir, const char *name, const struct buf *text)
{
    autofree char *path = xasprintf("%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    if (!file || fwrite(text->data, 1, text->len, file) != text->len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void issue(struct cert_spec spec, const struct key *key, const struct buf *ca,
                  const struct key *ca_key, struct buf *ret)
{
    struct err err = {0};
    spec.not_before_s = clock_wall(clock_system()) / NS_PER_S - 60;
    spec.not_after_s = spec.not_before_s + 86400;
    if (cert_issue(&spec, key, ca ? buf_str(ca) : NULL, ca_key, ret, &err) != 0)
        die(&err, spec.common_name);
}

static void make_client(const struct program *program, const char *name, const char *const *groups,
                        const struct buf *ca, const struct key *ca_key)
{
    struct err err = {0};
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf cert = {0}, pem = {0};
    if (key_generate(&key, &err) != 0 || key_write_private(key, &pem, &err) != 0)
        die(&err, "key");
    issue((struct cert_spec){.common_name = name, .organizations = groups, .client = true}, key, ca,
          ca_key, &cert);
    autofree char *cert_name = xasprintf("%s.pem", name);
    autofree char *key_name = xasprintf("%s.key", name);
    write_file(program->dir, cert_name, &cert);
    write_file(program->dir, key_name, &pem);
}

static void make_foreign(const struct program *program)
{
    struct err err = {0};
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf ca = {0};
    static const char *const masters[] = {"system:masters", NULL};
    if (key_generate(&key, &err) != 0)
        die(&err, "key");
    issue((struct cert_spec){.common_name = "limpet-ca", .ca = true}, key, NULL, key, &ca);
    make_client(program, "foreign", masters, &ca, key);
}

static void make_certificates(struct program *program)
{
    static const char *const dns[] = {"localhost", NULL};
    static const char *const ips[] = {"127.0.0.1", NULL};
    static const char *const masters[] = {"system:masters", NULL};
    struct err err = {0};
    if (key_generate(&program->ca_key, &err) != 0 || key_generate(&program->key, &err) != 0)
        die(&err, "key");
    issue((struct cert_spec){.common_name = "limpet-ca", .ca = true}, program->ca_key, NULL,
          program->ca_key, &program->ca);
    issue((struct cert_spec){.common_name = "limpet-api", .dns = dns, .ips = ips, .server = true},
          program->key, &program->ca, program->ca_key, &program->cert);
    write_file(program->dir, "ca.pem", &program->ca);
    make_client(program, "admin", masters, &program->ca, program->ca_key);
    make_client(program, "guest", NULL, &program->ca, program->ca_key);
    make_foreign(program);
}

static void write_kubeconfig(const struct program *program)
{
    cleanup(buf_done) struct buf text = {0};
    buf_addf(
        &text,
        "apiVersion: v1\nkind: Config\ncurrent-context: limpet\n"
        "clusters: [{name: limpet, cluster: {server: 'https://127.0.0.1:%u', "
        "certificate-authority: ca.pem}}]\n"
        "users: [{name: admin, user: {client-certificate: admin.pem, client-key: admin.key}}]\n"
        "contexts: [{name: limpet, context: {cluster: limpet, user: admin}}]\n",
        server_port(program->server));
    write_file(program->dir, "kubeconfig", &text);
}

/* A log that answers at once, or goes on for three lines. */
static void on_tick(void *ctx)
{
    struct program *program = ctx;
    autofree char *line = xasprintf("tick %d\n", ++program->ticks);
    if (pod_sink_write(program->follow, line, strlen(line)) != 0 || program->ticks == 3)
        pod_sink_end(steal(program->follow));
    else
        loop_timer_after(program->tick, 50 * NS_PER_MS);
}

static void on_gone(void *ctx)
{
    struct program *program = ctx;
    loop_timer_stop(program->tick);
    program->follow = NULL;
}

static void pod_stream(void *ctx, const struct pod_query *query, struct pod_sink *sink)
{
    static const struct pod_sink_handler handler = {.gone = on_gone};
    struct program *program = ctx;
    if (str_eq(query->what, "why")) {
        autofree char *why = xasprintf("why of %s/%s\n", query->ns, query->pod);
        if (pod_sink_write(sink, why, strlen(why)) == 0)
            pod_sink_end(sink);
        return;
    }
    if (query->previous || program->follow) {
        pod_sink_fail(sink, 400, "there is no previous container");
        return;
    }
    if (query->follow) {
        program->follow = sink;
        program->ticks = 0;
        pod_sink_set_handler(sink, &handler, program);
        loop_timer_after(program->tick, 0);
        return;
    }
    autofree char *text = xasprintf("log of %s/%s container %s tail %lld\n", query->ns, query->pod,
                                    query->container, (long long)query->tail_lines);
    if (pod_sink_write(sink, text, strlen(text)) == 0)
        pod_sink_end(sink);
}

static int pod_dial(void *ctx, const struct pod_dial *dial,
                    const struct pod_session_handler *handler, void *handler_ctx,
                    struct pod_session **ret, struct err *err)
{
    struct program *program = ctx;
    return pods_dial(&program->pods, dial, handler, handler_ctx, ret, err);
}

static void on_term(void *ctx, int signo)
{
    struct program *program = ctx;
    (void)signo;
    loop_stop(program->loop, 0);
}

static void start(struct program *program, unsigned per_address)
{
    struct err err = {0};
    autofree char *path = xasprintf("%s/store.db", program->dir);
    if (loop_new(clock_system(), &program->loop, &err) != 0 ||
        loop_signal_new(program->loop, SIGTERM, on_term, program, &program->term, &err) != 0 ||
        store_open(program->loop, path, &program->store, &err) != 0)
        die(&err, "store");
    program->tick = loop_timer_new(program->loop, on_tick, program);
    static struct server_hooks hooks;
    program->pods.loop = program->loop;
    program->streams = streams_new(program->loop, &hooks);
    hooks = (struct server_hooks){.ctx = program,
                                  .pod_stream = pod_stream,
                                  .pod_dial = pod_dial,
                                  .streams = program->streams,
                                  .stream = streams_serve};
    struct api_spec api = {program->loop, program->store, clock_system(), rng_system()};
    struct server_spec spec = {.loop = program->loop,
                               .clock = clock_system(),
                               .rng = rng_system(),
                               .hooks = &hooks,
                               .max_per_address = per_address};
    struct server_listen listen = {"127.0.0.1", 0, buf_str(&program->cert), program->key,
                                   buf_str(&program->ca)};
    if (api_new(&api, &program->api, &err) != 0)
        die(&err, "api");
    program->policy = policy_new(program->api, NULL, NULL);
    spec.api = program->api;
    if (server_new(&spec, &program->server, &err) != 0 ||
        server_listen(program->server, &listen, &err) != 0)
        die(&err, "server");
}

int main(int argc, char **argv)
{
    struct program program = {.dir = argc > 1 ? argv[1] : "."};
    uint64_t per_address = 0;
    if (argc > 2 && str_to_u64(argv[2], &per_address) != 0)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    make_certificates(&program);
    start(&program, (unsigned)per_address);
    write_kubeconfig(&program);
    printf("port %u\n", server_port(program.server));
    fflush(stdout);
    int r = loop_run(program.loop);
    policy_free(program.policy);
    api_stop(program.api);
    streams_free(program.streams);
    server_free(program.server);
    store_close(program.store);
    api_free(program.api);
    loop_timer_free(program.tick);
    loop_signal_free(program.term);
    loop_free(program.loop);
    buf_done(&program.ca);
    buf_done(&program.cert);
    key_free(program.ca_key);
    key_free(program.key);
    return r;
}
