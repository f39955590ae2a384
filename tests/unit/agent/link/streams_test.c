/* The node's end of streams: the test is the gateway, and a bus that can be full. The agent is a
 * few functions of the test's own. */

#include "agent/link/streams.h"

#include "agent/pod/usage.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/bus/msg.h"
#include "common/bus/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define NODE "pi.01234567"
#define KEPT 64

struct world {
    struct bus bus;
    struct loop *loop;
    struct key *gateway, *node;
    struct envelope_line down, up; /* the gateway's */
    struct streams *streams;
    struct bus_msg *kept[KEPT];
    size_t count, room;
    uint32_t ids[KEPT], last_id; /* not acknowledged yet */
    size_t flights;
    int64_t n;      /* of the gateway's last message of the stream */
    char other[64]; /* "<id> <op>" of the last message that was of no stream */
    char dir[64];
    struct err err;
};

static char log_path[96];
static struct {
    usage_fn *fn;
    void *ctx;
} asker; /* who waits to be told what is used */
static struct {
    const struct exec_client_handler *handler;
    void *ctx;
    int out; /* what the program writes into */
} program;   /* that somebody asked to run */

int usage_ask(struct usage *usage, usage_fn *fn, void *ctx)
{
    assert_non_null(usage);
    if (asker.fn)
        return -EBUSY;
    asker.fn = fn;
    asker.ctx = ctx;
    return 0;
}

void usage_forget(struct usage *usage, const void *ctx)
{
    assert_non_null(usage);
    if (asker.ctx == ctx)
        asker.fn = NULL;
}

int agent_why(struct agent *agent, const char *ns, const char *name, struct buf *ret)
{
    (void)agent;
    return str_eq(ns, "default") && str_eq(name, "web") ? buf_addstr(ret, "it runs\n") : -ENOENT;
}

#define STATIC_UID "5ba8f1d2-1111-2222-3333-444455556666"
#define STATIC_BYTES ((size_t)3 * RPC_MAX_CHUNK)

int agent_static_pod(struct agent *agent, const char *uid, struct buf *ret)
{
    (void)agent;
    for (size_t i = 0; str_eq(uid, STATIC_UID) && i < STATIC_BYTES; i++)
        (void)buf_addc(ret, 'x');
    return ret->len ? 0 : -ENOENT;
}

int agent_log_path(struct agent *agent, const char *ns, const char *name, const char *container,
                   bool previous, bool follow, struct buf *ret_path, struct err *err)
{
    (void)agent;
    (void)ns;
    (void)container;
    (void)previous;
    (void)follow;
    return str_eq(name, "web") ? buf_addstr(ret_path, log_path)
                               : err_set(err, -ENOENT, "no pod %s", name);
}

int agent_exec(struct agent *agent, const struct agent_target *target, struct exec_request *request,
               struct exec_client_spec *spec, struct exec_client **ret, struct err *err)
{
    (void)agent;
    (void)request;
    if (!str_eq(target->name, "web"))
        return err_set(err, -ENOENT, "container not found");
    program.handler = spec->handler;
    program.ctx = spec->ctx;
    program.out = dup(spec->ends[1]);
    *ret = NULL;
    return 0;
}

int agent_socket(struct agent *agent, const struct agent_target *target, int family, int *ret_fd,
                 struct err *err)
{
    (void)agent;
    (void)target;
    *ret_fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *ret_fd < 0 ? err_errno(err, errno, "no socket") : 0;
}

static int publish(struct bus *bus, const struct bus_msg *msg, uint32_t *ret_id, struct err *err)
{
    struct world *world = (struct world *)(void *)bus;
    if (world->room == 0 || world->count == KEPT)
        return err_set(err, -ENOBUFS, "full");
    world->room--;
    world->kept[world->count++] = bus_msg_copy(msg);
    world->ids[world->flights++ % KEPT] = ++world->last_id;
    if (ret_id)
        *ret_id = world->last_id;
    return 0;
}

