#pragma once
/* The end of objects' lives: what a deletion does to a stored object, and when the last change of a
 * deleted one takes it away. Pure. */

#include "controller/api/change.h"

/* Finalizers of garbage collection: while an object is deleted, its dependents are deleted before
 * it, or let go of it. An object has at most one of the two. */
#define DELETION_FOREGROUND "foregroundDeletion"
#define DELETION_ORPHAN "orphan"

/* As the functions of change.h. With API_FINALIZE in the flags a namespace's last step: the
 * finalizer of what is in it is taken off, and it goes if no other is left. */
void change_delete(const struct change_env *env, const struct value *stored,
                   const struct api_delete_options *options, struct change *ret);

/* The mistakes of the finalizers of an object to be stored. stored NULL: it is new. */
void deletion_check(const struct value *stored, const struct value *next, struct diags *diags);
/* A namespace's spec.finalizers are those of the stored one: they have a way of their own
 * (/finalize), so that no apply of an old document lets it go before what is in it. */
void deletion_carry(const struct schema_kind *kind, const struct value *stored, struct value *next);
/* An update of a deleted object takes its last finalizer: the object goes too. */
bool deletion_ends(const struct schema_kind *kind, const struct value *stored,
                   const struct value *next);
/* Whether the answer to a deletion that took the object away is the object; of other kinds it is a
 * Status (Kubernetes: ReturnDeletedObject). */
bool deletion_shows_object(const struct schema_kind *kind);
