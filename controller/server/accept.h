#pragma once
/* What a client wants to read: the Accept header. Pure. */

#include <stddef.h>

/* A form in which something can be answered. */
struct accept_form {
    const char *type;                 /* "application/json" */
    const char *as, *version, *group; /* "Table", "v1", "meta.k8s.io"; NULL: as it is */
};
/* The form that the client likes best (by q, then by the order of its header), or -1. A header of
 * NULL or "" is the first form. */
int accept_form(const char *header, const struct accept_form *forms, size_t count);

/* The forms of objects. */
enum accept {
    ACCEPT_JSON,
    ACCEPT_TABLE,      /* meta.k8s.io/v1 Table */
    ACCEPT_TABLE_BETA, /* meta.k8s.io/v1beta1 Table: the same shape under the older name */
    ACCEPT_PARTIAL,    /* meta.k8s.io/v1 PartialObjectMetadata, or a list of such */
    ACCEPT_PARTIAL_BETA,
    ACCEPT_NOTHING, /* nothing that we can write: 406 */
};
enum accept accept_choose(const char *header);
