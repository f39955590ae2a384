/* Load on a gateway's API, by one process with many TLS connections.
 *   bench-api CREDENTIALS PORT nodes COUNT              makes nodes node-0...
 *   bench-api CREDENTIALS PORT VERB COUNT CONNECTIONS   create, get, update, patch, delete of pods
 *                                                       pod-0..., COUNT of them; list, table: COUNT
 *                                                       times all pods
 *   bench-api CREDENTIALS PORT beside-list COUNT LISTS
 *                                                       COUNT gets of pods, one by one, while LISTS
 *                                                       clients read all pods over and over;
 *                                                       beside-table: as a table
 *   bench-api CREDENTIALS PORT watch WATCHERS COUNT     COUNT writes, each until the last watcher
 *                                                       has it; stays until its input ends
 *   bench-api CREDENTIALS PORT start PROGRAM CONFIG     from exec until it answers
 * CREDENTIALS is the folder with ca.crt, admin.crt and admin.key, or with ca.crt and token. Prints
 * "us N" lines, one a measurement; errors end it. */
#include "client.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/fs/disk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PODS "/api/v1/namespaces/default/pods"
#define JSON "Content-Type: application/json\r\n"
#define MERGE "Content-Type: application/strategic-merge-patch+json\r\n"
#define TABLE "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n"
#define NODES 10

/* As people write them: two containers, probes, limits, a volume, labels. */
#define POD                                                                                        \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"pod-%zu\",\"labels\":"       \
    "{\"app\":\"shop\",\"tier\":\"front\",\"release\":\"2026-11\",\"round\":\"%zu\"},"             \
    "\"annotations\":{\"example.com/owner\":\"team-shops@example.com\","                           \
    "\"example.com/contact\":\"+49 89 000000\"}},\"spec\":{\"nodeName\":\"node-%zu\","             \
    "\"serviceAccountName\":\"default\",\"automountServiceAccountToken\":false,"                   \
    "\"containers\":[{\"name\":\"web\",\"image\":\"registry.example.com/shop/web:1.14.2\","        \
    "\"args\":[\"--listen=:8080\",\"--config=/etc/web/web.yaml\"],\"ports\":[{\"name\":\"http\","  \
    "\"containerPort\":8080}],\"env\":[{\"name\":\"LOG_LEVEL\",\"value\":\"info\"},"               \
    "{\"name\":\"BACKEND\",\"value\":\"http://backend.shop.svc:8080\"},{\"name\":\"NODE\","        \
    "\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.nodeName\"}}}],\"resources\":{\"requests\"" \
    ":{\"cpu\":\"50m\",\"memory\":\"32Mi\"},\"limits\":{\"cpu\":\"200m\",\"memory\":\"64Mi\"}},"   \
    "\"livenessProbe\":{\"httpGet\":{\"path\":\"/healthz\",\"port\":\"http\"},\"periodSeconds\":"  \
    "10},\"volumeMounts\":[{\"name\":\"config\",\"mountPath\":\"/etc/web\"}]},{\"name\":\"log\","  \
    "\"image\":\"registry.example.com/shop/log:0.9\",\"resources\":{\"limits\":{\"memory\":"       \
    "\"16Mi\"}}}],\"volumes\":[{\"name\":\"config\",\"configMap\":{\"name\":\"web\"}}]}}"

enum what { CREATE, GET, UPDATE, PATCH, DELETE, LIST, TABLES, MAKE_NODES };
static const struct verb {
    const char *name, *method, *headers;
    bool one; /* of one pod */
    int code;
} verbs[] = {
    [CREATE] = {"create", "POST", JSON, false, 201},
    [GET] = {"get", "GET", "", true, 200},
    [UPDATE] = {"update", "PUT", JSON, true, 200},
    [PATCH] = {"patch", "PATCH", MERGE, true, 200},
    [DELETE] = {"delete", "DELETE", JSON, true, 200},
    [LIST] = {"list", "GET", "", false, 200},
    [TABLES] = {"table", "GET", TABLE, false, 200},
    [MAKE_NODES] = {"nodes", "POST", JSON, false, 201},
};

struct bench {
    struct loop *loop;
    struct client_spec spec;
    const struct verb *verb, *lists;
    size_t count, begun, done;
    int64_t *began; /* by request */
    size_t round;
    /* Of watching. */
    size_t watchers, ready, reached;
    size_t *heard; /* lines, by watcher */
    int64_t answered_ns, last_ns;
};

static void print_us(int64_t ns)
{
    printf("us %" PRId64 "\n", (ns < 0 ? 0 : ns) / 1000);
}

static char *body_of(const struct bench *bench, size_t i)
{
    switch ((enum what)(bench->verb - verbs)) {
    case CREATE:
    case UPDATE:
        return xasprintf(POD, i, bench->round, i % NODES);
    case PATCH:
        return xasprintf("{\"metadata\":{\"labels\":{\"round\":\"patched-%zu\"}}}", bench->round);
    case DELETE:
        return xstrdup("{\"gracePeriodSeconds\":0}");
    case MAKE_NODES:
        return xasprintf(
            "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node-%zu\"}}", i);
    case GET:
    case LIST:
    case TABLES:
        break;
    }
    return NULL;
}

