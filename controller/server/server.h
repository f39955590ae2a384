#pragma once
/* The HTTPS face of the API: who asks, where the path leads, what may be done, and the answer. */

#include "controller/api/api.h"
#include "controller/server/hooks.h"
#include "controller/http/http.h"

struct audit;
struct authn;
struct health;
struct key;
struct metrics;
struct sa_tokens;
struct server;

/* Has the connections whose first request is for `path` or below it (front.h). */
struct server_guest {
    const char *path;
    uint64_t max_body;
    void (*take)(void *ctx, int fd, const struct http_peer *peer);
    void *ctx;
};
struct server_spec {
    struct loop *loop;
    struct api *api;
    const struct clock *clock;
    struct rng *rng;
    const struct server_hooks *hooks; /* borrowed; NULL = none */
    struct authn *authn;              /* borrowed; NULL: certificates alone say who asks */
    struct sa_tokens *tokens;         /* of ServiceAccounts; borrowed; NULL: none are issued */
    struct metrics *metrics;          /* borrowed; what the server counts is added. NULL: none */
    const struct health *health;      /* borrowed; NULL: nothing but ping */
    struct audit *audit;              /* borrowed; NULL: there is no trail */
    unsigned max_connections;         /* 0: 4096. Each takes three descriptors */
    unsigned max_per_address;         /* 0: 2048 */
    const struct server_guest *guest; /* another server on the same port; borrowed; NULL: none */
};
nodiscard int server_new(const struct server_spec *spec, struct server **ret, struct err *err);

/* Listens with TLS. Whoever shows a client certificate signed by client_ca_pem is the user of its
 * CN, in the groups of its O; a bearer token is asked of spec.authn; whoever shows nothing is
 * system:anonymous. port 0: any free one. Once a server. */
struct server_listen {
    const char *address; /* "127.0.0.1", "0.0.0.0", "::" */
    uint16_t port;
    const char *cert_pem;
    const struct key *key;
    const char *client_ca_pem;
};
nodiscard int server_listen(struct server *server, const struct server_listen *spec,
                            struct err *err);
uint16_t server_port(const struct server *server); /* 0 before server_listen */
/* A renewed certificate, for connections from now on. address and port are not looked at. */
nodiscard int server_renew(struct server *server, const struct server_listen *spec,
                           struct err *err);
/* Serves one connected plain stream socket, taken in any case (tests; a local unix socket). */
nodiscard int server_serve(struct server *server, int fd, const struct http_peer *peer,
                           struct err *err);
/* Ends the watches and other streams of that user. */
void server_cut_user(struct server *server, const char *user);
/* After api_stop. Closes every connection at once. */
void server_free(struct server *server);
