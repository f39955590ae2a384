#pragma once
/* /healthz, /livez and /readyz: named checks, and what is told of them in Kubernetes' words. What
 * is wrong with one is for the log, not for strangers. Pure. */

#include "common/base/buf.h"
#include "controller/http/url.h"

/* Where a check counts. All count for /healthz. */
enum health_place { HEALTH_LIVE = 1, HEALTH_READY = 2 };

struct health_check {
    const char *name;
    int places;
    bool (*good)(void *ctx);
};

/* Whose checks, beside "ping", which only says that there is an answer. */
struct health {
    const struct health_check *checks;
    size_t count;
    void *ctx;
};

/* The HTTP code and the text for url, whose first segment is healthz, livez or readyz: 200, 500, or
 * 404 for a check that is none. health may be NULL. */
int health_answer(const struct health *health, const struct url *url, struct buf *ret);
