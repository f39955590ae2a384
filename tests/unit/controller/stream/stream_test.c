/* exec, attach and port-forward through the server, by a client that speaks bytes. */

#include "controller/stream/streams.h"

#include "tests/unit/controller/lib/served.h"
#include "tests/unit/controller/pods/pods.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/http/http.h"
#include "controller/monitor/audit.h"
#include "controller/server/server.h"
#include "tests/lib/await.h"
#include "peer.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define POD "/api/v1/namespaces/default/pods/web"
#define EXEC POD "/exec?stdin=1&stdout=1&stderr=1&command="
#define FORWARD POD "/portforward"
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
#define WS_KEYED WS "Sec-WebSocket-Key: " KEY "\r\n"
#define V4 WS_KEYED "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"
#define V5 WS_KEYED "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
#define SPDY "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
#define SPDY_V4 SPDY "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n"
#define SPDY_FORWARD SPDY "X-Stream-Protocol-Version: portforward.k8s.io\r\n"
#define TUNNEL WS_KEYED "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n"

struct fixture {
    struct world *world;
    struct server *server;
    struct server_hooks hooks;
    struct pods pods;
    struct streams *streams;
    struct audit *audit;
    struct client client;
    struct peer peer;
};

static int dial(void *ctx, const struct pod_dial *what, const struct pod_session_handler *handler,
                void *handler_ctx, struct pod_session **ret, struct err *err)
{
    struct fixture *f = ctx;
    assert_string_equal(what->ns, "default");
    assert_string_equal(what->pod, "web");
    assert_string_equal(what->node, "pi");
    assert_true(!str_empty(what->uid));
    return pods_dial(&f->pods, what, handler, handler_ctx, ret, err);
}

static void connect_as(struct fixture *f, struct client *client, const char *user,
                       const char *group)
{
    serve_client(f->server, f->world, client, user, group);
}

static void make_pod(struct fixture *f, const char *name, const char *containers, const char *more)
{
    autofree char *yaml = xasprintf(
        "metadata: {name: %s%s}\nspec: {nodeName: pi, containers: [%s]}\n", name, more, containers);
    assert_int_equal(do_create(f->world, &kind_pod, "default", yaml, NULL), 201);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    f->world = world_new();
    f->pods.loop = f->world->loop;
    f->streams = streams_new(f->world->loop, &f->hooks);
    f->hooks = (struct server_hooks){
        .ctx = f, .pod_dial = dial, .streams = f->streams, .stream = streams_serve};
    const struct audit_spec trail = {.loop = f->world->loop, .rng = &f->world->rng.rng};
    assert_int_equal(audit_new(&trail, &f->audit, NULL), 0);
    struct server_spec spec = {.loop = f->world->loop,
                               .audit = f->audit,
                               .api = f->world->api,
                               .clock = clock_system(),
                               .rng = &f->world->rng.rng,
                               .hooks = &f->hooks};
    assert_int_equal(server_new(&spec, &f->server, &err), 0);
    connect_as(f, &f->client, "admin", "system:masters");
    make_pod(f, "web", "{name: a, image: i}", "");
    peer_init(&f->peer);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    client_done(&f->client);
    peer_done(&f->peer);
    api_stop(f->world->api);
    streams_free(f->streams);
    server_free(f->server);
    audit_free(f->audit);
    assert_int_equal(f->pods.open, 0); /* no session is left behind */
    world_free(f->world);
    free(f);
    return 0;
}

static void send_head(struct client *client, const char *method, const char *target,
                      const char *headers)
{
    autofree char *text = xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, headers);
    client_send(client, text);
}

/* Upgrades; what was answered before is forgotten. */
static void upgrade(struct client *client, const char *method, const char *target,
                    const char *headers, const char *protocol)
{
    send_head(client, method, target, headers);
    if (!client_await(client, "\r\n\r\n"))
        fail_msg("no answer for %s", target);
    const char *answer = buf_str(&client->in), *end = strstr(answer, "\r\n\r\n") + 4;
    if (!str_has_prefix(answer, "HTTP/1.1 101 "))
        fail_msg("%s: %s", target, answer);
    if (protocol && !strstr(answer, protocol))
        fail_msg("%s is not in %s", protocol, answer);
    buf_drop(&client->in, (size_t)(end - answer));
}

static void send_message(struct client *client, uint8_t opcode, const void *data, size_t len)
{
    cleanup(buf_done) struct buf bytes = {0};
    peer_message(&bytes, opcode, data, len);
    client_send_n(client, bytes.data, bytes.len);
}

static bool holds(const struct client *client, const void *bytes, size_t len)
{
    return client->in.data && memmem(client->in.data, client->in.len, bytes, len);
}

static void await_bytes(struct client *client, const void *bytes, size_t len)
{
    AWAIT(holds(client, bytes, len), client_turn(client));
}
#define AWAIT_BYTES(client, bytes) await_bytes(client, bytes, sizeof(bytes) - 1)

/* A message of the server's of that channel and text, below 126 bytes. */
static void await_message(struct client *client, uint8_t channel, const char *text)
{
    cleanup(buf_done) struct buf bytes = {0};
    buf_addc(&bytes, (char)0x82);
    buf_addc(&bytes, (char)(strlen(text) + 1));
    buf_addc(&bytes, (char)channel);
    buf_addstr(&bytes, text);
    await_bytes(client, bytes.data, bytes.len);
}

