#include "agent/limpetd/verbs.h"

#include "agent/keeper/keepers.h"
#include "agent/limpetd/node.h"
#include "agent/limpetd/presence.h"
#include "agent/link/join.h"
#include "agent/net/net.h"
#include "agent/volume/volume.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* A loop that ends at SIGTERM and SIGINT: in order where there is a node, at once the second time.
 */
struct stopper {
    struct loop *loop;
    struct loop_signal *term, *interrupt;
    struct node *node;
};

static void stopped(void *ctx)
{
    struct stopper *s = ctx;
    loop_stop(s->loop, 0);
}

static void stop_asked(void *ctx, int signo)
{
    (void)signo;
    struct stopper *s = ctx;
    struct node *node = s->node;
    s->node = NULL;
    if (node)
        node_stop(node, stopped, s);
    else
        stopped(s);
}

static int stopper_init(struct stopper *s, struct err *err)
{
    *s = (struct stopper){0};
    signal(SIGPIPE, SIG_IGN);
    int rc = loop_new(clock_system(), &s->loop, err);
    if (rc == 0)
        rc = loop_signal_new(s->loop, SIGTERM, stop_asked, s, &s->term, err);
    if (rc == 0)
        rc = loop_signal_new(s->loop, SIGINT, stop_asked, s, &s->interrupt, err);
    return rc;
}

static void stopper_done(struct stopper *s)
{
    loop_signal_free(s->term);
    loop_signal_free(s->interrupt);
    loop_free(s->loop);
}

static int fail(const struct err *err)
{
    fprintf(stderr, "limpetd: %s\n", err->msg);
    return 1;
}

static void hang_up(void *ctx, int signo)
{
    (void)signo;
    node_reload(ctx);
}

static int run(const struct verb_args *args)
{
    if (args->argc != 0)
        return 2;
    struct stopper s;
    struct err err = {0};
    struct node *node = NULL;
    struct loop_signal *hup = NULL;
    int rc = stopper_init(&s, &err);
    if (rc == 0)
        rc = node_new(s.loop, args->config, args->config_file, &node, &err);
    if (rc == 0)
        rc = loop_signal_new(s.loop, SIGHUP, hang_up, node, &hup, &err);
    s.node = node;
    if (rc == 0)
        rc = loop_run(s.loop);
    loop_signal_free(hup);
    node_free(node);
    stopper_done(&s);
    return rc < 0 ? fail(&err) : 0;
}

const struct verb verb_run = {
    .name = "run",
    .usage = "",
    .help = "run the node's pods (what the service does)",
    .run = run,
};

/* Enrolment. */

#define JOIN_PROGRESS_NS (10 * NS_PER_S) /* how often it says that it still tries */

struct join_options {
    int64_t timeout_ns; /* 0 = none */
};

struct joining {
    struct loop *loop;
    struct loop_timer *progress;
    int64_t begun, timeout_ns;
    char *why; /* the last attempt came to nothing; NULL: none did yet */
};

static void join_done(void *ctx, int code, const char *node, const char *message)
{
    struct joining *joining = ctx;
    if (code == 0)
        printf("enrolled as %s\n", node);
    else
        fprintf(stderr, "limpetd: join: %s\n", message);
    loop_stop(joining->loop, code < 0 ? 1 : 0);
}

static void join_waiting(void *ctx, const char *message)
{
    struct joining *joining = ctx;
    if (str_eq(joining->why, message))
        return;
    fprintf(stderr, "limpetd: join: %s; trying again\n", message);
    free(joining->why);
    joining->why = xstrdup(message);
}

static void join_progress(void *ctx)
{
    struct joining *joining = ctx;
    int64_t waited = loop_now(joining->loop) - joining->begun, left = joining->timeout_ns - waited;
    const char *why = joining->why ? joining->why : "no answer yet";
    if (joining->timeout_ns && left <= 0) {
        fprintf(stderr, "limpetd: join: given up after %lld s: %s\n",
                (long long)(joining->timeout_ns / NS_PER_S), why);
        loop_stop(joining->loop, 1);
        return;
    }
    if (waited >= JOIN_PROGRESS_NS)
        fprintf(stderr, "limpetd: join: still trying after %lld s: %s\n",
                (long long)(waited / NS_PER_S), why);
    bool last = joining->timeout_ns && left < JOIN_PROGRESS_NS;
    loop_timer_after(joining->progress, last ? left : JOIN_PROGRESS_NS);
}

/* The agent reads its identity when it starts. */
static void say_restart(const struct config *config)
{
    if (presence_is_taken(config->run_dir))
        printf("restart limpetd now; its pods run on (systemctl restart limpetd)\n");
}

static int join_with(const struct config *config, const struct enroll_token *token,
                     int64_t timeout_ns)
{
    static const struct join_handler handler = {join_done, join_waiting};
    struct stopper s;
    struct err err = {0};
    struct join *join = NULL;
    autofree char *dir = xasprintf("%s/identity", config->state_dir);
    struct disk *disk = disk_posix();
    int rc = stopper_init(&s, &err);
    struct joining joining = {.loop = s.loop, .timeout_ns = timeout_ns};
    const struct join_spec spec = {.disk = disk,
                                   .identity_dir = dir,
                                   .name = config->node,
                                   .token = token,
                                   .host = config->gateway,
                                   .port = (int)config->enroll_port,
                                   .run_dir = config->run_dir,
                                   .rng = rng_system()};
    if (rc == 0)
        rc = disk->mkdirs(disk, config->run_dir, 0700, &err);
    if (rc == 0)
        rc = join_new(s.loop, &spec, &handler, &joining, &join, &err);
    if (rc == 0) {
        joining.begun = loop_now(s.loop);
        joining.progress = loop_timer_new(s.loop, join_progress, &joining);
        join_progress(&joining);
    }
    int code = rc == 0 ? loop_run(s.loop) : fail(&err);
    loop_timer_free(joining.progress);
    join_free(join);
    stopper_done(&s);
    free(joining.why);
    return code;
}

