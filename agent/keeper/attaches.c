#include "agent/keeper/attaches.h"

#include "agent/keeper/control.h"
#include "agent/keeper/fdpass.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PATIENCE_NS (10 * NS_PER_S) /* with one that takes nothing at all */
#define SLOW "the reader is too slow for what the container writes: read its log instead"

enum { OUT, ERR, ENDS };

struct attach {
    struct list link;
    struct attaches *attaches;
    int control;
    struct loop_io *control_io;
    bool has_stdin;
    struct end {
        struct attach *attach;
        int fd;
        struct loop_io *io;
        char *pending; /* what the pipe did not take; NULL: nothing */
        size_t len, done;
    } ends[ENDS];
    struct loop_timer *patience;
};

struct attaches {
    struct loop *loop;
    bool patient;
    const struct attaches_handler *handler;
    void *ctx;
    struct list list;
    size_t count;
};

struct attaches *attaches_new(struct loop *loop, bool patient,
                              const struct attaches_handler *handler, void *ctx)
{
    struct attaches *attaches = xcalloc(1, sizeof(*attaches));
    attaches->loop = loop;
    attaches->patient = patient;
    attaches->handler = handler;
    attaches->ctx = ctx;
    list_init(&attaches->list);
    return attaches;
}

static void end_close(struct end *end)
{
    loop_io_free(end->io);
    if (end->fd >= 0)
        close(end->fd);
    free(end->pending);
    *end = (struct end){.attach = end->attach, .fd = -1};
}

static void attach_free(struct attach *attach)
{
    list_remove(&attach->link);
    attach->attaches->count--;
    for (int i = 0; i < ENDS; i++)
        end_close(&attach->ends[i]);
    loop_timer_free(attach->patience);
    loop_io_free(attach->control_io);
    close(attach->control);
    free(attach);
}

void attaches_free(struct attaches *attaches)
{
    if (!attaches)
        return;
    struct list *it, *tmp;
    list_each(it, tmp, &attaches->list) attach_free(container_of(it, struct attach, link));
    free(attaches);
}

/* Gone by itself, or cut off: the container goes on without it. */
static void leave(struct attach *attach)
{
    struct attaches *attaches = attach->attaches;
    bool had_stdin = attach->has_stdin;
    attach_free(attach);
    attaches->handler->drained(attaches->ctx);
    if (had_stdin)
        attaches->handler->stdin_left(attaches->ctx);
}

static void cut_off(struct attach *attach)
{
    control_say(attach->control, PROTO_OVER, 0, SLOW, -1);
    leave(attach);
}

static void out_of_patience(void *ctx)
{
    cut_off(ctx);
}

static void stop_typing(struct attach *attach)
{
    struct attaches *attaches = attach->attaches;
    if (!attach->has_stdin)
        return;
    attach->has_stdin = false;
    attaches->handler->stdin_left(attaches->ctx);
}

/* All that is said here is that nothing more is typed; when the other end goes, it is over. */
static void control_ready(void *ctx, int fd, uint32_t events)
{
    char words[256];
    struct proto message;
    ssize_t n = recv(fd, words, sizeof(words), MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN || (events & EPOLLHUP))
            leave(ctx);
    } else if (proto_decode(words, (size_t)n, &message) == 0 && message.type == PROTO_EOF) {
        stop_typing(ctx);
    }
}

static bool is_behind(const struct attach *attach)
{
    for (int i = 0; i < ENDS; i++)
        if (attach->ends[i].pending)
            return true;
    return false;
}

bool attaches_waits(const struct attaches *attaches)
{
    if (!attaches->patient)
        return false;
    for (const struct list *it = attaches->list.next; it != &attaches->list; it = it->next)
        if (is_behind(container_of(it, struct attach, link)))
            return true;
    return false;
}

/* How much of it the pipe took; its reader's end may be gone, then that is over, as `head` would
 * have it. */
static size_t push(struct end *end, const char *data, size_t len)
{
    ssize_t n;
    do
        n = write(end->fd, data, len);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN) {
        end_close(end);
        return len;
    }
    if (n > 0 && loop_timer_armed(end->attach->patience))
        loop_timer_after(end->attach->patience, PATIENCE_NS);
    return n > 0 ? (size_t)n : 0;
}

