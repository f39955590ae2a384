#pragma once
/* What a client wants to read: the Accept header. Pure. */

enum accept {
    ACCEPT_JSON,
    ACCEPT_TABLE,      /* meta.k8s.io/v1 Table */
    ACCEPT_TABLE_BETA, /* meta.k8s.io/v1beta1 Table: the same shape under the older name */
    ACCEPT_NOTHING,    /* nothing that we can write: 406 */
};

/* The first entry that we can write; NULL or "" is JSON. */
enum accept accept_choose(const char *header);
