#pragma once
/* How many requests there were, of what, with what answer, and how long they took. Pure. Series are
 * made of words from tables alone, and bounded: what would be one too many is counted as "other".
 */

#include "controller/server/attributes.h"
#include "controller/monitor/metrics.h"

#define REQUEST_STATS_SERIES 1000

struct request_stats;
struct request_stats *request_stats_new(void);
void request_stats_free(struct request_stats *stats); /* NULL is fine */
/* An answer. route: what it was for, NULL where the URL is none. ns: how long it took, negative for
 * a stream, which takes as long as it takes. */
void request_stats_count(struct request_stats *stats, const struct attributes *attributes,
                         const struct route *route, int code, int64_t ns);
/* apiserver_request_total and apiserver_request_duration_seconds. */
void request_stats_register(struct request_stats *stats, struct metrics *metrics);
