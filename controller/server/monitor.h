#pragma once
/* What the server tells of itself: /metrics and /healthz, /livez, /readyz; what was asked of it is
 * counted here. */

#include "controller/api/api.h"
#include "controller/monitor/audit.h"
#include "controller/monitor/health.h"
#include "controller/http/http.h"
#include "controller/monitor/metrics.h"
#include "controller/server/route.h"

struct monitor;
/* All borrowed. health and audit may be NULL. */
struct monitor *monitor_new(struct api *api, const struct clock *clock, const struct health *health,
                            struct audit *audit);
void monitor_free(struct monitor *monitor); /* NULL is fine. After http_free */
/* Adds what is counted here to the registry, which /metrics shows from now on. */
void monitor_register(struct monitor *monitor, const struct http *http, struct metrics *metrics);
/* False: that is no path of these. */
bool monitor_answer(const struct monitor *monitor, struct http_request *request,
                    const struct url *url, const struct route *route);
/* For http_spec.answered: counts it, and writes are told to the audit trail. */
void monitor_answered(struct monitor *monitor, struct http_request *request, int code, bool stream);