static struct key *public_of(const struct key *key)
{
    cleanup(buf_done) struct buf pem;
    struct key *public = NULL;
    struct err err = {0};
    buf_init(&pem, 0);
    assert_int_equal(key_write_public(key, &pem, &err), 0);
    assert_int_equal(key_parse_public(pem.data, pem.len, &public, &err), 0);
    return public;
}

static void on_other(void *ctx, const char *id, const struct envelope_got *got)
{
    struct world *world = ctx;
    snprintf(world->other, sizeof(world->other), "%s %s", id, value_get_str(got->body, "op"));
}

static void make_streams(struct world *world)
{
    struct envelope_link link;
    struct key *node = public_of(world->node), *gateway = public_of(world->gateway);
    autofree char *seq = xasprintf("%s/seq", world->dir);
    assert_int_equal(envelope_link_init(&link, world->node, gateway, NODE, "boot", &world->err), 0);
    const struct streams_spec spec = {.node = {.loop = world->loop, .usage = (void *)world},
                                      .bus = &world->bus,
                                      .node_id = NODE,
                                      .link = &link,
                                      .seq_file = seq,
                                      .disk = disk_posix(),
                                      .other = on_other,
                                      .ctx = world};
    assert_int_equal(streams_new(&spec, &world->streams, &world->err), 0);
    envelope_link_done(&link);
    assert_int_equal(envelope_link_init(&link, world->gateway, node, NODE, "boot", &world->err), 0);
    assert_int_equal(envelope_line_init(&world->down, &link, ENVELOPE_DOWN, RPC_CLASS, &world->err),
                     0);
    assert_int_equal(envelope_line_init(&world->up, &link, ENVELOPE_UP, RPC_CLASS, &world->err), 0);
    envelope_link_done(&link);
    key_free(node);
    key_free(gateway);
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->bus.publish = publish;
    world->room = SIZE_MAX;
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-streams-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    snprintf(log_path, sizeof(log_path), "%s/app.log", world->dir);
    assert_int_equal(loop_new(clock_system(), &world->loop, &world->err), 0);
    assert_int_equal(key_generate(&world->gateway, &world->err), 0);
    assert_int_equal(key_generate(&world->node, &world->err), 0);
    make_streams(world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    streams_free(world->streams);
    for (size_t i = 0; i < world->count; i++)
        bus_msg_free(world->kept[i]);
    envelope_line_done(&world->down);
    envelope_line_done(&world->up);
    key_free(world->gateway);
    key_free(world->node);
    loop_free(world->loop);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), world->dir, &world->err), 0);
    free(world);
    return 0;
}

static void write_log(size_t bytes)
{
    int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t i = 0; i < bytes / 10; i++)
        assert_int_equal(dprintf(fd, "2026-01-02T03:04:05.000000000Z stdout F 123456789\n"), 50);
    close(fd);
}

/* A command for "exec"; others do not look at it. */
static void add_command(struct value *args)
{
    struct value *command = value_set(args, "command", value_new_list());
    value_append(command, value_new_str("cat"));
    value_set_bool(args, "stdout", true);
}

static void down(struct world *world, const char *id, const char *op, const char *method,
                 const char *pod, int64_t number)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", op);
    value_set_str(body, "method", method);
    struct value *args = value_make_map(body, "args", NULL);
    value_set_str(args, "namespace", "default");
    value_set_str(args, "pod", pod);
    add_command(args);
    if (str_eq(pod, "static"))
        value_set_str(args, "uid", STATIC_UID);
    if (number < 0)
        value_set_int(args, "sinceSeconds", INT64_MAX); /* longer than there is time */
    if (str_eq(op, "open")) {
        value_set_int(body, "credit", RPC_CREDIT);
        world->n = 0;
    } else {
        value_set_int(body, "n", ++world->n);
        value_set_int(body, "bytes", number);
    }
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    const struct envelope_msg msg = {.channel = channel, .time_ns = 1, .body = body};
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    assert_int_equal(envelope_write(&world->down, &msg, &payload, &world->err), 0);
    streams_message(world->streams, id, payload.data, payload.len);
}

