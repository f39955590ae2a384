#pragma once
/* What the tests of the real broker share: cmocka (which wants its headers before it), a folder, an
 * authority, a broker, clients that keep what they hear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bus/mqtt.h"
#include "controller/broker/broker.h"

#define NODE_A "pi-01.0123abcd"
#define NODE_B "pi-02.89abcdef"

struct bench {
    struct loop *loop;
    char dir[64]; /* of the broker; below it "run" for the clients' sockets */
    char run[72];
    int tls_port, enroll_port, renew_port;
    struct key *ca_key, *server_key;
    struct buf ca, server, server_pem_key;
    const char *server_name; /* that clients with certificates expect; NULL: limpet-gateway */
    struct broker *broker;
    int ups, downs, adopted;
    char why[256];
    bool stopped;
    struct bus *clients[16]; /* those of `struct client`: a test that fails leaves them behind */
};
/* For cmocka: *state is a bench, or NULL (skip) without a mosquitto. The teardown ends the broker.
 */
int bench_setup(void **state);
int bench_teardown(void **state);
void bench_stop(struct bench *b); /* ends the broker */
struct broker_spec bench_spec(struct bench *b);
void bench_new(struct bench *b);   /* a broker object, not started */
void bench_start(struct bench *b); /* ... started, and up */
/* Runs the loop until *counter reaches at least `want`. */
void bench_until(struct bench *b, const int *counter, int want);

/* Credentials of this name (NULL: none) for a client of the broker; the caller's. */
struct tls_config *bench_tls(struct bench *b, const char *name);

struct client {
    struct bench *bench;
    struct bus *bus;
    int connected, refused, acks, last_code, heard;
    int why_code; /* of the last time it was refused */
    bool session;
    char topic[256], text[256], why[256];
};
/* A client with a certificate of this name (NULL: none, over TLS). */
void client_tls(struct bench *b, struct client *c, const char *name);
void client_psk(struct bench *b, struct client *c, int port, const char *mount,
                const char *identity, const uint8_t *key, size_t len);
void client_unix(struct bench *b, struct client *c, const char *id);
void client_done(struct client *c);
/* Publishes at QoS 1 and returns the code of its acknowledgement. */
int client_say(struct client *c, const char *topic, const char *text);
int client_say_retained(struct client *c, const char *topic, const char *text);
void client_listen(struct client *c, const char *filter);
/* The broker keeps a connection's order both ways: what it had for the client before it answers now
 * has come when this returns. */
void client_settle(struct client *c);
