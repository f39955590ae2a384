/* An agent that a shell can hold: keepers.h by lines. Commands on stdin, events on stdout.
 *   runtime-driver <keeper> <run dir> <cgroup root>
 *   spawn <podfile> | go <uid> | stop <uid> <seconds> | remove <uid> | netns <uid> | exits <dir>
 * <hash> At the end of stdin it exits and leaves the keepers alone, as an agent that is stopped
 * does. */
#include "podfile.h"

#include "agent/keeper/keepers.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct driver {
    struct loop *loop;
    struct keepers *keepers;
    const char *run_dir, *cgroup_root;
    struct buf input;
};

static const char *const pod_states[] = {"sandbox", "running", "stopping", "ended"};
static const char *const container_states[] = {"waiting", "started", "terminated"};

static void print_report(const char *head, const struct keeper_report *report)
{
    printf("%s %s %s keeper=%d hash=%s", head, report->pod_uid, pod_states[report->state],
           (int)report->keeper_pid, report->spec_hash);
    for (size_t i = 0; i < report->container_count; i++) {
        const struct keeper_container *c = &report->containers[i];
        printf(" | %s %s restarts=%" PRIu32 " pid=%d", c->name, container_states[c->state],
               c->restarts, (int)c->pid);
        if (c->restart_at_boot_ns)
            printf(" backoff=%" PRId64,
                   (c->restart_at_boot_ns - clock_boot(clock_system())) / NS_PER_MS);
        if (c->last.valid)
            printf(" last=%d/%d/%s ran=%" PRId64 " message=%s", c->last.code, c->last.signal,
                   c->last.reason, (c->last.finished_wall_ns - c->last.started_wall_ns) / NS_PER_MS,
                   c->last.message);
    }
    putchar('\n');
}

/* A line before each event: when it came, as the uptime in ms. */
static void print_time(void)
{
    printf("at %" PRId64 "\n", clock_boot(clock_system()) / NS_PER_MS);
}

static void on_report(void *ctx, const struct keeper_report *report)
{
    (void)ctx;
    print_time();
    print_report("report", report);
}

static void on_gone(void *ctx, const char *uid, const struct keeper_end *end)
{
    (void)ctx;
    print_time();
    printf("gone %s %s%s%s\n", uid, end->expected ? "expected" : "died",
           end->failure ? " failure=" : "", end->failure ? end->failure : "");
    if (end->last)
        print_report("last", end->last);
}

static void on_silent(void *ctx, const char *uid, const char *ns, const char *name)
{
    (void)ctx;
    print_time();
    printf("silent %s %s/%s\n", uid, ns, name);
}

static void on_settled(void *ctx)
{
    (void)ctx;
    print_time();
    printf("settled\n");
}

static int spawn(struct driver *d, char *arg, struct err *err)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, LAUNCH_MAX_BYTES);
    struct launch_plan *plan = podfile_read(arg, d->run_dir, d->cgroup_root);
    int r = launch_encode(plan, &bytes, err);
    return r < 0 ? r : d->keepers->spawn(d->keepers, plan->pod_uid, bytes.data, bytes.len, err);
}
static int go(struct driver *d, char *arg, struct err *err)
{
    return d->keepers->go(d->keepers, arg, err);
}
static int stop(struct driver *d, char *arg, struct err *err)
{
    char *grace = strchr(arg, ' ');
    if (grace)
        *grace++ = '\0';
    return d->keepers->stop(d->keepers, arg, grace ? atoi(grace) : 0, err);
}
static int removal(struct driver *d, char *arg, struct err *err)
{
    return d->keepers->remove(d->keepers, arg, err);
}
static int netns(struct driver *d, char *arg, struct err *err)
{
    int fd;
    struct stat st;
    int r = d->keepers->netns(d->keepers, arg, &fd, err);
    if (r == 0 && fstat(fd, &st) == 0) {
        printf("netns %s net:[%llu]\n", arg, (unsigned long long)st.st_ino);
        close(fd);
    }
    return r;
}
static int exits(struct driver *d, char *arg, struct err *err)
{
    struct keeper_report *report;
    char *hash = strchr(arg, ' ');
    (void)d;
    if (hash)
        *hash++ = '\0';
    int r = keeper_exits_read(arg, hash ? hash : "", &report, err);
    if (r == 0) {
        print_report("exits", report);
        keeper_report_free(report);
    }
    return r;
}

static const struct {
    const char *name;
    int (*run)(struct driver *driver, char *arg, struct err *err);
} commands[] = {{"spawn", spawn},    {"go", go},       {"stop", stop},
                {"remove", removal}, {"netns", netns}, {"exits", exits}};

static void obey(struct driver *d, char *line)
{
    struct err err = {0};
    char *arg = strchr(line, ' ');
    if (arg)
        *arg++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_eq(commands[i].name, line)) {
            int r = commands[i].run(d, arg ? arg : line + strlen(line), &err);
            if (r < 0)
                printf("error %s %d %s\n", line, r, err.msg);
            return;
        }
    printf("error unknown command %s\n", line);
}

static void on_input(void *ctx, int fd, uint32_t events)
{
    struct driver *d = ctx;
    char data[4096];
    (void)events;
    ssize_t n = read(fd, data, sizeof(data));
    if (n <= 0) {
        loop_stop(d->loop, 0);
        return;
    }
    if (buf_add(&d->input, data, (size_t)n) < 0)
        exit(2);
    for (char *end; d->input.len > 0 && (end = strchr(d->input.data, '\n'));) {
        *end = '\0';
        size_t len = (size_t)(end - d->input.data) + 1;
        obey(d, d->input.data);
        buf_drop(&d->input, len);
    }
}

int main(int argc, char **argv)
{
    static const struct keepers_handler handler = {
        .report = on_report, .gone = on_gone, .silent = on_silent, .settled = on_settled};
    struct err err = {0};
    struct driver d = {.loop = NULL};
    struct loop_io *input;
    if (argc != 4)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    d.run_dir = argv[2];
    d.cgroup_root = argv[3];
    buf_init(&d.input, 65536);
    const struct keepers_spec spec = {
        .keeper_path = argv[1], .run_dir = argv[2], .cgroup_root = argv[3]};
    if (loop_new(clock_system(), &d.loop, &err) < 0 ||
        keepers_new(d.loop, &spec, &d.keepers, &err) < 0 ||
        d.keepers->start(d.keepers, &handler, &d, &err) < 0 ||
        loop_io_new(d.loop, STDIN_FILENO, EPOLLIN, on_input, &d, &input, &err) < 0) {
        printf("error start %s\n", err.msg);
        return 1;
    }
    printf("ready\n");
    int r = loop_run(d.loop);
    loop_io_free(input);
    d.keepers->free(d.keepers);
    loop_free(d.loop);
    buf_done(&d.input);
    return r < 0;
}
