#include "agent/probe/attempt.h"

#include "agent/keeper/control.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"
#include "server.h"
#include "tests/lib/await.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc brings no header for it */
#endif

#define TIMEOUT_NS (1 * NS_PER_S)
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct fixture {
    struct clock_fake clock;
    struct loop *loop;
    struct server server;
    struct attempt *attempt;
    bool done, hook, no_timeout;
    enum probe_outcome outcome;
    char message[ATTEMPT_TEXT_MAX + 1];
    /* of exec: the keeper's ends */
    int keeper, out;
    int refuse; /* what ask answers */
};

static void done(void *ctx, enum probe_outcome outcome, const char *message)
{
    struct fixture *f = ctx;
    assert_false(f->done);
    f->done = true;
    f->outcome = outcome;
    snprintf(f->message, sizeof(f->message), "%s", message);
}

static int ask(void *ctx, const void *request, size_t len, const int *fds, size_t count,
               struct err *err)
{
    struct fixture *f = ctx;
    struct exec_request decoded;
    if (f->refuse)
        return err_set(err, f->refuse, "pod has no keeper");
    assert_int_equal(count, 3);
    assert_int_equal(exec_request_decode(request, len, &decoded), 0);
    assert_string_equal(decoded.container, "app");
    assert_string_equal(decoded.argv[0], "check");
    exec_request_done(&decoded);
    f->keeper = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
    f->out = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    clock_fake_init(&f->clock, 100 * NS_PER_S, 1700000000 * NS_PER_S);
    f->keeper = f->out = -1;
    assert_int_equal(loop_new(&f->clock.clock, &f->loop, NULL), 0);
    server_init(&f->server, f->loop);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    attempt_free(f->attempt);
    server_done(&f->server);
    loop_free(f->loop);
    if (f->keeper >= 0)
        close(f->keeper);
    if (f->out >= 0)
        close(f->out);
    free(f);
    return 0;
}

/* PORT in the text becomes the server's. */
static char *with_port(const struct fixture *f, const char *text)
{
    cleanup(buf_done) struct buf out;
    buf_init(&out, 0);
    for (const char *c = text; *c; c++)
        if (strncmp(c, "PORT", 4) == 0) {
            (void)buf_addf(&out, "%u", f->server.port);
            c += 3;
        } else {
            (void)buf_addc(&out, *c);
        }
    return buf_steal(&out, NULL);
}

static void begin(struct fixture *f, const char *handler)
{
    cleanup(value_free) struct value *v = NULL, *container = NULL;
    autofree char *text = with_port(f, handler);
    autofree char *own = with_port(
        f, "{\"name\": \"app\", \"ports\": [{\"name\": \"web\", \"containerPort\": PORT}]}");
    assert_int_equal(json_parse(text, strlen(text), &v, NULL), 0);
    assert_int_equal(json_parse(own, strlen(own), &container, NULL), 0);
    attempt_free(f->attempt);
    f->done = false;
    f->server.count = 0;
    f->attempt = attempt_new(&(struct attempt_spec){.loop = f->loop,
                                                    .handler = v,
                                                    .container = container,
                                                    .address = "127.0.0.1",
                                                    .timeout_ns = f->no_timeout ? 0 : TIMEOUT_NS,
                                                    .hook = f->hook,
                                                    .ask = ask,
                                                    .ask_ctx = f,
                                                    .done = done,
                                                    .ctx = f});
    assert_false(f->done);
}

static void expect(struct fixture *f, const char *what, enum probe_outcome outcome,
                   const char *message)
{
    autofree char *words = with_port(f, message);
    AWAIT(f->done, await_turn(f->loop));
    if (f->outcome != outcome || strcmp(f->message, words) != 0)
        fail_msg("%s: %d \"%s\", not \"%s\"", what, (int)f->outcome, f->message, words);
}

/* The other side does no more: time goes by. */
static void expect_late(struct fixture *f, const char *what, const char *message)
{
    AWAIT(f->server.count > 0 || f->keeper >= 0, await_turn(f->loop));
    await_quiet(f->loop);
    assert_false(f->done);
    clock_fake_advance(&f->clock, TIMEOUT_NS - 1);
    await_quiet(f->loop);
    assert_false(f->done);
    clock_fake_advance(&f->clock, 1);
    expect(f, what, PROBE_FAILURE, message);
}

