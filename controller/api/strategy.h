#pragma once
/* What a kind does in its own way at the API, beyond its schema: a table with a line a kind. Pure.
 */

#include "common/schema/schema.h"

/* A new object, checked and defaulted: gives it its first status and what else belongs to its kind.
 */
void strategy_born(const struct schema_kind *kind, struct value *object);
/* An update, checked and defaulted, of what stands stored: keeps what the server gave that. */
void strategy_keep(const struct schema_kind *kind, const struct value *stored,
                   struct value *object);
/* Whether what a client creates comes with a status of its own. */
bool strategy_keeps_status(const struct schema_kind *kind);
/* Seconds that a deletion leaves the object to end by itself; 0: it goes at once. wanted < 0: its
 * own. */
int64_t strategy_grace(const struct schema_kind *kind, const struct value *object, int64_t wanted);
/* Whether objects of the kind are sent to nodes. */
bool strategy_travels(const struct schema_kind *kind);
