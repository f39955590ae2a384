#pragma once
/* The manifests of one node as they go out: of each pod that is bound to it, of the ConfigMaps,
 * Secrets and claims that these read, of these claims' volumes, and of volumes that the node is to
 * remove. Each is rendered when its object changed, and only then, so that a
 * pod's status costs the same whatever else its node runs. Secrets are sealed to the node; the
 * sealed bytes are stored before they go out, and stay while the secret does. */

#include "common/crypto/crypto.h"
#include "controller/api/api.h"

/* Keys in the store: "<SHEETS_SEALED><node>/<path>" is a secret as it was sealed: a hash of what it
 * was made of in hex, a newline, and the manifest as it is sent. */
#define SHEETS_SEALED "limpet.io/sealed/"

struct sheet {
    char digest[SHA256_HEX + 1];
    char *payload; /* YAML, terminated */
    size_t len;
};

struct sheets;

struct sheets_world { /* all borrowed */
    struct api *api;
    struct store *store;
    const char *node; /* its id */
    const struct key *sealing;
};
/* The writes that sheets_refresh or sheets_drop_unused began are through; code < 0: one failed, and
 * the caller refreshes again later. */
typedef void sheets_written_fn(void *ctx, int code);

struct sheets *sheets_new(const struct sheets_world *world, sheets_written_fn *written, void *ctx);
/* No callback is called afterwards. */
void sheets_free(struct sheets *sheets);

/* A pod that is bound to the node changed, or is gone from it. */
void sheets_pod(struct sheets *sheets, const char *ns, const char *name, bool gone);
/* A ConfigMap, Secret, claim or volume changed ("Secret/ns/name"). False if no pod reads it:
 * nothing is to be done. */
bool sheets_source(struct sheets *sheets, const char *path);
/* A RuntimeClass came or went: pods that name it are told where it leads now (what runs, runs on;
 * what is started anew finds it as it is). False if no pod does. Its handler never changes. */
bool sheets_class(struct sheets *sheets, const char *name);
/* The labels of the node's Node changed: volumes may be within its reach now, or not any more.
 * False if no pod reads any. */
bool sheets_labels(struct sheets *sheets);
/* From now on it is in the set also if nobody reads it, or no more. */
void sheets_keep(struct sheets *sheets, const char *path, bool kept);

/* Renders what has changed. Returns how many secrets are being sealed: as long as that is not 0 the
 * set is not whole, and `written` tells when to refresh again. */
int sheets_refresh(struct sheets *sheets);
/* Writes are on their way. */
bool sheets_are_writing(const struct sheets *sheets);

/* The set as of the last refresh: borrowed until the next. */
size_t sheets_count(const struct sheets *sheets);
struct sheets_cursor {
    int map;
    size_t at;
};
bool sheets_next(const struct sheets *sheets, struct sheets_cursor *cursor, const char **ret_path,
                 const struct sheet **ret);

/* Removes stored records of secrets that are not in the set any more. For when what went out before
 * is not needed again. */
void sheets_drop_unused(struct sheets *sheets);
