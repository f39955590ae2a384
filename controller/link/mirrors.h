#pragma once
/* Mirror pods: the static pods of nodes are shown in the API (and run whether they are or not). A
 * report of NAME-<node> that nobody here asked for names one; its node is asked for it when no
 * Pod shows it yet, so that a manifest travels once. Deleted, it comes again; a name that another
 * pod has is left to that. A node makes mirrors of itself alone (api/node_limits.h), so many and so
 * large and so often: whatever it says, its pods run as they did. */

#include "controller/link/tally.h"
#include "common/bus/report.h"
#include "controller/api/api.h"
#include "controller/link/calls.h"

#define MIRRORS_NODE_MAX 256 /* of a node, if it has room for as many pods */
#define MIRRORS_POD_MAX ((size_t)128 * 1024)
#define MIRRORS_CALLS 16                /* nodes that are asked at a time, each for one pod */
#define MIRRORS_LATE_NS (10 * NS_PER_S) /* a node that takes longer is asked again, later */
#define MIRRORS_PACE_NS NS_PER_S        /* one is not made more often */
#define MIRRORS_BURST 256               /* a node is asked so often at once, then: */
#define MIRRORS_INTERVAL_NS NS_PER_S
#define MIRRORS_RETRY_NS (10 * NS_PER_S) /* after a failure; doubles up to: */
#define MIRRORS_RETRY_MAX_NS (300 * NS_PER_S)

struct mirrors;

struct mirrors_spec {
    struct loop *loop;
    struct api *api;
    void *ctx;
    /* Asks a node for its static pod: as hub_call_node. args: namespace, pod, uid. */
    int (*call)(void *ctx, const char *node, const struct value *args,
                const struct call_handler *handler, void *handler_ctx, struct call **ret,
                struct err *err);
    /* A report of a pod whose mirror is there now. Never from inside a call. */
    void (*report)(void *ctx, const char *node, const struct report *report);
};
nodiscard int mirrors_new(const struct mirrors_spec *spec, struct mirrors **ret, struct err *err);
/* Before the calls are freed, and in the same turn of the loop as api_stop. */
void mirrors_free(struct mirrors *mirrors); /* NULL is fine */

/* A report of the node of that name (of the Node object). One that says that the pod is gone only
 * ends the work on it: the mirror itself is taken away by the intake. */
void mirrors_report(struct mirrors *mirrors, const char *node, const struct report *report);
/* The node is in touch (again): what waited for that does not wait any more. */
void mirrors_wake(struct mirrors *mirrors, const char *node);
/* Of pods that are not in the tally the node has none: mirrors of such go. Their last word was
 * lost, or came when they were only being made. */
void mirrors_settled(struct mirrors *mirrors, const char *node, const struct tally *tally);
/* The node is not a member any more. Mirrors that are there stay. */
void mirrors_forget(struct mirrors *mirrors, const char *node);
