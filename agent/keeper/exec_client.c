#include "agent/keeper/exec_client.h"

#include "agent/keeper/control.h"
#include "agent/keeper/fdpass.h"
#include "agent/keeper/proto.h"
#include "agent/keeper/rundir.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 1024
#define HELLO_MS 2000 /* of a keeper that is awake */
#define CONNECT_TRIES 200

struct exec_client {
    int socket;
    struct loop_io *io;
    bool begun;
    const struct exec_client_handler *handler;
    void *ctx;
};

static void end(struct exec_client *client, bool refused, int64_t code, const char *message)
{
    const struct exec_client_end told = {
        .refused = refused, .code = (int)code, .message = message ? message : ""};
    loop_io_free(client->io);
    client->io = NULL;
    client->handler->ended(client->ctx, &told);
}

/* fd: came beside it, or -1; ours to close unless it is given away. */
static void take(struct exec_client *client, const struct proto *message, int *fd)
{
    switch (message->type) {
    case PROTO_BEGUN:
        client->begun = true;
        client->handler->begun(client->ctx, steal_fd(fd), message->value == 1);
        return;
    case PROTO_REFUSED:
        end(client, true, message->value, message->text);
        return;
    case PROTO_OVER:
        end(client, false, message->value, message->text);
        return;
    default:
        return;
    }
}

static void ready(void *ctx, int socket, uint32_t events)
{
    struct exec_client *client = ctx;
    char data[MESSAGE_MAX];
    struct proto message;
    int fds[FDPASS_MAX];
    size_t count;
    (void)events;
    int n = fdpass_recv(socket, data, sizeof(data), fds, &count);
    if (n == -ECONNRESET) /* it left without reading our last word; its own is still there */
        n = fdpass_recv(socket, data, sizeof(data), fds, &count);
    autoclose int fd = count > 0 ? fds[0] : -1;
    fdpass_close(fds + 1, count > 0 ? count - 1 : 0);
    if (n == -EAGAIN)
        return;
    if (n <= 0)
        end(client, !client->begun, client->begun ? 137 : 0, "the pod's keeper is gone");
    else if (proto_decode(data, (size_t)n, &message) == 0) /* else it is of a later release */
        take(client, &message, &fd);
}

static size_t list_fds(const struct exec_client_spec *spec, int socket, int fds[EXEC_MAX_FDS])
{
    const struct exec_request *request = spec->request;
    unsigned given = request->streams;
    size_t count = 0;
    if (request->attach)
        given &= ~(unsigned)EXEC_IN;
    else if (request->tty)
        given = 0;
    fds[count++] = socket;
    for (unsigned s = 0; s < 3; s++)
        if (given & 1U << s)
            fds[count++] = spec->ends[s];
    return count;
}

int exec_client_new(const struct exec_client_spec *spec, struct exec_client **ret, struct err *err)
{
    int pair[2], fds[EXEC_MAX_FDS];
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, EXEC_MAX_BYTES);
    if (exec_request_encode(spec->request, &bytes) < 0)
        return err_set(err, -EINVAL, "the command is too long");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, errno, "cannot make a socket");
    autoclose int theirs = pair[1];
    struct exec_client *client = xcalloc(1, sizeof(*client));
    client->socket = pair[0];
    client->handler = spec->handler;
    client->ctx = spec->ctx;
    int r = loop_io_new(spec->loop, client->socket, EPOLLIN, ready, client, &client->io, err);
    if (r == 0)
        r = spec->ask(spec->ask_ctx, bytes.data, bytes.len, fds, list_fds(spec, theirs, fds), err);
    if (r < 0) {
        exec_client_free(client);
        return r;
    }
    *ret = client;
    return 0;
}

void exec_client_eof(struct exec_client *client)
{
    control_say(client->socket, PROTO_EOF, 0, NULL, -1);
}

void exec_client_free(struct exec_client *client)
{
    if (!client)
        return;
    loop_io_free(client->io);
    close(client->socket);
    free(client);
}

/* The keeper's hello, by which it says what it understands. */
static int agree(int socket, struct err *err)
{
    char data[MESSAGE_MAX];
    struct proto message;
    struct pollfd peer = {.fd = socket, .events = POLLIN};
    if (poll(&peer, 1, HELLO_MS) <= 0)
        return err_set(err, -ETIMEDOUT, "the pod's keeper does not answer");
    ssize_t n = recv(socket, data, sizeof(data), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return err_set(err, -EPIPE, "the pod's keeper hangs up");
    if (n <= 0 || proto_decode(data, (size_t)n, &message) < 0 ||
        proto_agree(&message) < PROTO_EXEC_SINCE)
        return err_set(err, -EPROTONOSUPPORT,
                       "not supported by the keeper of this pod; restart the pod");
    return 0;
}

/* One with a full queue has it empty soon. */
static int connect_to(const char *run_dir)
{
    const struct timespec pause = {.tv_nsec = 10 * NS_PER_MS};
    int fd = rundir_connect(run_dir);
    for (int i = 0; fd == -EAGAIN && i < CONNECT_TRIES; i++) {
        nanosleep(&pause, NULL);
        fd = rundir_connect(run_dir);
    }
    return fd;
}

static int ask_once(struct exec_lone *lone, const struct buf *message, const int *fds, size_t count,
                    struct err *err)
{
    lone->socket = connect_to(lone->run_dir);
    if (lone->socket < 0)
        return err_errno(err, -lone->socket, "cannot reach the pod's keeper");
    int r = agree(lone->socket, err);
    if (r < 0)
        return r;
    r = fdpass_send(lone->socket, message->data, message->len, fds, count);
    return r < 0 ? err_errno(err, -r, "the pod's keeper does not listen") : 0;
}

int exec_client_ask_alone(void *ctx, const void *request, size_t len, const int *fds, size_t count,
                          struct err *err)
{
    const struct proto message = {.type = PROTO_EXEC, .report = request, .report_len = len};
    struct exec_lone *lone = ctx;
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, PROTO_MAX_BYTES);
    int r = proto_encode(&message, &bytes);
    if (r < 0)
        return err_set(err, -EINVAL, "the command is too long");
    /* A keeper has few places: who has not asked yet may have to give way to who comes. */
    for (int i = 0; i < CONNECT_TRIES; i++) {
        r = ask_once(lone, &bytes, fds, count, err);
        if (r != -EPIPE && r != -ECONNRESET)
            break;
        close(lone->socket);
        lone->socket = -1;
    }
    return r;
}
