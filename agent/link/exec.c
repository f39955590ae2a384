/* "exec" and "attach": a program in a container, or its first one, at the other end of a stream. */

#include "agent/link/drain.h"
#include "agent/link/methods.h"
#include "agent/link/tap.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What a terminal still holds is passed on by the kernel a little after its last program ended. */
#define TERMINAL_LINGER_NS (200 * NS_PER_MS)

struct exec {
    struct stream *stream;
    struct exec_client *client;
    struct drain in;
    struct tap out, err;
    int sizes; /* the terminal, for its size; -1 */
    bool attach, tty, typing;
    bool over;
    struct loop_timer *linger;
    int exit_code, code; /* code: of the stream's end */
    char *message;
};

/* ---- the end ---- */

static void say_end_if_through(struct exec *exec)
{
    if (exec->over && exec->out.fd < 0 && exec->err.fd < 0)
        stream_end(exec->stream, exec->code, exec->exit_code, exec->message);
}

static void output_ended(void *ctx)
{
    say_end_if_through(ctx);
}

static void lingered(void *ctx)
{
    struct exec *exec = ctx;
    tap_finish(&exec->out);
}

static void finish_output(struct exec *exec)
{
    bool terminal = exec->tty && !exec->attach;
    if (terminal && exec->out.fd >= 0)
        loop_timer_after(exec->linger, TERMINAL_LINGER_NS);
    else
        tap_finish(&exec->out);
    tap_finish(&exec->err);
    say_end_if_through(exec);
}

/* The program is not there, or may not be run: as a shell says it, on the program's own stderr. */
static void say_refused(struct exec *exec, const struct exec_client_end *end)
{
    autofree char *text =
        xasprintf("OCI runtime exec failed: exec failed: unable to start container process: %s\n",
                  end->message);
    size_t len = strlen(text);
    tap_done(&exec->out);
    tap_done(&exec->err);
    stream_opened(exec->stream);
    if (stream_room(exec->stream) >= len)
        (void)stream_send(exec->stream, exec->tty ? RPC_STDOUT : RPC_STDERR, text, len);
    stream_end(exec->stream, 0, end->code, "");
}

static void client_ended(void *ctx, const struct exec_client_end *end)
{
    struct exec *exec = ctx;
    if (end->refused && end->code > 0) {
        say_refused(exec, end);
        return;
    }
    if (end->refused) {
        stream_end(exec->stream, 500, 0, end->message);
        return;
    }
    exec->over = true;
    exec->exit_code = end->code;
    exec->code = *end->message ? 500 : 0;
    exec->message = xstrdup(end->message);
    finish_output(exec);
}

/* ---- the beginning ---- */

static void typed_all(void *ctx)
{
    struct exec *exec = ctx;
    if (exec->attach)
        exec_client_eof(exec->client);
}

/* The program's terminal, or the container's stdin: for what is typed, what is shown, its size. */
static int take_terminal(struct exec *exec, int fd, bool open, struct err *err)
{
    autoclose int given = fd;
    int r = 0;
    if (exec->typing && (open || !exec->attach)) {
        int in = fcntl(given, F_DUPFD_CLOEXEC, 3);
        r = in < 0 ? err_errno(err, errno, "cannot copy a descriptor")
                   : drain_open(&exec->in, exec->stream, in, false, typed_all, exec, err);
    }
    if (r < 0 || !exec->tty)
        return r;
    if (exec->attach) {
        exec->sizes = steal_fd(&given);
        return 0;
    }
    exec->sizes = fcntl(given, F_DUPFD_CLOEXEC, 3);
    return tap_open(&exec->out, exec->stream, steal_fd(&given), RPC_STDOUT, output_ended, exec,
                    err);
}

static void client_begun(void *ctx, int fd, bool open)
{
    struct exec *exec = ctx;
    struct err err = {0};
    if (fd >= 0 && take_terminal(exec, fd, open, &err) < 0)
        stream_end(exec->stream, 500, 0, err.msg);
    else
        stream_opened(exec->stream);
}