static void test_attempt__tcp(void **state)
{
    struct fixture *f = *state;
    begin(f, "{\"tcpSocket\": {\"port\": PORT}}");
    expect(f, "open", PROBE_SUCCESS, "");
    begin(f, "{\"tcpSocket\": {\"port\": \"web\"}}");
    expect(f, "by name", PROBE_SUCCESS, "");
    begin(f, "{\"tcpSocket\": {\"port\": PORT, \"host\": \"127.0.0.2\"}}");
    expect(f, "closed", PROBE_FAILURE, "dial tcp 127.0.0.2:PORT: connect: connection refused");
    begin(f, "{\"tcpSocket\": {\"port\": \"other\"}}");
    expect(f, "no such name", PROBE_ERROR, "couldn't find port: \"other\"");
    begin(f, "{}");
    expect(f, "nothing", PROBE_ERROR, "missing probe handler");
}

static void test_attempt__http(void **state)
{
    static const struct {
        const char *handler, *answer;
        enum probe_outcome outcome;
        const char *message;
    } cases[] = {
        {"{\"httpGet\": {\"port\": PORT, \"path\": \"/healthz\"}}", OK, PROBE_SUCCESS, ""},
        {"{\"httpGet\": {\"port\": \"web\"}}", "HTTP/1.0 204 x\r\n\r\n", PROBE_SUCCESS, ""},
        {"{\"httpGet\": {\"port\": PORT}}", "HTTP/1.1 500 x\r\n\r\n", PROBE_FAILURE,
         "HTTP probe failed with statuscode: 500"},
        {"{\"httpGet\": {\"port\": PORT}}", "HTTP/1.1 404 x\r\n\r\nno", PROBE_FAILURE,
         "HTTP probe failed with statuscode: 404"},
        {"{\"httpGet\": {\"port\": PORT}}",
         "HTTP/1.1 302 x\r\nLocation: http://127.0.0.9/\r\n\r\nelsewhere", PROBE_WARNING,
         "Probe terminated redirects, Response body: elsewhere"},
        {"{\"httpGet\": {\"port\": PORT}}", "HTTP/1.1 302 x\r\nLocation: ftp://a/\r\n\r\n",
         PROBE_FAILURE,
         "Get \"http://127.0.0.1:PORT/\": failed to parse Location header "
         "\"ftp://a/\""},
        {"{\"httpGet\": {\"port\": PORT}}", "", PROBE_FAILURE,
         "Get \"http://127.0.0.1:PORT/\": EOF"},
        {"{\"httpGet\": {\"port\": PORT}}", "\x01\x02garbage\n", PROBE_FAILURE,
         "Get \"http://127.0.0.1:PORT/\": malformed HTTP response"},
        {"{\"httpGet\": {\"port\": PORT, \"host\": \"127.0.0.2\"}}", "", PROBE_FAILURE,
         "Get \"http://127.0.0.2:PORT/\": dial tcp 127.0.0.2:PORT: connect: connection refused"},
        {"{\"httpGet\": {\"port\": PORT, \"httpHeaders\": [{\"name\": \"A\", \"value\": \"\\n\"}]}}",
         "", PROBE_ERROR, "net/http: invalid header field value for \"A\""},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        f->server.answer = cases[i].answer;
        begin(f, cases[i].handler);
        expect(f, cases[i].handler, cases[i].outcome, cases[i].message);
    }
    f->hook = true; /* a hook asks for an answer, not for a good one */
    f->server.answer = "HTTP/1.1 500 x\r\n\r\n";
    begin(f, "{\"httpGet\": {\"port\": PORT, \"path\": \"/bye\"}}");
    expect(f, "hook", PROBE_SUCCESS, "");
    assert_non_null(strstr(f->server.heard, "GET /bye HTTP/1.1\r\n"));
}

static void test_attempt__http_follows_its_own_host(void **state)
{
    struct fixture *f = *state;
    autofree char *moved =
        with_port(f, "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:PORT/new\r\n\r\n");
    f->server.answer = moved;
    f->server.next = OK;
    begin(f, "{\"httpGet\": {\"port\": PORT}}");
    expect(f, "moved", PROBE_SUCCESS, "");
    assert_int_equal(f->server.count, 2);
    assert_non_null(strstr(f->server.heard, "GET /new HTTP/1.1\r\n"));
    f->server.next = NULL; /* round and round */
    begin(f, "{\"httpGet\": {\"port\": PORT}}");
    expect(f, "round", PROBE_FAILURE,
           "Get \"http://127.0.0.1:PORT/new\": stopped after 10 redirects");
    assert_int_equal(f->server.count, 11);
}

