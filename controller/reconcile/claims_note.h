#pragma once
/* What has happened to a claim or a volume, for an event. */

#include "common/base/cleanup.h"
#include "common/base/err.h"
#include "common/data/value.h"

struct claims_note {
    const char *type, *reason; /* reason NULL: nothing to tell */
    char *message;             /* the caller's */
};
void claims_note_done(struct claims_note *note);
CLEANUP_DEFINE_VALUE(struct claims_note, claims_note_done);
/* Replaces what it says. */
void claims_note_set(struct claims_note *note, const char *type, const char *reason,
                     const char *fmt, ...) printf_like(4, 5);
/* Takes an item off metadata.finalizers; 0, or 1: it is not there. */
int claims_unfinalize(struct value *object, const char *finalizer);