/* The broker acknowledges all. */
static void ack(struct world *world)
{
    uint32_t ids[KEPT];
    size_t count = world->flights;
    memcpy(ids, world->ids, sizeof(ids));
    world->flights = 0;
    streams_acked(world->streams, 0);
    for (size_t i = 0; i < count; i++)
        streams_acked(world->streams, ids[i]);
}

static void run(struct world *world)
{
    for (int i = 0; i < 100; i++) {
        assert_int_equal(loop_step(world->loop, 0), 0);
        ack(world);
    }
}

/* What came up by now, forgotten: "<bytes of data> <code of the end>", code -1 while it goes on. */
static void expect(struct world *world, const char *id, size_t bytes, int64_t code)
{
    size_t got_bytes = 0;
    int64_t got_code = -1;
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    for (size_t i = 0; i < world->count; i++) {
        cleanup(envelope_got_done) struct envelope_got got = {0};
        const struct bus_msg *msg = world->kept[i];
        assert_int_equal(
            envelope_read(&world->up, channel, msg->payload, msg->len, &got, &world->err), 0);
        assert_true(got.raw_len <= RPC_MAX_CHUNK);
        got_bytes += got.raw_len;
        if (str_eq(value_get_str(got.body, "op"), "end"))
            got_code = value_get_int(got.body, "code", -2);
        bus_msg_free(world->kept[i]);
    }
    world->count = 0;
    assert_int_equal(got_bytes, bytes);
    assert_int_equal(got_code, code);
}

static void test_streams__credit(void **state)
{
    struct world *world = *state;
    write_log(RPC_CREDIT + 1000);
    down(world, "a", "open", "logs", "web", 0);
    run(world);
    expect(world, "a", RPC_CREDIT, -1);
    down(world, "a", "credit", "", "", 400);
    run(world);
    expect(world, "a", 400, -1);
    down(world, "a", "credit", "", "", -5);
    down(world, "a", "credit", "", "", INT64_MAX);
    run(world);
    expect(world, "a", 0, -1);
    down(world, "a", "credit", "", "", RPC_CREDIT);
    run(world);
    expect(world, "a", (RPC_CREDIT + 1000) / 10 * 10 - RPC_CREDIT - 400, 0);
}

/* A bus that is full for a while loses neither data nor the last word. */
static void test_streams__full_bus(void **state)
{
    struct world *world = *state;
    write_log(3000);
    world->room = 0;
    down(world, "a", "open", "logs", "web", 0);
    run(world);
    expect(world, "a", 0, -1);
    world->room = 1; /* for the data, not for the end */
    ack(world);
    run(world);
    expect(world, "a", 3000, -1);
    for (int i = 0; i < 3; i++) {
        ack(world);
        run(world);
        expect(world, "a", 0, -1);
    }
    world->room = SIZE_MAX;
    ack(world);
    run(world);
    expect(world, "a", 0, 0);
    ack(world);
    run(world);
    expect(world, "a", 0, -1); /* once */
}

static void test_streams__why(void **state)
{
    struct world *world = *state;
    down(world, "a", "open", "why", "web", 0);
    run(world);
    expect(world, "a", 8, 0);
    down(world, "b", "open", "why", "none", 0);
    expect(world, "b", 0, 404);
    world->room = 1; /* for the words, not for the end */
    down(world, "c", "open", "why", "web", 0);
    run(world);
    expect(world, "c", 8, -1);
    world->room = SIZE_MAX;
    ack(world);
    run(world);
    expect(world, "c", 0, 0);
}

