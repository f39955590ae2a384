#include "controller/http/pieces.h"

#include "common/base/mem.h"

#define ENOUGH (HTTP_MAX_PENDING / 4) /* a stream tells again when it holds less than that */

struct pieces {
    struct list link;
    struct pieces_source source;
    struct http_request *request;
};

static void pieces_free(struct pieces *pieces)
{
    list_remove(&pieces->link);
    pieces->source.free(pieces->source.ctx);
    free(pieces);
}

static void abort_one(struct pieces *pieces)
{
    http_stream_abort(pieces->request);
    pieces_free(pieces);
}

static void fill(struct pieces *pieces)
{
    struct http_request *request = pieces->request;
    while (http_stream_pending(request) <= ENOUGH) {
        cleanup(buf_done) struct buf piece = {0};
        if (!pieces->source.next(pieces->source.ctx, &piece)) {
            http_stream_end(request);
            pieces_free(pieces);
            return;
        }
        /* Pieces are far smaller than what a stream may hold. */
        if (piece.len > 0 && http_stream_write(request, piece.data, piece.len) != 0) {
            abort_one(pieces);
            return;
        }
    }
}

static void on_gone(void *ctx, struct http_request *request)
{
    (void)request;
    pieces_free(ctx);
}

static void on_drained(void *ctx, struct http_request *request)
{
    (void)request;
    fill(ctx);
}

void pieces_send(struct list *all, struct http_request *request, const char *type,
                 const struct pieces_source *source)
{
    static const struct http_stream_handler handler = {on_gone, on_drained};
    struct pieces *pieces = xcalloc(1, sizeof(*pieces));
    pieces->source = *source;
    pieces->request = request;
    list_append(all, &pieces->link);
    http_stream_begin(request, 200, type, &handler, pieces);
    fill(pieces);
}

void pieces_abort_all(struct list *all)
{
    struct list *it, *tmp;
    list_each(it, tmp, all) abort_one(container_of(it, struct pieces, link));
}

void pieces_free_all(struct list *all)
{
    struct list *it, *tmp;
    list_each(it, tmp, all) pieces_free(container_of(it, struct pieces, link));
}
