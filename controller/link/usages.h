#pragma once
/* What nodes use, asked of them when somebody asks the API: an answer is good for a while, many who
 * ask at once cause one question to a node, few questions are under way at a time, and what is kept
 * is bounded and soon forgotten. */

#include "controller/link/calls.h"
#include "controller/server/node_usage.h"

#define USAGES_KEPT_NS (15 * NS_PER_S)  /* how long an answer is good */
#define USAGES_LATE_NS (5 * NS_PER_S)   /* a node that takes longer is left out */
#define USAGES_ASKER_NS (60 * NS_PER_S) /* whoever asks is answered by then with what is known */
#define USAGES_CALLS 64
#define USAGES_ASKERS 64
#define USAGES_ANSWER_MAX ((size_t)256 * 1024)      /* bytes of one node */
#define USAGES_TOTAL_MAX ((size_t)64 * 1024 * 1024) /* bytes of all */

struct usages_spec {
    struct loop *loop;
    void *ctx;
    /* Asks one node: hub_call_node. */
    int (*call)(void *ctx, const char *node, const struct call_handler *handler, void *handler_ctx,
                struct call **ret, struct err *err);
};
struct usages;
struct usages *usages_new(const struct usages_spec *spec);
/* Who waits is told that there is no answer. Before the calls are freed. */
void usages_free(struct usages *usages); /* NULL is fine */
/* node_usage_source with the usages as its ctx. */
struct node_usage_source usages_source(struct usages *usages);