/* Worked out later, told in pieces under credit; who has left is not told. */
static void test_streams__usage(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *answer = value_new_map();
    autofree char *text = xcalloc(1, RPC_CREDIT + 1);
    memset(text, 'x', RPC_CREDIT);
    value_set_str(answer, "x", text);
    down(world, "a", "open", "usage", "", 0);
    run(world);
    expect(world, "a", 0, -1);
    down(world, "b", "open", "usage", "", 0);
    run(world);
    expect(world, "b", 0, 429);
    assert_non_null(asker.fn);
    usage_fn *fn = asker.fn;
    asker.fn = NULL; /* as when it is told */
    world->n = 0;    /* of "a" */
    fn(asker.ctx, answer);
    run(world);
    expect(world, "a", RPC_CREDIT, -1);
    down(world, "a", "credit", NULL, "", 1000);
    run(world);
    expect(world, "a", strlen("{'x':''}"), 0);
    down(world, "c", "open", "usage", "", 0);
    run(world);
    assert_non_null(asker.fn);
    down(world, "c", "close", NULL, "", 0);
    run(world);
    assert_null(asker.fn);
    expect(world, "c", 0, -1);
}

static void test_streams__manifest(void **state)
{
    struct world *world = *state;
    down(world, "a", "open", "manifest", "web", 0);
    run(world);
    expect(world, "a", 0, 404);
    world->room = RPC_MAX_CHUNK; /* in pieces, as there is room */
    down(world, "b", "open", "manifest", "static", 0);
    run(world);
    world->room = SIZE_MAX;
    ack(world);
    run(world);
    expect(world, "b", STATIC_BYTES, 0);
}

static void test_streams__refused(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *method, *pod;
        int code;
    } cases[] = {
        {"dance", "web", 400}, {"logs", "none", 404}, {"logs", "web", 0}, {"pulls", "web", 501}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) { /* the last: nothing was written */
        down(world, "a", "open", cases[i].method, cases[i].pod, 0);
        run(world);
        expect(world, "a", 0, cases[i].code);
    }
    write_log(10);
    down(world, "b", "open", "logs", "web", -1);
    run(world);
    expect(world, "b", 10, 0);
}

static void test_streams__many(void **state)
{
    struct world *world = *state;
    write_log(RPC_CREDIT * 2);
    world->room = 0;
    for (int i = 0; i < RPC_MAX_STREAMS; i++) {
        autofree char *id = xasprintf("s%d", i);
        down(world, id, "open", "logs", "web", 0);
    }
    world->room = SIZE_MAX;
    down(world, "more", "open", "logs", "web", 0);
    expect(world, "more", 0, 429);
    streams_reset(world->streams); /* the connection broke: all of them are forgotten */
    run(world);
    world->count = 0;
    down(world, "more", "open", "logs", "web", 0);
    run(world);
    expect(world, "more", RPC_CREDIT, -1);
}

/* A message to a stream: op "data" with raw bytes, or "eof", on channel 0. */
static void type(struct world *world, const char *id, const char *op, const char *raw)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", op);
    value_set_int(body, "n", ++world->n);
    value_set_int(body, "ch", RPC_STDIN);
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    const struct envelope_msg msg = {
        .channel = channel, .time_ns = 1, .body = body, .raw = raw, .raw_len = strlen(raw)};
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    assert_int_equal(envelope_write(&world->down, &msg, &payload, &world->err), 0);
    streams_message(world->streams, id, payload.data, payload.len);
}

static void open_forward(struct world *world, const char *id, int port)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", "open");
    value_set_str(body, "method", "portforward");
    value_set_int(body, "credit", RPC_CREDIT);
    struct value *args = value_make_map(body, "args", NULL);
    value_set_str(args, "namespace", "default");
    value_set_str(args, "pod", "web");
    value_set_int(args, "port", port);
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    const struct envelope_msg msg = {.channel = channel, .time_ns = 1, .body = body};
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    world->n = 0;
    assert_int_equal(envelope_write(&world->down, &msg, &payload, &world->err), 0);
    streams_message(world->streams, id, payload.data, payload.len);
}