static void next(struct bench *bench, struct client *client)
{
    if (bench->begun == bench->count)
        return;
    size_t i = bench->begun++;
    autofree char *body = body_of(bench, i);
    autofree char *one = xasprintf(PODS "/pod-%zu", i);
    const char *all = bench->verb == &verbs[MAKE_NODES] ? "/api/v1/nodes" : PODS;
    client_set_tag(client, i);
    bench->began[i] = loop_now(bench->loop);
    client_ask(client, bench->verb->method, bench->verb->one ? one : all, bench->verb->headers,
               body, false);
}

static void on_ready(void *ctx, struct client *client)
{
    next(ctx, client);
}

static void on_answered(void *ctx, struct client *client, int code, size_t bytes)
{
    struct bench *bench = ctx;
    size_t i = client_tag(client);
    if (code != bench->verb->code || bytes == 0)
        bench_fail("%s %zu: code %d, %zu bytes", bench->verb->name, i, code, bytes);
    print_us(loop_now(bench->loop) - bench->began[i]);
    if (++bench->done == bench->count)
        loop_stop(bench->loop, 0);
    else
        next(bench, client);
}

static void run_verb(struct bench *bench, size_t count, size_t connections)
{
    int64_t began = loop_now(bench->loop);
    struct client **clients = xcalloc(connections, sizeof(struct client *));
    bench->count = count;
    bench->began = xcalloc(count, sizeof(*bench->began));
    bench->round = (size_t)(loop_now(bench->loop) / NS_PER_MS);
    bench->spec.ready = on_ready;
    bench->spec.answered = on_answered;
    for (size_t i = 0; i < connections; i++)
        clients[i] = client_new(&bench->spec);
    if (loop_run(bench->loop) < 0)
        bench_fail("the loop fails");
    printf("all %" PRId64 "\n", (loop_now(bench->loop) - began) / 1000);
    for (size_t i = 0; i < connections; i++)
        client_free(clients[i]);
    free(clients);
    free(bench->began);
}

/* ---- gets beside lists ---- */

/* The lists have no end, and are in no figure. */
static void list_on(void *ctx, struct client *client)
{
    struct bench *bench = ctx;
    client_ask(client, "GET", PODS, bench->lists->headers, NULL, false);
}

static void on_listed(void *ctx, struct client *client, int code, size_t bytes)
{
    if (code != 200 || bytes == 0)
        bench_fail("list: code %d, %zu bytes", code, bytes);
    list_on(ctx, client);
}

static void run_beside(struct bench *bench, const struct verb *lists, size_t count, size_t listers)
{
    struct client_spec spec = bench->spec;
    bench->lists = lists;
    spec.ready = list_on;
    spec.answered = on_listed;
    for (size_t i = 0; i < listers; i++)
        client_new(&spec);
    bench->verb = &verbs[GET];
    run_verb(bench, count, 1);
}

/* ---- watchers ---- */

static void on_watching(void *ctx, struct client *client)
{
    (void)ctx;
    client_ask(client, "GET",
               PODS "?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dpod-0", "", NULL,
               true);
}

static void end_round(struct bench *bench)
{
    if (bench->reached < bench->watchers || !bench->answered_ns)
        return;
    print_us(bench->last_ns - bench->answered_ns);
    loop_stop(bench->loop, 0);
}

/* Every watcher gets the pod as it is, then one event a write. */
static void on_lines(void *ctx, struct client *client, size_t count)
{
    struct bench *bench = ctx;
    size_t i = client_tag(client);
    bench->heard[i] += count;
    if (bench->heard[i] != bench->round + 1)
        return;
    bench->last_ns = loop_now(bench->loop);
    if (++bench->reached == bench->watchers && bench->round == 0)
        loop_stop(bench->loop, 0);
    else if (bench->round)
        end_round(bench);
}

static void on_refused(void *ctx, struct client *client, int code, size_t bytes)
{
    (void)ctx;
    (void)bytes;
    bench_fail("watch %zu: code %d", client_tag(client), code);
}

static void on_writing(void *ctx, struct client *client)
{
    struct bench *bench = ctx;
    (void)client;
    loop_stop(bench->loop, 0);
}

static void on_written(void *ctx, struct client *client, int code, size_t bytes)
{
    struct bench *bench = ctx;
    (void)client;
    (void)bytes;
    if (code != 200)
        bench_fail("write %zu: code %d", bench->round, code);
    bench->answered_ns = loop_now(bench->loop);
    end_round(bench);
}

static void turn(struct bench *bench)
{
    if (loop_run(bench->loop) < 0)
        bench_fail("the loop fails");
}