/* Our ends go into the stream, theirs to whom it is about. */
static int make_pipes(struct exec *exec, unsigned streams, int theirs[3], struct err *err)
{
    for (unsigned s = 0; s < 3; s++) {
        int fds[2], r;
        if (!(streams & 1U << s))
            continue;
        if (pipe2(fds, O_CLOEXEC) < 0)
            return err_errno(err, errno, "cannot make a pipe");
        theirs[s] = fds[s > 0];
        if (s == 0)
            r = drain_open(&exec->in, exec->stream, fds[1], false, typed_all, exec, err);
        else
            r = tap_open(s == 1 ? &exec->out : &exec->err, exec->stream, fds[0], s, output_ended,
                         exec, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static unsigned streams_of(const struct value *args, bool tty)
{
    unsigned streams = 0;
    if (value_get_bool(args, "stdin", false))
        streams |= EXEC_IN;
    if (value_get_bool(args, "stdout", false))
        streams |= EXEC_OUT;
    if (value_get_bool(args, "stderr", false) && !tty)
        streams |= EXEC_ERR;
    return streams;
}

static int words_of(const struct value *args, struct exec_request *request, struct err *err)
{
    const struct value *command = value_get(args, "command");
    size_t count = value_len(command);
    if (count == 0 || count > EXEC_MAX_WORDS)
        return err_set(err, -EINVAL, "a command is needed, of at most %d words", EXEC_MAX_WORDS);
    request->argv = xcalloc(count + 1, sizeof(*request->argv));
    for (size_t i = 0; i < count; i++)
        if (!(request->argv[i] = value_str(value_at(command, i))))
            return err_set(err, -EINVAL, "the words of a command are strings");
    return str_empty(request->argv[0]) ? err_set(err, -EINVAL, "the command is empty") : 0;
}

static int ask(struct exec *exec, const struct value *args, struct exec_request *request,
               struct err *err)
{
    static const struct exec_client_handler handler = {client_begun, client_ended};
    const struct agent_target target = {.ns = stream_ns(exec->stream),
                                        .name = stream_pod(exec->stream),
                                        .uid = value_get_str(args, "uid"),
                                        .container = value_get_str(args, "container")};
    struct exec_client_spec spec = {.ends = {-1, -1, -1}, .handler = &handler, .ctx = exec};
    unsigned piped = request->streams;
    if (request->attach)
        piped &= ~(unsigned)EXEC_IN;
    else if (request->tty)
        piped = 0;
    int r = make_pipes(exec, piped, spec.ends, err);
    if (r == 0)
        r = agent_exec(stream_node(exec->stream)->agent, &target, request, &spec, &exec->client,
                       err);
    for (int s = 0; s < 3; s++)
        if (spec.ends[s] >= 0)
            close(spec.ends[s]);
    return r;
}

static int begin(struct stream *stream, const struct value *args, bool attach, struct err *err)
{
    struct exec *exec = xcalloc(1, sizeof(*exec));
    exec->stream = stream;
    exec->attach = attach;
    exec->tty = value_get_bool(args, "tty", false);
    exec->in.fd = exec->out.fd = exec->err.fd = exec->sizes = -1;
    exec->linger = loop_timer_new(stream_node(stream)->loop, lingered, exec);
    stream_set_state(stream, exec);
    struct exec_request request = {
        .attach = attach, .tty = exec->tty, .streams = streams_of(args, exec->tty)};
    exec->typing = request.streams & EXEC_IN;
    int r = attach ? 0 : words_of(args, &request, err);
    if (r == 0)
        r = ask(exec, args, &request, err);
    exec_request_done(&request);
    return r;
}

static int exec_begin(struct stream *stream, const struct value *args, struct err *err)
{
    return begin(stream, args, false, err);
}

static int attach_begin(struct stream *stream, const struct value *args, struct err *err)
{
    return begin(stream, args, true, err);
}

/* ---- while it runs ---- */

/* {"Width":80,"Height":24} */
static void set_size(const struct exec *exec, const char *text, size_t len)
{
    cleanup(value_free) struct value *v = NULL;
    struct err err = {0};
    if (exec->sizes < 0 || json_parse(text, len, &v, &err) < 0)
        return;
    const struct winsize size = {.ws_col = (unsigned short)(value_get_int(v, "Width", 0) & 0xffff),
                                 .ws_row =
                                     (unsigned short)(value_get_int(v, "Height", 0) & 0xffff)};
    if (size.ws_col > 0 && size.ws_row > 0)
        (void)ioctl(exec->sizes, TIOCSWINSZ, &size);
}

static void exec_data(struct stream *stream, unsigned channel, const void *data, size_t len)
{
    struct exec *exec = stream_state(stream);
    if (channel == RPC_STDIN) {
        drain_write(&exec->in, data, len);
        return;
    }
    if (channel == RPC_RESIZE)
        set_size(exec, data, len);
    stream_took(stream, len);
}

static void exec_eof(struct stream *stream, unsigned channel)
{
    struct exec *exec = stream_state(stream);
    /* A terminal does not end when nobody types into it. */
    if (channel == RPC_STDIN && !(exec->tty && !exec->attach))
        drain_eof(&exec->in);
}

static void exec_ready(struct stream *stream)
{
    struct exec *exec = stream_state(stream);
    tap_ready(&exec->out);
    tap_ready(&exec->err);
}

static void exec_close(struct stream *stream)
{
    struct exec *exec = stream_state(stream);
    exec_client_free(exec->client);
    drain_done(&exec->in);
    tap_done(&exec->out);
    tap_done(&exec->err);
    if (exec->sizes >= 0)
        close(exec->sizes);
    loop_timer_free(exec->linger);
    free(exec->message);
    free(exec);
}

const struct stream_method method_exec = {.name = "exec",
                                          .opens = true,
                                          .open = exec_begin,
                                          .data = exec_data,
                                          .eof = exec_eof,
                                          .ready = exec_ready,
                                          .close = exec_close};
const struct stream_method method_attach = {.name = "attach",
                                            .opens = true,
                                            .open = attach_begin,
                                            .data = exec_data,
                                            .eof = exec_eof,
                                            .ready = exec_ready,
                                            .close = exec_close};
