/* Limpet's own start to exit, as its agent sees it: a pod of one container that runs one command,
 * through keepers.h: keeper started, sandbox made, container run, exit seen, everything removed.
 *   bench-start <keeper> <work dir> <run dir, on a tmpfs> <control group> <layer> <count> <gap ms>
 *               <containers> [argv...]
 * The gap keeps the starts apart, as a node's are: 0 is a hot loop. "in-pod" counts from the moment
 * that containers may start in a pod that is there, until the last one's exit is seen. */
#include "stats.h"

#include "agent/keeper/keepers.h"
#include "agent/runtime/caps.h"
#include "agent/runtime/seccomp.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum phase { PHASE_SANDBOX, PHASE_STARTED, PHASE_EXIT, PHASE_IN_POD, PHASE_GONE, PHASES };
static const char *const phase_names[PHASES] = {"limpet-sandbox", "limpet-running",
                                                "limpet-start-to-exit", "limpet-in-pod",
                                                "limpet-start-to-gone"};

struct bench {
    struct loop *loop;
    struct keepers *keepers;
    struct loop_timer *next;
    const char *work, *run_dir, *group, *layer;
    const char *const *argv;
    void *seccomp;
    size_t seccomp_len;
    size_t count, done, containers;
    int64_t gap_ns;
    char uid[32];
    int64_t began;
    int64_t *samples[PHASES];
    bool seen[PHASES];
};

_Noreturn static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "bench-start: %s: %s\n", what, err->msg);
    exit(1);
}

static void mark(struct bench *b, enum phase phase)
{
    if (b->seen[phase])
        return;
    b->seen[phase] = true;
    b->samples[phase][b->done] = loop_now(b->loop) - b->began;
}

static struct launch_container container(const struct bench *b, const char *name,
                                         const char *const *layers, const char *log)
{
    static const char *const env[] = {"PATH=/bin", NULL};
    return (struct launch_container){.name = name,
                                     .layers = layers,
                                     .argv = b->argv,
                                     .env = env,
                                     .capabilities = caps_default(),
                                     .seccomp = b->seccomp,
                                     .seccomp_len = b->seccomp_len,
                                     .memory_bytes = 64 << 20,
                                     .cpu_quota_us = 100000,
                                     .cpu_shares = 1024,
                                     .pids = 100,
                                     .restart = LAUNCH_RESTART_NEVER,
                                     .log_path = log};
}

static void spawn(void *ctx)
{
    struct bench *b = ctx;
    struct err err = {0};
    struct buf bytes;
    struct launch_container containers[LAUNCH_MAX_CONTAINERS];
    char names[LAUNCH_MAX_CONTAINERS][8], logs[LAUNCH_MAX_CONTAINERS][256];
    const char *layers[] = {b->layer, NULL};
    snprintf(b->uid, sizeof(b->uid), "bench%zu", b->done);
    autofree char *run = xasprintf("%s/%s", b->run_dir, b->uid);
    autofree char *state = xasprintf("%s/state/%s", b->work, b->uid);
    autofree char *group = xasprintf("%s/pod%s", b->group, b->uid);
    for (size_t i = 0; i < b->containers; i++) {
        snprintf(names[i], sizeof(names[i]), "c%zu", i);
        snprintf(logs[i], sizeof(logs[i]), "%s/log/%s-%s.log", b->work, b->uid, names[i]);
        containers[i] = container(b, names[i], layers, logs[i]);
    }
    const struct launch_plan plan = {.pod_uid = b->uid,
                                     .pod_ns = "bench",
                                     .pod_name = b->uid,
                                     .spec_hash = "h",
                                     .hostname = "bench",
                                     .state_dir = state,
                                     .run_dir = run,
                                     .cgroup = group,
                                     .containers = containers,
                                     .container_count = b->containers};
    memset(b->seen, 0, sizeof(b->seen));
    b->began = loop_now(b->loop);
    buf_init(&bytes, LAUNCH_MAX_BYTES);
    if (launch_encode(&plan, &bytes, &err) < 0 ||
        b->keepers->spawn(b->keepers, b->uid, bytes.data, bytes.len, &err) < 0)
        die("spawn", &err);
    buf_done(&bytes);
}

