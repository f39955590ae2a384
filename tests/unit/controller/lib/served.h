#pragma once
/* The API server over a world, and who asks it. For tests that link controller_server; the teardown
 * is client_done, api_stop, server_free, world_free. */

#include "controller/server/server.h"
#include "tests/unit/controller/lib/client.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* hooks: borrowed; NULL: none. server_free it. */
static inline struct server *serve_world(struct world *world, const struct server_hooks *hooks)
{
    struct server *server = NULL;
    struct err err = {0};
    const struct server_spec spec = {.loop = world->loop,
                                     .api = world->api,
                                     .clock = clock_system(),
                                     .rng = &world->rng.rng,
                                     .hooks = hooks};
    assert_int_equal(server_new(&spec, &server, &err), 0);
    return server;
}

/* user NULL: of nobody that is known yet. */
static inline void serve_client(struct server *server, struct world *world, struct client *client,
                                const char *user, const char *group)
{
    const char *groups[] = {group, NULL};
    const struct http_peer peer = {user, groups, NULL, "192.0.2.7"};
    struct err err = {0};
    int fd = client_connect(client, world->loop);
    assert_int_equal(server_serve(server, fd, user ? &peer : NULL, &err), 0);
}
