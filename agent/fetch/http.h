#pragma once
/* One HTTP request at a time: libcurl behind a small interface. Redirects are not followed, nothing
 * is decoded, certificates are checked. */

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct http;
struct http_spec {                /* all of it PEM, and copied */
    const struct buf *ca;         /* the certificates to trust */
    const struct buf *cert, *key; /* our own, for servers that ask for it; empty: none */
    int64_t rate;                 /* bytes a second at most; 0: as many as come */
    const char *connect;          /* "host:port": connect there, whatever URLs say; NULL */
    bool skip_verify;             /* trust whoever answers: somebody wrote it down */
};
nodiscard int http_new(const struct http_spec *spec, struct http **ret, struct err *err);
void http_free(struct http *http);

struct http_request {
    const char *url;
    const char *accept;        /* NULL */
    const char *authorization; /* the header's value; NULL */
    int64_t from;              /* ask for the rest from this byte; 0: all */
    bool no_proxy;
};
struct http_response {
    int status;
    char type[128];
    char location[2048];  /* of a redirect, made absolute */
    char challenge[1600]; /* WWW-Authenticate: the first of a scheme that we speak */
    char range[64];       /* Content-Range */
};
/* Called for each piece of the body of a 2xx answer (the head is complete then). A negative errno
 * ends the transfer with it. */
typedef int http_body_fn(void *ctx, const struct http_response *response, const void *data,
                         size_t len, struct err *err);

/* 0 for any answer. -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, -EPROTO (TLS spoken to a plain server
 * or the other way round), -EACCES (a certificate that is not trusted), -EPIPE (the connection
 * broke off), -EIO. */
nodiscard int http_get(struct http *http, const struct http_request *request, http_body_fn *body,
                       void *ctx, struct http_response *ret, struct err *err);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct http, http_free);
