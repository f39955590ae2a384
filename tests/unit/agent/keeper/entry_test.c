#include "agent/keeper/entry.h"

#include "agent/keeper/proto.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The agent's side of one keeper, which is a child that only ends; what it says is put into its
 * socket before. */
struct world {
    char dir[64];
    struct impl impl;
    bool gone, expected, has_last;
    char *failure;
};

static void on_gone(void *ctx, const char *uid, const struct keeper_end *end)
{
    struct world *world = ctx;
    assert_string_equal(uid, "p");
    world->gone = true;
    world->expected = end->expected;
    world->has_last = end->last != NULL;
    world->failure = end->failure ? xstrdup(end->failure) : NULL;
    loop_stop(world->impl.loop, 0);
}

static void on_report(void *ctx, const struct keeper_report *report)
{
    (void)ctx;
    (void)report;
}

static void world_init(struct world *world)
{
    *world = (struct world){0};
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-entry-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    assert_int_equal(loop_new(clock_system(), &world->impl.loop, NULL), 0);
    world->impl.run_dir = world->dir;
    world->impl.cgroup_root = xstrdup("nothing");
    world->impl.handler = (struct keepers_handler){.report = on_report, .gone = on_gone};
    world->impl.ctx = world;
    world->impl.lock_fd = -1;
    list_init(&world->impl.entries);
    list_init(&world->impl.cleaners);
}

static void world_done(struct world *world)
{
    loop_free(world->impl.loop);
    free(world->impl.cgroup_root);
    free(world->failure);
    assert_int_equal(rmdir(world->dir), 0);
}

static void say(int fd, const struct proto *message)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(proto_encode(message, &bytes), 0);
    assert_int_equal(send(fd, bytes.data, bytes.len, 0), bytes.len);
}

/* A keeper that says these (types 0 end the list) and ends. */
static void live_and_die(struct world *world, const struct proto *messages)
{
    int pair[2];
    struct err err = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
    for (; messages->type; messages++)
        say(pair[1], messages);
    struct entry *entry = entry_new(&world->impl, "p");
    entry->told = true;
    pid_t pid = fork();
    if (pid == 0)
        _exit(1);
    assert_int_equal(entry_watch(entry, pid, &err), 0);
    assert_int_equal(entry_attach(entry, pair[0], &err), 0);
    close(pair[1]);
    assert_int_equal(loop_run(world->impl.loop), 0);
    assert_true(world->gone);
}

/* 300 bytes of which the 255th is amid a letter. */
static char *long_text(void)
{
    char *text = xcalloc(1, 301);
    for (size_t i = 0; i < 300; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    return text;
}

static void test_entry__failure_is_told(void **state)
{
    (void)state;
    autofree char *endless = long_text();
    const struct {
        struct proto says[3];
        const char *failure; /* NULL: none is told */
    } cases[] = {
        {{{0}}, NULL},
        {{{.type = PROTO_HELLO, .min = 1, .max = 1}}, NULL},
        {{{.type = PROTO_FAILED, .text = "cannot set sysctl net.x=1: No such file"}},
         "cannot set sysctl net.x=1: No such file"},
        {{{.type = PROTO_HELLO, .min = 1, .max = 1}, {.type = PROTO_FAILED, .text = "why"}}, "why"},
        {{{.type = PROTO_FAILED}}, "its keeper does not say why"},
        {{{.type = PROTO_FAILED, .text = "first"}, {.type = PROTO_FAILED, .text = "second"}},
         "second"},
        {{{.type = PROTO_FAILED, .text = endless}}, endless},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        struct proto says[4] = {{0}};
        memcpy(says, cases[i].says, sizeof(cases[i].says));
        world_init(&world);
        live_and_die(&world, says);
        assert_false(world.expected);
        assert_false(world.has_last);
        if (!cases[i].failure) {
            assert_null(world.failure);
        } else {
            assert_non_null(world.failure);
            size_t len = strlen(world.failure);
            assert_in_range(len, 1, 255);
            assert_int_equal(utf8_cut(cases[i].failure, len), len);
            assert_int_equal(strncmp(world.failure, cases[i].failure, len), 0);
            assert_true(len == strlen(cases[i].failure) || len > 250);
        }
        world_done(&world);
    }
}

static int add_to_one_that_says(const struct proto *hello)
{
    struct world world;
    int pair[2];
    struct err err = {0};
    world_init(&world);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
    struct entry *entry = entry_new(&world.impl, "p");
    assert_int_equal(entry_attach(entry, pair[0], &err), 0);
    say(pair[1], hello);
    assert_int_equal(loop_step(world.impl.loop, -1), 0);
    const struct proto add = {.type = PROTO_ADD};
    int rc = entry_tell(entry, &add, pair[1], &err); /* any descriptor will do */
    assert_true(rc == 0 || strstr(err.msg, "restart the pod"));
    close(pair[1]);
    entry_free(entry);
    world_done(&world);
    return rc;
}

/* A keeper of a release with plans of another kind passes over one that is added. */
static void test_entry__adds_what_its_keeper_reads(void **state)
{
    (void)state;
    static const struct {
        uint32_t max;
        int64_t launch_version;
        int want;
    } cases[] = {
        {PROTO_MAX, LAUNCH_VERSION, 0},
        {PROTO_MAX + 1, LAUNCH_VERSION, 0},
        {PROTO_MAX, 0, -EPROTONOSUPPORT},
        {PROTO_MAX, LAUNCH_VERSION - 1, -EPROTONOSUPPORT},
        {PROTO_MAX, LAUNCH_VERSION + 1, -EPROTONOSUPPORT}, /* the agent was taken back */
        {PROTO_ORDER_SINCE - 1, LAUNCH_VERSION, -EPROTONOSUPPORT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct proto hello = {.type = PROTO_HELLO,
                                    .min = PROTO_MIN,
                                    .max = cases[i].max,
                                    .value = cases[i].launch_version};
        assert_int_equal(add_to_one_that_says(&hello), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry__failure_is_told),
        cmocka_unit_test(test_entry__adds_what_its_keeper_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
