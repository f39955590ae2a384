#include "agent/keeper/server.h"

#include "agent/keeper/proto.h"
#include "common/base/buf.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ROOM 4 /* connections at once */

struct world {
    char dir[64];
    struct loop *loop;
    struct server *server;
    struct keeper_report report;
    int alone, goes;
    int fds[8];
    size_t count;
};

static void on_go(void *ctx)
{
    struct world *world = ctx;
    world->report.deadline_s = (uint32_t)++world->goes;
}

static void on_stop(void *ctx, int64_t grace_ns)
{
    (void)ctx;
    (void)grace_ns;
}

static void on_remove(void *ctx)
{
    (void)ctx;
}

static void on_alone(void *ctx)
{
    ((struct world *)ctx)->alone++;
}

static int setup(void **state)
{
    static const struct server_handler handler = {on_go, on_stop, on_remove, on_alone};
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err = {0};
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-server-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    autofree char *path = xasprintf("%s/keeper.sock", world->dir);
    assert_int_equal(loop_new(clock_system(), &world->loop, &err), 0);
    assert_int_equal(server_new(world->loop, path, -1, &handler, world, &world->server, &err), 0);
    world->report = (struct keeper_report){.pod_uid = "p", .state = KEEPER_SANDBOX};
    server_publish(world->server, &world->report);
    assert_int_equal(loop_step(world->loop, 0), 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    autofree char *path = xasprintf("%s/keeper.sock", world->dir);
    for (size_t i = 0; i < world->count; i++)
        if (world->fds[i] >= 0)
            close(world->fds[i]);
    server_free(world->server);
    loop_free(world->loop);
    (void)unlink(path);
    int rc = rmdir(world->dir);
    free(world);
    return rc;
}

static void turn(struct world *world)
{
    for (int i = 0; i < 8; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
}

static void say(int fd, enum proto_type type)
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, 0);
    const struct proto message = {.type = type, .min = PROTO_MIN, .max = PROTO_MAX, .text = "t"};
    assert_int_equal(proto_encode(&message, &bytes), 0);
    assert_int_equal(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL), bytes.len);
}

static int knock(struct world *world)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/keeper.sock", world->dir);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    world->fds[world->count++] = fd;
    return fd;
}

/* An agent says hello; who only looks says nothing. */
static int come(struct world *world, bool agent)
{
    int fd = knock(world);
    if (agent)
        say(fd, PROTO_HELLO);
    turn(world);
    return fd;
}

static void leave(struct world *world, int fd)
{
    for (size_t i = 0; i < world->count; i++)
        if (world->fds[i] == fd)
            world->fds[i] = -1;
    close(fd);
    turn(world);
}

/* How many reports have come; -1: the keeper has hung up. */
static int reports(int fd)
{
    char bytes[4096];
    struct proto message;
    int count = 0;
    for (;;) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? count : -1;
        assert_int_equal(proto_decode(bytes, (size_t)n, &message), 0);
        if (message.type == PROTO_HELLO)
            assert_int_equal(message.value, LAUNCH_VERSION);
        count += message.type == PROTO_REPORT;
    }
}

/* Beside an agent, which notices nothing. */
static void test_server__who_looks_disturbs_nobody(void **state)
{
    struct world *world = *state;
    int agent = come(world, true);
    assert_int_equal(reports(agent), 1);
    for (int i = 0; i < 10; i++) {
        int looker = come(world, false);
        assert_int_equal(reports(looker), 1);
        leave(world, looker);
        world->count--;
    }
    assert_int_equal(reports(agent), 0);
    assert_int_equal(world->alone, 0);
    server_publish(world->server, &world->report);
    say(agent, PROTO_GO);
    turn(world);
    assert_int_equal(reports(agent), 1);
    assert_int_equal(world->goes, 1);
    leave(world, agent);
    assert_int_equal(world->alone, 1);
}

static void test_server__who_looks_gives_way(void **state)
{
    struct world *world = *state;
    int lookers[ROOM];
    for (int i = 0; i < ROOM; i++)
        lookers[i] = come(world, false);
    int agent = come(world, true);
    assert_int_equal(reports(agent), 1);
    int left = 0;
    for (int i = 0; i < ROOM; i++)
        left += reports(lookers[i]) >= 0;
    assert_int_equal(left, ROOM - 1);
    say(agent, PROTO_GO);
    turn(world);
    assert_int_equal(world->goes, 1);
    for (int i = 0; i < 2; i++) /* and it stays when more come to look */
        (void)come(world, false);
    assert_int_equal(reports(agent), 0);
}

/* Nothing that was sent is lost, and nothing can be sent that would be. */
static void test_server__who_gives_way_is_heard(void **state)
{
    struct world *world = *state;
    int lookers[ROOM];
    for (int i = 0; i < ROOM; i++)
        lookers[i] = come(world, false);
    int more = knock(world); /* seen before what is said after it */
    for (int i = 0; i < ROOM; i++)
        for (int j = 0; j < 3; j++)
            say(lookers[i], PROTO_GO);
    turn(world);
    assert_int_equal(reports(more), 1);
    assert_int_equal(world->goes, 3 * ROOM);
    int left = 0;
    for (int i = 0; i < ROOM; i++)
        left += send(lookers[i], "", 1, MSG_NOSIGNAL) == 1;
    assert_int_equal(left, ROOM - 1);
}

static void test_server__agents_do_not(void **state)
{
    struct world *world = *state;
    int agents[ROOM];
    for (int i = 0; i < ROOM; i++)
        agents[i] = come(world, true);
    int more = come(world, true);
    assert_int_equal(reports(more), -1);
    for (int i = 0; i < ROOM; i++)
        assert_int_equal(reports(agents[i]), 1);
    leave(world, agents[0]);
    more = come(world, true);
    assert_int_equal(reports(more), 1);
}

/* An agent that is killed has sent what it has sent, whatever it left unread and whatever was to be
 * told to it meanwhile. */
static void test_server__last_words_of_an_agent(void **state)
{
    struct world *world = *state;
    for (int publish = 0; publish < 2; publish++) {
        int agent = come(world, true); /* it reads neither hello nor report */
        say(agent, PROTO_GO);
        say(agent, PROTO_GO);
        world->goes = 0;
        if (publish)
            server_publish(world->server, &world->report);
        leave(world, agent);
        assert_int_equal(world->goes, 2);
        assert_int_equal(world->alone, publish + 1);
    }
}

/* A keeper that was held up, an agent that was killed meanwhile, and the next. */
static void test_server__the_next_agent_sees_what_was_said_before(void **state)
{
    struct world *world = *state;
    char bytes[4096];
    struct proto message;
    struct keeper_report *report = NULL;
    int first = come(world, true);
    for (int i = 0; i < 5; i++)
        say(first, PROTO_GO);
    close(first);
    world->fds[world->count - 1] = -1;
    int next = knock(world);
    turn(world);
    assert_true(recv(next, bytes, sizeof(bytes), 0) > 0); /* the hello */
    ssize_t n = recv(next, bytes, sizeof(bytes), 0);
    assert_int_equal(proto_decode(bytes, (size_t)n, &message), 0);
    assert_int_equal(keeper_report_decode(message.report, message.report_len, &report, NULL), 0);
    assert_int_equal(report->deadline_s, 5);
    keeper_report_free(report);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_server__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_looks_disturbs_nobody), TEST(who_looks_gives_way),
        TEST(who_gives_way_is_heard),    TEST(agents_do_not),
        TEST(last_words_of_an_agent),    TEST(the_next_agent_sees_what_was_said_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
