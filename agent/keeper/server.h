#pragma once
/* The keeper's side of its socket: agents that connect are told every change of the report, and may
 * command. At most a few at once; one that does not read is told the newest state when it does. */

#include "agent/keeper/exec_request.h"
#include "agent/keeper/report.h"
#include "agent/keeper/sizing.h"
#include "common/loop/loop.h"

struct server;

struct server_handler {
    void (*go)(void *ctx);
    void (*stop)(void *ctx, int64_t grace_ns);
    void (*remove)(void *ctx);
    void (*alone)(void *ctx); /* the last client has gone */
    /* The descriptors are the handler's. NULL: none are begun. */
    void (*exec)(void *ctx, const struct exec_request *request, const int *fds);
    void (*mark)(void *ctx, const char *container, uint32_t attempt, uint32_t marks);
    void (*kill)(void *ctx, const char *container, uint32_t attempt, int64_t grace_ns);
    void (*deadline)(void *ctx, uint32_t seconds, int64_t at);
    void (*add)(void *ctx, int fd); /* a launch plan; borrowed */
    void (*resize)(void *ctx, const struct sizing *sizing);
};

/* Listens at path (its folder is only ours). first_fd: an agent that is connected already, or -1;
 * owned. */
nodiscard int server_new(struct loop *loop, const char *path, int first_fd,
                         const struct server_handler *handler, void *ctx, struct server **ret,
                         struct err *err);
void server_free(struct server *server);
/* Sends the report, borrowed until the next, to all: once for all changes of a loop's turn. */
void server_publish(struct server *server, const struct keeper_report *report);
