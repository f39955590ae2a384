#pragma once
/* Answers that are written piece by piece, as the client takes them: a large document is never held
 * whole. */

#include "common/base/list.h"
#include "controller/http/http.h"

/* Where the pieces come from. */
struct pieces_source {
    /* Adds the next piece; false at the end. */
    bool (*next)(void *ctx, struct buf *ret);
    void (*free)(void *ctx); /* of ctx; called once */
    void *ctx;
};
/* Ends the request, now or later. What is under way stands in `all`. Takes the source. */
void pieces_send(struct list *all, struct http_request *request, const char *type,
                 const struct pieces_source *source);
/* Cuts what is under way, so that nobody takes it for complete. */
void pieces_abort_all(struct list *all);
/* Frees what is under way; the requests are gone or go with the server. */
void pieces_free_all(struct list *all);
