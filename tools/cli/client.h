#pragma once
/* HTTPS to the API server, as a kubeconfig says. Blocking; one connection that is kept. */

#include "tools/cli/kubeconfig.h"

#include <stdint.h>

#define CLIENT_MAX_ANSWER (512 * 1024 * 1024) /* bytes of one answer that is not streamed */

struct client;

nodiscard int client_new(const struct kubeconfig *config, struct client **ret, struct err *err);
void client_free(struct client *client);
CLEANUP_DEFINE(struct client, client_free);

/* Return false to end the request (-ECANCELED). */
typedef bool client_data_fn(void *ctx, const char *data, size_t len);
typedef bool client_tick_fn(void *ctx);

struct client_request {
    const char *method;
    const char *path;   /* with its query: "/api/v1/pods?limit=5" */
    const char *accept; /* NULL: application/json */
    const char *type;   /* of the body; NULL: application/json */
    const char *body;   /* NULL: none */
    size_t body_len;
    /* Instead of body: bytes of a file, however many. *sent (may be NULL) is how many have gone. */
    bool upload;
    int body_fd;
    int64_t body_at, body_size, *sent;
    const char *header;   /* one more: "Content-Range: 0-9"; NULL */
    bool stream;          /* no limit but timeout_ms; the body of a success goes to data */
    int64_t timeout_ms;   /* whole; 0 = a minute, of a stream none */
    client_data_fn *data; /* of a stream */
    client_tick_fn *tick; /* about once a second while it lasts; may be NULL */
    void *ctx;
};

struct client_answer {
    int code;         /* of HTTP */
    struct buf body;  /* empty if it was streamed */
    char *location;   /* of the header; NULL */
    char *range;      /* likewise */
    char **warnings;  /* "Warning: 299 - "text"": the texts; NULL-terminated; NULL = none */
    size_t n_warning; /* of them */
};
void client_answer_done(struct client_answer *answer);
CLEANUP_DEFINE_VALUE(struct client_answer, client_answer_done);

/* 0 with any code of HTTP; -ETIME, -ECANCELED; -ECONNREFUSED, -EHOSTUNREACH, -EKEYREJECTED (its
 * certificate) and -EIO with a message. `ret` is filled in any case (initialised here). */
nodiscard int client_call(struct client *client, const struct client_request *request,
                          struct client_answer *ret, struct err *err);
