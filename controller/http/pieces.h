#pragma once
/* Answers that are written piece by piece, as the client takes them and as the loop has time: a
 * large document is never held whole, and nobody else waits until it is made. */

#include "common/base/list.h"
#include "controller/http/http.h"

/* Answers under way, which share the turns of the loop. */
struct pieces_line {
    struct loop *loop;
    struct list all;   /* of struct pieces */
    struct list ready; /* those whose next piece can be made, next first */
    struct loop_defer *defer;
};
void pieces_init(struct pieces_line *line, struct loop *loop);

/* Where the pieces come from. */
struct pieces_source {
    /* Adds the next piece, or the last one: a small one, for that is what cannot be interrupted. 1;
     * 0 at the end; negative: the answer cannot be finished, and is cut. */
    int (*next)(void *ctx, struct buf *ret);
    void (*free)(void *ctx); /* of ctx; called once */
    void *ctx;
};
/* Ends the request with code 200, now or later: whole, if the first piece is the last one, or else
 * as a stream, which the client has HTTP_ANSWER_S to take. Takes the source. */
void pieces_send(struct pieces_line *line, struct http_request *request, const char *type,
                 const struct pieces_source *source);
/* Cuts what is under way, so that nobody takes it for complete. */
void pieces_abort_all(struct pieces_line *line);
/* Frees what is under way; the requests are gone or go with the server. */
void pieces_free_all(struct pieces_line *line);