static void run_watch(struct bench *bench, size_t watchers, size_t count)
{
    struct client_spec spec = bench->spec;
    spec.ready = on_writing;
    spec.answered = on_written;
    struct client *writer = client_new(&spec);
    turn(bench);
    bench->watchers = watchers;
    bench->heard = xcalloc(watchers, sizeof(*bench->heard));
    spec.ready = on_watching;
    spec.answered = on_refused;
    spec.lines = on_lines;
    int64_t began = loop_now(bench->loop);
    for (size_t i = 0; i < watchers; i++)
        client_set_tag(client_new(&spec), i);
    turn(bench);
    printf("all %" PRId64 "\n", (loop_now(bench->loop) - began) / 1000);
    while (bench->round < count) {
        bench->round++;
        bench->reached = 0;
        bench->answered_ns = 0;
        autofree char *body =
            xasprintf("{\"metadata\":{\"labels\":{\"round\":\"watched-%" PRId64 "\"}}}",
                      loop_now(bench->loop));
        client_ask(writer, "PATCH", PODS "/pod-0", MERGE, body, false);
        turn(bench);
    }
    puts("watching");
    fflush(stdout);
    while (getchar() != EOF)
        ;
}

/* ---- starting ---- */

static void try_connect(const struct sockaddr_in *to)
{
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r = connect(fd, (const struct sockaddr *)to, sizeof(*to));
        close(fd);
        if (r == 0)
            return;
        if (errno != ECONNREFUSED)
            bench_fail("connect: %s", strerror(errno));
        usleep(500);
    }
}

static void on_up(void *ctx, struct client *client)
{
    (void)ctx;
    client_ask(client, "GET", "/livez", "", NULL, false);
}

static void on_alive(void *ctx, struct client *client, int code, size_t bytes)
{
    struct bench *bench = ctx;
    (void)client;
    (void)bytes;
    if (code != 200)
        bench_fail("/livez: code %d", code);
    loop_stop(bench->loop, 0);
}

static void run_start(struct bench *bench, const char *program, const char *config)
{
    int64_t began = loop_now(bench->loop);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, "--config", config, "--log-level", "error", NULL);
        _exit(127);
    }
    try_connect(&bench->spec.to);
    int64_t listens = loop_now(bench->loop);
    bench->spec.ready = on_up;
    bench->spec.answered = on_alive;
    client_new(&bench->spec);
    turn(bench);
    print_us(loop_now(bench->loop) - began);
    printf("listens %" PRId64 "\n", (listens - began) / 1000);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* ---- */

/* A file of the folder; NULL if it is not there. The caller's. */
static char *read_file(const char *dir, const char *name)
{
    autofree char *path = xasprintf("%s/%s", dir, name);
    cleanup(buf_done) struct buf text = {0};
    struct err err = {0};
    int rc = disk_posix()->read(disk_posix(), path, 65536, &text, &err);
    if (rc < 0 && rc != -ENOENT)
        bench_fail("%s", err.msg);
    return rc < 0 ? NULL : xstrndup(buf_str(&text), text.len);
}

/* *ret_header: what says who asks, if that is no certificate; never freed. */
static struct tls_config *credentials(const char *dir, const char **ret_header)
{
    autofree char *ca = read_file(dir, "ca.crt"), *token = read_file(dir, "token");
    autofree char *cert = read_file(dir, "admin.crt"), *text = read_file(dir, "admin.key");
    struct tls_config *config = NULL;
    struct key *key = NULL;
    struct err err = {0};
    if (!ca || (!token && (!cert || !text)))
        bench_fail("%s: no credentials", dir);
    if (!token && key_parse_private(text, strlen(text), &key, &err) < 0)
        bench_fail("%s", err.msg);
    const struct tls_client_spec spec = {
        .ca_pem = ca, .cert_pem = token ? NULL : cert, .key = key, .server_name = "localhost"};
    if (tls_client_config(&spec, &config, &err) < 0)
        bench_fail("%s", err.msg);
    key_free(key);
    *ret_header = token ? xasprintf("Authorization: Bearer %s\r\n", token) : NULL;
    return config;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eq(verbs[i].name, name))
            return &verbs[i];
    bench_fail("what is %s?", name);
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    struct err err = {0};
    struct bench bench = {0};
    if (argc < 6)
        bench_fail("CREDENTIALS PORT VERB ARGUMENT ARGUMENT");
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (loop_new(clock_system(), &bench.loop, &err) < 0)
        bench_fail("%s", err.msg);
    bench.spec = (struct client_spec){.loop = bench.loop, .ctx = &bench};
    bench.spec.tls = credentials(argv[1], &bench.spec.header);
    bench.spec.to = (struct sockaddr_in){.sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10)),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t first = strtoul(argv[4], NULL, 10), second = strtoul(argv[5], NULL, 10);
    if (str_eq(argv[3], "start")) {
        run_start(&bench, argv[4], argv[5]);
    } else if (str_eq(argv[3], "watch")) {
        run_watch(&bench, first, second);
    } else if (str_has_prefix(argv[3], "beside-")) {
        run_beside(&bench, find_verb(argv[3] + strlen("beside-")), first, second);
    } else {
        bench.verb = find_verb(argv[3]);
        run_verb(&bench, first, second);
    }
    return 0;
}