static const char success[] =
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\"}";

/* ---- WebSocket ---- */

static void test_stream__exec_by_websocket(void **state)
{
    struct fixture *f = *state;
    upgrade(&f->client, "GET", EXEC "cat", V5, "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n");
    send_message(&f->client, 2, "\0one", 4);
    await_message(&f->client, 1, "one");
    send_message(&f->client, 1, "\0two", 4); /* text: the same */
    await_message(&f->client, 1, "two");
    send_message(&f->client, 9, "beat", 4);
    AWAIT_BYTES(&f->client, "\x8a\4beat");
    send_message(&f->client, 2, "\7nowhere", 8);
    send_message(&f->client, 2, "", 0);
    send_message(&f->client, 2, "\xff\0", 2); /* no more input */
    await_message(&f->client, 3, success);
    AWAIT_BYTES(&f->client, "\x88\2\x03\xe8");
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_int_equal(streams_count(f->streams), 0);
}

#define PING "\x89\0"

/* kubectl reads before it has made its channels: nothing is said until it must have, by two pongs.
 */
static void test_stream__output_waits_for_pongs(void **state)
{
    struct fixture *f = *state;
    upgrade(&f->client, "GET", EXEC "echo&command=early", V5, NULL);
    for (int i = 0; i < 2; i++) {
        AWAIT_BYTES(&f->client, PING);
        client_quiet(&f->client);
        assert_int_equal(f->client.in.len, 2);
        client_forget(&f->client);
        send_message(&f->client, 10, "", 0);
    }
    await_message(&f->client, 1, "early");
    await_message(&f->client, 3, success);
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_false(holds(&f->client, PING, 2));
}

/* Or until it has said something itself: an empty message, a size, the end of its input. */
static void test_stream__output_waits_for_no_more_than_a_word(void **state)
{
    struct fixture *f = *state;
    static const char *const words[] = {"", "\4{}", "\xff\0"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        struct client client;
        connect_as(f, &client, "admin", "system:masters");
        upgrade(&client, "GET", EXEC "echo&command=early", V5, NULL);
        client_quiet(&client);
        assert_int_equal(client.in.len, 2);
        send_message(&client, 2, words[i], i == 2 ? 2 : strlen(words[i]));
        client_quiet(&client); /* at once */
        assert_true(holds(&client, "\x82\6\1early", 8));
        await_message(&client, 3, success);
        client_done(&client);
    }
}

/* Nor for ever, if it answers no pings. */
static void test_stream__output_waits_for_no_dumb_client(void **state)
{
    struct fixture *f = *state;
    upgrade(&f->client, "GET", EXEC "echo&command=early", V5, NULL);
    await_message(&f->client, 1, "early");
    await_message(&f->client, 3, success);
    AWAIT(f->client.closed, client_turn(&f->client));
}

#define CODED WS_KEYED "Sec-WebSocket-Protocol: v4.base64.channel.k8s.io\r\n"

/* Text for those who have nothing else: the channel's digit, then base64. */
static void test_stream__in_base64(void **state)
{
    struct fixture *f = *state;
    upgrade(&f->client, "GET", EXEC "cat", CODED, "v4.base64.channel.k8s.io\r\n");
    AWAIT_BYTES(&f->client, "\x81\1"
                            "1");
    send_message(&f->client, 1, "0b25l", 5);
    AWAIT_BYTES(&f->client, "\x81\5"
                            "1b25l");
    send_message(&f->client, 2, "0dHc=", 5); /* binary: the same */
    AWAIT_BYTES(&f->client, "\x81\5"
                            "1dHc=");
    send_message(&f->client, 1, "7bm93aGVyZQ==", 13);
    send_message(&f->client, 1, "0no base64", 10);
    AWAIT_BYTES(&f->client, "\x88\2\x03\xea");
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_int_equal(f->pods.closed, 1);
    struct client client;
    connect_as(f, &client, "admin", "system:masters");
    upgrade(&client, "GET", FORWARD "?ports=80", CODED, "v4.base64.channel.k8s.io\r\n");
    AWAIT_BYTES(&client, "\x81\5"
                         "0UAA="
                         "\x81\5"
                         "1UAA=");
    send_message(&client, 1, "0aGVsbG8=", 9);
    AWAIT_BYTES(&client, "\x81\x9"
                         "0aGVsbG8=");
    client_done(&client);
}

/* A token among the protocols is never the one that is answered. */
static void test_stream__token_is_no_protocol(void **state)
{
    struct fixture *f = *state;
    send_head(&f->client, "GET", EXEC "cat",
              WS_KEYED "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.YWJj, "
                       "v5.channel.k8s.io\r\n");
    assert_true(client_await(&f->client, "\r\n\r\n"));
    assert_non_null(
        strstr(buf_str(&f->client.in), "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"));
    assert_null(strstr(buf_str(&f->client.in), "bearer"));
}

