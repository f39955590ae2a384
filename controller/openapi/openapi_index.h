#pragma once
/* Which OpenAPI v3 documents there are, and their hashes: made when they are first asked for, kept
 * until other kinds are served. */

#include "common/crypto/crypto.h"
#include "common/kinds/kinds.h"

struct openapi_entry {
    char *group, *version;
    char hash[SHA256_HEX + 1];
};
struct openapi_index { /* zeroed, it is empty */
    struct openapi_entry *all;
    size_t count;
};
/* Empty again: to be called when other kinds are served. */
void openapi_index_done(struct openapi_index *index);

/* The document of /openapi/v3; the caller frees it. */
struct value *openapi_index_paths(struct openapi_index *index, const struct kinds *kinds);
/* NULL if nothing of that group and version is served; borrowed until the next call. */
const char *openapi_index_hash(struct openapi_index *index, const struct kinds *kinds,
                               const char *group, const char *version);
