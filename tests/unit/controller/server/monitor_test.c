/* What the server tells of itself, and of who asked it. */
#include "controller/admission/admission.h"
#include "controller/monitor/audit.h"
#include "controller/monitor/health.h"
#include "controller/monitor/metrics.h"
#include "controller/server/server.h"

#include "tests/unit/controller/lib/client.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PODS "/api/v1/namespaces/default/pods"
#define POD                                                                                        \
    "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}"

struct fixture {
    struct world *world;
    struct server *server;
    struct client client;
    bool broken;
    struct health health;
    struct metrics *metrics;
    struct audit *audit;
};

static bool bus_is_good(void *ctx)
{
    const struct fixture *f = ctx;
    return !f->broken;
}

static const struct health_check checks[] = {{"bus", HEALTH_READY, bus_is_good}};

static void connect_as(struct fixture *f, struct client *client, const char *user,
                       const char *group)
{
    const char *groups[] = {group, NULL};
    struct http_peer peer = {user, groups, NULL, "192.0.2.7"};
    struct err err = {0};
    assert_int_equal(
        server_serve(f->server, client_connect(client, f->world->loop), user ? &peer : NULL, &err),
        0);
}

static int setup_with(void **state, const char *policy)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    f->world = world_new();
    f->health = (struct health){checks, ARRAY_LEN(checks), f};
    f->metrics = metrics_new();
    const struct audit_spec audit = {
        .loop = f->world->loop, .rng = &f->world->rng.rng, .policy = policy};
    assert_int_equal(audit_new(&audit, &f->audit, NULL), 0);
    struct server_spec spec = {.loop = f->world->loop,
                               .api = f->world->api,
                               .clock = clock_system(),
                               .rng = &f->world->rng.rng,
                               .health = &f->health,
                               .metrics = f->metrics,
                               .audit = f->audit};
    assert_int_equal(server_new(&spec, &f->server, &err), 0);
    connect_as(f, &f->client, "admin", "system:masters");
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, NULL);
}

/* Everything is told, with all of it. */
static int setup_all(void **state)
{
    static const char policy[] = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
                                 "- {level: Metadata, resources: [{resources: [configmaps]}]}\n"
                                 "- {level: None, resources: [{resources: [nodes]}]}\n"
                                 "- {level: RequestResponse}\n";
    char path[] = "/tmp/limpet-policy.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, policy, strlen(policy)), (int)strlen(policy));
    close(fd);
    int r = setup_with(state, path);
    unlink(path);
    return r;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    client_done(&f->client);
    api_stop(f->world->api);
    server_free(f->server);
    metrics_free(f->metrics);
    audit_free(f->audit);
    world_free(f->world);
    free(f);
    return 0;
}

static int ask(struct fixture *f, const char *method, const char *target, const char *body)
{
    return client_ask(&f->client, method, target, body ? "Content-Type: application/json\r\n" : "",
                      body);
}

static void assert_told(struct fixture *f, const char *target, int code, const char *text)
{
    print_message("%s\n", target);
    assert_int_equal(ask(f, "GET", target, NULL), code);
    assert_string_equal(strstr(buf_str(&f->client.in), "\r\n\r\n") + 4, text);
}

static void test_monitor__health(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target;
        bool broken;
        int code;
        const char *text;
    } cases[] = {
        {"/healthz", false, 200, "ok"},
        {"/readyz?verbose", false, 200, "[+]ping ok\n[+]bus ok\nreadyz check passed\n"},
        {"/livez?verbose", false, 200, "[+]ping ok\nlivez check passed\n"},
        {"/readyz?verbose&exclude=bus", true, 200,
         "[+]ping ok\n[+]bus excluded: ok\nreadyz check passed\n"},
        {"/livez?verbose&exclude=bus", true, 200,
         "[+]ping ok\nwarn: some health checks cannot be excluded: no matches for \"bus\"\n"
         "livez check passed\n"},
        {"/livez", true, 200, "ok"},
        {"/readyz", true, 500, "[+]ping ok\n[-]bus failed: reason withheld\nreadyz check failed\n"},
        {"/healthz", true, 500,
         "[+]ping ok\n[-]bus failed: reason withheld\nhealthz check failed\n"},
        {"/readyz/ping", true, 200, "ok"},
        {"/readyz/bus", false, 200, "ok"},
        {"/readyz/bus", true, 500, "internal server error: reason withheld\n"},
        {"/livez/bus", true, 404, "404 page not found\n"},
        {"/readyz/nothing", true, 404, "404 page not found\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        f->broken = cases[i].broken;
        assert_told(f, cases[i].target, cases[i].code, cases[i].text);
    }
}