/* What each version says at the end. */
static void test_stream__ends(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target, *headers, *protocol, *want;
    } cases[] = {
        {EXEC "exit&command=0", V4, "v4.channel.k8s.io", success},
        {EXEC "exit&command=3", V4, "v4.channel.k8s.io",
         "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
         "\"message\":\"3\"}]}}"},
        {EXEC "exit&command=3", WS_KEYED, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
         "\3command terminated with exit code 3"},
        {EXEC "exit&command=3", WS_KEYED "Sec-WebSocket-Protocol: x, channel.k8s.io\r\n",
         "Sec-WebSocket-Protocol: channel.k8s.io\r\n", "\3command terminated with exit code 3"},
        {EXEC "exit&command=0",
         WS_KEYED "Sec-WebSocket-Protocol: v6.channel.k8s.io\r\n"
                  "Sec-WebSocket-Protocol: v3.channel.k8s.io\r\n",
         "v3.channel.k8s.io", "\x82\1\1\x88\2"},
        {EXEC "die&command=504", V4, NULL, "\"message\":\"the node is gone\",\"reason\":"},
        {EXEC "err&command=oops", V4, NULL, "\2oops"},
        {EXEC "hasty&command=first", V4, NULL, "\x82\1\1\x82\6\1first\x82"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client client;
        connect_as(f, &client, "admin", "system:masters");
        upgrade(&client, "GET", cases[i].target, cases[i].headers, cases[i].protocol);
        AWAIT(client.closed, client_turn(&client));
        if (!holds(&client, cases[i].want, strlen(cases[i].want)))
            fail_msg("case %zu", i);
        client_done(&client);
    }
}

static void test_stream__the_size_of_a_terminal(void **state)
{
    struct fixture *f = *state;
    upgrade(&f->client, "GET", EXEC "size&tty=true", V5, NULL);
    send_message(&f->client, 2, "\4{\"Width\":80,\"Height\":24}", 25);
    await_message(&f->client, 1, "{\"Width\":80,\"Height\":24}\n");
    client_forget(&f->client);
    static const char *const wrong[] = {
        "\4{\"Width\":0,\"Height\":24}",
        "\4{\"Width\":70000,\"Height\":24}",
        "\4{}",
        "\4}}}}",
        "\4{\"Width\":\"8\",\"Height\":24}",
        "\4null",
        "\4{\"Height\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        send_message(&f->client, 2, wrong[i], strlen(wrong[i]));
    autofree char *much = xasprintf("\4%01000d}", 0);
    send_message(&f->client, 2, much, strlen(much));
    send_message(&f->client, 2, "\4{\"Width\":1,", 12); /* in two messages, spaced */
    send_message(&f->client, 2, "\4 \"Height\": 2}\n", 15);
    await_message(&f->client, 1, "{\"Width\":1,\"Height\":2}\n");
    assert_false(holds(&f->client, "24}", 3));
}

static void test_stream__refusals(void **state)
{
    struct fixture *f = *state;
    make_pod(f, "two", "{name: a, image: i}, {name: b, image: i}", "");
    assert_int_equal(
        do_create(f->world, &kind_pod, "default",
                  "metadata: {name: free}\nspec: {containers: [{name: a, image: i}]}\n", NULL),
        201);
#define AT(pod) "/api/v1/namespaces/default/pods/" pod
    static const struct {
        const char *method, *target, *headers;
        int code;
        const char *message;
    } cases[] = {
        {"GET", EXEC "cat", "", 400, "Upgrade request required"},
        {"POST", EXEC "cat", "Upgrade: SPDY/3.1\r\n", 400, "Upgrade request required"},
        {"POST", EXEC "cat", "Connection: Upgrade\r\nUpgrade: h2c\r\n", 400, "Upgrade request"},
        {"POST", EXEC "cat", V4, 400, "WebSocket begins with a GET"},
        {"GET", EXEC "cat", WS, 400, "no valid Sec-WebSocket-Key"},
        {"GET", EXEC "cat", WS "Sec-WebSocket-Key: short\r\n", 400, "no valid"},
        {"GET", EXEC "cat",
         "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
         "Sec-WebSocket-Key: " KEY "\r\n",
         400, "must be 13"},
        {"GET", EXEC "cat", WS_KEYED "Sec-WebSocket-Protocol: v9.channel.k8s.io\r\n", 403,
         "unable to upgrade"},
        {"GET", EXEC "cat", TUNNEL, 403, "unable to upgrade"},
        {"POST", EXEC "cat", SPDY "X-Stream-Protocol-Version: v9\r\n", 403, "unable to upgrade"},
        {"GET", FORWARD, V5, 403, "unable to upgrade"},
        {"GET", POD "/exec?stdout=1", V4, 400, "at least one command"},
        {"GET", POD "/exec?stdout=1&command=", V4, 400, "at least one command"},
        {"GET", POD "/exec?command=cat", V4, 400, "at least 1 of stdin, stdout, stderr"},
        {"GET", POD "/exec?command=cat&stdout=maybe", V4, 400, "stdout"},
        {"GET", EXEC "cat&container=z", V4, 400, "container z is not valid for pod web"},
        {"GET", AT("two") "/exec?command=cat&stdout=1", V4, 400, "choose one of: [a b]"},
        {"GET", AT("two") "/attach?stdout=1&container=z", V4, 400, "z is not valid for pod two"},
        {"GET", AT("free") "/exec?command=cat&stdout=1", V4, 400,
         "pod free does not have a host assigned"},
        {"GET", AT("free") "/portforward", TUNNEL, 400, "does not have a host assigned"},
        {"GET", AT("none") "/exec?command=cat&stdout=1", V4, 404, "not found"},
        {"GET", FORWARD "?ports=0", V4, 400, "between 1 and 65535"},
        {"GET", FORWARD "?ports=65536", V4, 400, "between 1 and 65535"},
        {"GET", FORWARD "?ports=80,81", V4, 400, "between 1 and 65535"},
        {"DELETE", EXEC "cat", V4, 405, "does not allow the method DELETE"},
        {"GET", EXEC "refuse&command=404", V4, 404, "cannot be started"},
        {"GET", "/api/v1/namespaces/default/services/web/portforward", TUNNEL, 404, "not find"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int code = client_ask(&f->client, cases[i].method, cases[i].target, cases[i].headers, NULL);
        if (code != cases[i].code || !strstr(buf_str(&f->client.in), cases[i].message))
            fail_msg("case %zu: %d %s", i, code, buf_str(&f->client.in));
        if (strstr(buf_str(&f->client.in), "\r\nUpgrade:"))
            fail_msg("case %zu upgrades", i);
    }
    assert_int_equal(streams_count(f->streams), 0);
}

/* A refused upgrade leaves a plain connection with no more rights than it had (CVE-2018-1002105),
 * and nothing reaches a node. */
static void test_stream__who_may_not(void **state)
{
    struct fixture *f = *state;
    struct client client;
    connect_as(f, &client, "guest", "friends");
    static const char *const targets[] = {EXEC "cat", POD "/attach?stdout=1", FORWARD};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        assert_int_equal(client_ask(&client, "GET", targets[i], V4, NULL), 403);
        assert_int_equal(client_ask(&client, "POST", targets[i], SPDY_V4, NULL), 403);
        assert_non_null(strstr(buf_str(&client.in), "\\\"guest\\\" cannot create resource"));
    }
    assert_int_equal(f->pods.dialed, 0);
    client_done(&client);
}

/* Each that asked for a stream stands in the trail, with what came of it. */
static void test_stream__audit(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *method, *target, *headers;
        int code;
    } cases[] = {
        {"GET", EXEC "cat", V5, 101},
        {"POST", POD "/attach?stdout=1", SPDY_V4, 101},
        {"GET", FORWARD, TUNNEL, 101},
        {"GET", EXEC "cat", "", 400},
        {"GET", EXEC "refuse&command=404", V4, 404},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client client;
        char code[24];
        connect_as(f, &client, "admin", "system:masters");
        send_head(&client, cases[i].method, cases[i].target, cases[i].headers);
        assert_true(client_await(&client, "\r\n\r\n"));
        const char *trail = audit_waiting(f->audit), *line = strrchr(trail, '{');
        while (line > trail && line[-1] != '\n') /* the last one's beginning */
            line--;
        snprintf(code, sizeof(code), "\"code\":%d", cases[i].code);
        if (!strstr(line, code) || !strstr(line, "\"verb\":\"create\"") ||
            !strstr(line, "\"subresource\":\"") || !strstr(line, "\"username\":\"admin\""))
            fail_msg("case %zu: %s", i, line);
        client_done(&client);
    }
}

