#pragma once
/* What api.c, list.c, write.c, watch.c and namespaces.c share. */

#include "common/base/list.h"
#include "common/base/map.h"
#include "common/loop/loop.h"
#include "controller/api/api.h"
#include "controller/api/gate.h"
#include "controller/api/selector.h"

#define API_DECODED 4 /* every watcher of an event needs the same one or two objects decoded */
#define API_DECODED_BYTES ((size_t)256 * 1024) /* ... and as stored, from one turn to the next */

struct api_decoded {
    const struct schema_kind *kind; /* in whose form */
    char *key;
    int64_t revision;
    struct value *object;
    size_t bytes;  /* as it is stored: a tree is some ten times as much */
    uint64_t used; /* when it was last asked for: what is borrowed stays */
};

struct authz;
struct namespaces;

struct api {
    struct loop *loop;
    struct store *store;
    const struct clock *clock;
    struct rng *rng;
    struct kinds *kinds;
    struct map *busy;   /* key -> struct write_queue: writes of one object follow each other */
    struct list ready;  /* struct write: to run in the next pump */
    struct list writes; /* every struct write that lives */
    struct list sweeps; /* deletions of collections */
    struct loop_defer *pump;
    struct api_decoded decoded[API_DECODED];
    uint64_t decoded_used;
    size_t decoded_bytes;
    struct loop_defer *forget; /* while there are too many of those */
    struct authz *authz;       /* who may do what */
    struct namespaces *namespaces;
    int *leases; /* by place in kinds_at(): what its objects are stored under; 0: durable */
    const struct gate *gate; /* NULL: none */
    bool stopped;
};

/* "<group>/<plural>/<ns>/<name>", of the kind in whose form it is stored. name NULL or "": the
 * prefix of the collection (of all namespaces if ns is empty). NULL if ns or name hold a '/'.
 * Caller frees. */
char *api_key(const struct schema_kind *kind, const char *ns, const char *name);
/* The stored object with its resourceVersion, in the kind's form; NULL for bytes that do not parse
 * (logged). Borrowed until the fourth next call or the return to the loop. */
const struct value *api_decode(struct api *api, const struct schema_kind *kind,
                               const struct store_item *item);
/* The same past the cache, which a list would only wash out; the caller's. */
struct value *api_decode_new(const struct schema_kind *kind, const struct store_item *item);
/* NULL if there is none. Borrowed as above. */
const struct value *api_peek(struct api *api, const struct api_ref *ref);

/* As api_delete, with the right to do as `verb` says. */
void api_delete_as(struct api *api, const struct api_user *user, const char *verb,
                   const struct api_ref *ref, const struct api_delete_options *options,
                   unsigned flags, api_done_fn *done, void *ctx);
/* Frees the deletions of collections that are under way. */
void api_sweeps_free(struct api *api);
/* Frees what is under way; the store calls nobody any more. */
void api_writes_free(struct api *api);

/* The controller that empties deleted namespaces. */
struct namespaces *namespaces_new(struct api *api);
void namespaces_free(struct namespaces *namespaces);
/* A write of an object of that kind in that namespace is through, whatever came of it; created: it
 * is new there. (A removal that failed is not told: it would be tried again at once, for ever.) */
void namespaces_written(struct namespaces *namespaces, const struct schema_kind *kind,
                        const char *ns, bool created);