static void test_attempt__is_over_in_time(void **state)
{
    static const struct {
        const char *handler, *answer, *message;
    } cases[] = {
        {"{\"httpGet\": {\"port\": PORT}}", "",
         "Get \"http://127.0.0.1:PORT/\": context deadline exceeded (Client.Timeout exceeded while "
         "awaiting headers)"},
        {"{\"httpGet\": {\"port\": PORT}}", "HTTP/1.1 200 OK\r\nX: ",
         "Get \"http://127.0.0.1:PORT/\": context deadline exceeded (Client.Timeout exceeded while "
         "awaiting headers)"},
        {"{\"httpGet\": {\"port\": PORT}}", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
         "context deadline exceeded (Client.Timeout or context cancellation while reading body)"},
        {"{\"httpGet\": {\"port\": PORT, \"scheme\": \"HTTPS\"}}", "",
         "Get \"https://127.0.0.1:PORT/\": context deadline exceeded (Client.Timeout exceeded "
         "while awaiting headers)"},
        {"{\"grpc\": {\"port\": PORT}}", "",
         "timeout: failed to connect service \"127.0.0.1:PORT\" within 1s: context deadline "
         "exceeded"},
        {"{\"exec\": {\"command\": [\"check\", \"all\"]}}", "",
         "command timed out: \"check all\" timed out after 1s"},
    };
    struct fixture *f = *state;
    f->server.hold = true;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        f->server.answer = cases[i].answer;
        begin(f, cases[i].handler);
        expect_late(f, cases[i].handler, cases[i].message);
    }
    /* The keeper sees the end of it, and kills the program. */
    char byte;
    attempt_free(steal(f->attempt));
    assert_int_equal(recv(f->keeper, &byte, 1, MSG_DONTWAIT), 0);
}