static void test_stream__nodes_that_are_not_there(void **state)
{
    struct fixture *f = *state;
    f->pods.answer = -ENOTCONN;
    assert_int_equal(client_ask(&f->client, "GET", EXEC "cat", V4, NULL), 503);
    assert_non_null(strstr(buf_str(&f->client.in), "node pi cannot be reached"));
    f->pods.answer = -EBUSY;
    assert_int_equal(client_ask(&f->client, "GET", EXEC "cat", V4, NULL), 429);
    assert_int_equal(streams_count(f->streams), 0);
}

/* ---- flow ---- */

/* A client that does not read: its session has no more on its way than it may, another goes on. */
static void test_stream__a_slow_client(void **state)
{
    struct fixture *f = *state;
    struct client other;
    connect_as(f, &other, "admin", "system:masters");
    send_head(&f->client, "GET", EXEC "flood&command=10000000", V4);
    AWAIT(f->pods.open == 1, await_turn(f->world->loop));
    await_quiet(f->world->loop);
    upgrade(&other, "GET", EXEC "flood&command=10000000", V4, NULL);
    AWAIT(other.closed, client_turn(&other));
    assert_true(other.in.len > 10000000);
    assert_int_equal(f->pods.open, 1);
    assert_true(f->pods.most <= POD_SESSION_CREDIT);
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_true(f->client.in.len > 10000000);
    assert_true(f->pods.most <= POD_SESSION_CREDIT);
    client_done(&other);
}