static void assert_metric(struct fixture *f, const char *line)
{
    autofree char *whole = xasprintf("\n%s\n", line);
    assert_int_equal(ask(f, "GET", "/metrics", NULL), 200);
    if (!strstr(buf_str(&f->client.in), whole))
        fail_msg("no %s in: %s", line, buf_str(&f->client.in));
}

#define CODES(code, resource, verb, version)                                                       \
    "apiserver_request_total{code=\"" code "\",group=\"\",resource=\"" resource                    \
    "\",subresource=\"\",verb=\"" verb "\",version=\"" version "\"}"

static void test_monitor__metrics(void **state)
{
    struct fixture *f = *state;
    struct client watcher;
    assert_int_equal(ask(f, "POST", PODS, POD), 201);
    assert_int_equal(ask(f, "POST", PODS, POD), 409);
    assert_int_equal(ask(f, "GET", PODS "/web/nothing-of-ours", NULL), 404);
    assert_int_equal(ask(f, "GET", PODS "/nobody", NULL), 404);
    assert_int_equal(ask(f, "GET", "/any/path", NULL), 404);
    assert_int_equal(ask(f, "GET", "/api/../x", NULL), 400);
    assert_int_equal(ask(f, "BREW", PODS, NULL), 405);
    connect_as(f, &watcher, "admin", "system:masters");
    client_send(&watcher, "GET " PODS "?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_await(&watcher, "ADDED"));
    assert_metric(f, CODES("201", "pods", "POST", "v1") " 1");
    assert_metric(f, CODES("409", "pods", "POST", "v1") " 1");
    assert_metric(f, CODES("404", "pods", "GET", "v1") " 2");
    assert_metric(f, CODES("404", "", "GET", "") " 1");
    assert_metric(f, CODES("400", "", "GET", "") " 1");
    assert_metric(f, CODES("405", "pods", "other", "v1") " 1");
    assert_metric(f, CODES("200", "pods", "WATCH", "v1") " 1");
    assert_metric(f, "apiserver_longrunning_requests 1");
    assert_metric(f, "apiserver_storage_objects{resource=\"pods\"} 1");
    assert_metric(f, "apiserver_current_inflight_requests{request_kind=\"readOnly\"} 1");
    assert_metric(f, "apiserver_request_duration_seconds_count{verb=\"POST\"} 2");
    assert_non_null(
        strstr(buf_str(&f->client.in), "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    client_done(&watcher);
}

static void assert_audited(struct fixture *f, const char *text)
{
    if (!strstr(audit_waiting(f->audit), text))
        fail_msg("no %s in: %s", text, audit_waiting(f->audit));
}

static void test_monitor__audit(void **state)
{
    struct fixture *f = *state;
    struct client guest_client, nobody;
    assert_int_equal(ask(f, "GET", PODS, NULL), 200);
    assert_string_equal(audit_waiting(f->audit), "");
    assert_non_null(strstr(buf_str(&f->client.in), "\r\nAudit-Id: "));
    assert_int_equal(client_ask(&f->client, "POST", PODS,
                                "User-Agent: kubectl/v1\r\nContent-Type: application/json\r\n",
                                POD),
                     201);
    assert_audited(f, "\"requestURI\":\"" PODS "\",\"verb\":\"create\",\"user\":{\"username\":"
                      "\"admin\",\"groups\":[\"system:masters\",\"system:authenticated\"]},"
                      "\"sourceIPs\":[\"192.0.2.7\"],\"userAgent\":\"kubectl/v1\",\"objectRef\":"
                      "{\"resource\":\"pods\",\"namespace\":\"default\",\"name\":\"web\","
                      "\"apiVersion\":\"v1\"},\"responseStatus\":{\"metadata\":{},\"code\":201}");
    assert_int_equal(ask(f, "PUT", PODS "/web/status", "{\"status\":{\"phase\":\"Failed\"}}"), 200);
    assert_audited(f, "\"subresource\":\"status\"");
    assert_int_equal(ask(f, "POST", PODS, POD), 409);
    assert_audited(f, "\"code\":409");
    assert_int_equal(ask(f, "DELETE", PODS, NULL), 200);
    assert_audited(f, "\"verb\":\"deletecollection\"");
    connect_as(f, &guest_client, "guest", "friends");
    assert_int_equal(client_ask(&guest_client, "DELETE", PODS "/web", "", NULL), 403);
    assert_audited(f, "\"code\":403");
    connect_as(f, &nobody, NULL, NULL);
    assert_int_equal(client_ask(&nobody, "DELETE", PODS "/web", "", NULL), 403);
    assert_audited(f, "\"username\":\"system:anonymous\"");
    client_done(&guest_client);
    client_done(&nobody);
}

/* What is for the trail alone stands there, and in no header. */
static void test_monitor__audit_note(void **state)
{
    struct fixture *f = *state;
    struct admission *admission = admission_new(f->world->api, &ADMISSION_DEFAULTS);
    cleanup(value_free) struct value *ns = get(f->world, &kind_namespace, "", "default");
    value_set_str(value_make_map(ns, "metadata", "labels", NULL),
                  "pod-security.kubernetes.io/audit", "restricted");
    assert_int_equal(do_update(f->world, &kind_namespace, "", ns, 0, NULL), 200);
    assert_int_equal(ask(f, "POST", PODS, POD), 201);
    assert_null(strstr(buf_str(&f->client.in), "Warning"));
    assert_non_null(strstr(audit_waiting(f->audit),
                           "\"pod-security.kubernetes.io/audit-violations\":\"would violate "
                           "PodSecurity \\\"restricted:latest\\\": allowPrivilegeEscalation"));
    api_set_gate(f->world->api, NULL);
    admission_free(admission);
}

static void test_monitor__audit_levels(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", PODS, POD), 201);
    assert_int_equal(ask(f, "GET", PODS "/web", NULL), 200);
    assert_int_equal(ask(f, "POST", "/api/v1/namespaces/default/configmaps",
                         "{\"metadata\":{\"name\":\"c\"},\"data\":{\"k\":\"hidden\"}}"),
                     201);
    assert_int_equal(ask(f, "POST", "/api/v1/namespaces/default/secrets",
                         "{\"metadata\":{\"name\":\"s\"},\"stringData\":{\"k\":\"hidden\"}}"),
                     201);
    assert_int_equal(ask(f, "GET", "/api/v1/nodes", NULL), 200);
    assert_int_equal(ask(f, "PATCH", PODS "/web", "nonsense"), 415);
    const char *text = audit_waiting(f->audit);
    const char *create = strstr(text, "\"verb\":\"create\""),
               *get = strstr(text, "\"verb\":\"get\"");
    assert_non_null(create);
    assert_non_null(get);
    assert_non_null(strstr(text, "\"requestObject\":" POD));
    const char *response = strstr(text, "\"responseObject\":{");
    assert_non_null(response);
    assert_non_null(strstr(response, "\"uid\":"));
    assert_non_null(strstr(text, "\"resource\":\"configmaps\""));
    assert_non_null(strstr(text, "\"resource\":\"secrets\""));
    assert_null(strstr(text, "hidden"));
    assert_null(strstr(text, "\"resource\":\"nodes\""));
    assert_non_null(strstr(text, "\"code\":415"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_monitor__health, setup, teardown),
        cmocka_unit_test_setup_teardown(test_monitor__metrics, setup, teardown),
        cmocka_unit_test_setup_teardown(test_monitor__audit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_monitor__audit_levels, setup_all, teardown),
        cmocka_unit_test_setup_teardown(test_monitor__audit_note, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
