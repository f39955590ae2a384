#pragma once
/* What a write means: (stored object, request, now) -> what to do with the store, or the refusal.
 * Pure; api.c carries it out. */

#include "common/base/rng.h"
#include "controller/api/api.h"
#include "controller/api/gate.h"

enum change_action {
    CHANGE_REFUSE, /* object is a Status */
    CHANGE_KEEP,   /* nothing to write; object is the answer */
    CHANGE_PUT,    /* write object */
    CHANGE_REMOVE, /* delete the key; object is the answer */
};

struct change {
    enum change_action action;
    int code;              /* of the answer: 200, 201, or the refusal's */
    struct value *object;  /* owned */
    struct diags warnings; /* unknown fields that were dropped, others that nothing acts on */
};
void change_done(struct change *change);

enum change_namespace { CHANGE_NS_ACTIVE, CHANGE_NS_MISSING, CHANGE_NS_TERMINATING };

struct change_env {
    struct api_ref ref; /* name "" only for a creation with generateName */
    unsigned flags;     /* API_* */
    int64_t now_wall_ns;
    struct rng *rng;
    enum change_namespace ns_state; /* looked at by creations */
    const char *manager;            /* who writes, as managedFields name it; NULL: unknown */
    const struct value *asker;      /* who asks, as UserInfo has it; NULL: nobody in particular */
    bool applying;                  /* who owns which fields is the caller's to settle */
    const struct gate *gate;        /* NULL: everything is let in */
    const struct gate_reader *reader;
};

/* All fill *ret (owned by the caller). Inputs are borrowed; stored objects carry their
 * resourceVersion and are NULL where there is none. */
void change_create(const struct change_env *env, const struct value *stored,
                   const struct value *input, struct change *ret);
/* What is asked of a computed kind, as it is to be answered: checked, with defaults, without a
 * status. CHANGE_KEEP with 201, or the refusal. */
void change_review(const struct change_env *env, const struct value *input, struct change *ret);
void change_update(const struct change_env *env, const struct value *stored,
                   const struct value *input, struct change *ret);
void change_patch(const struct change_env *env, const struct value *stored, enum patch_type type,
                  const struct value *patch, struct change *ret);
void change_apply(const struct change_env *env, const struct value *stored,
                  const struct value *input, struct change *ret);
/* What a namespace is to those who would create in it; object NULL: it is not stored. */
enum change_namespace change_namespace_of(const struct value *object, const char *name);
/* The bytes of an object to be put, which loses its resourceVersion. removal: it is on its way out,
 * and the mark of that may use the room that is kept for it. ret is initialised here. NULL, or the
 * Status of one that does not fit (fit.h). */
struct value *change_encode(const struct api_ref *ref, struct change *change, unsigned flags,
                            bool removal, struct buf *ret);

/* The name the object gives itself, drawn for generateName; NULL if it has neither. Caller frees.
 */
char *change_name(const struct value *input, struct rng *rng);