/* What the program does not read is not read from the client. */
static void test_stream__a_client_that_floods(void **state)
{
    struct fixture *f = *state;
    cleanup(buf_done) struct buf bytes = {0};
    autofree char *block = xcalloc(1, 16384);
    peer_message(&bytes, 2, block, 16384);
    upgrade(&f->client, "GET", EXEC "deaf", V4, NULL);
    size_t sent = 0, at = 0;
    for (int quiet = 0; quiet < 50;) {
        ssize_t n =
            send(f->client.fd, bytes.data + at, bytes.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        at = (at + (n > 0 ? (size_t)n : 0)) % bytes.len;
        quiet = n > 0 ? 0 : quiet + 1;
        assert_true(sent < 8 * 1024 * 1024);
        await_turn(f->world->loop);
    }
    assert_true(f->pods.sent <= 64 * 1024);
    client_done(&f->client);
    AWAIT(streams_count(f->streams) == 0, await_turn(f->world->loop));
    assert_int_equal(f->pods.closed, 1);
}

/* Pings whose answers nobody takes. */
static void test_stream__a_client_that_pings(void **state)
{
    struct fixture *f = *state;
    cleanup(buf_done) struct buf bytes = {0};
    char beat[125] = {0};
    for (int i = 0; i < 100; i++)
        peer_message(&bytes, 9, beat, sizeof(beat));
    upgrade(&f->client, "GET", EXEC "deaf", V4, NULL);
    size_t sent = 0, at = 0;
    for (int quiet = 0; quiet < 50;) {
        ssize_t n =
            send(f->client.fd, bytes.data + at, bytes.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        at = (at + (n > 0 ? (size_t)n : 0)) % bytes.len;
        quiet = n > 0 ? 0 : quiet + 1;
        assert_true(sent < 4 * 1024 * 1024);
        await_turn(f->world->loop);
    }
    assert_int_equal(streams_count(f->streams), 1);
}

static void test_stream__broken_messages(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *close;
    } cases[] = {
        {"\x82\2\0x", 4, "\x88\2\x03\xea"},                       /* not masked */
        {"\x82\xff\x80\0\0\0\0\0\0\0mask", 14, "\x88\2\x03\xea"}, /* 2^63 */
        {"\x82\xff\0\0\0\1\0\0\0\0mask", 14, "\x88\2\x03\xf1"},   /* 4 GiB */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client client;
        connect_as(f, &client, "admin", "system:masters");
        upgrade(&client, "GET", EXEC "cat", V4, NULL);
        client_send_n(&client, cases[i].bytes, cases[i].len);
        await_bytes(&client, cases[i].close, 4);
        AWAIT(client.closed, client_turn(&client));
        client_done(&client);
        AWAIT(streams_count(f->streams) == 0, await_turn(f->world->loop));
        assert_int_equal(f->pods.closed, (int)i + 1);
    }
}

/* ---- the end from outside ---- */

static void test_stream__the_client_leaves(void **state)
{
    struct fixture *f = *state;
    for (int close = 0; close < 2; close++) {
        struct client client;
        connect_as(f, &client, "admin", "system:masters");
        upgrade(&client, "GET", EXEC "cat", V4, NULL);
        if (close) {
            send_message(&client, 8, "\x03\xe8", 2);
            AWAIT_BYTES(&client, "\x88\2\x03\xe8");
        } else {
            client_done(&client);
        }
        AWAIT(f->pods.closed == close + 1, await_turn(f->world->loop));
        assert_int_equal(streams_count(f->streams), 0);
        client_done(&client);
    }
}

static void test_stream__a_user_is_revoked(void **state)
{
    struct fixture *f = *state;
    struct client other, early, forward;
    connect_as(f, &other, "ann", "system:masters");
    connect_as(f, &early, "admin", "system:masters");
    connect_as(f, &forward, "admin", "system:masters");
    upgrade(&f->client, "GET", EXEC "cat", V4, NULL);
    upgrade(&other, "GET", EXEC "cat", V4, NULL);
    upgrade(&forward, "GET", FORWARD "?ports=80", V4, NULL);
    send_head(&early, "GET", EXEC "hang", V4);
    AWAIT(f->pods.open == 4, client_turn(&early));
    assert_int_equal(streams_revoke(f->streams, "admin"), 3);
    assert_true(client_await(&early, "HTTP/1.1 401 "));
    AWAIT(f->client.closed, client_turn(&f->client));
    AWAIT(forward.closed, client_turn(&forward));
    assert_int_equal(streams_count(f->streams), 1);
    assert_int_equal(f->pods.open, 1);
    send_message(&other, 2, "\0still", 6);
    await_message(&other, 1, "still");
    assert_int_equal(streams_revoke(f->streams, "nobody"), 0);
    client_done(&other);
    client_done(&early);
    client_done(&forward);
}

static void test_stream__too_many_of_a_user(void **state)
{
    struct fixture *f = *state;
    static struct client clients[STREAMS_MAX_PER_USER];
    for (size_t i = 0; i < STREAMS_MAX_PER_USER; i++) {
        connect_as(f, &clients[i], "ann", "system:masters");
        send_head(&clients[i], "GET", EXEC "hang", V4);
    }
    AWAIT(streams_count(f->streams) == STREAMS_MAX_PER_USER, await_turn(f->world->loop));
    struct client one;
    connect_as(f, &one, "ann", "system:masters");
    assert_int_equal(client_ask(&one, "GET", EXEC "cat", V4, NULL), 429);
    upgrade(&f->client, "GET", EXEC "cat", V4, NULL); /* another's */
    for (size_t i = 0; i < STREAMS_MAX_PER_USER; i++)
        client_done(&clients[i]);
    client_done(&one);
}

static void test_stream__the_gateway_ends_first(void **state)
{
    struct fixture *f = *state;
    struct client early, spdy, forward;
    connect_as(f, &early, "admin", "system:masters");
    connect_as(f, &spdy, "admin", "system:masters");
    connect_as(f, &forward, "admin", "system:masters");
    upgrade(&f->client, "GET", EXEC "cat", V4, NULL);
    upgrade(&spdy, "POST", EXEC "flood&command=1000000", SPDY_V4, NULL);
    upgrade(&forward, "GET", FORWARD "?ports=80&ports=3", V4, NULL);
    send_head(&early, "GET", EXEC "hang", V4);
    AWAIT(f->pods.open == 5, client_turn(&early));
    client_done(&early);
    client_done(&spdy);
    client_done(&forward);
}

/* ---- SPDY ---- */

static void open_streams(struct fixture *f, struct client *client, const char *const *types)
{
    cleanup(buf_done) struct buf bytes = {0};
    for (uint32_t id = 1; types[id / 2]; id += 2) {
        const char *const pairs[] = {"streamtype", types[id / 2], NULL};
        peer_syn(&f->peer, &bytes, id, false, pairs);
    }
    client_send_n(client, bytes.data, bytes.len);
}

static const char *const usual[] = {"error", "stdin", "stdout", "stderr", NULL};

static void send_data(struct client *client, uint32_t id, const char *text, bool fin)
{
    cleanup(buf_done) struct buf bytes = {0};
    peer_data(&bytes, id, text, strlen(text), fin);
    client_send_n(client, bytes.data, bytes.len);
}

static void await_data(struct client *client, uint32_t id, const char *text, bool fin)
{
    cleanup(buf_done) struct buf bytes = {0};
    peer_data(&bytes, id, text, strlen(text), fin);
    await_bytes(client, bytes.data, bytes.len);
}

static void test_stream__exec_by_spdy(void **state)
{
    struct fixture *f = *state;
    upgrade(&f->client, "POST", EXEC "cat",
            SPDY "X-Stream-Protocol-Version: v9\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n"
                 "X-Stream-Protocol-Version: v3.channel.k8s.io\r\n",
            "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n");
    open_streams(f, &f->client, usual);
    AWAIT_BYTES(&f->client, "\x80\3\0\2\0\0\0\x12\0\0\0\7"); /* the reply to the fourth */
    send_data(&f->client, 3, "hello", false);
    await_data(&f->client, 5, "hello", false);
    cleanup(buf_done) struct buf ping = {0};
    peer_control(&ping, 6, "\0\0\0\1", 4);
    client_send_n(&f->client, ping.data, ping.len);
    await_bytes(&f->client, ping.data, ping.len);
    send_data(&f->client, 3, "", true);
    await_data(&f->client, 5, "", true);
    await_data(&f->client, 1, success, false);
    await_data(&f->client, 1, "", true);
    AWAIT(f->client.closed, client_turn(&f->client));
}

/* No output comes before the answer to the last stream, though its own is open. */
static void test_stream__output_waits_for_all_streams(void **state)
{
    struct fixture *f = *state;
    cleanup(buf_done) struct buf last = {0};
    static const char *const some[] = {"error", "stdin", "stdout", NULL};
    static const char *const pairs[] = {"streamtype", "stderr", NULL};
    upgrade(&f->client, "POST", EXEC "echo&command=early", SPDY_V4, NULL);
    open_streams(f, &f->client, some);
    AWAIT_BYTES(&f->client, "\x80\3\0\2\0\0\0\x12\0\0\0\5"); /* the reply to the third */
    client_quiet(&f->client);
    assert_null(memmem(f->client.in.data, f->client.in.len, "early", 5));
    peer_syn(&f->peer, &last, 7, false, pairs);
    client_send_n(&f->client, last.data, last.len);
    AWAIT_BYTES(&f->client, "\x80\3\0\2\0\0\0\x12\0\0\0\7");
    await_data(&f->client, 5, "early", false);
    await_data(&f->client, 1, success, false);
    AWAIT(f->client.closed, client_turn(&f->client));
}

/* Output that comes before its stream, and an end before its own. */
static void test_stream__streams_that_come_late(void **state)
{
    struct fixture *f = *state;
    upgrade(&f->client, "POST", EXEC "echo&command=early", SPDY_V4, NULL);
    client_quiet(&f->client);
    assert_int_equal(f->client.in.len, 0);
    open_streams(f, &f->client, usual);
    await_data(&f->client, 5, "early", false);
    await_data(&f->client, 1, success, false);
    AWAIT(f->client.closed, client_turn(&f->client));
}

static void test_stream__streams_that_are_none(void **state)
{
    struct fixture *f = *state;
    static const char *const odd[] = {"error",  "stdin",  "stdin", "nothing",
                                      "stdout", "stderr", NULL};
    upgrade(&f->client, "POST", EXEC "cat", SPDY_V4, NULL);
    open_streams(f, &f->client, odd);
    AWAIT_BYTES(&f->client, "\x80\3\0\3\0\0\0\x8\0\0\0\5\0\0\0\3"); /* refused */
    AWAIT_BYTES(&f->client, "\x80\3\0\3\0\0\0\x8\0\0\0\7\0\0\0\3");
    send_data(&f->client, 99, "no such stream", false);
    AWAIT_BYTES(&f->client, "\x80\3\0\3\0\0\0\x8\0\0\0\x63\0\0\0\2");
    send_data(&f->client, 3, "x", false);
    await_data(&f->client, 9, "x", false);
    cleanup(buf_done) struct buf reset = {0}; /* of stdin: its end */
    peer_control(&reset, 3, "\0\0\0\3\0\0\0\5", 8);
    client_send_n(&f->client, reset.data, reset.len);
    await_data(&f->client, 1, success, false);
}

static void assert_broken(struct fixture *f, const struct buf *bytes)
{
    struct client client;
    int before = f->pods.closed;
    connect_as(f, &client, "admin", "system:masters");
    upgrade(&client, "POST", EXEC "cat", SPDY_V4, NULL);
    client_send_n(&client, bytes->data, bytes->len);
    AWAIT(client.closed, client_turn(&client));
    AWAIT(streams_count(f->streams) == 0, await_turn(f->world->loop));
    assert_int_equal(f->pods.closed, before + 1);
    client_done(&client);
}

static void test_stream__broken_spdy(void **state)
{
    struct fixture *f = *state;
    static const char *const pairs[] = {"streamtype", "error", NULL};
    static const uint32_t ids[][2] = {{1, 1}, {3, 1}, {2, 0}, {1, 4}}; /* twice, back, even */
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        cleanup(buf_done) struct buf bytes = {0};
        struct peer peer;
        peer_init(&peer);
        for (size_t n = 0; n < 2 && ids[i][n]; n++)
            peer_syn(&peer, &bytes, ids[i][n], false, pairs);
        assert_broken(f, &bytes);
        peer_done(&peer);
    }
    cleanup(buf_done) struct buf bomb = {0};
    autofree char *zeros = xcalloc(1, 1024 * 1024);
    peer_syn_block(&f->peer, &bomb, 1, zeros, 1024 * 1024);
    assert_broken(f, &bomb);
    cleanup(buf_done) struct buf version = {0};
    buf_add(&version, "\x80\2\0\1\0\0\0\0", 8);
    assert_broken(f, &version);
}

