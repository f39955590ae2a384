#pragma once
/* Kinds by the names that people type, and where their objects are in the API. */

#include "common/schema/schema.h"
#include "tools/cli/cli.h"

struct resource {
    char *group, *version, *plural, *singular, *kind;
    bool namespaced;
    const struct schema_kind *known; /* NULL: only the server knows it */
};
void resource_free(struct resource *resource);
CLEANUP_DEFINE(struct resource, resource_free);

/* Of a kind that this program knows. Caller frees. */
struct resource *resource_of(const struct schema_kind *kind);
/* "pods", "po", "Pod", "deployments.apps": from the tables, else by asking the server. NULL after
 * having said why. */
struct resource *resource_find(struct cli *cli, const char *name);
/* The entry of an APIResourceList that goes by that name; NULL if there is none. Pure. */
struct resource *resource_in_list(const struct value *list, const char *name);

/* "/api/v1/namespaces/default/pods/web". ns NULL: of all namespaces; name NULL: the collection.
 * Names are escaped. Caller frees. */
char *resource_path(const struct resource *resource, const char *ns, const char *name);
/* "pod", "deployment.apps": what stands before the '/' in "pod/web". */
void resource_add_name(const struct resource *resource, const char *name, struct buf *ret);
/* Appends "?key=value" or "&key=value", escaped (RFC 3986). value NULL: nothing. */
void query_add(struct buf *path, const char *key, const char *value);

/* What a command is about. */
struct target {
    struct resource *resource; /* owned by the list */
    const char *name;          /* NULL = the collection; borrowed from the words */
};
struct targets {
    struct target *items;
    size_t count;
    struct resource **resources;
    size_t resource_count;
    char **owned; /* pieces of words */
    size_t owned_count;
};
void targets_done(struct targets *targets);
CLEANUP_DEFINE_VALUE(struct targets, targets_done);
/* "pod web db", "pod/web node/pi-01", "pods", "pods,nodes". 0, or an exit code after having said
 * what is wrong. */
nodiscard int targets_parse(struct cli *cli, const struct verb *verb, char **words, size_t count,
                            struct targets *ret);
/* The same after cli_connect. */
nodiscard int targets_connect(struct cli *cli, const struct verb *verb, char **words, size_t count,
                              struct targets *ret);
