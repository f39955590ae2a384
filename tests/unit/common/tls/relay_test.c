#include "end.h"

#include "common/base/str.h"
#include "tests/lib/await.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/socket.h>

enum { MB = 1024 * 1024 };

/* Boot time as it is, wall time as a test wants it. */
struct test_clock {
    struct clock clock;
    int64_t wall_s;
};

static int64_t test_boot(const struct clock *clock)
{
    (void)clock;
    return clock_boot(clock_system());
}

static int64_t test_wall(const struct clock *clock)
{
    return ((const struct test_clock *)clock)->wall_s * NS_PER_S;
}

struct fixture {
    struct pki pki;
    struct test_clock clock;
    struct loop *loop;
    struct tls_config *server_config, *client_config;
    struct end server, client;
    int net[2]; /* client's, server's: owned by the relays */
};

static int setup(void **state)
{
    static struct fixture fx;
    fx = (struct fixture){.clock = {{test_boot, test_wall}, 1700000000}};
    pki_init(&fx.pki);
    fx.server_config = pki_server(&fx.pki);
    fx.client_config = pki_client(&fx.pki, true);
    *state = &fx;
    return loop_new(&fx.clock.clock, &fx.loop, NULL);
}

static int teardown(void **state)
{
    struct fixture *fx = *state;
    end_done(&fx->server);
    end_done(&fx->client);
    tls_config_unref(fx->server_config);
    tls_config_unref(fx->client_config);
    loop_free(fx->loop);
    pki_done(&fx->pki);
    return 0;
}

static void fx_start(struct fixture *fx)
{
    tcp_pair(fx->net);
    end_accept(&fx->server, fx->loop, fx->server_config, fx->net[1]);
    end_connect(&fx->client, fx->loop, fx->client_config, fx->net[0]);
}

static void fx_open(struct fixture *fx)
{
    fx_start(fx);
    AWAIT((fx->client.ready && fx->server.ready) || fx->client.closed || fx->server.closed,
          await_turn(fx->loop));
    if (!fx->client.ready || !fx->server.ready)
        fail_msg("client: %s, server: %s", fx->client.err.msg, fx->server.err.msg);
}

static void run_ms(struct fixture *fx, int ms)
{
    bool never = false;
    (void)run_until(fx->loop, &never, ms);
}

static void reconfigure_client(struct fixture *fx, const struct tls_client_spec *spec)
{
    struct err err = {0};
    tls_config_unref(fx->client_config);
    fx->client_config = NULL;
    if (tls_client_config(spec, &fx->client_config, &err))
        fail_msg("%s", err.msg);
}

static void test_relay__both_know_each_other(void **state)
{
    struct fixture *fx = *state;
    fx_open(fx);
    assert_string_equal(fx->server.who, "alice");
    assert_string_equal(fx->server.group, "ops");
    assert_string_equal(fx->server.refused, "");
    assert_string_equal(fx->client.who, "gateway");
    assert_string_equal(fx->client.cipher, "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256");
}

static void test_relay__client_without_certificate(void **state)
{
    struct fixture *fx = *state;
    tls_config_unref(fx->client_config);
    fx->client_config = pki_client(&fx->pki, false);
    fx_open(fx);
    assert_string_equal(fx->server.who, "");
    assert_string_equal(fx->server.refused, "");
}

/* The second connection continues the first one's session, and the server still knows whose it is.
 */
static void test_relay__resumed_session_keeps_the_name(void **state)
{
    struct fixture *fx = *state;
    fx_open(fx);
    end_done(&fx->client);
    end_done(&fx->server);
    fx->client = fx->server = (struct end){0};
    fx->clock.wall_s += 60;
    fx_open(fx);
    assert_string_equal(fx->server.who, "alice");
    end_done(&fx->client);
    end_done(&fx->server);
    fx->client = fx->server = (struct end){0};
    fx->clock.wall_s =
        INT64_C(4733510401); /* the certificate is over: so is what a ticket proves */
    fx_open(fx);
    assert_string_equal(fx->server.who, "");
    assert_non_null(strstr(fx->server.refused, "expired"));
}