/* ---- port-forward ---- */

static void open_pair(struct fixture *f, struct buf *bytes, uint32_t id, const char *port,
                      const char *request)
{
    const char *const error[] = {"streamtype", "error", "port", port, "requestid", request, NULL};
    const char *const data[] = {"streamtype", "data", "port", port, "requestid", request, NULL};
    peer_syn(&f->peer, bytes, id, true, error);
    peer_syn(&f->peer, bytes, id + 2, false, data);
}

static void test_stream__forward_by_spdy(void **state)
{
    struct fixture *f = *state;
    cleanup(buf_done) struct buf bytes = {0};
    upgrade(&f->client, "POST", FORWARD, SPDY_FORWARD,
            "X-Stream-Protocol-Version: portforward.k8s.io\r\n");
    open_pair(f, &bytes, 1, "80", "0");
    open_pair(f, &bytes, 5, "1", "1");
    peer_data(&bytes, 3, "one", 3, false); /* before it can know that it is through */
    client_send_n(&f->client, bytes.data, bytes.len);
    await_data(&f->client, 3, "one", false);
    await_data(&f->client, 5, "error forwarding port 1 to pod default/web: cannot be started",
               false);
    await_data(&f->client, 7, "", true);
    send_data(&f->client, 3, "two", true);
    await_data(&f->client, 3, "two", false);
    await_data(&f->client, 3, "", true);
    AWAIT(f->pods.open == 0, client_turn(&f->client));
    assert_int_equal(f->pods.dialed, 2);
    buf_drop(&bytes, bytes.len);
    open_pair(f, &bytes, 9, "80", "2"); /* and on it goes; given up by a reset */
    client_send_n(&f->client, bytes.data, bytes.len);
    AWAIT(f->pods.open == 1, client_turn(&f->client));
    client_quiet(&f->client);
    buf_drop(&bytes, bytes.len);
    peer_control(&bytes, 3, "\0\0\0\xb\0\0\0\5", 8);
    client_send_n(&f->client, bytes.data, bytes.len);
    AWAIT(f->pods.closed == 1, client_turn(&f->client));
    assert_int_equal(streams_count(f->streams), 1);
}