/* How many containers are in this state; one that went wrong ends the bench. */
static size_t count_in(const struct keeper_report *report, enum keeper_container_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < report->container_count; i++) {
        const struct keeper_container *c = &report->containers[i];
        n += c->state == state;
        if (c->state == KEEPER_TERMINATED && c->last.code != 0) {
            fprintf(stderr, "bench-start: exit %d %s %s\n", c->last.code, c->last.reason,
                    c->last.message);
            exit(1);
        }
    }
    return n;
}

static void on_report(void *ctx, const struct keeper_report *report)
{
    struct bench *b = ctx;
    struct err err = {0};
    if (report->state == KEEPER_SANDBOX && !b->seen[PHASE_SANDBOX]) {
        mark(b, PHASE_SANDBOX);
        if (b->keepers->go(b->keepers, b->uid, &err) < 0)
            die("go", &err);
    }
    if (count_in(report, KEEPER_WAITING) == 0)
        mark(b, PHASE_STARTED);
    if (count_in(report, KEEPER_TERMINATED) == b->containers && !b->seen[PHASE_EXIT]) {
        mark(b, PHASE_EXIT);
        b->seen[PHASE_IN_POD] = true;
        b->samples[PHASE_IN_POD][b->done] =
            b->samples[PHASE_EXIT][b->done] - b->samples[PHASE_SANDBOX][b->done];
        if (b->keepers->remove(b->keepers, b->uid, &err) < 0)
            die("remove", &err);
    }
}

static void on_gone(void *ctx, const char *uid, const struct keeper_end *end)
{
    struct bench *b = ctx;
    if (!end->expected || !str_eq(uid, b->uid))
        exit(1);
    mark(b, PHASE_GONE);
    if (++b->done == b->count)
        loop_stop(b->loop, 0);
    else
        loop_timer_after(b->next, b->gap_ns);
}

static void make_dirs(const char *work)
{
    static const char *const names[] = {"", "/state", "/log"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        autofree char *path = xasprintf("%s%s", work, names[i]);
        mkdir(path, 0700);
    }
}

int main(int argc, char **argv)
{
    static const struct keepers_handler handler = {.report = on_report, .gone = on_gone};
    static const char *const truth[] = {"/bin/true", NULL};
    struct err err = {0};
    struct bench b = {.loop = NULL};
    b.containers = argc > 8 ? (size_t)strtoul(argv[8], NULL, 10) : 0;
    if (b.containers < 1 || b.containers > LAUNCH_MAX_CONTAINERS) {
        fputs("bench-start <keeper> <work dir> <run dir, on a tmpfs> <control group> <layer> "
              "<count> <gap ms> <containers> [argv...]\n",
              stderr);
        return 2;
    }
    b.work = argv[2];
    b.run_dir = argv[3];
    b.group = argv[4];
    b.layer = argv[5];
    b.count = (size_t)strtoul(argv[6], NULL, 10);
    b.gap_ns = strtol(argv[7], NULL, 10) * NS_PER_MS;
    b.argv = argc > 9 ? (const char *const *)&argv[9] : truth;
    make_dirs(b.work);
    const struct keepers_spec spec = {
        .keeper_path = argv[1], .run_dir = argv[3], .cgroup_root = argv[4]};
    if (seccomp_default(&b.seccomp, &b.seccomp_len, &err) < 0 ||
        loop_new(clock_system(), &b.loop, &err) < 0 ||
        keepers_new(b.loop, &spec, &b.keepers, &err) < 0 ||
        b.keepers->start(b.keepers, &handler, &b, &err) < 0)
        die("start", &err);
    for (int p = 0; p < PHASES; p++)
        b.samples[p] = xcalloc(b.count, sizeof(int64_t));
    b.next = loop_timer_new(b.loop, spawn, &b);
    loop_timer_after(b.next, 0);
    int64_t cpu = stats_cpu();
    int r = loop_run(b.loop);
    for (int p = 0; p < PHASES; p++)
        stats_print(phase_names[p], b.samples[p], b.done);
    if (b.done > 0)
        stats_print_cpu("limpet-cpu", cpu, b.done * b.containers);
    loop_timer_free(b.next);
    b.keepers->free(b.keepers);
    loop_free(b.loop);
    return r < 0;
}
