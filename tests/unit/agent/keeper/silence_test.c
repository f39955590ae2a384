/* Keepers that an agent finds and that do not answer it: children of the test on a clock that only
 * it moves. */

#include "agent/keeper/silence.h"

#include "agent/keeper/entry.h"
#include "agent/keeper/proto.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PATIENCE_NS (5 * NS_PER_S)

struct world {
    struct clock clock;
    int64_t now;
    char dir[64];
    struct impl impl;
    struct entry *entry;
    pid_t pid;
    int listener, peer; /* the keeper's side of its socket */
    int silent, reports, settled, gone;
    bool expected; /* as gone told it */
    char name[64]; /* as silent told it */
};

static int64_t fake_boot(const struct clock *clock)
{
    return ((const struct world *)clock)->now;
}

static void on_report(void *ctx, const struct keeper_report *report)
{
    (void)report;
    ((struct world *)ctx)->reports++;
}

static void on_gone(void *ctx, const char *uid, const struct keeper_end *end)
{
    struct world *world = ctx;
    (void)uid;
    world->expected = end->expected;
    world->gone++;
    world->entry = NULL;
}

static void on_silent(void *ctx, const char *uid, const char *ns, const char *name)
{
    struct world *world = ctx;
    assert_string_equal(uid, "p");
    assert_int_equal(world->settled, 0);
    snprintf(world->name, sizeof(world->name), "%s %s", ns, name);
    world->silent++;
}