static int listen_somewhere(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Bytes both ways, each end by itself. */
static void test_streams__forward(void **state)
{
    struct world *world = *state;
    int port, listener = listen_somewhere(&port);
    char got[16] = "";
    open_forward(world, "f", port);
    run(world);
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    type(world, "f", "data", "hello");
    run(world);
    assert_int_equal(read(peer, got, sizeof(got)), 5);
    assert_string_equal(got, "hello");
    assert_int_equal(write(peer, "1234567", 7), 7);
    run(world);
    expect(world, "f", 7, -1);
    type(world, "f", "eof", "");
    run(world);
    assert_int_equal(read(peer, got, sizeof(got)), 0);
    assert_int_equal(write(peer, "more", 4), 4);
    run(world);
    expect(world, "f", 4, -1);
    close(peer);
    run(world);
    expect(world, "f", 0, 0);
    close(listener);
    open_forward(world, "g", port); /* nobody listens any more */
    run(world);
    expect(world, "g", 0, 502);
    open_forward(world, "h", 70000);
    run(world);
    expect(world, "h", 0, 400);
}

/* A hole in what comes ends the stream, and nothing behind it is passed on. */
static void test_streams__gap(void **state)
{
    struct world *world = *state;
    int port, listener = listen_somewhere(&port);
    char got[16];
    open_forward(world, "f", port);
    run(world);
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    type(world, "f", "data", "one");
    world->n++;
    type(world, "f", "data", "three");
    run(world);
    expect(world, "f", 0, 502);
    assert_int_equal(read(peer, got, sizeof(got)), 3);
    assert_int_equal(read(peer, got, sizeof(got)), 0);
    close(peer);
    close(listener);
}

/* A client that sends more than it was granted is cut off. */
static void test_streams__flood(void **state)
{
    struct world *world = *state;
    int port, listener = listen_somewhere(&port);
    autofree char *piece = xcalloc(1, RPC_MAX_CHUNK + 1);
    memset(piece, 'x', RPC_MAX_CHUNK);
    open_forward(world, "g", port);
    for (int i = 0; i <= RPC_NODE_CREDIT / RPC_MAX_CHUNK; i++)
        type(world, "g", "data", piece); /* before it is connected: nothing is granted yet */
    run(world);
    expect(world, "g", 0, 502);
    close(listener);
}

/* A program's first words may come before the keeper's word that it runs: the client hears of them
 * after it. */
static void test_streams__opened_first(void **state)
{
    struct world *world = *state;
    const struct exec_client_end end = {.message = ""};
    for (int full = 0; full < 2; full++) {
        const char *id = full ? "y" : "x";
        down(world, id, "open", "exec", "web", 0);
        assert_int_equal(write(program.out, "hello", 5), 5);
        close(program.out);
        run(world);
        expect(world, id, 0, -1);
        world->room = full ? 0 : SIZE_MAX;
        program.handler->begun(program.ctx, -1, false);
        run(world);
        expect(world, id, full ? 0 : 5, -1);
        world->room = SIZE_MAX;
        ack(world);
        run(world);
        expect(world, id, full ? 5 : 0, -1);
        program.handler->ended(program.ctx, &end);
        run(world);
        expect(world, id, 0, 0);
    }
}

/* What the node asks goes up, and what is of no stream is told on, if it is the gateway's. */
static void test_streams__questions(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", "ask");
    assert_int_equal(streams_say(world->streams, "q1", body), 0);
    expect(world, "q1", 0, -1);
    world->room = 0;
    assert_int_equal(streams_say(world->streams, "q1", body), -ENOBUFS);
    down(world, "q1", "answer", "", "", 0);
    assert_string_equal(world->other, "q1 answer");
    world->down.key[0] ^= 1;
    down(world, "q2", "answer", "", "", 0);
    assert_string_equal(world->other, "q1 answer");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_streams__credit),    TEST(test_streams__full_bus),
        TEST(test_streams__why),       TEST(test_streams__refused),
        TEST(test_streams__many),      TEST(test_streams__forward),
        TEST(test_streams__gap),       TEST(test_streams__flood),
        TEST(test_streams__usage),     TEST(test_streams__opened_first),
        TEST(test_streams__questions), TEST(test_streams__manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
