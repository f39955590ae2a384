#include "controller/http/pieces.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"
#include "controller/http/http_impl.h"

/* What all answers together may take of one turn of the loop. */
#define TURN_MAX 64 /* pieces */
#define TURN_NS (2 * NS_PER_MS)

struct pieces {
    struct list link;  /* of line->all */
    struct list ready; /* of line->ready, or in none: the client must take something first */
    struct pieces_line *line;
    struct pieces_source source;
    struct http_request *request;
};

static void turn(void *ctx);

void pieces_init(struct pieces_line *line, struct loop *loop)
{
    *line = (struct pieces_line){.loop = loop};
    list_init(&line->all);
    list_init(&line->ready);
}

static void pieces_free(struct pieces *pieces)
{
    list_remove(&pieces->ready);
    list_remove(&pieces->link);
    pieces->source.free(pieces->source.ctx);
    free(pieces);
}

static void abort_one(struct pieces *pieces)
{
    http_stream_abort(pieces->request);
    pieces_free(pieces);
}

static void go_on(struct pieces *pieces)
{
    struct pieces_line *line = pieces->line;
    list_remove(&pieces->ready);
    list_append(&line->ready, &pieces->ready);
    if (!line->defer)
        line->defer = loop_defer(line->loop, turn, line);
}

/* What `next` made, and said of what follows. */
static void send_piece(struct pieces *pieces, const struct buf *piece, int more)
{
    bool sent = piece->len == 0 || http_stream_write(pieces->request, piece->data, piece->len) == 0;
    if (!sent || more < 0) {
        abort_one(pieces);
    } else if (more) {
        go_on(pieces);
    } else {
        http_stream_end(pieces->request);
        pieces_free(pieces);
    }
}

static void make_piece(struct pieces *pieces)
{
    cleanup(buf_done) struct buf piece = {0};
    list_remove(&pieces->ready);
    if (http_stream_room(pieces->request) == 0 && !WEAKENED(PIECES_ROOM))
        return; /* on_drained goes on */
    int more = pieces->source.next(pieces->source.ctx, &piece);
    send_piece(pieces, &piece, more);
}

/* One piece of each answer after the other, while there is time. */
static void turn(void *ctx)
{
    struct pieces_line *line = ctx;
    int64_t end = loop_now(line->loop) + TURN_NS;
    line->defer = NULL;
    for (int i = 0; i < TURN_MAX && !list_empty(&line->ready); i++) {
        make_piece(container_of(line->ready.next, struct pieces, ready));
        if (loop_now(line->loop) >= end && !WEAKENED(PIECES_TURN))
            break;
    }
    if (!list_empty(&line->ready) && !line->defer)
        line->defer = loop_defer(line->loop, turn, line);
}

static void on_gone(void *ctx, struct http_request *request)
{
    (void)request;
    pieces_free(ctx);
}

static void on_drained(void *ctx, struct http_request *request)
{
    (void)request;
    go_on(ctx);
}

void pieces_send(struct pieces_line *line, struct http_request *request, const char *type,
                 const struct pieces_source *source)
{
    static const struct http_stream_handler handler = {on_gone, on_drained};
    cleanup(buf_done) struct buf first = {0};
    int more = source->next(source->ctx, &first);
    if (more == 0) {
        source->free(source->ctx);
        http_answer_buf(request, 200, type, &first);
        return;
    }
    struct pieces *pieces = xcalloc(1, sizeof(*pieces));
    pieces->line = line;
    pieces->source = *source;
    pieces->request = request;
    list_append(&line->all, &pieces->link);
    http_stream_begin(request, 200, type, &handler, pieces);
    if (request->conn)
        http_conn_deadline(request->conn, HTTP_ANSWER_S);
    send_piece(pieces, &first, more);
}

void pieces_abort_all(struct pieces_line *line)
{
    struct list *it, *tmp;
    list_each(it, tmp, &line->all) abort_one(container_of(it, struct pieces, link));
}

void pieces_free_all(struct pieces_line *line)
{
    struct list *it, *tmp;
    list_each(it, tmp, &line->all) pieces_free(container_of(it, struct pieces, link));
    loop_defer_free(steal(line->defer));
}