static void offer(struct fixture *fx, const struct key *key, const char *cert_pem)
{
    const struct tls_client_spec spec = {
        .ca_pem = fx->pki.ca.data, .server_name = "gateway", .cert_pem = cert_pem, .key = key};
    reconfigure_client(fx, &spec);
    fx->client = fx->server = (struct end){0};
    fx_open(fx);
    assert_string_equal(fx->server.who, "");
    assert_string_equal(fx->server.group, "");
    end_done(&fx->client);
    end_done(&fx->server);
}

static void test_relay__client_certificate_that_does_not_count(void **state)
{
    struct fixture *fx = *state;
    cleanup(buf_done) struct buf own = {0}, old = {0}, server_only = {0};
    cleanup(key_free) struct key *key = NULL;
    struct cert_spec spec = {.common_name = "alice",
                             .not_before_s = 1600000000,
                             .not_after_s = 1800000000,
                             .client = true};
    assert_int_equal(key_generate(&key, NULL), 0);
    assert_int_equal(cert_issue(&spec, key, NULL, key, &own, NULL), 0); /* signed by herself */
    offer(fx, key, own.data);
    assert_string_equal(fx->server.refused, "it is not signed by a trusted authority");
    spec.not_after_s = 1650000000;
    pki_issue(&fx->pki, &spec, key, &old);
    offer(fx, key, old.data);
    assert_string_equal(fx->server.refused, "it has expired");
    spec = (struct cert_spec){.common_name = "alice",
                              .not_before_s = 1600000000,
                              .not_after_s = 1800000000,
                              .server = true};
    pki_issue(&fx->pki, &spec, key, &server_only);
    offer(fx, key, server_only.data);
    assert_string_equal(fx->server.refused, "it is meant for another use");
}

/* The handshake fails; what the client says about it. */
static void refuse(struct fixture *fx, const struct tls_client_spec *spec, const char *says)
{
    reconfigure_client(fx, spec);
    fx->client = fx->server = (struct end){0};
    fx_start(fx);
    await_flag(fx->loop, &fx->client.closed);
    await_flag(fx->loop, &fx->server.closed);
    assert_false(fx->client.ready);
    assert_false(fx->server.ready);
    if (fx->client.err.code != -EKEYREJECTED || !strstr(fx->client.err.msg, says))
        fail_msg("wanted \"%s\": %d \"%s\"", says, fx->client.err.code, fx->client.err.msg);
    assert_int_equal(fx->server.err.code, -EACCES);
    end_done(&fx->client);
    end_done(&fx->server);
}

static void test_relay__server_that_is_not_trusted(void **state)
{
    struct fixture *fx = *state;
    struct pki other;
    pki_init(&other);
    struct tls_client_spec spec = {.ca_pem = other.ca.data, .server_name = "gateway"};
    refuse(fx, &spec, "not signed by a trusted authority");
    spec.ignore_time = true; /* forgives dates and nothing else */
    refuse(fx, &spec, "not signed by a trusted authority");
    spec = (struct tls_client_spec){
        .ca_pem = fx->pki.ca.data, .server_name = "gateway2", .ignore_time = true};
    refuse(fx, &spec, "another name");
    pki_done(&other);
}

static void test_relay__dates_and_uncertain_clock(void **state)
{
    struct fixture *fx = *state;
    struct tls_client_spec spec = {.ca_pem = fx->pki.ca.data, .server_name = "gateway"};
    fx->clock.wall_s = 0;
    refuse(fx, &spec, "not valid yet");
    fx->clock.wall_s = INT64_C(4733510401);
    refuse(fx, &spec, "expired");
    spec.ignore_time = true;
    for (int i = 0; i < 2; i++) {
        fx->clock.wall_s = i ? 0 : INT64_C(4733510401);
        reconfigure_client(fx, &spec);
        fx->client = fx->server = (struct end){0};
        fx_open(fx);
        end_done(&fx->client);
        end_done(&fx->server);
    }
}

static void test_relay__handshake_timeout(void **state)
{
    struct fixture *fx = *state;
    int pair[2];
    for (int as_server = 0; as_server < 2; as_server++) {
        struct end end = {.fd = -1, .loop = fx->loop};
        tcp_pair(pair);
        int r = as_server
                    ? tls_relay_accept(fx->loop, fx->server_config, pair[0], 100 * NS_PER_MS,
                                       &end_handler, &end, &end.relay, NULL)
                    : tls_relay_connect(fx->loop, fx->client_config, pair[0], -1, 100 * NS_PER_MS,
                                        &end_handler, &end, &end.relay, NULL);
        assert_int_equal(r, 0);
        await_flag(fx->loop, &end.closed);
        assert_int_equal(end.err.code, -ETIMEDOUT);
        assert_string_equal(end.err.msg, "TLS: the handshake did not end within 100 ms");
        assert_false(end.ready);
        close(pair[1]);
    }
}