static void end_ready(void *ctx, int fd, uint32_t events)
{
    struct end *end = ctx;
    struct attaches *attaches = end->attach->attaches;
    (void)fd;
    (void)events;
    if (end->pending)
        end->done += push(end, end->pending + end->done, end->len - end->done);
    if (end->fd >= 0 && end->done < end->len)
        return;
    if (end->fd >= 0) {
        free(end->pending);
        end->pending = NULL;
        end->len = end->done = 0;
        loop_io_events(end->io, 0);
    }
    if (!is_behind(end->attach))
        loop_timer_stop(end->attach->patience);
    if (!attaches_waits(attaches))
        attaches->handler->drained(attaches->ctx);
}

static void keep(struct end *end, const char *data, size_t len)
{
    end->pending = xmemdup(data, len);
    end->len = len;
    end->done = 0;
    loop_io_events(end->io, EPOLLOUT);
    if (end->attach->attaches->patient)
        loop_timer_after(end->attach->patience, PATIENCE_NS);
}

void attaches_write(struct attaches *attaches, unsigned stream, const char *data, size_t len)
{
    struct list *it, *tmp;
    list_each(it, tmp, &attaches->list)
    {
        struct attach *attach = container_of(it, struct attach, link);
        struct end *end = &attach->ends[stream - 1];
        if (end->fd < 0)
            continue;
        if (end->pending) { /* only of one that is not waited for */
            cut_off(attach);
            continue;
        }
        size_t done = push(end, data, len);
        if (done < len && end->fd >= 0)
            keep(end, data + done, len - done);
    }
}

void attaches_end(struct attaches *attaches)
{
    while (!list_empty(&attaches->list)) {
        struct attach *attach = container_of(attaches->list.next, struct attach, link);
        for (int i = 0; i < ENDS; i++) /* what fits: it is the last chance */
            if (attach->ends[i].pending)
                (void)push(&attach->ends[i], attach->ends[i].pending + attach->ends[i].done,
                           attach->ends[i].len - attach->ends[i].done);
        control_say(attach->control, PROTO_OVER, 0, "", -1);
        attach_free(attach);
    }
}

static int watch(struct attach *attach, const struct exec_request *request, const int *fds)
{
    struct loop *loop = attach->attaches->loop;
    const int *next = fds + 1;
    int r = loop_io_new(loop, attach->control, EPOLLIN, control_ready, attach, &attach->control_io,
                        NULL);
    for (unsigned s = OUT; s < ENDS; s++) {
        struct end *end = &attach->ends[s];
        if (!(request->streams & (unsigned)EXEC_OUT << s))
            continue;
        end->fd = *next++;
        fcntl(end->fd, F_SETFL, O_WRONLY | O_NONBLOCK);
        if (r == 0)
            r = loop_io_new(loop, end->fd, 0, end_ready, end, &end->io, NULL);
    }
    return r;
}

void attaches_add(struct attaches *attaches, const struct exec_request *request, const int *fds,
                  int in, bool open)
{
    if (attaches->count >= ATTACHES_MAX && !WEAKENED(ATTACHES_MAX)) {
        control_say(fds[0], PROTO_REFUSED, 0, "too many are attached to the container", -1);
        fdpass_close(fds, exec_request_fds(request));
        return;
    }
    struct attach *attach = xcalloc(1, sizeof(*attach));
    attach->attaches = attaches;
    attach->control = fds[0];
    attach->has_stdin = in >= 0 && open && (request->streams & EXEC_IN);
    attach->patience = loop_timer_new(attaches->loop, out_of_patience, attach);
    for (int i = 0; i < ENDS; i++)
        attach->ends[i] = (struct end){.attach = attach, .fd = -1};
    list_append(&attaches->list, &attach->link);
    attaches->count++;
    if (watch(attach, request, fds) < 0) {
        control_say(attach->control, PROTO_REFUSED, 0, "the keeper cannot watch it", -1);
        attach_free(attach);
        return;
    }
    control_say(attach->control, PROTO_BEGUN, attach->has_stdin, NULL, in);
}
