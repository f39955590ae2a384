#include "tests/unit/controller/pods/pods.h"

#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>

#define WINDOW (64 * 1024) /* of input, not yet read by the program */

struct session;
static void run_cat(struct session *session);
static void run_sink(struct session *session);
static void run_flood(struct session *session);
static void run_nothing(struct session *session);
static void run_exit(struct session *session);
static void run_die(struct session *session);
static void run_size(struct session *session);

enum start { BEGINS, REFUSES, HANGS };

static const struct program {
    const char *name;
    enum start start;
    void (*run)(struct session *session);
    enum pod_channel says; /* where its words go first; POD_STDIN = they do not */
} programs[] = {
    {"echo", BEGINS, run_exit, POD_STDOUT},
    {"err", BEGINS, run_exit, POD_STDERR},
    {"cat", BEGINS, run_cat, 0},
    {"sink", BEGINS, run_sink, 0},
    {"deaf", BEGINS, run_nothing, 0},
    {"exit", BEGINS, run_exit, 0},
    {"flood", BEGINS, run_flood, 0},
    {"size", BEGINS, run_size, 0},
    {"refuse", REFUSES, run_nothing, 0},
    {"die", BEGINS, run_die, 0},
    {"hang", HANGS, run_nothing, 0},
    {"hasty", BEGINS, run_exit, POD_STDOUT},
};

struct session {
    struct pod_session base;
    struct pods *pods;
    struct pod_session_handler handler;
    void *ctx;
    const struct program *program;
    uint64_t number;
    struct buf words, in, sizes;
    size_t on_way, counted;
    bool input_over, opened, said, full, over, busy;
    struct loop_defer *soon;
};

static void work(void *ctx);

static void work_soon(struct session *session)
{
    if (!session->soon && !session->over)
        session->soon = loop_defer(session->pods->loop, work, session);
}

static void session_free(struct session *session)
{
    loop_defer_free(session->soon);
    buf_done(&session->words);
    buf_done(&session->in);
    buf_done(&session->sizes);
    free(session);
}

static void say(struct session *session, enum pod_channel channel, const void *data, size_t len)
{
    session->on_way += len;
    if (session->on_way > session->pods->most)
        session->pods->most = session->on_way;
    session->handler.data(session->ctx, channel, data, len);
}

static void finish(struct session *session, int code, int exit_code, const char *message)
{
    const struct pod_end end = {code, exit_code, message};
    session->over = true;
    session->pods->open--;
    session->handler.end(session->ctx, &end);
}

/* ---- programs ---- */

static void run_nothing(struct session *session)
{
    (void)session;
}

static void run_exit(struct session *session)
{
    session->handler.eof(session->ctx, POD_STDOUT);
    bool exits = str_eq(session->program->name, "exit");
    if (!session->over)
        finish(session, 0, exits ? (int)session->number : 0, NULL);
}

static void run_die(struct session *session)
{
    finish(session, (int)session->number, 0, "the node is gone");
}

static void run_cat(struct session *session)
{
    size_t room = POD_SESSION_CREDIT - session->on_way;
    size_t n = session->in.len < room ? session->in.len : room;
    if (n > 0) {
        say(session, POD_STDOUT, session->in.data, n);
        buf_drop(&session->in, n);
    }
    if (session->input_over && session->in.len == 0 && !session->over)
        run_exit(session);
}

static void run_sink(struct session *session)
{
    char text[32];
    session->counted += session->in.len;
    buf_drop(&session->in, session->in.len);
    if (!session->input_over)
        return;
    snprintf(text, sizeof(text), "%zu\n", session->counted);
    say(session, POD_STDOUT, text, strlen(text));
    if (!session->over)
        run_exit(session);
}

static void run_flood(struct session *session)
{
    static const char block[16384] = {'x', 'y', 'z'};
    size_t room = POD_SESSION_CREDIT - session->on_way, left = session->number - session->counted;
    size_t n = room < left ? room : left;
    n = n < sizeof(block) ? n : sizeof(block);
    session->counted += n;
    if (n > 0)
        say(session, POD_STDOUT, block, n);
    if (!session->over && session->counted == session->number)
        run_exit(session);
    else if (n > 0)
        work_soon(session);
}

