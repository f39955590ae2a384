/* limpet-keeper: the parent of one pod's containers. Started by limpetd with the launch plan at
 * descriptor 3 and a connected socket at 4; lives until the pod is removed. */
#include "agent/keeper/keeper.h"
#include "agent/keeper/plans.h"
#include "agent/keeper/proto.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define PLAN_FD 3
#define AGENT_FD 4

static void tell_failure(int fd, const struct err *err)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, PROTO_MAX_BYTES);
    const struct proto message = {.type = PROTO_FAILED, .text = err->msg};
    if (proto_encode(&message, &bytes) == 0 &&
        send(fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

/* Blocked, not ignored: the mask is what containers are rid of in one call. */
static void block_signals(void)
{
    static const int unwanted[] = {SIGPIPE, SIGHUP, SIGINT};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(unwanted); i++)
        sigaddset(&set, unwanted[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static int keep(const char *cgroups, struct err *err)
{
    const void *bytes = NULL;
    size_t len = 0;
    struct launch_plan *plan = NULL;
    struct loop *loop = NULL;
    struct keeper *keeper;
    block_signals();
    int r = plans_map(PLAN_FD, &bytes, &len, err);
    close(PLAN_FD);
    if (r == 0)
        r = launch_decode(bytes, len, &plan, err);
    if (r == 0)
        r = loop_new(clock_system(), &loop, err);
    if (r < 0)
        return r;
    /* The server owns and closes the original. */
    autoclose int agent = fcntl(AGENT_FD, F_DUPFD_CLOEXEC, 3);
    fcntl(AGENT_FD, F_SETFD, FD_CLOEXEC);
    r = keeper_new(loop, plan, cgroups, AGENT_FD, &keeper, err);
    if (r < 0) {
        tell_failure(agent, err);
        return r;
    }
    close(steal_fd(&agent));
    r = loop_run(loop);
    keeper_free(keeper);
    loop_free(loop);
    launch_free(plan);
    return r;
}

/* What a keeper that was killed could not remove itself: limpet-keeper --remove-tree <folder>
 * <name>. */
static int remove_tree(const char *parent, const char *name)
{
    autoclose int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -errno : path_remove_tree(dir, name);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc == 2 && str_eq(argv[1], "--version")) {
        puts("limpet-keeper " LIMPET_VERSION);
        return 0;
    }
    if (argc == 4 && str_eq(argv[1], "--remove-tree"))
        return remove_tree(argv[2], argv[3]) < 0;
    if (argc != 4 || !str_eq(argv[1], "--pod")) {
        fputs("limpet-keeper is started by limpetd, one a pod\n", stderr);
        return 2;
    }
    return keep(argv[3], &err) < 0;
}
