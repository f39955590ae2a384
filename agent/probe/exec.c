/* exec: a program in the container, by its keeper; well if it ends with 0. */

#include "agent/probe/type.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)10 * 1024) /* the rest is read, so that it can go on, and dropped */
#define CHUNK 4096
#define ROUNDS 8 /* chunks a turn of the loop */

struct exec {
    struct attempt *attempt;
    struct exec_client *client;
    int fd; /* what it writes */
    struct loop_io *io;
    struct buf output;
};

/* False: there is no more for now. */
static bool take_chunk(struct exec *exec)
{
    char chunk[CHUNK];
    ssize_t n = read(exec->fd, chunk, sizeof(chunk));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        loop_io_free(exec->io);
        exec->io = NULL;
        return false;
    }
    size_t room = WEAKENED(PROBE_OUTPUT) ? CHUNK : OUTPUT_MAX - exec->output.len;
    return buf_add(&exec->output, chunk, (size_t)n < room ? (size_t)n : room) == 0;
}

static void take_output(struct exec *exec)
{
    for (int i = 0; i < ROUNDS && exec->io && take_chunk(exec); i++)
        ;
}

static void readable(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    take_output(ctx);
}

static void begun(void *ctx, int fd, bool open)
{
    (void)ctx;
    (void)open;
    if (fd >= 0)
        close(fd);
}

static void ended(void *ctx, const struct exec_client_end *end)
{
    struct exec *exec = ctx;
    struct attempt *attempt = exec->attempt;
    if (end->refused || !str_empty(end->message)) {
        attempt_end(attempt, PROBE_ERROR,
                    xasprintf("failed to exec in container: %s", end->message));
        return;
    }
    take_output(exec);
    attempt_end(attempt, end->code == 0 ? PROBE_SUCCESS : PROBE_FAILURE,
                end->code && exec->output.len == 0 ? xasprintf("command ended with %d", end->code)
                                                   : xstrdup(buf_str(&exec->output)));
}

static const char **words_of(const struct attempt *attempt)
{
    const struct value *command = value_get(attempt->action, "command");
    const char **argv = xcalloc(value_len(command) + 1, sizeof(*argv));
    for (size_t i = 0; i < value_len(command) && i < EXEC_MAX_WORDS; i++)
        argv[i] = value_str(value_at(command, i));
    return argv;
}

static int ask(struct exec *exec, int theirs, struct err *err)
{
    static const struct exec_client_handler handler = {begun, ended};
    const struct attempt *attempt = exec->attempt;
    autofree const char **argv = words_of(attempt);
    const struct exec_request request = {.container = attempt->name,
                                         .streams = attempt->spec.lasting ? 0 : EXEC_OUT | EXEC_ERR,
                                         .argv = argv,
                                         .lasting = attempt->spec.lasting,
                                         .of_attempt = true,
                                         .attempt = attempt->spec.container_attempt};
    if (str_empty(argv[0]))
        return err_set(err, -EINVAL, "the command is empty");
    return exec_client_new(&(struct exec_client_spec){.loop = attempt->spec.loop,
                                                      .request = &request,
                                                      .ends = {-1, theirs, theirs},
                                                      .ask = attempt->spec.ask,
                                                      .ask_ctx = attempt->spec.ask_ctx,
                                                      .handler = &handler,
                                                      .ctx = exec},
                           &exec->client, err);
}

static int begin(struct attempt *attempt, struct err *err)
{
    struct exec *exec = xcalloc(1, sizeof(*exec));
    int fds[2];
    exec->attempt = attempt;
    exec->fd = -1;
    buf_init(&exec->output, WEAKENED(PROBE_OUTPUT) ? 0 : OUTPUT_MAX);
    attempt->state = exec;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    exec->fd = fds[0];
    autoclose int theirs = fds[1];
    int r =
        fcntl(exec->fd, F_SETFL, O_NONBLOCK) < 0
            ? err_errno(err, errno, "cannot make a pipe")
            : loop_io_new(attempt->spec.loop, exec->fd, EPOLLIN, readable, exec, &exec->io, err);
    return r < 0 ? r : ask(exec, theirs, err);
}

static char *late(const struct attempt *attempt)
{
    const struct value *command = value_get(attempt->action, "command");
    autofree char *time = attempt_duration(attempt->spec.timeout_ns);
    cleanup(buf_done) struct buf words;
    buf_init(&words, ATTEMPT_TEXT_MAX / 2);
    for (size_t i = 0; i < value_len(command); i++)
        if (buf_addf(&words, "%s%s", i ? " " : "", value_str(value_at(command, i))) < 0)
            break;
    return xasprintf("command timed out: \"%s\" timed out after %s", buf_str(&words), time);
}

static void end(struct attempt *attempt)
{
    struct exec *exec = attempt->state;
    exec_client_free(exec->client);
    loop_io_free(exec->io);
    if (exec->fd >= 0)
        close(exec->fd);
    buf_done(&exec->output);
    free(exec);
}

const struct attempt_type attempt_exec = {
    .field = "exec", .begin = begin, .late = late, .close = end};
