#pragma once
/* Where an httpGet goes, what is asked there, and where its answer sends it: pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>

#define HTTP_REQUEST_MAX ((size_t)64 * 1024)

struct http_target {
    bool tls;
    int port;
    char *host; /* without brackets */
    char *path; /* with the query; begins with '/' */
};

void http_target_done(struct http_target *target);
/* path as in a manifest: what may not stand in a request is escaped, a fragment is left out. */
void http_target_init(struct http_target *target, bool tls, const char *host, int port,
                      const char *path);
/* "http://10.0.0.1:80/healthz"; the caller's. */
char *http_target_url(const struct http_target *target);
/* The target that a Location leads to. -EXDEV: another host. -EINVAL. */
nodiscard int http_target_follow(const struct http_target *target, const char *location,
                                 struct http_target *ret);
/* The request, with the headers of the action (a list of {name, value}; NULL: none) beside the
 * kubelet's own. -EINVAL: a header that would break it. -E2BIG. */
nodiscard int http_request(const struct http_target *target, const struct value *headers,
                           struct buf *ret, struct err *err);