/* A server that always says a little more does not hold it longer, nor fill the memory. */
static void test_attempt__a_slow_drip_ends_in_time(void **state)
{
    struct fixture *f = *state;
    f->server.hold = true;
    f->server.answer = "HTTP/1.1 200 OK\r\n";
    begin(f, "{\"httpGet\": {\"port\": PORT}}");
    AWAIT(f->server.conns[0].told, await_turn(f->loop));
    for (int i = 0; i < 10 && !f->done; i++) {
        (void)!send(f->server.conns[0].fd, "X: y\r\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
        clock_fake_advance(&f->clock, TIMEOUT_NS / 10);
        await_quiet(f->loop);
    }
    assert_true(f->done);
    assert_int_equal(f->outcome, PROBE_FAILURE);
}

static struct tls_config *own_tls(void)
{
    cleanup(buf_done) struct buf pem;
    struct key *key = NULL;
    struct tls_config *config = NULL;
    const struct cert_spec spec = {.common_name = "nobody knows it", /* long over, self-signed */
                                   .not_before_s = 1577836800,
                                   .not_after_s = 1577836801,
                                   .server = true};
    buf_init(&pem, 0);
    assert_int_equal(key_generate(&key, NULL), 0);
    assert_int_equal(cert_issue(&spec, key, NULL, key, &pem, NULL), 0);
    const struct tls_server_spec server = {.cert_pem = pem.data, .key = key};
    assert_int_equal(tls_server_config(&server, &config, NULL), 0);
    key_free(key);
    return config;
}

static void test_attempt__https_with_any_certificate(void **state)
{
    struct fixture *f = *state;
    f->server.answer = "not TLS at all\r\n";
    begin(f, "{\"httpGet\": {\"port\": PORT, \"scheme\": \"HTTPS\"}}");
    AWAIT(f->done, await_turn(f->loop));
    assert_int_equal(f->outcome, PROBE_FAILURE);
    assert_true(str_has_prefix(f->message, "Get \"https://127.0.0.1:"));
    f->server.tls = own_tls();
    f->server.answer = OK;
    begin(f, "{\"httpGet\": {\"port\": PORT, \"scheme\": \"HTTPS\"}}");
    expect(f, "https", PROBE_SUCCESS, "");
    f->server.answer = "HTTP/1.1 503 x\r\n\r\n";
    begin(f, "{\"httpGet\": {\"port\": PORT, \"scheme\": \"HTTPS\"}}");
    expect(f, "https", PROBE_FAILURE, "HTTP probe failed with statuscode: 503");
    begin(f, "{\"httpGet\": {\"port\": PORT}}"); /* plain to a TLS port */
    AWAIT(f->done, await_turn(f->loop));
    assert_int_equal(f->outcome, PROBE_FAILURE);
}

#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define HEAD "\0\0\1\1\4\0\0\0\1\x88"
#define TRAILERS "\0\0\17\1\5\0\0\0\1\0\13grpc-status\1"

static void test_attempt__grpc(void **state)
{
    static const struct {
        const char *answer;
        size_t len;
        enum probe_outcome outcome;
        const char *message;
    } cases[] = {
#define ANSWER(text) text, sizeof(text) - 1
        {ANSWER(SETTINGS HEAD "\0\0\7\0\0\0\0\0\1\0\0\0\0\2\x08\1" TRAILERS "0"), PROBE_SUCCESS,
         "service healthy"},
        {ANSWER(SETTINGS HEAD "\0\0\7\0\0\0\0\0\1\0\0\0\0\2\x08\2" TRAILERS "0"), PROBE_FAILURE,
         "service unhealthy (responded with \"NOT_SERVING\")"},
        {ANSWER(SETTINGS TRAILERS "5"), PROBE_FAILURE,
         "error: health rpc probe failed: rpc error: code = NotFound"},
        {ANSWER("HTTP/1.1 400 Bad Request\r\n\r\n"), PROBE_FAILURE,
         "error: health rpc probe failed: rpc error: code = Unavailable desc = error reading "
         "server preface: it speaks no HTTP/2"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        f->server.answer = cases[i].answer;
        f->server.len = cases[i].len;
        begin(f, "{\"grpc\": {\"port\": PORT, \"service\": \"db\"}}");
        expect(f, cases[i].message, cases[i].outcome, cases[i].message);
    }
    assert_true(str_has_prefix(f->server.heard, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
}

static void test_attempt__exec(void **state)
{
    static const struct {
        const char *output;
        int code;
        enum probe_outcome outcome;
        const char *message;
    } cases[] = {
        {"fine\n", 0, PROBE_SUCCESS, "fine"},
        {"no such file\n", 1, PROBE_FAILURE, "no such file"},
        {"", 3, PROBE_FAILURE, "command ended with 3"},
        {"\x1b[31mred\xff\n", 1, PROBE_FAILURE, "?[31mred?"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(f, "{\"exec\": {\"command\": [\"check\"]}}");
        AWAIT(f->keeper >= 0, await_turn(f->loop));
        control_say(f->keeper, PROTO_BEGUN, 0, NULL, -1);
        assert_int_equal(write(f->out, cases[i].output, strlen(cases[i].output)),
                         (ssize_t)strlen(cases[i].output));
        control_say(f->keeper, PROTO_OVER, cases[i].code, "", -1);
        expect(f, cases[i].message, cases[i].outcome, cases[i].message);
        close(steal_fd(&f->keeper));
        close(steal_fd(&f->out));
    }
    begin(f, "{\"exec\": {\"command\": [\"check\"]}}");
    AWAIT(f->keeper >= 0, await_turn(f->loop));
    control_say(f->keeper, PROTO_REFUSED, 127, "exec: \"check\": no such file or directory", -1);
    expect(f, "not there", PROBE_ERROR,
           "failed to exec in container: exec: \"check\": no such file or directory");
    f->refuse = -ENOENT;
    begin(f, "{\"exec\": {\"command\": [\"check\"]}}");
    expect(f, "no keeper", PROBE_ERROR, "pod has no keeper");
}

static size_t allocated(void)
{
#ifdef __SANITIZE_ADDRESS__
    return __sanitizer_get_current_allocated_bytes();
#else
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#endif
}

/* A program that writes without end is not held up, and what it writes is not kept
 * (CVE-2022-31030). */
static void test_attempt__exec_that_floods(void **state)
{
    static char flood[4096];
    struct fixture *f = *state;
    const size_t before = allocated();
    memset(flood, 'x', sizeof(flood));
    begin(f, "{\"exec\": {\"command\": [\"check\"]}}");
    AWAIT(f->keeper >= 0, await_turn(f->loop));
    assert_int_equal(fcntl(f->out, F_SETFL, O_NONBLOCK), 0);
    size_t written = 0;
    AWAIT(written > 1024 * 1024, {
        ssize_t n = write(f->out, flood, sizeof(flood));
        written += n > 0 ? (size_t)n : 0;
        if (n < 0)
            await_turn(f->loop);
    });
    assert_true(allocated() < before + 128 * 1024);
    control_say(f->keeper, PROTO_OVER, 1, "", -1);
    AWAIT(f->done, await_turn(f->loop));
    assert_int_equal(strlen(f->message), ATTEMPT_TEXT_MAX);
}

static void test_attempt__sleep(void **state)
{
    struct fixture *f = *state;
    f->no_timeout = true;
    begin(f, "{\"sleep\": {\"seconds\": 5}}");
    await_quiet(f->loop);
    clock_fake_advance(&f->clock, 5 * NS_PER_S - 1);
    await_quiet(f->loop);
    assert_false(f->done);
    clock_fake_advance(&f->clock, 1);
    expect(f, "slept", PROBE_SUCCESS, "");
    begin(f, "{\"sleep\": {\"seconds\": 0}}");
    expect(f, "not at all", PROBE_SUCCESS, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_attempt__##name, setup, teardown)
        TEST(tcp),
        TEST(http),
        TEST(http_follows_its_own_host),
        TEST(is_over_in_time),
        TEST(a_slow_drip_ends_in_time),
        TEST(https_with_any_certificate),
        TEST(grpc),
        TEST(exec),
        TEST(exec_that_floods),
        TEST(sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