static void on_settled(void *ctx)
{
    ((struct world *)ctx)->settled++;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int setup(void **state)
{
    static const struct keepers_handler handler = {
        .report = on_report, .gone = on_gone, .silent = on_silent, .settled = on_settled};
    struct world *world = xcalloc(1, sizeof(*world));
    world->clock = *clock_system();
    world->clock.boot_ns = fake_boot;
    world->now = 1000 * NS_PER_S;
    world->peer = -1;
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-silence-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    autofree char *folder = xasprintf("%s/p", world->dir);
    autofree char *path = xasprintf("%s/keeper.sock", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    world->listener = listen_at(path);
    assert_int_equal(loop_new(&world->clock, &world->impl.loop, NULL), 0);
    world->impl.run_dir = world->dir;
    world->impl.cgroup_root = xstrdup("nothing");
    world->impl.handler = handler;
    world->impl.ctx = world;
    world->impl.lock_fd = -1;
    list_init(&world->impl.entries);
    list_init(&world->impl.cleaners);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    autofree char *command = xasprintf("rm -rf %s", world->dir);
    if (world->entry) {
        kill(world->pid, SIGKILL);
        entry_free(world->entry);
    }
    if (world->impl.settle)
        loop_defer_free(world->impl.settle);
    if (world->peer >= 0)
        close(world->peer);
    close(world->listener);
    loop_free(world->impl.loop);
    free(world->impl.cgroup_root);
    free(world);
    return system(command);
}

/* This program again: it does nothing (main). */
static pid_t start_process(const char *option)
{
    char *const argv[] = {(char[]){"limpet-keeper"}, xstrdup(option), (char[]){"default/web"},
                          (char[]){"trees"}, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv("/proc/self/exe", argv);
        _exit(1);
    }
    free(argv[1]);
    char comm[64] = "";
    autofree char *path = xasprintf("/proc/%d/cmdline", (int)pid);
    for (int i = 0; i < 1000 && !str_eq(comm, "limpet-keeper"); i++) {
        FILE *file = fopen(path, "re");
        size_t n = file ? fread(comm, 1, sizeof(comm) - 1, file) : 0;
        comm[n] = '\0';
        if (file)
            fclose(file);
        usleep(5000);
    }
    assert_string_equal(comm, "limpet-keeper");
    return pid;
}

/* As adopt() leaves it. */
static void find(struct world *world, const char *option)
{
    struct err err = {0};
    world->pid = start_process(option);
    world->entry = entry_new(&world->impl, "p");
    assert_int_equal(entry_watch(world->entry, world->pid, &err), 0);
    world->entry->awaited = true;
    world->impl.awaited++;
    entry_connect(world->entry, PATIENCE_NS);
}

static void pass(struct world *world, int64_t ns)
{
    for (int64_t end = world->now + ns; world->now < end; world->now += NS_PER_S / 10)
        for (int i = 0; i < 3; i++)
            assert_int_equal(loop_step(world->impl.loop, 0), 0);
}

static void await_gone(struct world *world)
{
    for (int i = 0; i < 1000 && !world->gone; i++)
        assert_int_equal(loop_step(world->impl.loop, 10 * NS_PER_MS), 0);
    assert_int_equal(world->gone, 1);
}

static void accept_agent(struct world *world)
{
    world->peer = accept4(world->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(world->peer >= 0);
}

static void say_report(struct world *world)
{
    struct keeper_report report = {.pod_uid = "p", .state = KEEPER_RUNNING};
    cleanup(buf_done) struct buf text, bytes;
    buf_init(&text, 0);
    buf_init(&bytes, 0);
    assert_int_equal(keeper_report_encode(&report, &text), 0);
    const struct proto message = {
        .type = PROTO_REPORT, .report = text.data, .report_len = text.len};
    assert_int_equal(proto_encode(&message, &bytes), 0);
    assert_int_equal(send(world->peer, bytes.data, bytes.len, 0), bytes.len);
}

static void set_stopped(struct world *world, bool stopped)
{
    kill(world->pid, stopped ? SIGSTOP : SIGCONT);
    for (int i = 0; i < 1000 && silence_is_blocked(world->pid) != stopped; i++)
        usleep(5000);
    assert_int_equal(silence_is_blocked(world->pid), stopped);
}

/* As long as it takes; others settle. */
static void test_silence__blocked_is_waited_for(void **state)
{
    struct world *world = *state;
    find(world, "--pod");
    set_stopped(world, true);
    pass(world, 4 * NS_PER_S);
    assert_int_equal(world->silent + world->settled, 0);
    pass(world, 2 * NS_PER_S);
    assert_int_equal(world->silent, 1);
    assert_int_equal(world->settled, 1);
    assert_string_equal(world->name, "default web");
    pass(world, 3600 * NS_PER_S);
    set_stopped(world, false);
    accept_agent(world);
    say_report(world);
    pass(world, 100 * NS_PER_S);
    assert_int_equal(world->silent, 1);
    assert_int_equal(world->settled, 1);
    assert_int_equal(world->reports, 1);
    assert_int_equal(world->gone, 0);
    assert_int_equal(kill(world->pid, 0), 0);
}

static void test_silence__awake_is_killed(void **state)
{
    struct world *world = *state;
    find(world, "--pod");
    set_stopped(world, true);
    pass(world, 100 * NS_PER_S);
    set_stopped(world, false);
    pass(world, 25 * NS_PER_S);
    assert_int_equal(world->gone, 0);
    set_stopped(world, true); /* counted anew */
    pass(world, 10 * NS_PER_S);
    set_stopped(world, false);
    pass(world, 25 * NS_PER_S);
    assert_int_equal(kill(world->pid, 0), 0);
    assert_int_equal(world->gone, 0);
    pass(world, 10 * NS_PER_S);
    await_gone(world);
    assert_false(world->expected);
    assert_int_equal(world->silent, 1);
}

/* No keeper of ours: as it was. */
static void test_silence__stranger_is_killed(void **state)
{
    struct world *world = *state;
    find(world, "--else");
    pass(world, 6 * NS_PER_S);
    for (int i = 0; i < 1000 && !world->settled; i++)
        assert_int_equal(loop_step(world->impl.loop, 10 * NS_PER_MS), 0);
    assert_int_equal(world->settled, 1);
    assert_int_equal(world->silent, 0);
    world->entry = NULL;
}

/* A keeper that has too many connections turns us away for a while. */
static void test_silence__turned_away_comes_again(void **state)
{
    struct world *world = *state;
    find(world, "--pod");
    for (int i = 0; i < 3; i++) {
        accept_agent(world);
        close(world->peer);
        world->peer = -1;
        pass(world, NS_PER_S);
    }
    accept_agent(world);
    say_report(world);
    pass(world, 100 * NS_PER_S);
    assert_int_equal(world->reports, 1);
    assert_int_equal(world->settled, 1);
    assert_int_equal(world->silent + world->gone, 0);
}

/* Who turns us away for ever does not keep the others waiting. */
static void test_silence__turned_away_for_ever(void **state)
{
    struct world *world = *state;
    find(world, "--pod");
    set_stopped(world, true);
    close(world->listener);
    world->listener = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pass(world, 6 * NS_PER_S);
    assert_int_equal(world->silent, 1);
    assert_int_equal(world->settled, 1);
    pass(world, 3600 * NS_PER_S);
    assert_int_equal(world->gone, 0);
}

/* Uninstalling does not wait. */
static void test_silence__removal_does_not_wait(void **state)
{
    struct world *world = *state;
    find(world, "--pod");
    set_stopped(world, true);
    pass(world, 6 * NS_PER_S);
    world->entry->removing = true;
    entry_patience(world->entry, 20 * NS_PER_S);
    pass(world, 21 * NS_PER_S);
    await_gone(world);
}

static void test_silence__pod_by_its_arguments(void **state)
{
    char *ns = NULL, *name = NULL;
    (void)state;
    pid_t pid = start_process("--pod");
    assert_int_equal(silence_pod(pid, &ns, &name), 0);
    assert_string_equal(ns, "default");
    assert_string_equal(name, "web");
    free(ns);
    free(name);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(silence_pod(pid, &ns, &name), -EINVAL);
    assert_int_equal(silence_pod(getpid(), &ns, &name), -EINVAL);
    assert_false(silence_is_blocked(pid));
}

int main(int argc, char **argv)
{
    if (argc > 2 && str_eq(argv[0], "limpet-keeper"))
        for (;;)
            pause();
#define TEST(name) cmocka_unit_test_setup_teardown(test_silence__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(blocked_is_waited_for),   TEST(awake_is_killed),      TEST(stranger_is_killed),
        TEST(turned_away_comes_again), TEST(turned_away_for_ever), TEST(removal_does_not_wait),
        TEST(pod_by_its_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
