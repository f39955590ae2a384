#pragma once
/* What stands below an object in URLs (pods/web/binding): one table, which routes, verbs and
 * discovery read. Pure. */

#include "common/schema/schema.h"

enum subresource_verb {
    SUBRESOURCE_CREATE = 1 << 0,
    SUBRESOURCE_GET = 1 << 1,
    SUBRESOURCE_PATCH = 1 << 2,
    SUBRESOURCE_UPDATE = 1 << 3,
};
#define SUBRESOURCE_VERBS 4

struct subresource {
    const char *name;
    unsigned verbs; /* enum subresource_verb */
    unsigned flag;  /* of api.h: the part of the object that its writes change; 0 = none */
    bool (*of)(const struct schema_kind *kind);
    /* What is read and written; kind NULL: the object itself. */
    const char *group, *version, *kind;
    const char *plural; /* a collection that it is created in as well (bindings); NULL = none */
    bool stream;        /* what asks for it changes protocols: to "create", by any method */
    bool path;          /* what follows it in the URL is its own */
    bool own;           /* not one of Kubernetes': discovery is silent about it */
};

/* NULL if the kind has none of that name. */
const struct subresource *subresource_find(const struct schema_kind *kind, const char *name);
/* i = 0, 1, 2... until NULL: those of the kind. */
const struct subresource *subresource_at(const struct schema_kind *kind, size_t i);
/* The name of the part that a write with those flags of api.h changes; NULL: the object itself. */
const char *subresource_of_flags(const struct schema_kind *kind, unsigned flags);
/* The verbs as discovery names them; ends with NULL. */
void subresource_verb_names(const struct subresource *subresource,
                            const char *ret[static SUBRESOURCE_VERBS + 1]);
