#include "controller/link/podsessions.h"

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/rpc.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert((int)POD_STDIN == (int)RPC_STDIN && (int)POD_STDOUT == (int)RPC_STDOUT &&
                   (int)POD_STDERR == (int)RPC_STDERR && (int)POD_RESIZE == (int)RPC_RESIZE,
               "channels have one number all the way");
_Static_assert(POD_SESSION_CREDIT == RPC_CREDIT,
               "what a client may hold back is what a node sends");

struct podsessions {
    struct hub *hub;
    struct list open;
};

struct session {
    struct pod_session session;
    struct list link;
    struct call *call;
    const struct pod_session_handler *handler;
    void *ctx;
};

static struct session *session_of(struct pod_session *session)
{
    return container_of(session, struct session, session);
}

/* To the node. */

static size_t send(struct pod_session *session, enum pod_channel channel, const void *data,
                   size_t len)
{
    return call_send(session_of(session)->call, (unsigned)channel, data, len,
                     channel == POD_RESIZE);
}

static void send_eof(struct pod_session *session, enum pod_channel channel)
{
    call_eof(session_of(session)->call, (unsigned)channel);
}

static void took(struct pod_session *session, size_t bytes)
{
    call_took(session_of(session)->call, bytes);
}

static void session_free(struct session *s)
{
    list_remove(&s->link);
    free(s);
}

static void close_session(struct pod_session *session)
{
    struct session *s = session_of(session);
    call_close(s->call);
    session_free(s);
}

/* From the node. */

static void call_opened(void *ctx)
{
    const struct session *s = ctx;
    s->handler->opened(s->ctx);
}

static bool is_output(unsigned channel)
{
    return channel == RPC_STDOUT || channel == RPC_STDERR;
}

static void call_data(void *ctx, unsigned channel, const void *data, size_t len)
{
    const struct session *s = ctx;
    if (is_output(channel))
        s->handler->data(s->ctx, (enum pod_channel)channel, data, len);
    else
        call_took(s->call, len);
}

static void call_got_eof(void *ctx, unsigned channel)
{
    const struct session *s = ctx;
    if (is_output(channel))
        s->handler->eof(s->ctx, (enum pod_channel)channel);
}

static void call_room(void *ctx)
{
    const struct session *s = ctx;
    s->handler->room(s->ctx);
}

static void call_ended(void *ctx, const struct call_end *end)
{
    struct session *s = ctx;
    const struct pod_end told = {
        .code = end->code, .exit_code = end->exit_code, .message = end->message};
    s->handler->end(s->ctx, &told);
    session_free(s);
}

static struct value *args_of(const struct pod_dial *dial)
{
    struct value *args = value_new_map();
    if (str_eq(dial->what, "portforward")) {
        value_set_int(args, "port", dial->port);
        return args;
    }
    value_set_str(args, "container", dial->container);
    value_set_bool(args, "stdin", dial->stdin_open);
    value_set_bool(args, "stdout", dial->stdout_open);
    value_set_bool(args, "stderr", dial->stderr_open);
    value_set_bool(args, "tty", dial->tty);
    if (dial->command) {
        struct value *command = value_set(args, "command", value_new_list());
        for (size_t i = 0; dial->command[i]; i++)
            value_append(command, value_new_str(dial->command[i]));
    }
    return args;
}

struct podsessions *podsessions_new(struct hub *hub)
{
    struct podsessions *sessions = xcalloc(1, sizeof(*sessions));
    sessions->hub = hub;
    list_init(&sessions->open);
    return sessions;
}

void podsessions_free(struct podsessions *sessions)
{
    if (!sessions)
        return;
    while (!list_empty(&sessions->open)) {
        struct session *s = container_of(sessions->open.next, struct session, link);
        static const struct pod_end going = {.code = 503, .message = "the gateway is going down"};
        call_close(s->call);
        s->handler->end(s->ctx, &going);
        session_free(s);
    }
    free(sessions);
}

int podsessions_dial(struct podsessions *sessions, const struct pod_dial *dial,
                     const struct pod_session_handler *handler, void *handler_ctx,
                     struct pod_session **ret, struct err *err)
{
    static const struct pod_session_ops ops = {
        .send = send, .eof = send_eof, .took = took, .close = close_session};
    static const struct call_handler calls = {.opened = call_opened,
                                              .data = call_data,
                                              .eof = call_got_eof,
                                              .room = call_room,
                                              .end = call_ended};
    cleanup(value_free) struct value *args = args_of(dial);
    struct session *s = xcalloc(1, sizeof(*s));
    s->session.ops = &ops;
    s->handler = handler;
    s->ctx = handler_ctx;
    value_set_str(args, "uid", dial->uid);
    int rc = hub_call_pod(sessions->hub, dial->ns, dial->pod, dial->what, args, &calls, s, &s->call,
                          err);
    if (rc < 0) {
        free(s);
        return rc == -503 ? -ENOTCONN : rc == -429 ? -EBUSY : -ENOENT;
    }
    list_append(&sessions->open, &s->link);
    *ret = &s->session;
    return 0;
}
