#include "controller/http/http.h"

#include "tests/unit/controller/lib/client.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/http/screen.h"
#include "tests/lib/await.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define BIG_MIB 8 /* of the answer to "/big" */

/* What the handler does is told by the path. */
struct fixture {
    struct clock_fake clock; /* time passes when a test says so */
    struct loop *loop;
    struct http *http;
    struct client client;
    struct http_request *held;
    int handled, admitted, gone, drained;
    size_t taken;
};

static void count_gone(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    assert_ptr_equal(request, f->held);
    f->held = NULL;
    f->gone++;
}

static void count_drained(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    (void)request;
    f->drained++;
}

static const struct http_stream_handler stream_handler = {count_gone, count_drained};

static void echo(struct http_request *request)
{
    size_t len;
    const char *body = http_body(request, &len);
    const char *mark = http_header(request, "X-Mark");
    cleanup(buf_done) struct buf text = {0};
    buf_addf(&text, "%s %s mark=%s user=%s body=%zu:", http_method(request), http_target(request),
             mark ? mark : "-", http_peer(request)->user ? http_peer(request)->user : "-", len);
    buf_add(&text, body, len < 100 ? len : 100);
    http_answer_header(request, "X-Answer", "yes");
    http_answer_buf(request, 200, "text/plain", &text);
}

#define TAKEN_MAX ((size_t)9 * 1024 * 1024) /* where it gives up */

static bool take(void *ctx, const void *data, size_t len)
{
    struct fixture *f = ctx;
    (void)data;
    f->taken += len;
    return f->taken < TAKEN_MAX;
}

static bool admit(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    f->admitted++;
    if (str_has_prefix(http_target(request), "/take"))
        http_take_body(request, take, f);
    if (!str_has_prefix(http_target(request), "/closed"))
        return true;
    http_answer(request, 401, "text/plain", "no", 2);
    return false;
}

static void handle(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    const char *target = http_target(request);
    f->handled++;
    if (str_has_prefix(target, "/later"))
        f->held = request;
    else if (str_has_prefix(target, "/file")) {
        char path[] = "/tmp/http_test.XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0 && unlink(path) == 0 && write(fd, "0123456789", 10) == 10);
        http_answer_file(request, 206, "text/plain", fd, 3, str_eq(target, "/file/long") ? 100 : 4);
    } else if (str_has_prefix(target, "/stream")) {
        f->held = request;
        http_stream_begin(request, 200, "text/plain", &stream_handler, f);
    } else if (str_has_prefix(target, "/big")) {
        struct buf text = {0};
        for (int i = 0; i < BIG_MIB * 1024; i++)
            buf_addf(&text, "%1024d", i);
        http_answer_buf(request, 200, "text/plain", &text);
    } else
        echo(request);
}

static void refuse(void *ctx, struct http_request *request, int code, const char *message)
{
    (void)ctx;
    http_answer(request, code, "text/plain", message, strlen(message));
}

static void connect_client(struct fixture *f, struct client *client)
{
    static const char *const groups[] = {"g1", "g2", NULL};
    struct http_peer peer = {"ann", groups, NULL};
    struct err err = {0};
    assert_int_equal(http_add(f->http, client_connect(client, f->loop), &peer, NULL, &err), 0);
}

static int setup_for(void **state, unsigned connections)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    clock_fake_init(&f->clock, 1000 * NS_PER_S, 0);
    assert_int_equal(loop_new(&f->clock.clock, &f->loop, &err), 0);
    struct http_spec spec = {f->loop, connections, admit, handle, f, refuse};
    assert_int_equal(http_new(&spec, &f->http, &err), 0);
    connect_client(f, &f->client);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_for(state, 4);
}

