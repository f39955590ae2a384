#pragma once
/* The frame that controllers stand on. What its watches see becomes keys, names of the controller's
 * own ("namespace/name" mostly); each is looked at, which compares what is with what should be and
 * begins writes. Not before all watches have told what there was at the start; a bounded number a
 * turn of the loop; each once, however often it was put; not while a write about it is under way;
 * after a failure again, later each time (work.h).
 *
 *     on_pod: reconciler_put_object(r, pod)      look(key): reconciler_get, plan(), then
 *         struct reconciler_write *write = reconciler_begin(r, key, &ops);
 *         api_patch_with(api, &user, &ref, 0, change, reconciler_written, write); */

#include "common/base/list.h"
#include "controller/api/api.h"
#include "controller/reconcile/work.h"

struct reconciler;

struct reconciler_watch {
    const struct schema_kind *kind;
    api_watch_fn *fn;
    const char *const *mentions; /* as of struct api_list_query; must outlive the watch */
    const char *field_selector;
    void *ctx; /* NULL: the controller's */
};

struct reconciler_spec {
    const char *name; /* of what it is about, in messages: "claims"; borrowed */
    struct loop *loop;
    struct api *api;
    const struct api_user *user;
    const struct reconciler_watch *watches;
    size_t watch_count;
    /* Looks at what a key names, which may be there no more. */
    void (*look)(void *ctx, const char *key);
    void *ctx;
    unsigned turn_max;            /* keys a turn of the loop; 0: RECONCILER_TURN */
    unsigned write_max;           /* writes under way at once; 0: no limit */
    int64_t wait_ns, wait_max_ns; /* after failures; 0: RECONCILER_WAIT_NS, _WAIT_MAX_NS */
    int64_t stir_ns;              /* the least time between two stirs that do something */
};
#define RECONCILER_TURN 64
#define RECONCILER_WAIT_NS (5 * NS_PER_S)
#define RECONCILER_WAIT_MAX_NS (60 * NS_PER_S)

/* Everything in spec is borrowed, the tables of watches for this call. -EIO: it cannot watch. */
nodiscard int reconciler_new(const struct reconciler_spec *spec, struct reconciler **ret,
                             struct err *err);
/* In the same turn of the loop as api_stop, before it; not inside of look. NULL is fine. */
void reconciler_free(struct reconciler *r);

/* One watch more, or those of a kind no more: for kinds that come and go. 0 or api_watch's. */
int reconciler_watch(struct reconciler *r, const struct reconciler_watch *watch);
void reconciler_unwatch(struct reconciler *r, const struct schema_kind *kind);
/* Whether what there was at the start is known: all watches have told it. True from then on. */
bool reconciler_is_ready(struct reconciler *r);

/* work.h's, for now and in ns from now. */
void reconciler_put(struct reconciler *r, const char *key);
void reconciler_put_first(struct reconciler *r, const char *key, int64_t priority);
void reconciler_put_after(struct reconciler *r, const char *key, int64_t ns);
void reconciler_put_object(struct reconciler *r, const struct value *object);
/* To be looked at, with that priority, after the next reconciler_stir, or when it is put. */
void reconciler_await(struct reconciler *r, const char *key, int64_t priority);
/* Something has changed that may be what keys await: all that do are put, in a moment. */
void reconciler_stir(struct reconciler *r);
void reconciler_drop(struct reconciler *r, const char *key);
bool reconciler_waits(const struct reconciler *r, const char *key);
/* Inside of look: it could not be done. */
void reconciler_fail(struct reconciler *r, const char *key);

/* The one key of a controller that looks at all that it is about at once. */
#define RECONCILER_ALL "all"
/* "namespace/name", or "name" of what is in none. The caller's. */
char *reconciler_key(const char *ns, const char *name);
char *reconciler_key_of(const struct value *object);
/* The name in a key, within it; *ret_ns is the caller's, "" if it has none. */
const char *reconciler_split(const char *key, char **ret_ns);
/* The object that a key of its kind names, as it is now. The caller's; NULL: there is none. */
struct value *reconciler_get(const struct reconciler *r, const struct schema_kind *kind,
                             const char *key);

/* A write under way, which may be the beginning of what a controller keeps of it. */
struct reconciler_write {
    struct list link;
    struct reconciler *reconciler;
    const struct reconciler_ops *ops;
    char *key;
};

/* What the answer means where a controller does not say: what is written or gone is done, all else
 * is tried later. */
enum work_end reconciler_verdict(const struct api_answer *answer);

struct reconciler_ops {
    size_t size; /* of what begins with the write */
    bool loose;  /* its key may be looked at meanwhile, and is not again for its sake */
    /* What becomes of the key; WORK_HELD: another write goes on in this one's place. NULL:
     * reconciler_verdict. */
    enum work_end (*done)(struct reconciler_write *write, const struct api_answer *answer);
    /* Of what the rest of it owns; NULL: nothing. */
    void (*free)(struct reconciler_write *write);
};
extern const struct reconciler_ops reconciler_plain; /* nothing but a write */
/* The same, of what others write too: theirs, by which it fails with 409, is told as a change. */
extern const struct reconciler_ops reconciler_shared;
void *reconciler_ctx(const struct reconciler_write *write); /* the controller: spec's ctx */

/* Holds the key. Zeroed but for the write; to be handed to the API with reconciler_written, which
 * frees it. Freed too when the frame ends. */
void *reconciler_begin(struct reconciler *r, const char *key, const struct reconciler_ops *ops);
void reconciler_written(void *ctx, const struct api_answer *answer); /* an api_done_fn */
