/* Limits of how fast a pod receives and sends, by what gets through of a flood of datagrams. Needs
 * root and a kernel that can. */

#include "stage.h"

#include "common/base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PORT 4000
#define FLOOD 600 /* datagrams of 1000 bytes: far more than what a limit lets through at once */
#define MEGABIT 1000000

static int new_socket(const struct world *world, int where)
{
    const int room = 8 << 20;
    const struct timeval limit = {.tv_usec = 300000};
    enter(where);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    enter(world->node);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

static struct sockaddr_in address_of(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    return at;
}

/* How many of a flood arrive. First the way is tried until it carries: new links take the kernel
 * a while. */
static int flood(const struct world *world, int from, int to, const char *address)
{
    static const char datagram[1000] = "flood";
    char byte;
    int in = new_socket(world, to), out = new_socket(world, from), arrived = 0;
    const struct sockaddr_in at = address_of(address);
    assert_int_equal(bind(in, (const struct sockaddr *)(const void *)&at, sizeof(at)), 0);
    assert_int_equal(connect(out, (const struct sockaddr *)(const void *)&at, sizeof(at)), 0);
    bool carries = false;
    for (int i = 0; i < 20 && !carries; i++)
        carries = send(out, "try", 3, 0) == 3 && recv(in, &byte, 1, 0) == 1;
    assert_true(carries);
    for (int i = 0; i < FLOOD; i++)
        (void)send(out, datagram, sizeof(datagram), 0);
    while (recv(in, &byte, 1, 0) == 1)
        arrived += byte == *datagram;
    close(in);
    close(out);
    return arrived;
}

static int shape(struct world *world, uint64_t ingress, uint64_t egress)
{
    const struct net_rates rates = {ingress, egress};
    struct err err = {0};
    int rc = world->net->shape(world->net, POD_UID, world->pod, &rates, &err);
    if (rc < 0 && rc != -EOPNOTSUPP)
        fail_msg("%s", err.msg);
    if (rc < 0) {
        printf("this kernel cannot: %s\n", err.msg);
        skip();
    }
    return rc;
}

static int to_pod(const struct world *world)
{
    return flood(world, world->outside, world->pod, POD);
}

static int from_pod(const struct world *world)
{
    return flood(world, world->pod, world->outside, OUTSIDE);
}

static void test_shape__each_way_alone(void **state)
{
    struct world *world = *state;
    start(world);
    assert_int_equal(to_pod(world), FLOOD);
    assert_int_equal(from_pod(world), FLOOD);
    shape(world, MEGABIT, 0);
    assert_in_range(to_pod(world), 20, FLOOD / 2);
    assert_int_equal(from_pod(world), FLOOD);
}

static void test_shape__from_the_pod(void **state)
{
    struct world *world = *state;
    start(world);
    shape(world, 0, MEGABIT);
    shape(world, 0, MEGABIT); /* idempotent */
    assert_in_range(from_pod(world), 20, FLOOD / 2);
    assert_int_equal(to_pod(world), FLOOD);
    shape(world, 0, 1000 * MEGABIT); /* another one takes its place */
    assert_int_equal(from_pod(world), FLOOD);
    shape(world, UINT64_C(1000000000000000), UINT64_C(1000000000000000));
    assert_int_equal(from_pod(world), FLOOD);
    assert_int_equal(to_pod(world), FLOOD);
}

/* The least that is allowed carries something. */
static void test_shape__slowest(void **state)
{
    struct world *world = *state;
    start(world);
    shape(world, 1000, 1000);
    assert_in_range(to_pod(world), 1, FLOOD / 2);
    assert_in_range(from_pod(world), 1, FLOOD / 2);
}

static size_t ifbs(void)
{
    autofree char *links = sh("ip -o link show type ifb");
    return count(links, ": li");
}

static void test_shape__leaves_nothing(void **state)
{
    struct world *world = *state;
    static const char *const nobody[] = {NULL};
    struct err err = {0};
    start(world);
    shape(world, 0, MEGABIT);
    assert_int_equal(ifbs(), 1);
    start(world); /* an agent that is started anew knows the pod */
    assert_int_equal(ifbs(), 1);
    world->net->detach(world->net, POD_UID);
    assert_int_equal(ifbs(), 0);
    start(world);
    shape(world, 0, MEGABIT);
    run("ip link add lifoo type ifb"); /* somebody else's */
    world->net->free(world->net);      /* the agent dies, and the pod meanwhile */
    const struct net_spec spec = {
        .bridge = BRIDGE, .pod_cidr = "10.99.7.0/24", .run_dir = world->dir, .mtu = 1400};
    assert_int_equal(net_new(world->loop, &spec, &world->net, &err), 0);
    assert_int_equal(world->net->start(world->net, nobody, &err), 0);
    settle(world);
    assert_int_equal(ifbs(), 1);
    run("ip link del lifoo");
}

int main(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        printf("needs root and network namespaces\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(test_shape__##name, stage_setup, stage_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_way_alone),
        TEST(from_the_pod),
        TEST(slowest),
        TEST(leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