static int setup_many(void **state)
{
    return setup_for(state, 100);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    client_done(&f->client);
    http_free(f->http);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void test_http__answers_whole_requests(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(client_ask(&f->client, "GET", "/a/%2e%2e/b?x=%2f&y", "X-Mark: m\r\n", NULL),
                     200);
    assert_non_null(
        strstr(buf_str(&f->client.in), "GET /a/%2e%2e/b?x=%2f&y mark=m user=ann body=0:"));
    assert_non_null(strstr(buf_str(&f->client.in), "X-Answer: yes\r\n"));
    /* The same connection again, with a body in two pieces. */
    client_forget(&f->client);
    client_send(&f->client, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
    client_quiet(&f->client);
    assert_int_equal(f->handled, 1);
    client_send(&f->client, "world");
    assert_true(client_await(&f->client, "body=10:helloworld"));
    client_forget(&f->client);
    client_send(&f->client, "PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_true(client_await(&f->client, "body=5:abcde"));
    assert_int_equal(http_connections(f->http), 1);
}

static void test_http__answers_later(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->held, client_turn(&f->client));
    client_quiet(&f->client);
    assert_int_equal(f->client.in.len, 0);
    http_answer(f->held, 202, "text/plain", "done", 4);
    assert_true(client_await(&f->client, "\r\n\r\ndone"));
}

static void test_http__a_client_that_does_not_wait(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->held, client_turn(&f->client));
    client_done(&f->client);
    client_quiet(&f->client);
    http_answer(f->held, 200, "text/plain", "too late", 8);
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
}

static void test_http__streams(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_await(&f->client, "Transfer-Encoding: chunked"));
    assert_int_equal(http_stream_write(f->held, "one\n", 4), 0);
    assert_true(client_await(&f->client, "4\r\none\n\r\n"));
    client_quiet(&f->client);
    assert_int_equal(http_stream_write(f->held, "two\n", 4), 0);
    assert_true(client_await(&f->client, "4\r\ntwo\n\r\n"));
    http_stream_end(f->held);
    assert_true(client_await(&f->client, "\r\n0\r\n"));
    assert_int_equal(f->gone, 0);
    /* The connection goes on. */
    assert_int_equal(client_ask(&f->client, "GET", "/x", "", NULL), 200);
}

static void test_http__a_stream_notices_that_nobody_listens(void **state)
{
    struct fixture *f = *state;
    for (int half = 0; half < 2; half++) {
        struct client client;
        connect_client(f, &client);
        client_send(&client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(client_await(&client, "chunked"));
        client_quiet(&client);
        if (half)
            shutdown(client.fd, SHUT_WR);
        else
            client_done(&client);
        AWAIT(f->gone == half + 1, await_turn(f->loop));
        assert_null(f->held);
        client_done(&client);
    }
    AWAIT(http_connections(f->http) == 1, await_turn(f->loop));
}

static void test_http__an_aborted_stream_is_not_complete(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_await(&f->client, "chunked"));
    assert_int_equal(http_stream_write(f->held, "one\n", 4), 0);
    assert_true(client_await(&f->client, "one\n"));
    http_stream_abort(f->held);
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_true(str_has_suffix(buf_str(&f->client.in), "4\r\none\n\r\n"));
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
}

/* Bodies that are not held may be of any size. */
static void test_http__takes_large_bodies(void **state)
{
    enum { PIECES = 4 * 16 }; /* of 64 KiB */
    struct fixture *f = *state;
    static char block[64 * 1024];
    memset(block, 'x', sizeof(block));
    autofree char *head = xasprintf("PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                                    PIECES * sizeof(block));
    client_send(&f->client, head);
    for (int i = 0; i < PIECES; i++)
        client_send_n(&f->client, block, sizeof(block));
    assert_true(client_await(&f->client, "body=0:"));
    assert_int_equal(f->taken, PIECES * sizeof(block));
    /* Whoever takes it may have had enough. */
    client_send(&f->client, "PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n");
    for (int i = 0; i < 200 && !f->client.closed; i++)
        client_send_n(&f->client, block, sizeof(block));
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_int_equal(f->handled, 1);
}

/* It takes as long as it takes, as long as something comes. */
static void test_http__a_large_body_that_stalls(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, "PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        client_send(&f->client, "x");
        AWAIT(f->taken == (size_t)i + 1, client_turn(&f->client));
        clock_fake_advance(&f->clock, (HTTP_STALL_S - 1) * NS_PER_S);
        client_quiet(&f->client);
        assert_false(f->client.closed);
    }
    clock_fake_advance(&f->clock, 2 * NS_PER_S);
    AWAIT(f->client.closed, client_turn(&f->client));
}

