#pragma once
/* The embedded broker: mosquitto as a supervised child with a configuration of its own (never the
 * packaged service's). It outlives a killed controller and is adopted by the next one if its
 * configuration is unchanged, else replaced. Its state is a cache: a database that does not load is
 * moved aside. */

#include "common/base/err.h"
#include "common/base/rng.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broker;

struct broker_spec {
    struct loop *loop;
    struct rng *rng;
    const char *dir; /* own folder, absolute, at most 80 bytes: files, database, pid file, socket */
    const char *program; /* NULL: mosquitto in PATH, then /usr/sbin/mosquitto */
    const char *user;    /* whom mosquitto becomes when started as root; NULL: "mosquitto" if there,
                            else root */
    const char *address; /* of the TCP listeners; NULL: all */
    int tls_port;        /* nodes and users, by certificate; 0: none */
    int enroll_port;     /* first certificates, by token (TLS-PSK); 0: none */
    int renew_port;      /* renewal of expired certificates, by the node's renewal PSK; 0: none */
    const char *ca_pem, *cert_pem, *key_pem; /* required with tls_port; copied to files */
    const char *crl_pem;                     /* NULL: none */
};

struct broker_handler {
    /* Its unix socket accepts connections: started, or adopted from an earlier controller. */
    void (*up)(void *ctx, bool adopted);
    /* It ended or does not start; it is tried again after retry_ns. err says why (mosquitto's own
     * last words among it). */
    void (*down)(void *ctx, const struct err *err, int64_t retry_ns);
};

nodiscard int broker_new(const struct broker_spec *spec, const struct broker_handler *handler,
                         void *ctx, struct broker **ret, struct err *err);
/* Writes the files and starts or adopts; goes on restarting with backoff until stop. Blocks only
 * for files and a fork. Errors: what waiting does not cure (no program, folder not writable). */
nodiscard int broker_start(struct broker *broker, struct err *err);
/* Ends the broker (SIGTERM, after 5 s SIGKILL); `done` (may be NULL) is called once it is gone. */
void broker_stop(struct broker *broker, void (*done)(void *ctx), void *ctx);
/* Frees; a running broker is left running for the next controller (broker_stop first to end it). */
void broker_free(struct broker *broker);

/* The path of the unix socket for the controller's own connection; valid before start too. */
const char *broker_socket(const struct broker *broker);
bool broker_is_up(const struct broker *broker);
pid_t broker_pid(const struct broker *broker); /* 0: not running */

/* What it keeps has changed (a retained message came or went): it writes its database (SIGUSR1) 10
 * s later, and not twice in 300 s. Nothing changes, nothing is written: an idle gateway's card
 * rests. It writes it when it ends in order, too. */
void broker_changed(struct broker *broker);

/* One pre-shared key: identity is a token id (enrolment) or a node id (renewal). */
struct broker_psk {
    const char *identity;
    const uint8_t *key;
    size_t key_len; /* 16-64 bytes */
};
/* Replaces the whole list and reloads. -EINVAL if an identity is neither. Connections that exist
 * stay. */
nodiscard int broker_psk_set(struct broker *broker, const struct broker_psk *list, size_t count,
                             struct err *err);
/* Certificate common names that may do nothing any more (revoked nodes and users), whatever their
 * certificate says; replaces the list and reloads: it takes effect on open connections too. */
nodiscard int broker_deny_set(struct broker *broker, const char *const *names, size_t count,
                              struct err *err);
/* New certificate, CA and revocation list (NULL keeps the old one); reloads. */
nodiscard int broker_tls_set(struct broker *broker, const char *ca_pem, const char *cert_pem,
                             const char *key_pem, const char *crl_pem, struct err *err);
