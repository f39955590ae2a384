#pragma once
/* The one door to the store: what HTTP, the bus and the controllers all call. Objects are value
 * trees; defaulting, validation, metadata (uid, resourceVersion, generation, timestamps), conflicts
 * and deletion follow Kubernetes' API conventions. Asynchronous where it writes. */

#include "common/data/value.h"
#include "common/kinds/kinds.h"
#include "controller/api/patch.h"
#include "controller/store/store.h"

struct api;

/* Who asks. Filled by authentication; authorisation is decided in api_* (one place). */
struct api_user {
    const char *name;          /* "admin", "system:node:pi-01", "system:limpet:scheduler"... */
    const char *const *groups; /* NULL-terminated; "system:masters" may do everything */
    const char *manager;       /* the program, as managedFields name it; NULL: `name` */
    const char *uid;           /* of a service account; NULL: none */
    const struct value *extra; /* what else authentication learnt: lists of texts; NULL: nothing */
};

/* The answer: HTTP code 200/201 and the object, or a code >= 400 and a Kubernetes Status object
 * (kind, apiVersion, metadata, status "Failure", message, reason, details, code). Never NULL.
 * Borrowed for the call; value_copy() what is kept. */
struct api_answer {
    int code;
    const struct value *object;
    const struct diags *warnings; /* of API_WARN_UNKNOWN, API_WARN_INERT and admission (gate.h); may
                                     be NULL */
    bool unchanged;               /* there was nothing to write */
    bool removed;                 /* the object is gone; of a dry run: would be */
};
typedef void api_done_fn(void *ctx, const struct api_answer *answer);

struct api_spec {
    struct loop *loop;
    struct store *store;
    const struct clock *clock;
    struct rng *rng;
};
/* Nothing in spec is taken over. Goes on with what an earlier run left: namespaces half deleted. */
nodiscard int api_new(const struct api_spec *spec, struct api **ret, struct err *err);
/* The end comes in this order: watches are freed, api_stop (from now on no callback is called and
 * nothing new is taken in), store_close (finishes what it was handed), api_free. */
void api_stop(struct api *api);
void api_free(struct api *api);
const struct clock *api_clock(const struct api *api);
struct kinds *api_kinds(const struct api *api); /* what is served; the API's */
int64_t
api_revision(const struct api *api); /* of the newest object that reads and watches have seen */

/* Where an object is. ns "" for cluster scope; name "" for a collection. */
struct api_ref {
    const struct schema_kind *kind;
    const char *ns;
    const char *name;
};

/* How a write is meant. */
enum api_flag {
    API_STATUS = 1 << 0,  /* the status subresource only */
    API_DRY_RUN = 1 << 1, /* the answer without the write */
    API_DROP_UNKNOWN =
        1 << 2, /* unknown fields are dropped silently; without either they are refused */
    API_WARN_UNKNOWN = 1 << 3, /* ... are dropped and named in the answer's warnings */
    API_FINALIZE =
        1 << 4, /* of a deletion: the last step of a namespace (used by the API itself) */
    /* Other subresources: the part of the object that a write changes. */
    API_SCALE = 1 << 5,      /* replicas; a Scale is given and answered (part.h) */
    API_EPHEMERAL = 1 << 6,  /* a pod's ephemeral containers: those there are stay */
    API_RESIZE = 1 << 7,     /* a pod's resources */
    API_FINALIZERS = 1 << 8, /* a namespace's spec.finalizers */
    API_APPROVAL = 1 << 12,  /* a certificate request's verdicts */
    API_WARN_INERT = 1 << 9, /* what nothing acts on yet is named in the answer's warnings */
};

/* Reading is synchronous, from memory, and sees what is durable. *ret is the caller's. Returns 0 or
 * the negative of an HTTP code with *ret a Status. */
int api_get(struct api *api, const struct api_user *user, const struct api_ref *ref,
            struct value **ret);
/* The same without a copy: *ret is borrowed until the next call into the API or the return to the
 * loop, and untouched where there is none. */
int api_see(struct api *api, const struct api_user *user, const struct api_ref *ref,
            const struct value **ret);
struct api_list_query {
    const char *label_selector; /* NULL or "" = all */
    const char *field_selector;
    /* Of watches: ends with NULL. Of objects whose stored form holds none of these texts, neither
     * before nor after a change, only the deletion is told: they cost no decoding. */
    const char *const *mentions;
    int64_t limit; /* 0 = all; the rest is told by metadata.continue */
    size_t bytes;  /* 0 = all; a page ends with the object that brings it to that, as stored */
    const char *continue_token;
    /* Of lists, as clients send them; NULL or "": the newest there is. "0": any; N: not older than
     * that, or exactly that (match "Exact", or with a limit). */
    const char *resource_version, *resource_version_match;
};
/* Pages of one list show one revision: the token names it. 410 when that is forgotten, with a token
 * in metadata.continue that goes on with what is there now. */
int api_list(struct api *api, const struct api_user *user, const struct api_ref *ref,
             const struct api_list_query *query, struct value **ret);
/* The same object by object, in as many turns of the loop as it takes; the store's changes
 * meanwhile are not seen. Refuses as api_list does. To be freed before the store is closed. */