static void test_http__answers_with_files(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(client_ask(&f->client, "GET", "/file", "", NULL), 206);
    assert_non_null(strstr(buf_str(&f->client.in), "Content-Length: 4\r\n"));
    assert_non_null(strstr(buf_str(&f->client.in), "\r\n\r\n3456"));
    assert_int_equal(client_ask(&f->client, "HEAD", "/file", "", NULL), 206);
    assert_true(str_has_suffix(buf_str(&f->client.in), "\r\n\r\n"));
    /* One that ends before it should is not taken for whole. */
    client_forget(&f->client);
    client_send(&f->client, "GET /file/long HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_non_null(strstr(buf_str(&f->client.in), "Content-Length: 100\r\n"));
}

/* A client that reads nothing makes us hold a bounded amount; when it reads, it gets everything in
 * order. */
static void test_http__a_slow_client_is_held_back(void **state)
{
    struct fixture *f = *state;
    static char block[64 * 1024];
    size_t taken = 0;
    memset(block, 'x', sizeof(block));
    client_send(&f->client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_await(&f->client, "chunked"));
    for (int i = 0; i < 500; i++) {
        assert_int_equal(loop_step(f->loop, 0), 0);
        if (http_stream_write(f->held, block, sizeof(block)) != 0)
            break;
        taken += sizeof(block);
    }
    assert_in_range(taken, HTTP_MAX_PENDING / 2, HTTP_MAX_PENDING + 2 * 1024 * 1024);
    assert_int_equal(http_stream_write(f->held, block, sizeof(block)), -ENOBUFS);
    assert_int_equal(f->drained, 0);
    client_forget(&f->client);
    AWAIT(http_stream_pending(f->held) == 0, client_turn(&f->client));
    client_quiet(&f->client);
    assert_int_equal(f->drained, 1);
    http_stream_end(f->held);
    assert_true(client_await(&f->client, "\r\n0\r\n"));
    assert_true(f->client.in.len >= taken - 1024);
}

/* What is made ready for a client: some, then nothing more until he has taken it. */
static void test_http__room_of_a_stream(void **state)
{
    struct fixture *f = *state;
    static char block[64 * 1024];
    client_send(&f->client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_await(&f->client, "chunked"));
    size_t room = http_stream_room(f->held);
    assert_in_range(room, sizeof(block), HTTP_MAX_PENDING / 2);
    for (int i = 0; i < 100 && http_stream_room(f->held) > 0; i++) {
        assert_int_equal(loop_step(f->loop, 0), 0);
        assert_int_equal(http_stream_write(f->held, block, sizeof(block)), 0);
    }
    assert_int_equal(http_stream_room(f->held), 0);
    int before = f->drained;
    AWAIT(f->drained > before, client_turn(&f->client));
    assert_true(http_stream_room(f->held) > 0);
    http_stream_end(f->held);
}

/* Many that read nothing: all of them together are held to a bound, and one more is still served.
 */
static void test_http__many_slow_clients(void **state)
{
    enum { CLIENTS = 40 };
    struct fixture *f = *state;
    struct client clients[CLIENTS];
    struct http_request *streams[CLIENTS];
    static char block[64 * 1024];
    size_t held = 0;
    for (int i = 0; i < CLIENTS; i++) {
        connect_client(f, &clients[i]);
        client_send(&clients[i], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(client_await(&clients[i], "chunked"));
        streams[i] = f->held;
        for (int j = 0; j < 100; j++) {
            if (http_stream_write(streams[i], block, sizeof(block)) != 0)
                break;
            assert_int_equal(loop_step(f->loop, 0), 0);
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        held += http_stream_pending(streams[i]);
    assert_int_equal(http_stream_room(streams[0]), 0);
    assert_in_range(held, HTTP_MAX_STREAMS / 2, HTTP_MAX_STREAMS + CLIENTS * sizeof(block));
    client_send(&f->client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_await(&f->client, "chunked"));
    assert_int_equal(http_stream_write(f->held, "event\n", 6), 0);
    assert_true(client_await(&f->client, "event"));
    http_stream_end(f->held);
    for (int i = 0; i < CLIENTS; i++) {
        http_stream_abort(streams[i]);
        client_done(&clients[i]);
    }
}

/* Many that take no big answer: the oldest of them are cut, the others get theirs, and small
 * answers are left alone. */
static void test_http__many_big_answers(void **state)
{
    enum { FIT = HTTP_MAX_ANSWERS / (BIG_MIB * 1024 * 1024), CLIENTS = FIT + 4 };
    struct fixture *f = *state;
    struct client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        connect_client(f, &clients[i]);
        client_send(&clients[i], "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        AWAIT(f->handled == i + 1, await_turn(f->loop));
    }
    AWAIT(http_connections(f->http) == FIT + 1, await_turn(f->loop));
    assert_int_equal(client_ask(&f->client, "GET", "/x", "", NULL), 200);
    for (int i = 0; i < CLIENTS; i++) {
        bool whole = i >= CLIENTS - FIT;
        bool last = client_await(&clients[i], "8191");
        assert_int_equal(last, whole);
        assert_int_equal(clients[i].closed, !whole);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_done(&clients[i]);
}

static void test_http__one_big_chunk_may_pass(void **state)
{
    struct fixture *f = *state;
    char *block = xcalloc(1, HTTP_MAX_PENDING + 1);
    client_send(&f->client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_await(&f->client, "chunked"));
    assert_int_equal(http_stream_write(f->held, block, HTTP_MAX_PENDING + 1), 0);
    assert_int_equal(http_stream_write(f->held, block, 1), -ENOBUFS);
    http_stream_abort(f->held);
    free(block);
}

static void test_http__too_much(void **state)
{
    struct fixture *f = *state;
    struct client chunked;
    static char block[64 * 1024];
    connect_client(f, &chunked);
    client_send(&chunked, "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        client_send(&chunked, "10000\r\n");
        client_send_n(&chunked, block, sizeof(block));
        client_send(&chunked, "\r\n");
    }
    client_send(&chunked, "0\r\n\r\n");
    assert_true(client_await(&chunked, "HTTP/1.1 413"));
    assert_int_equal(f->handled, 0);
    client_done(&chunked);
}

/* What the screen refuses is answered in its turn, and the connection ends; whatever the handler
 * thinks, it is not asked. */
static void test_http__what_the_screen_refuses(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes, *answer;
        int handled;
    } cases[] = {
        {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\n"
         "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
         "HTTP/1.1 400", 0},
        {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", "HTTP/1.1 413", 0},
        {"GET /x HTTP/1.1\r\nHost: x\r\n\r\n: y\r\n\r\n", "HTTP/1.1 400", 1},
        {"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
         "HTTP/1.1 400", 0},
        {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 400", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client client;
        struct err err = {0};
        cleanup(buf_done) struct buf passed = {0};
        struct screen *screen = screen_new();
        print_message("%s\n", cases[i].bytes);
        f->handled = 0;
        int fd = client_connect(&client, f->loop);
        assert_int_equal(http_add(f->http, fd, NULL, screen, &err), 0);
        screen_pass(screen, cases[i].bytes, strlen(cases[i].bytes), &passed);
        client_send_n(&client, passed.data, passed.len);
        buf_done(&passed);
        client_quiet(&client);
        screen_end(screen, &passed);
        if (passed.len > 0)
            client_send_n(&client, passed.data, passed.len);
        client_await(&client, "never");
        assert_true(client.closed);
        assert_non_null(strstr(buf_str(&client.in), cases[i].answer));
        assert_non_null(strstr(buf_str(&client.in), "Connection: close"));
        assert_int_equal(f->handled, cases[i].handled);
        screen_unref(screen);
        client_done(&client);
    }
}

static void test_http__who_may_not_ask_sends_no_body(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, "POST /closed HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    assert_true(client_await(&f->client, "HTTP/1.1 401"));
    assert_int_equal(f->handled, 0);
    AWAIT(f->client.closed, client_turn(&f->client));
}

static void test_http__garbage(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {
        "\x16\x03\x01\x02\x00\x01\x00",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n" /* no Host */,
        "\r\n\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct client client;
        connect_client(f, &client);
        client_send(&client, lines[i]);
        client_quiet(&client);
        shutdown(client.fd, SHUT_WR);
        client_quiet(&client);
        client_done(&client);
        AWAIT(http_connections(f->http) == 1, await_turn(f->loop));
    }
    assert_int_equal(f->handled, 0);
}

/* Bytes that trickle do not keep a connection; what waits for us does. */
static void test_http__every_phase_has_an_end(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        int seconds;
    } cases[] = {
        {"", HTTP_FIRST_S},
        {"GET / HT", HTTP_FIRST_S},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab", HTTP_BODY_S},
        {"GET /x HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_IDLE_S},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client client;
        connect_client(f, &client);
        client_send(&client, cases[i].bytes);
        client_quiet(&client);
        clock_fake_advance(&f->clock, cases[i].seconds * NS_PER_S - 1);
        client_quiet(&client);
        assert_false(client.closed);
        clock_fake_advance(&f->clock, 1);
        AWAIT(client.closed, client_turn(&client));
        client_done(&client);
    }
    struct client later;
    connect_client(f, &later);
    client_send(&later, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->held, client_turn(&later));
    clock_fake_advance(&f->clock, 3600 * NS_PER_S);
    client_quiet(&later);
    assert_false(later.closed);
    http_answer(f->held, 200, "text/plain", "ok", 2);
    assert_true(client_await(&later, "\r\n\r\nok"));
    client_done(&later);
}

static void test_http__no_more_connections_than_allowed(void **state)
{
    struct fixture *f = *state;
    struct client clients[4];
    struct err err = {0};
    for (size_t i = 0; i < 3; i++)
        connect_client(f, &clients[i]);
    int fd = client_connect(&clients[3], f->loop);
    assert_int_equal(http_add(f->http, fd, NULL, NULL, &err), -EMFILE);
    AWAIT(clients[3].closed, client_turn(&clients[3]));
    client_done(&clients[0]);
    AWAIT(http_connections(f->http) == 3, await_turn(f->loop));
    client_done(&clients[3]);
    connect_client(f, &clients[3]);
    assert_int_equal(client_ask(&clients[3], "GET", "/x", "", NULL), 200);
    for (size_t i = 0; i < 4; i++)
        client_done(&clients[i]);
}

static void test_http__ends_with_everything_open(void **state)
{
    struct fixture *f = *state;
    struct client later;
    client_send(&f->client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_await(&f->client, "chunked"));
    connect_client(f, &later);
    client_send(&later, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->handled == 2, client_turn(&later));
    client_done(&later);
}

int main(void)
{
#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(test_http__answers_whole_requests),
        LIVE(test_http__answers_later),
        LIVE(test_http__a_client_that_does_not_wait),
        LIVE(test_http__streams),
        LIVE(test_http__a_stream_notices_that_nobody_listens),
        LIVE(test_http__an_aborted_stream_is_not_complete),
        LIVE(test_http__a_slow_client_is_held_back),
        LIVE(test_http__room_of_a_stream),
        LIVE(test_http__one_big_chunk_may_pass),
        LIVE(test_http__takes_large_bodies),
        LIVE(test_http__a_large_body_that_stalls),
        LIVE(test_http__answers_with_files),
        cmocka_unit_test_setup_teardown(test_http__many_slow_clients, setup_many, teardown),
        cmocka_unit_test_setup_teardown(test_http__many_big_answers, setup_many, teardown),
        LIVE(test_http__too_much),
        LIVE(test_http__what_the_screen_refuses),
        LIVE(test_http__who_may_not_ask_sends_no_body),
        LIVE(test_http__garbage),
        LIVE(test_http__every_phase_has_an_end),
        LIVE(test_http__no_more_connections_than_allowed),
        LIVE(test_http__ends_with_everything_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
