/* A bearer token among the protocols of a WebSocket, on a running server. */

#include "controller/auth/authn.h"
#include "controller/server/server.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/client.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BEARER "base64url.bearer.authorization.k8s.io."
#define SOCKET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define OFFER SOCKET "Sec-WebSocket-Protocol: "

/* "vera>?~" is hers. */
static int judge(void *ctx, const char *token, struct who **ret)
{
    (void)ctx;
    if (!str_eq(token, "vera>?~"))
        return 0;
    *ret = who_new("vera");
    return 1;
}

static void test_socket_token__counts_as_the_header(void **state)
{
    static const struct {
        const char *headers;
        int code;
        const char *says;
    } cases[] = {
        {OFFER BEARER "dmVyYT4_fg, v4.channel.k8s.io\r\n", 403, "User \\\"vera\\\""},
        {OFFER "v4.channel.k8s.io\r\nSec-WebSocket-Protocol:" BEARER "dmVyYT4_fg\r\n", 403,
         "User \\\"vera\\\""},
        {"Authorization: Bearer vera>?~\r\n" OFFER "v4.channel.k8s.io\r\n", 403, "\\\"vera\\\""},
        {OFFER "v4.channel.k8s.io\r\n", 403, "system:anonymous"},
        {SOCKET, 403, "system:anonymous"},
        /* Not of a WebSocket: nothing was shown. */
        {"Sec-WebSocket-Protocol: " BEARER "dmVyYT4_fg, v4.channel.k8s.io\r\n", 403,
         "system:anonymous"},
        {OFFER BEARER "dmVyYT4_fg\r\n", 401, "needs another protocol"},
        {OFFER BEARER "dmVyYT4_fg, " BEARER "dmVyYT4_fg, v4.channel.k8s.io\r\n", 401,
         "more than one token"},
        {OFFER BEARER "dmVyYT4_fg, v4.channel.k8s.io, " BEARER "eA\r\n", 401,
         "more than one token"},
        {OFFER BEARER "dmVyYT4/fg, v4.channel.k8s.io\r\n", 401, "not base64url"},
        {OFFER BEARER "dmVyYT4_fg==, v4.channel.k8s.io\r\n", 401, "not base64url"},
        {OFFER BEARER "dmVyYT4_fh, v4.channel.k8s.io\r\n", 401, "not base64url"},
        {OFFER BEARER ", v4.channel.k8s.io\r\n", 401, "not text"},
        {OFFER BEARER "_w, v4.channel.k8s.io\r\n", 401, "not text"},
        {OFFER BEARER "YQBi, v4.channel.k8s.io\r\n", 401, "not text"},
        {OFFER BEARER "YQ0KYg, v4.channel.k8s.io\r\n", 401, "not text"},
        {OFFER BEARER "eA, v4.channel.k8s.io\r\n", 401, "Unauthorized"},
        {"Authorization: Bearer x\r\n" OFFER BEARER "dmVyYT4_fg, v4.channel.k8s.io\r\n", 401,
         "Unauthorized"},
    };
    (void)state;
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    struct world *world = world_new();
    const struct authn_spec who = {world->loop, world->api, clock_system()};
    struct authn *authn = authn_new(&who);
    authn_add(authn, judge, NULL);
    const struct server_spec spec = {.loop = world->loop,
                                     .api = world->api,
                                     .clock = clock_system(),
                                     .rng = &world->rng.rng,
                                     .authn = authn};
    struct server *server = NULL;
    assert_int_equal(server_new(&spec, &server, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client client;
        assert_int_equal(server_serve(server, client_connect(&client, world->loop), NULL, &err), 0);
        int code = client_ask(&client, "GET", "/api/v1/pods", cases[i].headers, NULL);
        if (code != cases[i].code || !strstr(buf_str(&client.in), cases[i].says))
            fail_msg("case %zu: %d %s", i, code, buf_str(&client.in));
        client_done(&client);
    }
    api_stop(world->api);
    server_free(server);
    authn_free(authn);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_socket_token__counts_as_the_header)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