static void test_relay__connection_refused(void **state)
{
    struct fixture *fx = *state;
    uint16_t port;
    int holder = tcp_bind(&port); /* it does not listen, and nobody else can */
    end_connect(&fx->client, fx->loop, fx->client_config, tcp_connect(port));
    await_flag(fx->loop, &fx->client.closed);
    assert_int_equal(fx->client.err.code, -ECONNREFUSED);
    close(holder);
}

/* An alert, and at once the end of the connection: our own next message cannot be sent any more. */
static void test_relay__last_words_are_heard(void **state)
{
    struct fixture *fx = *state;
    static const char unknown_psk[] = "\x15\x03\x03\x00\x02\x02\x73";
    const struct linger at_once = {.l_onoff = 1};
    tcp_pair(fx->net);
    end_connect(&fx->client, fx->loop, fx->client_config, fx->net[0]);
    assert_int_equal(send(fx->net[1], unknown_psk, sizeof(unknown_psk) - 1, MSG_NOSIGNAL),
                     sizeof(unknown_psk) - 1);
    assert_int_equal(setsockopt(fx->net[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(fx->net[1]);
    assert_true(run_until(fx->loop, &fx->client.closed, 2000));
    assert_int_equal(fx->client.err.code, -EACCES);
    assert_non_null(strstr(fx->client.err.msg, "it does not know the pre-shared key"));
}

static void test_relay__what_is_not_tls(void **state)
{
    struct fixture *fx = *state;
    static const char *const first[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "\x16\x03\x01\x40\x00\x01", "\x80\x2e\x01\x00\x02"};
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        fx->server = (struct end){0};
        tcp_pair(fx->net);
        end_accept(&fx->server, fx->loop, fx->server_config, fx->net[1]);
        assert_true(send(fx->net[0], first[i], strlen(first[i]), MSG_NOSIGNAL) > 0);
        shutdown(fx->net[0], SHUT_WR);
        await_flag(fx->loop, &fx->server.closed);
        assert_true(fx->server.err.code == -EPROTO || fx->server.err.code == -ECONNRESET);
        assert_false(fx->server.ready);
        close(fx->net[0]);
    }
}

static bool moved(const struct fixture *fx)
{
    return fx->client.received == 10 * MB && fx->server.received == 10 * MB;
}

static void test_relay__ten_megabytes_each_way(void **state)
{
    struct fixture *fx = *state;
    fx_open(fx);
    fx->client.to_send = fx->server.to_send = 10 * MB;
    end_update(&fx->client);
    end_update(&fx->server);
    AWAIT(moved(fx), await_turn(fx->loop));
    assert_false(fx->client.closed || fx->server.closed);
}

/* Writes until nothing more fits. */
static size_t fill(int fd)
{
    static const char block[1024];
    size_t filled = 0;
    while (send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(block))
        filled += sizeof(block);
    return filled;
}

/* What can wait leaves others their turn: it does not take all that is there at once. */
static void test_relay__bulk_makes_way(void **state)
{
    struct fixture *fx = *state;
    fx_open(fx);
    fx->client.paused = true; /* what comes is no pattern */
    end_update(&fx->client);
    await_quiet(fx->loop);
    size_t all = fill(fx->server.fd);
    assert_int_equal(loop_step(fx->loop, 0), 0);
    assert_int_equal(fill(fx->server.fd), all);
    tls_relay_bulk(fx->server.relay);
    await_quiet(fx->loop);
    all = fill(fx->server.fd);
    assert_int_equal(loop_step(fx->loop, 0), 0);
    assert_in_range(fill(fx->server.fd), 1, all - 1);
}

static size_t heap_used(void)
{
    struct mallinfo2 info = mallinfo2(); /* zeros under a sanitizer */
    return info.uordblks + info.hblkhd;
}

/* A reader that stops: what is under way stays small, the other direction goes on, nothing is lost.
 */
static void test_relay__slow_reader(void **state)
{
    struct fixture *fx = *state;
    fx_start(fx);
    for (int i = 0; i < 2; i++) {
        int size = 64 * 1024;
        setsockopt(fx->net[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        setsockopt(fx->net[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    fx->server.paused = true;
    await_flag(fx->loop, &fx->client.ready);
    await_flag(fx->loop, &fx->server.ready);
    size_t before = heap_used();
    fx->client.to_send = fx->server.to_send = 10 * MB;
    end_update(&fx->client);
    end_update(&fx->server);
    AWAIT(fx->client.received == 10 * MB, await_turn(fx->loop));
    run_ms(fx, 100);
    assert_int_equal(fx->server.received, 0);
    assert_in_range(fx->client.sent, 1, MB);
    assert_true(heap_used() < before + 100 * 1024);
    fx->server.paused = false;
    end_update(&fx->server);
    AWAIT(moved(fx), await_turn(fx->loop));
}

static void half_close(struct fixture *fx)
{
    fx->client.to_send = 100000;
    fx->client.shut_at_end = true;
    end_update(&fx->client);
    await_flag(fx->loop, &fx->server.eof);
    assert_int_equal(fx->server.received, 100000);
    assert_true(fx->server.relay_eof);
    assert_false(fx->client.eof);
    run_ms(fx, 50);
    assert_false(fx->client.closed || fx->server.closed);
    fx->server.to_send = 200000; /* and the answer still comes */
    fx->server.shut_at_end = true;
    end_update(&fx->server);
    await_flag(fx->loop, &fx->client.eof);
    assert_int_equal(fx->client.received, 200000);
    await_flag(fx->loop, &fx->client.closed);
    await_flag(fx->loop, &fx->server.closed);
    assert_int_equal(fx->client.err.code, 0);
    assert_int_equal(fx->server.err.code, 0);
}

static void test_relay__half_close(void **state)
{
    struct fixture *fx = *state;
    fx_open(fx);
    half_close(fx);
}

/* The end is no chunk: nothing more comes that would give it a turn. */
static void test_relay__bulk_half_close(void **state)
{
    struct fixture *fx = *state;
    fx_open(fx);
    tls_relay_bulk(fx->client.relay);
    tls_relay_bulk(fx->server.relay);
    half_close(fx);
}

/* An answer, then close, while the request is still coming in: the answer arrives whole. */
static void test_relay__close_delivers_what_was_written(void **state)
{
    struct fixture *fx = *state;
    fx_open(fx);
    fx->server.paused = true;
    fx->client.to_send = 2 * MB;
    end_update(&fx->client);
    run_ms(fx, 50);
    fx->server.to_send = 20000;
    end_update(&fx->server);
    AWAIT(fx->server.sent == 20000, await_turn(fx->loop));
    end_close(&fx->server);
    await_flag(fx->loop, &fx->client.eof);
    assert_int_equal(fx->client.received, 20000);
    end_close(&fx->client);
    await_flag(fx->loop, &fx->server.closed);
    await_flag(fx->loop, &fx->client.closed);
    assert_int_equal(fx->server.err.code, 0);
}

static void test_relay__peer_vanishes(void **state)
{
    struct fixture *fx = *state;
    for (int how = 0; how < 2; how++) {
        fx->client = fx->server = (struct end){0};
        fx_open(fx);
        struct linger now = {.l_onoff = how, .l_linger = 0}; /* 1: a reset; 0: FIN without a word */
        setsockopt(fx->net[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        end_done(&fx->client);
        await_flag(fx->loop, &fx->server.closed);
        assert_int_equal(fx->server.err.code, -ECONNRESET);
        await_flag(fx->loop, &fx->server.eof);
        end_done(&fx->server);
    }
}

/* One that is not even read any more, since nobody takes what it sent. */
static void test_relay__peer_vanishes_unread(void **state)
{
    struct fixture *fx = *state;
    fx_open(fx);
    fx->server.paused = true;
    fx->client.to_send = 10 * MB;
    end_update(&fx->client);
    end_update(&fx->server);
    await_quiet(fx->loop);
    struct linger now = {.l_onoff = 1};
    setsockopt(fx->net[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    end_done(&fx->client);
    await_flag(fx->loop, &fx->server.closed);
    assert_int_equal(fx->server.err.code, -ECONNRESET);
}

static void test_relay__freed_in_its_own_callbacks(void **state)
{
    struct fixture *fx = *state;
    fx->server.free_at_ready = true;
    fx_start(fx);
    await_flag(fx->loop, &fx->client.closed);
    end_done(&fx->server);
    end_done(&fx->client);
    fx->client = fx->server = (struct end){.free_at_eof = true};
    fx_open(fx);
    fx->client.shut_at_end = true;
    end_update(&fx->client);
    await_flag(fx->loop, &fx->server.relay_eof);
    await_flag(fx->loop, &fx->client.closed);
}

/* A plain end that was there before: its bytes wait for the handshake. */
static void test_relay__given_plain_end(void **state)
{
    struct fixture *fx = *state;
    int plain[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, plain), 0);
    assert_int_equal(write(plain[0], "\0\37", 2), 2); /* the pattern's first two bytes */
    tcp_pair(fx->net);
    end_accept(&fx->server, fx->loop, fx->server_config, fx->net[1]);
    fx->client.fd = -1;
    assert_int_equal(tls_relay_connect(fx->loop, fx->client_config, fx->net[0], plain[1],
                                       HANDSHAKE_NS, &end_handler, &fx->client, &fx->client.relay,
                                       NULL),
                     0);
    await_flag(fx->loop, &fx->server.ready);
    AWAIT(fx->server.received == 2, await_turn(fx->loop));
    assert_int_equal(fx->client.fd, -1); /* ready was given -1 */
    close(plain[0]);
    await_flag(fx->loop, &fx->server.eof);
    end_close(&fx->server);
    await_flag(fx->loop, &fx->client.closed);
    assert_int_equal(fx->client.err.code, 0);
}

static void test_relay__configurations_refused(void **state)
{
    struct fixture *fx = *state;
    static const uint8_t psk[32];
    const struct pki *pki = &fx->pki;
    const struct tls_client_spec clients[] = {
        {.server_name = "gateway"},
        {.ca_pem = pki->ca.data},
        {.ca_pem = "x", .server_name = "gateway"},
        {.ca_pem = pki->ca.data, .server_name = "gateway", .cert_pem = pki->client.data},
        {.ca_pem = pki->ca.data,
         .server_name = "gateway",
         .cert_pem = pki->client.data,
         .key = pki->server_key},
        {.psk_identity = "x"},
        {.psk_identity = "x", .psk = psk, .psk_len = 15},
    };
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        struct tls_config *config = NULL;
        struct err err = {0};
        assert_int_equal(tls_client_config(&clients[i], &config, &err), -EINVAL);
        assert_null(config);
        assert_non_null(strstr(err.msg, "TLS: "));
    }
    const struct tls_server_spec servers[] = {
        {.key = pki->server_key},
        {.cert_pem = pki->server.data},
        {.cert_pem = pki->server.data, .key = pki->client_key},
        {.cert_pem = pki->server.data, .key = pki->server_key, .client_ca_pem = "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        struct tls_config *config = NULL;
        assert_int_equal(tls_server_config(&servers[i], &config, NULL), -EINVAL);
        assert_null(config);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_relay__both_know_each_other),
        TEST(test_relay__client_without_certificate),
        TEST(test_relay__resumed_session_keeps_the_name),
        TEST(test_relay__client_certificate_that_does_not_count),
        TEST(test_relay__server_that_is_not_trusted),
        TEST(test_relay__dates_and_uncertain_clock),
        TEST(test_relay__handshake_timeout),
        TEST(test_relay__connection_refused),
        TEST(test_relay__last_words_are_heard),
        TEST(test_relay__what_is_not_tls),
        TEST(test_relay__ten_megabytes_each_way),
        TEST(test_relay__bulk_makes_way),
        TEST(test_relay__slow_reader),
        TEST(test_relay__half_close),
        TEST(test_relay__bulk_half_close),
        TEST(test_relay__close_delivers_what_was_written),
        TEST(test_relay__peer_vanishes),
        TEST(test_relay__peer_vanishes_unread),
        TEST(test_relay__freed_in_its_own_callbacks),
        TEST(test_relay__given_plain_end),
        TEST(test_relay__configurations_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
