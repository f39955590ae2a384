#pragma once
/* Whether a complaint that comes again and again, for days maybe, is worth a line: a new reason is,
 * and an old one once an hour. Pure. */

#include <stdbool.h>
#include <stdint.h>

#define NEWS_MAX 8 /* reasons told in an hour; those beyond wait for the next */

struct news {
    uint32_t told[NEWS_MAX]; /* hashes */
    unsigned count;
    int64_t until_ns; /* then all are told again */
};

/* Counts as told if it is. now_ns: of a clock that only goes forward. */
bool news_is(struct news *news, const char *reason, int64_t now_ns);
void news_forget(struct news *news); /* the trouble is over */
