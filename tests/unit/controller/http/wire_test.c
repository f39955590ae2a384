#include "controller/http/http.h"

#include "tests/unit/controller/lib/client.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/lib/await.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#define ASK "POST /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
#define ANSWER_END "\r\n\r\n"

/* What comes back is what was sent, as long as `take` lasts. */
struct fixture {
    struct loop *loop;
    struct http *http;
    struct client client;
    struct http_request *held; /* "/later" */
    struct http_wire *wire;
    size_t take, got;
    int gone, sent, code;
};

static size_t on_bytes(void *ctx, const void *data, size_t len)
{
    struct fixture *f = ctx;
    size_t n = len < f->take ? len : f->take;
    f->take -= n;
    f->got += n;
    if (n > 0)
        http_wire_write(f->wire, data, n);
    return n;
}

static void on_sent(void *ctx)
{
    ((struct fixture *)ctx)->sent++;
}

static void on_gone(void *ctx)
{
    struct fixture *f = ctx;
    f->gone++;
    f->wire = NULL;
}

static const struct http_wire_handler echo = {on_bytes, on_sent, on_gone};

static void upgrade(struct fixture *f, struct http_request *request)
{
    http_answer_header(request, "Upgrade", "echo");
    f->wire = http_upgrade(request, &echo, f);
}

static bool admit(void *ctx, struct http_request *request)
{
    (void)ctx;
    (void)request;
    return true;
}

static void handle(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    if (str_has_prefix(http_target(request), "/later"))
        f->held = request;
    else if (str_has_prefix(http_target(request), "/up"))
        upgrade(f, request);
    else
        http_answer(request, 200, "text/plain", "plain", 5);
}

static void answered(void *ctx, struct http_request *request, int code, bool stream)
{
    struct fixture *f = ctx;
    (void)request;
    f->code = code;
    assert_true(stream == (code == 101));
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(loop_new(clock_system(), &f->loop, &err), 0);
    struct http_spec spec = {f->loop, 10, admit, handle, f, .answered = answered};
    assert_int_equal(http_new(&spec, &f->http, &err), 0);
    assert_int_equal(http_add(f->http, client_connect(&f->client, f->loop), NULL, NULL, &err), 0);
    f->take = SIZE_MAX;
    *state = f;
    return 0;
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

static void open_wire(struct fixture *f)
{
    client_send(&f->client, ASK);
    assert_true(client_await(&f->client, ANSWER_END));
    client_forget(&f->client);
}

static void test_wire__bytes_both_ways(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, ASK "early");
    assert_true(client_await(&f->client, ANSWER_END "early"));
    const char *answer = buf_str(&f->client.in);
    assert_true(str_has_prefix(answer, "HTTP/1.1 101 "));
    assert_non_null(strstr(answer, "Connection: Upgrade\r\n"));
    assert_non_null(strstr(answer, "Upgrade: echo\r\n"));
    assert_null(strstr(answer, "Content-Type"));
    assert_int_equal(f->code, 101);
    client_send_n(&f->client, "\0\r\nGET / HTTP/1.1\r\n\r\n", 21);
    AWAIT(f->got == 26, client_turn(&f->client));
    assert_int_equal(f->gone, 0);
    assert_true(f->sent > 0);
    client_done(&f->client);
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
    assert_int_equal(f->gone, 1);
}

