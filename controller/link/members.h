#pragma once
/* The nodes that are enrolled (Node objects that carry an id and a sealing key), each with its
 * session, kept as the objects say: sessions are told of their pods and of what these read. */

#include "controller/link/session.h"
#include "controller/link/tally.h"

struct members;

struct member {
    struct session *session;
    struct tally *tally;
    char boot[65];        /* of its last birth; "" = none in this life of the gateway */
    char sealing[1024];   /* PEM, to see a change */
    struct value *labels; /* of its Node, for the same */
};

struct members_handler {
    /* The member is no more, or has another id or key from now on. */
    void (*left)(void *ctx, const struct member *member);
    /* All that was there at the start is known; once. */
    void (*complete)(void *ctx);
};
nodiscard int members_new(const struct session_world *world, const struct members_handler *handler,
                          void *ctx, struct members **ret, struct err *err);
void members_free(struct members *members); /* NULL is fine; calls nobody */

/* By the id of a topic. NULL: not enrolled, or replaced by a node of the same name. */
struct member *members_find(const struct members *members, const char *node);
/* By the name of the Node object, which may be NULL. */
struct member *members_named(const struct members *members, const char *name);
/* The broker may have lost everything: every session says it all again. */
void members_republish(struct members *members);