static void test_stream__pairs_that_are_none(void **state)
{
    struct fixture *f = *state;
    static const char *const refused[][7] = {
        {"streamtype", "data", "port", "0", "requestid", "1", NULL},
        {"streamtype", "data", "port", "65536", "requestid", "1", NULL},
        {"streamtype", "data", "port", "80x", "requestid", "1", NULL},
        {"streamtype", "stdin", "port", "80", "requestid", "1", NULL},
        {"streamtype", "data", "requestid", "1", NULL},
        {"streamtype", "data", "port", "80", "requestid", "", NULL},
    };
    cleanup(buf_done) struct buf bytes = {0};
    upgrade(&f->client, "POST", FORWARD, SPDY_FORWARD, NULL);
    for (uint32_t i = 0; i < ARRAY_LEN(refused); i++)
        peer_syn(&f->peer, &bytes, 2 * i + 1, false, refused[i]);
    open_pair(f, &bytes, 101, "80", "a");
    open_pair(f, &bytes, 105, "80", "a"); /* twice */
    client_send_n(&f->client, bytes.data, bytes.len);
    for (uint32_t i = 0; i < ARRAY_LEN(refused); i++) {
        const char want[] = {'\x80', 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, (char)(2 * i + 1), 0, 0, 0, 3};
        await_bytes(&f->client, want, sizeof(want));
    }
    AWAIT_BYTES(&f->client, "\x80\3\0\3\0\0\0\x8\0\0\0\x6b\0\0\0\3");
    AWAIT(f->pods.dialed == 1, client_turn(&f->client));
    buf_drop(&bytes, bytes.len);
    for (uint32_t i = 0; i < 200; i++) { /* as many as there may be, and more */
        char request[16];
        snprintf(request, sizeof(request), "r%u", i);
        open_pair(f, &bytes, 1001 + 4 * i, "3", request);
    }
    client_send_n(&f->client, bytes.data, bytes.len);
    AWAIT(f->pods.dialed == 128, client_turn(&f->client));
    client_quiet(&f->client);
    assert_int_equal(f->pods.dialed, 128);
}