static int run_join(const struct verb_args *args)
{
    const struct join_options *options = args->options;
    if (args->argc != 1)
        return 2;
    struct enroll_token token;
    struct err err = {0};
    if (str_empty(args->config->gateway)) {
        fprintf(stderr, "limpetd: join: the configuration names no gateway\n");
        return 1;
    }
    if (enroll_token_parse(args->argv[0], &token, &err) < 0)
        return fail(&err);
    int code = join_with(args->config, &token, options->timeout_ns);
    crypto_wipe(&token, sizeof(token));
    if (code == 0)
        say_restart(args->config);
    return code;
}

static const struct join_options join_defaults = {.timeout_ns = 300 * NS_PER_S};

const struct verb verb_join = {
    .name = "join",
    .usage = "[--timeout TIME] TOKEN",
    .help = "enrol this node at its gateway",
    .options =
        (const struct arg_option[]){
            {"timeout", 0, ARG_DURATION, offsetof(struct join_options, timeout_ns), "TIME",
             "give up after that (default 5m; 0: never)", NULL},
            {0},
        },
    .defaults = &join_defaults,
    .size = sizeof(struct join_options),
    .run = run_join,
};

/* Uninstalling. */

struct ending {
    struct loop *loop;
    struct keepers *keepers;
    struct map *left; /* uids; a pod may report several times before all have */
    bool settled;
};

static void end_pod(struct ending *ending, const char *uid, const char *ns, const char *name)
{
    struct err err = {0};
    if (ending->settled || map_put(ending->left, uid, ending))
        return;
    printf("stopping %s/%s\n", ns, name);
    (void)ending->keepers->remove(ending->keepers, uid, &err);
}

static void end_report(void *ctx, const struct keeper_report *report)
{
    end_pod(ctx, report->pod_uid, report->pod_ns, report->pod_name);
}

static void end_silent(void *ctx, const char *uid, const char *ns, const char *name)
{
    end_pod(ctx, uid, ns, name);
}

static void end_if_done(struct ending *ending)
{
    if (ending->settled && map_len(ending->left) == 0)
        loop_stop(ending->loop, 0);
}

static void end_gone(void *ctx, const char *uid, const struct keeper_end *end)
{
    (void)end;
    struct ending *ending = ctx;
    map_del(ending->left, uid);
    end_if_done(ending);
}

static void end_settled(void *ctx)
{
    struct ending *ending = ctx;
    ending->settled = true;
    end_if_done(ending);
}

static int end_pods(struct stopper *s, const struct config *config, struct err *err)
{
    static const struct keepers_handler handler = {
        .report = end_report, .gone = end_gone, .silent = end_silent, .settled = end_settled};
    autofree char *keeper = xasprintf("%s/limpet-keeper", config->libexec_dir);
    autofree char *run = xasprintf("%s/pods", config->run_dir);
    const struct keepers_spec spec = {
        .keeper_path = keeper, .run_dir = run, .cgroup_root = config->cgroup};
    struct ending ending = {.loop = s->loop};
    int rc = keepers_new(s->loop, &spec, &ending.keepers, err);
    if (rc < 0)
        return rc;
    ending.left = map_new();
    rc = ending.keepers->start(ending.keepers, &handler, &ending, err);
    if (rc == 0)
        rc = loop_run(s->loop);
    ending.keepers->free(ending.keepers);
    map_free(ending.left, NULL);
    return rc;
}

static int end_volume(void *ctx, const char *name, enum disk_type type)
{
    autofree char *dir = xasprintf("%s/%s", (const char *)ctx, name);
    const struct volume_spec spec = {.disk_dir = dir, .tmp_dir = dir};
    if (type == DISK_DIR)
        volumes_remove(&spec);
    return 0;
}

/* What pods had on tmpfs. */
static int end_volumes(const struct config *config, struct err *err)
{
    struct disk *disk = disk_posix();
    autofree char *dir = xasprintf("%s/volumes", config->run_dir);
    int rc = disk->list(disk, dir, end_volume, dir, err);
    return rc == 0 ? disk->remove_tree(disk, dir, err) : rc == -ENOENT ? 0 : rc;
}

static int teardown(const struct verb_args *args)
{
    if (args->argc != 0)
        return 2;
    struct stopper s;
    struct err err = {0};
    struct net *net = NULL;
    const struct config *c = args->config;
    const struct net_spec net_spec = {
        .bridge = c->bridge, .pod_cidr = c->pod_cidr, .run_dir = c->run_dir};
    int rc = stopper_init(&s, &err);
    if (rc == 0)
        rc = end_pods(&s, c, &err);
    if (rc == 0)
        rc = end_volumes(c, &err);
    if (rc == 0)
        rc = net_new(s.loop, &net_spec, &net, &err);
    if (rc == 0)
        rc = net->teardown(net, &err);
    if (net)
        net->free(net);
    stopper_done(&s);
    return rc < 0 ? fail(&err) : 0;
}

const struct verb verb_teardown = {
    .name = "teardown",
    .usage = "",
    .help = "stop every pod, remove bridge and rules (uninstall)",
    .run = teardown,
};