/* What nobody takes is not read: the client's own buffer fills. */
static void test_wire__a_client_that_floods(void **state)
{
    struct fixture *f = *state;
    char block[4096];
    size_t sent = 0;
    memset(block, 'x', sizeof(block));
    open_wire(f);
    f->take = 100;
    for (int quiet = 0; quiet < 50;) {
        ssize_t n = send(f->client.fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        assert_true(sent < 4 * 1024 * 1024);
        await_turn(f->loop);
    }
    assert_int_equal(f->got, 100);
    f->take = SIZE_MAX;
    http_wire_more(f->wire);
    AWAIT(f->client.in.len == sent, client_turn(&f->client));
    assert_int_equal(f->got, sent);
}

static void test_wire__a_client_that_leaves_unread(void **state)
{
    struct fixture *f = *state;
    open_wire(f);
    f->take = 0;
    client_send(&f->client, "unread");
    client_quiet(&f->client);
    assert_int_equal(f->gone, 0);
    client_done(&f->client);
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
    assert_int_equal(f->gone, 1);
}

static void test_wire__ends_when_all_has_gone(void **state)
{
    struct fixture *f = *state;
    autofree char *much = xcalloc(1, 1024 * 1024);
    open_wire(f);
    http_wire_write(f->wire, much, 1024 * 1024);
    http_wire_end(f->wire);
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_int_equal(f->client.in.len, 1024 * 1024);
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
    assert_int_equal(f->gone, 0);
}

static void test_wire__is_cut(void **state)
{
    struct fixture *f = *state;
    autofree char *much = xcalloc(1, 1024 * 1024);
    open_wire(f);
    http_wire_write(f->wire, much, 1024 * 1024);
    http_wire_cut(f->wire);
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_true(f->client.in.len < 1024 * 1024);
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
}

/* Nobody may make us hold more than that. */
static void test_wire__what_waits_is_bounded(void **state)
{
    struct fixture *f = *state;
    autofree char *much = xcalloc(1, HTTP_WIRE_MAX);
    open_wire(f);
    http_wire_write(f->wire, much, HTTP_WIRE_MAX);
    http_wire_write(f->wire, much, 1);
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
}

/* Each in a turn of its own, whatever waits behind it. */
static void test_wire__parts(void **state)
{
    struct fixture *f = *state;
    open_wire(f);
    for (int i = 0; i < 5; i++) {
        http_wire_write(f->wire, "ab", 2);
        http_wire_part(f->wire);
    }
    http_wire_write(f->wire, "rest", 4);
    for (size_t i = 1; i <= 5; i++) {
        client_turn(&f->client);
        assert_int_equal(f->client.in.len, 2 * i);
    }
    assert_true(client_await(&f->client, "ababababrest"));
    http_wire_part(f->wire);
    assert_int_equal(http_wire_pending(f->wire), 0);
}

static void test_wire__the_client_left_before(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->held, client_turn(&f->client));
    client_done(&f->client);
    client_quiet(&f->client);
    upgrade(f, f->held);
    assert_int_equal(f->gone, 0);
    AWAIT(f->gone == 1, await_turn(f->loop));
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
}

static void test_wire__ends_before_it_began(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->held, client_turn(&f->client));
    upgrade(f, f->held);
    http_wire_write(f->wire, "bye", 3);
    http_wire_end(f->wire);
    assert_true(client_await(&f->client, ANSWER_END "bye"));
    AWAIT(f->client.closed, client_turn(&f->client));
    AWAIT(http_connections(f->http) == 0, await_turn(f->loop));
    assert_int_equal(f->gone, 0);
}

/* Two of them, one not even begun. */
static void test_wire__the_server_ends_first(void **state)
{
    struct fixture *f = *state;
    struct client other;
    struct err err = {0};
    open_wire(f);
    assert_int_equal(http_add(f->http, client_connect(&other, f->loop), NULL, NULL, &err), 0);
    client_send(&other, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    AWAIT(f->held, client_turn(&other));
    upgrade(f, f->held);
    client_done(&other);
}

int main(void)
{
#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(test_wire__bytes_both_ways),
        LIVE(test_wire__a_client_that_floods),
        LIVE(test_wire__a_client_that_leaves_unread),
        LIVE(test_wire__ends_when_all_has_gone),
        LIVE(test_wire__is_cut),
        LIVE(test_wire__what_waits_is_bounded),
        LIVE(test_wire__parts),
        LIVE(test_wire__the_client_left_before),
        LIVE(test_wire__ends_before_it_began),
        LIVE(test_wire__the_server_ends_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
