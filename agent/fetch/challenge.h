#pragma once
/* What a registry says on the way: challenges (RFC 7235, distribution's token specification),
 * addresses, ranges. Pure. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };
struct challenge {
    enum challenge_scheme scheme;
    char realm[512], service[256], scope[512]; /* of a bearer token */
};
/* A WWW-Authenticate header's value. What is unknown gives CHALLENGE_NONE. */
void challenge_parse(const char *header, struct challenge *ret);

struct address {
    bool https;
    char host[256]; /* host[:port], the port only if it is not the scheme's */
};
/* Of an absolute http or https URL; -EINVAL, also for one with a user in it. */
nodiscard int address_parse(const char *url, struct address *ret);
bool address_same(const struct address *a, const struct address *b);
/* 127.0.0.0/8, [::1] and localhost, with or without a port. */
bool address_is_loopback(const char *host);
/* "bytes N-M/T": N, or -1. */
int64_t content_range_start(const char *header);