/* SPDY's frames in messages, cut where they like. */
static void test_stream__forward_in_a_tunnel(void **state)
{
    struct fixture *f = *state;
    cleanup(buf_done) struct buf bytes = {0};
    upgrade(&f->client, "GET", FORWARD, TUNNEL,
            "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n");
    open_pair(f, &bytes, 1, "80", "0");
    peer_data(&bytes, 3, "hello", 5, false);
    for (size_t at = 0; at < bytes.len; at += 7)
        send_message(&f->client, 2, bytes.data + at, bytes.len - at < 7 ? bytes.len - at : 7);
    AWAIT_BYTES(&f->client, "\x82\x0d\0\0\0\3\0\0\0\5hello");
    send_message(&f->client, 9, "", 0);
    AWAIT_BYTES(&f->client, "\x8a\0");
    send_message(&f->client, 8, "\x03\xe8", 2);
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_int_equal(f->pods.closed, 1);
}

static void test_stream__forward_by_websocket(void **state)
{
    struct fixture *f = *state;
    upgrade(&f->client, "GET", FORWARD "?ports=80&ports=1&ports=4660", V4,
            "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n");
    AWAIT_BYTES(&f->client, "\x82\3\0\x50\0\x82\3\1\x50\0\x82\3\2\1\0\x82\3\3\1\0\x82\3\4\x34\x12");
    send_message(&f->client, 2, "\4hello", 6);
    await_message(&f->client, 4, "hello");
    send_message(&f->client, 2, "\0first", 6);
    await_message(&f->client, 0, "first");
    await_message(&f->client, 3, "error forwarding port 1 to pod default/web: cannot be started");
    send_message(&f->client, 2, "\2gone", 5);
    send_message(&f->client, 2, "\1not for clients", 16);
    send_message(&f->client, 2, "\x41no such port", 13);
    send_message(&f->client, 2, "\4more", 5);
    await_message(&f->client, 4, "more");
    assert_int_equal(f->pods.open, 2);
}

int main(void)
{
#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(test_stream__exec_by_websocket),
        LIVE(test_stream__output_waits_for_pongs),
        LIVE(test_stream__output_waits_for_no_more_than_a_word),
        LIVE(test_stream__output_waits_for_no_dumb_client),
        LIVE(test_stream__in_base64),
        LIVE(test_stream__token_is_no_protocol),
        LIVE(test_stream__ends),
        LIVE(test_stream__the_size_of_a_terminal),
        LIVE(test_stream__refusals),
        LIVE(test_stream__who_may_not),
        LIVE(test_stream__audit),
        LIVE(test_stream__nodes_that_are_not_there),
        LIVE(test_stream__a_slow_client),
        LIVE(test_stream__a_client_that_floods),
        LIVE(test_stream__a_client_that_pings),
        LIVE(test_stream__broken_messages),
        LIVE(test_stream__the_client_leaves),
        LIVE(test_stream__a_user_is_revoked),
        LIVE(test_stream__too_many_of_a_user),
        LIVE(test_stream__the_gateway_ends_first),
        LIVE(test_stream__exec_by_spdy),
        LIVE(test_stream__output_waits_for_all_streams),
        LIVE(test_stream__streams_that_come_late),
        LIVE(test_stream__streams_that_are_none),
        LIVE(test_stream__broken_spdy),
        LIVE(test_stream__forward_by_spdy),
        LIVE(test_stream__pairs_that_are_none),
        LIVE(test_stream__forward_in_a_tunnel),
        LIVE(test_stream__forward_by_websocket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
