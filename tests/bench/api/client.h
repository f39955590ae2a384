#pragma once
/* A connection to the API for benches: TLS, one request after the other, answers counted and thrown
 * away. Whatever goes wrong ends the program: a bench measures what works. */

#include "common/base/buf.h"
#include "common/loop/loop.h"
#include "common/tls/relay.h"

#include <netinet/in.h>

struct client;
struct client_spec {
    struct loop *loop;
    struct tls_config *tls;
    struct sockaddr_in to;
    const char *header; /* that goes with each request: a whole line; NULL: none */
    void (*ready)(void *ctx, struct client *client); /* connected */
    /* A whole answer: its code and how many bytes its body had. */
    void (*answered)(void *ctx, struct client *client, int code, size_t bytes);
    /* Of an answer without an end: as many more lines have come. */
    void (*lines)(void *ctx, struct client *client, size_t count);
    void *ctx;
};

struct client *client_new(const struct client_spec *spec);
void client_free(struct client *client);
/* headers: whole lines, or "". body NULL: none. stream: what comes are lines without an end. */
void client_ask(struct client *client, const char *method, const char *target, const char *headers,
                const char *body, bool stream);
/* For the caller's own use. */
void client_set_tag(struct client *client, size_t tag);
size_t client_tag(const struct client *client);

/* Ends the program with a message. */
_Noreturn void bench_fail(const char *fmt, ...) printf_like(1, 2);
