/* Backup and restore are for those who may everything, and nobody else's body is read. */

#include "tests/unit/controller/lib/client.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/server/reply.h"
#include "controller/server/server.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BACKUP "/apis/limpet.io/v1/backup"
#define RESTORE "/apis/limpet.io/v1/restore"

static void on_backup(void *gateway, struct http_request *request)
{
    *(const char **)gateway = "backup";
    reply_text(request, 200, "ok");
}

static void on_restore(void *gateway, struct http_request *request)
{
    *(const char **)gateway = "restore";
    reply_text(request, 200, "ok");
}

static void test_whole__who_may_what(void **state)
{
    (void)state;
    static const struct {
        const char *user, *group, *method, *path;
        bool wired;
        int code;
        const char *called;
    } cases[] = {
        {"admin", "system:masters", "POST", BACKUP, true, 200, "backup"},
        {"admin", "system:masters", "GET", RESTORE, true, 200, "restore"},
        {"admin", "system:masters", "POST", RESTORE, true, 200, "restore"},
        {"admin", "system:masters", "GET", BACKUP, true, 405, NULL},
        {"admin", "system:masters", "DELETE", RESTORE, true, 405, NULL},
        {"admin", "system:masters", "POST", BACKUP, false, 503, NULL},
        {"eve", "people", "POST", BACKUP, true, 403, NULL},
        {"eve", "people", "GET", RESTORE, true, 403, NULL},
        {"eve", "people", "POST", RESTORE, true, 403, NULL},
        {"system:limpet:link", "people", "POST", BACKUP, true, 403, NULL},
        {NULL, NULL, "POST", BACKUP, true, 403, NULL},
        {NULL, NULL, "GET", RESTORE, true, 403, NULL},
    };
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *called = NULL;
        struct world *world = world_new();
        struct server_hooks hooks = {.gateway = &called};
        if (cases[i].wired) {
            hooks.backup = on_backup;
            hooks.restore = on_restore;
        }
        struct server_spec spec = {.loop = world->loop,
                                   .api = world->api,
                                   .clock = clock_system(),
                                   .rng = &world->rng.rng,
                                   .hooks = &hooks};
        struct server *server = NULL;
        struct client client;
        struct err err = {0};
        assert_int_equal(server_new(&spec, &server, &err), 0);
        const char *groups[] = {cases[i].group, NULL};
        struct http_peer peer = {cases[i].user, groups, NULL};
        int fd = client_connect(&client, world->loop);
        assert_int_equal(server_serve(server, fd, cases[i].user ? &peer : NULL, &err), 0);
        const char *body = str_eq(cases[i].method, "POST") ? "{}" : NULL;
        int code = client_ask(&client, cases[i].method, cases[i].path,
                              body ? "Content-Type: application/json\r\n" : "", body);
        if (code != cases[i].code)
            fail_msg("case %zu: %d", i, code);
        assert_true(cases[i].called ? str_eq(called, cases[i].called) : !called);
        client_done(&client);
        api_stop(world->api);
        server_free(server);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole__who_may_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
