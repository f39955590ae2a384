#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum { FROM_S = 1577836800 };
#define TO_S INT64_C(4733510400)

void pki_issue(const struct pki *pki, const struct cert_spec *spec, const struct key *key,
               struct buf *ret)
{
    struct err err = {0};
    if (cert_issue(spec, key, pki->ca.data, pki->ca_key, ret, &err))
        fail_msg("%s", err.msg);
}

void pki_init(struct pki *pki)
{
    static const char *const groups[] = {"ops", NULL}, *const dns[] = {"gateway", NULL};
    *pki = (struct pki){0};
    struct cert_spec spec = {
        .common_name = "Test CA", .not_before_s = FROM_S, .not_after_s = TO_S, .ca = true};
    assert_int_equal(key_generate(&pki->ca_key, NULL), 0);
    assert_int_equal(key_generate(&pki->server_key, NULL), 0);
    assert_int_equal(key_generate(&pki->client_key, NULL), 0);
    assert_int_equal(cert_issue(&spec, pki->ca_key, NULL, pki->ca_key, &pki->ca, NULL), 0);
    spec = (struct cert_spec){.common_name = "gateway",
                              .dns = dns,
                              .not_before_s = FROM_S,
                              .not_after_s = TO_S,
                              .server = true};
    pki_issue(pki, &spec, pki->server_key, &pki->server);
    spec = (struct cert_spec){.common_name = "alice",
                              .organizations = groups,
                              .not_before_s = FROM_S,
                              .not_after_s = TO_S,
                              .client = true};
    pki_issue(pki, &spec, pki->client_key, &pki->client);
}

void pki_done(struct pki *pki)
{
    key_free(pki->ca_key);
    key_free(pki->server_key);
    key_free(pki->client_key);
    buf_done(&pki->ca);
    buf_done(&pki->server);
    buf_done(&pki->client);
}

struct tls_config *pki_server(const struct pki *pki)
{
    struct tls_config *config = NULL;
    struct err err = {0};
    const struct tls_server_spec spec = {
        .cert_pem = pki->server.data, .key = pki->server_key, .client_ca_pem = pki->ca.data};
    if (tls_server_config(&spec, &config, &err))
        fail_msg("%s", err.msg);
    return config;
}

struct tls_config *pki_client(const struct pki *pki, bool cert)
{
    struct tls_config *config = NULL;
    struct err err = {0};
    const struct tls_client_spec spec = {.ca_pem = pki->ca.data,
                                         .server_name = "gateway",
                                         .cert_pem = cert ? pki->client.data : NULL,
                                         .key = cert ? pki->client_key : NULL};
    if (tls_client_config(&spec, &config, &err))
        fail_msg("%s", err.msg);
    return config;
}

static struct sockaddr_in local(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int tcp_bind(uint16_t *ret_port)
{
    struct sockaddr_in addr = local(0);
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    *ret_port = ntohs(addr.sin_port);
    return fd;
}

int tcp_listen(uint16_t *ret_port)
{
    int fd = tcp_bind(ret_port);
    assert_int_equal(listen(fd, 1024), 0);
    return fd;
}

int tcp_connect(uint16_t port)
{
    struct sockaddr_in addr = local(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

void tcp_pair(int ret[2])
{
    uint16_t port;
    int listener = tcp_listen(&port);
    ret[0] = tcp_connect(port);
    struct pollfd p = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 60000), 1);
    ret[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(ret[1] >= 0);
    close(listener);
}

bool run_until(struct loop *loop, const bool *done, int ms)
{
    int64_t end = loop_now(loop) + ms * NS_PER_MS;
    while (!*done && loop_now(loop) < end)
        assert_int_equal(loop_step(loop, 20 * NS_PER_MS), 0);
    return *done;
}
