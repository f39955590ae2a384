#pragma once
/* The places that an image may be had from, as one source: mirrors, and the registry itself. Runs
 * in the confined child. */

#include "agent/fetch/registry.h"

struct origins;
/* Borrows what the specs borrow; count is at least 1. */
struct origins *origins_new(const struct registry_spec *specs, size_t count);
void origins_free(struct origins *origins);
/* Asks one after the other until one has it, beginning with the one that had the last. What a blob
 * has got from one is carried on by the next: its digest tells whether it is the same. The failure
 * is that of the last, with that of the first mirror behind it. */
int origins_get(void *origins, const struct source_request *request, int fd,
                struct source_peer *peer, struct source_reply *reply, struct err *err);
