#include "controller/stream/transport.h"

#include "peer.h"
#include "tests/unit/controller/lib/client.h"
#include "common/base/mem.h"
#include "tests/lib/await.h"
#include "tests/sim/fake/clock_fake.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#define ASK "GET /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

struct fixture {
    struct clock_fake clock;
    struct loop *loop;
    struct http *http;
    struct client client;
    struct transport transport;
    size_t take; /* bytes of what the client sends that are taken */
    int over;
};

static size_t on_data(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct fixture *f = ctx;
    (void)data;
    (void)first;
    (void)last;
    size_t n = len < f->take ? len : f->take;
    f->take -= n;
    return n;
}

static void on_sent(void *ctx)
{
    (void)ctx;
}

static void on_over(void *ctx)
{
    ((struct fixture *)ctx)->over++;
}

static bool admit(void *ctx, struct http_request *request)
{
    (void)ctx;
    (void)request;
    return true;
}

static void handle(void *ctx, struct http_request *request)
{
    static const struct transport_handler handler = {on_data, on_sent, on_over};
    struct fixture *f = ctx;
    http_answer_header(request, "Upgrade", "websocket");
    transport_open(&f->transport, f->loop, request, TRANSPORT_MESSAGES, &handler, f);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    clock_fake_init(&f->clock, 1000 * NS_PER_S, 0);
    assert_int_equal(loop_new(&f->clock.clock, &f->loop, &err), 0);
    struct http_spec spec = {f->loop, 4, admit, handle, f};
    assert_int_equal(http_new(&spec, &f->http, &err), 0);
    assert_int_equal(http_add(f->http, client_connect(&f->client, f->loop), NULL, NULL, &err), 0);
    client_send(&f->client, ASK);
    assert_true(client_await(&f->client, "\r\n\r\n"));
    client_forget(&f->client);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    transport_done(&f->transport);
    client_done(&f->client);
    http_free(f->http);
    loop_free(f->loop);
    free(f);
    return 0;
}

/* Input that nobody takes, pings behind it: the client hears from us all the same, and no more once
 * it is taken. */
static void test_transport__beats_while_input_waits(void **state)
{
    struct fixture *f = *state;
    cleanup(buf_done) struct buf bytes = {0};
    peer_message(&bytes, 2, "input", 5);
    peer_message(&bytes, 9, "?", 1);
    client_send_n(&f->client, bytes.data, bytes.len);
    client_quiet(&f->client);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(f->client.in.len, 2 * i);
        clock_fake_advance(&f->clock, 20 * NS_PER_S);
        client_quiet(&f->client);
    }
    assert_memory_equal(f->client.in.data, "\x8a\0\x8a\0\x8a\0", 6);
    client_forget(&f->client);
    f->take = 5;
    transport_more(&f->transport);
    client_quiet(&f->client);
    assert_int_equal(f->client.in.len, 3);
    assert_memory_equal(f->client.in.data, "\x8a\1?", 3);
    clock_fake_advance(&f->clock, 60 * NS_PER_S);
    client_quiet(&f->client);
    assert_int_equal(f->client.in.len, 3);
}

/* What was said before is still taken, by a client that takes its time. */
static void test_transport__closes_when_all_has_gone(void **state)
{
    struct fixture *f = *state;
    autofree char *much = xcalloc(1, 1024 * 1024);
    transport_write(&f->transport, much, 1024 * 1024, NULL, 0);
    transport_close(&f->transport, WS_NORMAL);
    transport_write(&f->transport, much, 1, NULL, 0); /* too late */
    await_quiet(f->loop);
    clock_fake_advance(&f->clock, 3600 * NS_PER_S);
    await_quiet(f->loop);
    assert_int_equal(f->over, 0);
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_int_equal(f->client.in.len, 10 + 1024 * 1024 + 4);
    assert_int_equal(f->over, 1);
}

static void test_transport__is_cut(void **state)
{
    struct fixture *f = *state;
    transport_cut(&f->transport);
    assert_int_equal(f->over, 0);
    AWAIT(f->client.closed, client_turn(&f->client));
    assert_int_equal(f->over, 1);
    transport_close(&f->transport, WS_NORMAL); /* nothing any more */
    await_quiet(f->loop);
    assert_int_equal(f->over, 1);
}

int main(void)
{
#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(test_transport__beats_while_input_waits),
        LIVE(test_transport__closes_when_all_has_gone),
        LIVE(test_transport__is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
