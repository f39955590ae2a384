#pragma once
/* A bus whose owner can be killed: it passes everything on until then, and nothing afterwards. */

#include "common/bus/bus.h"

struct bus_leash;

/* Takes inner. cut: the owner is dead already; may be NULL. */
struct bus_leash *bus_leash_new(struct bus *inner, bool (*cut)(void *ctx), void *ctx);
struct bus *bus_leash_bus(struct bus_leash *leash); /* its free does nothing */
/* The process ends without a word: inner is freed. */
void bus_leash_kill(struct bus_leash *leash);
void bus_leash_free(struct bus_leash *leash);