struct api_listing;
int api_listing_new(struct api *api, const struct api_user *user, const struct api_ref *ref,
                    const struct api_list_query *query, struct api_listing **ret,
                    struct value **ret_status);
void api_listing_free(struct api_listing *listing); /* NULL is fine */
enum api_listed {
    API_LISTED_ONE,     /* an object */
    API_LISTED_NOTHING, /* one was looked at that is not selected, or only counted */
    API_LISTED_END,
    API_LISTED_LOST, /* so much has changed meanwhile that the rest is not known */
};
/* Looks at the next one. As JSON text, which is much less work, behind what `text` holds; or as a
 * tree, the caller's. */
enum api_listed api_listing_text(struct api_listing *listing, struct buf *text);
enum api_listed api_listing_object(struct api_listing *listing, struct value **ret);
/* The List without its items: at the end with what metadata says of the rest. The caller's. */
struct value *api_listing_head(const struct api_listing *listing);

/* object is borrowed (copied). done is called once, never from inside the call. */
void api_create(struct api *api, const struct api_user *user, const struct api_ref *ref,
                const struct value *object, unsigned flags, api_done_fn *done, void *ctx);
void api_update(struct api *api, const struct api_user *user, const struct api_ref *ref,
                const struct value *object, unsigned flags, api_done_fn *done, void *ctx);
/* The object with the patch laid over it, as by api_update: with metadata.resourceVersion in it the
 * patch holds for that revision alone. patch is borrowed (copied). */
void api_patch(struct api *api, const struct api_user *user, const struct api_ref *ref,
               enum patch_type type, const struct value *patch, unsigned flags, api_done_fn *done,
               void *ctx);
struct api_delete_options {
    int64_t grace_s;              /* -1 = the object's own */
    const char *uid;              /* precondition or NULL */
    const char *resource_version; /* precondition or NULL */
    /* What becomes of objects that have it for an owner: Background (they are deleted afterwards),
     * Foreground (before it), Orphan (they stay and lose the reference). NULL: as the finalizers
     * that it has say, or else as is usual for its kind. */
    const char *propagation;
};
/* A pod bound to a node only gets deletionTimestamp; its node's final report removes it (grace 0:
 * at once). */
void api_delete(struct api *api, const struct api_user *user, const struct api_ref *ref,
                const struct api_delete_options *options, unsigned flags, api_done_fn *done,
                void *ctx);
/* Deletes the objects of a collection that the query selects, a hundred at a time; those that are
 * deleted meanwhile by others count as deleted, the first refusal ends it. The answer is the List
 * of them as they were: of the first thousand, metadata.remainingItemCount tells the rest. query
 * and options may be NULL; limit and continue_token are not looked at. */
void api_delete_collection(struct api *api, const struct api_user *user, const struct api_ref *ref,
                           const struct api_list_query *query,
                           const struct api_delete_options *options, unsigned flags,
                           api_done_fn *done, void *ctx);
/* The binding subresource of a pod: spec.nodeName, once. 409 if it has a node already or is being
 * deleted. */
void api_bind(struct api *api, const struct api_user *user, const char *ns, const char *pod,
              const char *node, unsigned flags, api_done_fn *done, void *ctx);
/* `apply` as a person means it: create, or replace what was declared (server-side merge of the
 * given fields over the stored object; the last applied document is kept in the annotation
 * kubectl.kubernetes.io/last-applied-configuration so that removed fields go). */
void api_apply(struct api *api, const struct api_user *user, const struct api_ref *ref,
               const struct value *object, unsigned flags, api_done_fn *done, void *ctx);
/* Server-side apply (server_apply.h) in the name of user->manager, which must be given: 201 or 200.
 * With API_STATUS of the status alone. */
void api_server_apply(struct api *api, const struct api_user *user, const struct api_ref *ref,
                      const struct value *object, bool force, unsigned flags, api_done_fn *done,
                      void *ctx);
/* Read, change, write, again on conflict (at most 10 times): for controllers. change edits the copy
 * and returns 0 to write it, 1 to leave it, or a negative errno to give up. done may be NULL. */
typedef int api_change_fn(void *ctx, struct value *object);
void api_patch_with(struct api *api, const struct api_user *user, const struct api_ref *ref,
                    unsigned flags, api_change_fn *change, api_done_fn *done, void *ctx);

/* Live changes of a collection (ns "": in all namespaces) or, with a name, of one object. from: a
 * resourceVersion; 0 = the present objects first. Returns 0 or -410 (too old, or of another store),
 * -403, -400 (a selector). object borrowed for the call; its resourceVersion is the event's. An
 * object that begins or ceases to match the selectors is ADDED or DELETED. */
enum api_event_type { API_ADDED, API_MODIFIED, API_DELETED };
typedef void api_watch_fn(void *ctx, enum api_event_type type, const struct value *object);
struct api_watch;
nodiscard int api_watch(struct api *api, const struct api_user *user, const struct api_ref *ref,
                        const struct api_list_query *query, int64_t from, api_watch_fn *fn,
                        void *ctx, struct api_watch **ret);
void api_watch_free(struct api_watch *watch);
/* Whether all that was there when it began has been told (which takes several turns of the loop):
 * who concludes anything from what is *not* there waits for this. */
bool api_watch_is_live(const struct api_watch *watch);