static void run_size(struct session *session)
{
    if (session->sizes.len > 0)
        say(session, POD_STDOUT, session->sizes.data, session->sizes.len);
    buf_drop(&session->sizes, session->sizes.len);
    if (session->input_over && !session->over)
        run_exit(session);
}

/* ---- one turn ---- */

static void begin(struct session *session)
{
    if (session->program->start == REFUSES) {
        finish(session, (int)session->number, 0, "cannot be started");
        return;
    }
    session->opened = true;
    session->said = str_eq(session->program->name, "hasty");
    if (session->said)
        say(session, session->program->says, session->words.data, session->words.len);
    session->handler.opened(session->ctx);
}

static void turn(struct session *session)
{
    if (!session->opened)
        begin(session);
    if (session->over)
        return;
    if (!session->said && session->words.len > 0)
        say(session, session->program->says, session->words.data, session->words.len);
    session->said = true;
    if (!session->over)
        session->program->run(session);
    if (session->over || !session->full || session->in.len == WINDOW)
        return;
    session->full = false;
    session->handler.room(session->ctx);
}

static void work(void *ctx)
{
    struct session *session = ctx;
    session->soon = NULL;
    session->busy = true;
    if (session->program->start != HANGS)
        turn(session);
    session->busy = false;
    if (session->over)
        session_free(session);
}

/* ---- what the server calls ---- */

static size_t op_send(struct pod_session *base, enum pod_channel channel, const void *data,
                      size_t len)
{
    struct session *session = container_of(base, struct session, base);
    if (channel == POD_RESIZE) {
        (void)buf_add(&session->sizes, data, len);
        work_soon(session);
        return len;
    }
    size_t room = WINDOW - session->in.len, n = len < room ? len : room;
    if (n > 0)
        (void)buf_add(&session->in, data, n);
    session->pods->sent += n;
    session->full |= n < len;
    work_soon(session);
    return n;
}

static void op_eof(struct pod_session *base, enum pod_channel channel)
{
    struct session *session = container_of(base, struct session, base);
    session->input_over |= channel == POD_STDIN;
    work_soon(session);
}

static void op_took(struct pod_session *base, size_t bytes)
{
    struct session *session = container_of(base, struct session, base);
    session->on_way -= bytes;
    work_soon(session);
}

static void op_close(struct pod_session *base)
{
    struct session *session = container_of(base, struct session, base);
    session->pods->closed++;
    session->pods->open--;
    session->over = true;
    if (!session->busy)
        session_free(session);
}

/* ---- beginning ---- */

static const struct program *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        if (str_eq(programs[i].name, name))
            return &programs[i];
    return find("refuse");
}

static void choose(struct session *session, const struct pod_dial *dial)
{
    static const char *const ports[] = {"", "refuse", "exit", "hang", "flood"};
    if (str_eq(dial->what, "exec")) {
        session->program = find(dial->command[0]);
        if (dial->command[1] && str_to_u64(dial->command[1], &session->number) != 0)
            session->number = 500;
        for (size_t i = 1; session->program->says && dial->command[i]; i++)
            (void)buf_addf(&session->words, "%s%s", i > 1 ? " " : "", dial->command[i]);
        return;
    }
    bool attach = str_eq(dial->what, "attach");
    session->program =
        find(!attach && dial->port < ARRAY_LEN(ports) && dial->port ? ports[dial->port] : "cat");
    session->number = str_eq(session->program->name, "flood") ? 1024 * 1024 : 502;
}

int pods_dial(void *ctx, const struct pod_dial *dial, const struct pod_session_handler *handler,
              void *handler_ctx, struct pod_session **ret, struct err *err)
{
    static const struct pod_session_ops ops = {op_send, op_eof, op_took, op_close};
    struct pods *pods = ctx;
    pods->dialed++;
    if (pods->answer)
        return err_set(err, pods->answer, "node %s cannot be reached", dial->node);
    struct session *session = xcalloc(1, sizeof(*session));
    session->base.ops = &ops;
    session->pods = pods;
    session->handler = *handler;
    session->ctx = handler_ctx;
    choose(session, dial);
    pods->open++;
    work_soon(session);
    *ret = &session->base;
    return 0;
}
