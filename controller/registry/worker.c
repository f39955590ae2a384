#include "controller/registry/worker.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/registry/service.h"
#include "controller/registry/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define IDLE_NS (30 * NS_PER_S)
#define TEND_NS (3600 * NS_PER_S)
#define ANSWER_S 30
#define NICE 10

struct worker {
    struct loop *loop;
    struct depot *depot;
    struct uploads *uploads;
    struct service *service;
    struct loop_io *io;
    struct loop_timer *idle, *tend;
    int connections_fd, questions_fd;
    int64_t received; /* connections */
    bool bored;       /* since the idle timer was set, nobody has come */
};

/* ---- who may ---- */

static int may(void *ctx, const struct http_peer *peer, const char *authorization, const char *verb,
               const char *repository, struct err *why)
{
    const struct worker *worker = ctx;
    cleanup(value_free) struct value *question = talk_peer(peer), *answer = NULL;
    value_set_str(question, "authorization", authorization);
    value_set_str(question, "verb", verb);
    value_set_str(question, "repository", repository);
    int r = talk_send(worker->questions_fd, question, -1);
    if (r == -E2BIG) {
        snprintf(why->msg, sizeof(why->msg), "Unauthorized");
        return 401;
    }
    if (r == 0)
        r = talk_receive(worker->questions_fd, &answer, NULL);
    if (r != 0 || !answer) /* and whatever comes later would be the answer to something else */
        _exit(1);
    const char *message = value_get_str(answer, "message");
    snprintf(why->msg, sizeof(why->msg), "%s", message ? message : "");
    return (int)value_get_int(answer, "code", 503);
}

/* ---- connections ---- */

static void on_connection(void *ctx, int fd, uint32_t events)
{
    struct worker *worker = ctx;
    cleanup(value_free) struct value *message = NULL;
    cleanup(talk_peer_done) struct talk_peer peer = {0};
    struct err err = {0};
    int client = -1;
    (void)events;
    int r = talk_receive(fd, &message, &client);
    if (r == -EAGAIN || r == -EINTR)
        return;
    if (r != 0 || !message) { /* it does not need us any more */
        loop_stop(worker->loop, 0);
        return;
    }
    worker->received++;
    worker->bored = false;
    talk_peer_read(message, &peer);
    if (client >= 0 && service_add(worker->service, client, &peer.peer, &err) != 0)
        log_warn("registry connection refused error=%s", log_quote(err.msg));
}

/* ---- tending ---- */

static void tend(struct worker *worker)
{
    int64_t now_s = clock_wall(loop_clock(worker->loop)) / NS_PER_S;
    uploads_sweep(worker->uploads, now_s);
    depot_collect(worker->depot, now_s, DEPOT_UNTAGGED_S);
}

static void on_tend(void *ctx)
{
    struct worker *worker = ctx;
    tend(worker);
    loop_timer_after(worker->tend, TEND_NS);
}

/* The gateway ends us, unless somebody is on the way. */
static void on_idle(void *ctx)
{
    struct worker *worker = ctx;
    if (worker->bored && service_connections(worker->service) == 0) {
        cleanup(value_free) struct value *message = value_new_map();
        tend(worker);
        value_set_int(message, "idle", worker->received);
        if (talk_send(worker->connections_fd, message, -1) != 0)
            loop_stop(worker->loop, 0);
    }
    worker->bored = true;
    loop_timer_after(worker->idle, IDLE_NS);
}

/* ---- the process ---- */

/* Whatever else the gateway has to do goes first, and its memory stays. */
static void give_way(void)
{
    static const char score[] = "500";
    autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, score, sizeof(score) - 1);
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    (void)syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7); /* of this process: best effort, last */
    (void)prctl(PR_SET_NAME, "limpet-registry");
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int start(struct worker *worker, const char *dir, int64_t max_bytes, struct err *err)
{
    const struct depot_spec depot = {disk_posix(), dir, max_bytes};
    const struct timeval patience = {.tv_sec = ANSWER_S};
    (void)setsockopt(worker->questions_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    int r = loop_new(clock_system(), &worker->loop, err);
    if (r == 0)
        r = depot_open(&depot, &worker->depot, err);
    if (r == 0)
        r = uploads_new(worker->depot, disk_posix(), rng_system(), &worker->uploads, err);
    if (r)
        return r;
    const struct service_spec service = {worker->loop, worker->depot, worker->uploads, may, worker};
    r = service_new(&service, &worker->service, err);
    if (r == 0)
        r = loop_io_new(worker->loop, worker->connections_fd, EPOLLIN, on_connection, worker,
                        &worker->io, err);
    worker->idle = loop_timer_new(worker->loop, on_idle, worker);
    worker->tend = loop_timer_new(worker->loop, on_tend, worker);
    loop_timer_after(worker->idle, IDLE_NS);
    loop_timer_after(worker->tend, TEND_NS);
    return r;
}

int worker_main(int argc, char **argv)
{
    struct worker worker = {0};
    struct err err = {0};
    int64_t max_bytes = 0, fds[2] = {-1, -1};
    if (argc != 4 || str_to_i64(argv[1], &max_bytes) != 0 || str_to_i64(argv[2], &fds[0]) != 0 ||
        str_to_i64(argv[3], &fds[1]) != 0) {
        fputs("limpet-controller: registry: the gateway starts this itself\n", stderr);
        return 2;
    }
    worker.connections_fd = (int)fds[0];
    worker.questions_fd = (int)fds[1];
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    give_way();
    int r = start(&worker, argv[0], max_bytes, &err);
    if (r == 0)
        r = loop_run(worker.loop);
    else
        log_error("the registry does not start error=%s", log_quote(err.msg));
    service_free(worker.service);
    uploads_free(worker.uploads);
    depot_free(worker.depot);
    loop_free(worker.loop);
    return r < 0 ? 1 : 0;
}
