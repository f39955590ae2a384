/* The relay against programs that no one here wrote: openssl and mosquitto. Skipped where they are
 * not installed. */

#include "test.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "tests/lib/await.h"
#include "tests/lib/port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct fixture {
    struct pki pki;
    struct loop *loop;
    struct tls_config *config;
    char dir[32];
    pid_t child;
    uint16_t port;
    /* one exchange with a server */
    struct tls_relay *relay;
    struct loop_io *io;
    int fd;
    const void *request;
    size_t request_len, want; /* bytes to wait for; 0: until the end */
    struct buf answer;
    char cipher[64];
    bool done;
    struct err err;
};

static const uint8_t psk[32] = {0xab, 0xcd, 1, 2, 3};
#define PSK_HEX "abcd010203000000000000000000000000000000000000000000000000000000"

static char *in_dir(const struct fixture *fx, const char *name, char path[80])
{
    snprintf(path, 80, "%s/%s", fx->dir, name);
    return path;
}

static void save(const struct fixture *fx, const char *name, const char *text)
{
    char path[80];
    FILE *f = fopen(in_dir(fx, name, path), "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void load(const struct fixture *fx, const char *name, char *ret, size_t size)
{
    char path[80];
    FILE *f = fopen(in_dir(fx, name, path), "re");
    assert_non_null(f);
    size_t n = fread(ret, 1, size - 1, f);
    ret[n] = 0;
    fclose(f);
}

/* The words of a command, in the test's folder; %a is the address. Output goes to the file "out".
 */
static pid_t start(struct fixture *fx, const char *command)
{
    char line[512], address[32], *argv[40], *save_ptr = NULL, out[80];
    int argc = 0;
    snprintf(line, sizeof(line), "%s", command);
    snprintf(address, sizeof(address), "127.0.0.1:%u", fx->port);
    for (char *word = strtok_r(line, " ", &save_ptr); word && argc < 39;
         word = strtok_r(NULL, " ", &save_ptr))
        argv[argc++] = strcmp(word, "%a") == 0 ? address : word;
    argv[argc] = NULL;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, in_dir(fx, "out", out),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addchdir_np(&actions, fx->dir);
    pid_t pid = -1;
    if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static bool installed(const char *program)
{
    struct stat st;
    char path[80];
    static const char *const dirs[] = {"/usr/bin", "/usr/sbin", "/usr/local/bin",
                                       "/usr/local/sbin"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
        if (stat(path, &st) == 0)
            return true;
    }
    return false;
}

static void start_server(struct fixture *fx, const char *command)
{
    fx->child = start(fx, command);
    assert_true(fx->child > 0);
    for (int i = 0; i < 3000; i++) {
        int fd = tcp_connect(fx->port), error = 0;
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        socklen_t len = sizeof(error);
        assert_int_equal(poll(&p, 1, 60000), 1);
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
        close(fd);
        if (!error)
            return;
        usleep(20000);
    }
    char out[2000];
    load(fx, "out", out, sizeof(out));
    fail_msg("it does not listen: %s", out);
}

static void stop_server(struct fixture *fx)
{
    if (fx->child <= 0)
        return;
    kill(fx->child, SIGKILL);
    waitpid(fx->child, NULL, 0);
    fx->child = 0;
}

static int setup(void **state)
{
    static struct fixture fx;
    fx = (struct fixture){.dir = "/tmp/limpet-peers-XXXXXX", .fd = -1};
    *state = &fx;
    pki_init(&fx.pki);
    if (!mkdtemp(fx.dir) || chmod(fx.dir, 0755) < 0 || loop_new(clock_system(), &fx.loop, NULL))
        return -1;
    cleanup(buf_done) struct buf server_key = {0}, client_key = {0};
    assert_int_equal(key_write_private(fx.pki.server_key, &server_key, NULL), 0);
    assert_int_equal(key_write_private(fx.pki.client_key, &client_key, NULL), 0);
    save(&fx, "ca.pem", fx.pki.ca.data);
    save(&fx, "server.pem", fx.pki.server.data);
    save(&fx, "server.key", server_key.data);
    save(&fx, "client.pem", fx.pki.client.data);
    save(&fx, "client.key", client_key.data);
    fx.port = port_take(1);
    assert_int_not_equal(fx.port, 0);
    return 0;
}

static void end_exchange(struct fixture *fx)
{
    if (fx->io)
        loop_io_free(steal(fx->io));
    if (fx->fd >= 0)
        close(steal_fd(&fx->fd));
    tls_relay_free(steal(fx->relay));
}

static int teardown(void **state)
{
    static const char *const files[] = {"ca.pem",     "server.pem", "server.key", "client.pem",
                                        "client.key", "conf",       "psk",        "out"};
    struct fixture *fx = *state;
    char path[80];
    stop_server(fx);
    end_exchange(fx);
    tls_config_unref(fx->config);
    buf_done(&fx->answer);
    loop_free(fx->loop);
    pki_done(&fx->pki);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(in_dir(fx, files[i], path));
    return rmdir(fx->dir);
}

static void on_plain(void *ctx, int fd, uint32_t events)
{
    struct fixture *fx = ctx;
    char data[4096];
    (void)events;
    ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (n > 0)
        assert_int_equal(buf_add(&fx->answer, data, (size_t)n), 0);
    if (n == 0 || (fx->want && fx->answer.len >= fx->want))
        fx->done = true;
}

static void on_ready(void *ctx, struct tls_relay *relay, int plain_fd, const struct tls_peer *peer)
{
    struct fixture *fx = ctx;
    (void)relay;
    snprintf(fx->cipher, sizeof(fx->cipher), "%s", peer->cipher);
    fx->fd = plain_fd;
    assert_int_equal(send(plain_fd, fx->request, fx->request_len, MSG_NOSIGNAL), fx->request_len);
    assert_int_equal(loop_io_new(fx->loop, plain_fd, EPOLLIN, on_plain, fx, &fx->io, NULL), 0);
}

static void on_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    struct fixture *fx = ctx;
    fx->err = *err;
    if (fx->fd < 0)
        fx->done = true; /* else the plain end still has what came */
    tls_relay_free(relay);
    fx->relay = NULL;
}

static const struct tls_relay_handler handler = {.ready = on_ready, .closed = on_closed};

/* Of a peer that acknowledges nothing, TCP itself tells: pings are rare (agent/limpetd/node.c). */
static void assert_gives_up(int fd)
{
    unsigned ms = 0;
    socklen_t len = sizeof(ms);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
    assert_in_range(ms, 1, 30000);
}

/* Connects, sends the request, collects the answer. */
static const char *exchange(struct fixture *fx, const void *request, size_t len, size_t want)
{
    buf_done(&fx->answer);
    fx->request = request;
    fx->request_len = len;
    fx->want = want;
    fx->done = false;
    fx->err = (struct err){0};
    int fd = tcp_connect(fx->port);
    assert_int_equal(tls_relay_connect(fx->loop, fx->config, fd, -1, HANDSHAKE_NS, &handler, fx,
                                       &fx->relay, NULL),
                     0);
    assert_gives_up(fd);
    await_flag(fx->loop, &fx->done);
    end_exchange(fx);
    return buf_str(&fx->answer);
}

static void use_psk(struct fixture *fx, const uint8_t *key)
{
    const struct tls_client_spec spec = {.psk_identity = "token", .psk = key, .psk_len = 32};
    tls_config_unref(fx->config);
    assert_int_equal(tls_client_config(&spec, &fx->config, NULL), 0);
}

static const char get[] = "GET / HTTP/1.0\r\n\r\n";
/* An MQTT 3.1.1 CONNECT (section 3.1) of the client "c", and the CONNACK that accepts it. */
static const uint8_t connect_packet[] = {0x10, 13, 0, 4,  'M', 'Q', 'T', 'T',
                                         4,    2,  0, 30, 0,   1,   'c'};
static const char connack[] = {0x20, 2, 0, 0};

static void test_peers__client_to_openssl(void **state)
{
    struct fixture *fx = *state;
    if (!installed("openssl"))
        skip();
    start_server(fx, "openssl s_server -accept %a -www -cert server.pem -key server.key "
                     "-CAfile ca.pem -Verify 1 -verify_return_error");
    fx->config = pki_client(&fx->pki, true);
    const char *page = exchange(fx, get, strlen(get), 0);
    if (!strstr(page, "New, TLSv1.2") || !strstr(page, "CN=alice"))
        fail_msg("%s: %s", fx->err.msg, page);
    page = exchange(fx, get, strlen(get), 0);
    if (!strstr(page, "Reused, TLSv1.2"))
        fail_msg("%s: %s", fx->err.msg, page);
    tls_config_unref(fx->config);
    fx->config = pki_client(&fx->pki, false);
    page = exchange(fx, get, strlen(get), 0);
    assert_string_equal(page, "");
    assert_non_null(strstr(fx->err.msg, "refused by the other side"));
}

static void test_peers__client_to_openssl_with_psk(void **state)
{
    struct fixture *fx = *state;
    if (!installed("openssl"))
        skip();
    start_server(fx, "openssl s_server -accept %a -www -nocert -psk_identity token "
                     "-psk " PSK_HEX);
    use_psk(fx, psk);
    const char *page = exchange(fx, get, strlen(get), 0);
    if (!strstr(page, "PSK-"))
        fail_msg("%s: %s", fx->err.msg, page);
    assert_non_null(strstr(fx->cipher, "DHE-PSK"));
    static const uint8_t wrong[32] = {1};
    use_psk(fx, wrong);
    page = exchange(fx, get, strlen(get), 0);
    assert_string_equal(page, "");
    assert_true(fx->err.code < 0);
}

static void start_mosquitto(struct fixture *fx, const char *more)
{
    char conf[400];
    snprintf(conf, sizeof(conf), "listener %u 127.0.0.1\nallow_anonymous false\nuser root\n%s",
             fx->port, more);
    save(fx, "conf", conf);
    save(fx, "psk", "token:" PSK_HEX "\n");
    start_server(fx, "mosquitto -c conf");
}

static void connect_mosquitto(struct fixture *fx)
{
    const char *answer = exchange(fx, connect_packet, sizeof(connect_packet), sizeof(connack));
    if (fx->answer.len != sizeof(connack) || memcmp(answer, connack, sizeof(connack)) != 0) {
        char out[2000];
        load(fx, "out", out, sizeof(out));
        fail_msg("%s: %s", fx->err.msg, out);
    }
}

static void test_peers__client_to_mosquitto_with_psk(void **state)
{
    struct fixture *fx = *state;
    if (!installed("mosquitto"))
        skip();
    start_mosquitto(fx, "psk_hint limpet\npsk_file psk\nuse_identity_as_username true\n");
    use_psk(fx, psk);
    connect_mosquitto(fx);
    assert_non_null(strstr(fx->cipher, "DHE-PSK"));
}

/* Twice: the second time by a session ticket, with the name from the certificate of the first. */
static void test_peers__client_to_mosquitto(void **state)
{
    struct fixture *fx = *state;
    if (!installed("mosquitto"))
        skip();
    start_mosquitto(fx, "cafile ca.pem\ncertfile server.pem\nkeyfile server.key\n"
                        "require_certificate true\nuse_identity_as_username true\n");
    fx->config = pki_client(&fx->pki, true);
    connect_mosquitto(fx);
    connect_mosquitto(fx);
    char out[4000];
    load(fx, "out", out, sizeof(out));
    assert_non_null(strstr(out, "u'alice'"));
}

struct serving {
    struct fixture *fx;
    struct end {
        struct serving *all;
        struct tls_relay *relay;
        int fd;
    } ends[16];
    int listener, count;
    struct tls_config *config;
    char who[65];
};

static void serve_ready(void *ctx, struct tls_relay *relay, int plain_fd,
                        const struct tls_peer *peer)
{
    struct end *end = ctx;
    (void)relay;
    end->fd = plain_fd;
    snprintf(end->all->who, sizeof(end->all->who), "%s", peer->common_name);
}

static void serve_closed(void *ctx, struct tls_relay *relay, const struct err *err)
{
    struct end *end = ctx;
    (void)err;
    tls_relay_free(relay);
    end->relay = NULL;
}

static void serve_accept(void *ctx, int fd, uint32_t events)
{
    static const struct tls_relay_handler serving_handler = {.ready = serve_ready,
                                                             .closed = serve_closed};
    struct serving *s = ctx;
    (void)events;
    int net_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_in_range(s->count, 0, ARRAY_LEN(s->ends) - 1);
    struct end *end = &s->ends[s->count++];
    *end = (struct end){s, NULL, -1};
    assert_int_equal(tls_relay_accept(s->fx->loop, s->config, net_fd, HANDSHAKE_NS,
                                      &serving_handler, end, &end->relay, NULL),
                     0);
}

/* Runs openssl s_client against us; its output in out. */
static void serve_client(struct serving *s, const char *command, char *out, size_t size)
{
    struct loop_io *io = NULL;
    bool ended = false;
    assert_int_equal(loop_io_new(s->fx->loop, s->listener, EPOLLIN, serve_accept, s, &io, NULL), 0);
    pid_t pid = start(s->fx, command);
    assert_true(pid > 0);
    for (int i = 0; i < 3000 && !ended; i++) {
        (void)run_until(s->fx->loop, &ended, 20);
        ended = waitpid(pid, NULL, WNOHANG) == pid;
    }
    if (!ended) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    loop_io_free(io);
    for (int i = 0; i < s->count; i++) {
        tls_relay_free(s->ends[i].relay);
        if (s->ends[i].fd >= 0)
            close(s->ends[i].fd);
    }
    s->count = 0;
    load(s->fx, "out", out, size);
    assert_true(ended);
}

static void test_peers__openssl_to_server(void **state)
{
    struct fixture *fx = *state;
    char out[30000];
    if (!installed("openssl"))
        skip();
    struct serving s = {
        .fx = fx, .config = pki_server(&fx->pki), .listener = tcp_listen(&fx->port)};
    fx->config = s.config;
    static const char with[] = "openssl s_client -connect %a -CAfile ca.pem -tls1_2 "
                               "-servername gateway -verify_hostname gateway -verify_return_error "
                               "-alpn h2,http/1.1 -cert client.pem -key client.key -reconnect";
    serve_client(&s, with, out, sizeof(out));
    if (!strstr(out, "ALPN protocol: http/1.1") || !strstr(out, "Verify return code: 0 (ok)") ||
        !strstr(out, "\nReused, TLSv1.2"))
        fail_msg("%s", out);
    assert_string_equal(s.who, "alice");
    static const char without[] = "openssl s_client -connect %a -CAfile ca.pem -brief";
    serve_client(&s, without, out, sizeof(out));
    if (!strstr(out, "CONNECTION ESTABLISHED"))
        fail_msg("%s", out);
    assert_string_equal(s.who, "");
    static const char old[] = "openssl s_client -connect %a -tls1_1 -brief "
                              "-cipher ALL:@SECLEVEL=0";
    serve_client(&s, old, out, sizeof(out));
    assert_null(strstr(out, "CONNECTION ESTABLISHED"));
    static const char no_secrecy[] = "openssl s_client -connect %a -tls1_2 -brief "
                                     "-cipher AES128-GCM-SHA256";
    serve_client(&s, no_secrecy, out, sizeof(out));
    assert_null(strstr(out, "CONNECTION ESTABLISHED"));
    close(s.listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_peers__client_to_openssl),
        TEST(test_peers__client_to_openssl_with_psk),
        TEST(test_peers__client_to_mosquitto_with_psk),
        TEST(test_peers__client_to_mosquitto),
        TEST(test_peers__openssl_to_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
