/* Ports of the node that lead to a pod, as they are reached from outside, from the node and from
 * pods. Needs root and nft; the cases beside a firewall iptables, too. */

#include "stage.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/host_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PORT 80
#define INSIDE 8080
#define LOOPBACK "127.0.0.1"

static struct host_port web[] = {{PORT, INSIDE, IPPROTO_TCP, ""}, {PORT, INSIDE, IPPROTO_UDP, ""}};
static struct host_port inward[] = {{PORT, INSIDE, IPPROTO_TCP, LOOPBACK}};

static struct sockaddr_in address_of(const char *address, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
    return to;
}

static int new_socket(const struct world *world, int where, int type)
{
    const struct timeval limit = {.tv_sec = 2};
    enter(where);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    enter(world->node);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    return fd;
}

static int serve(const struct world *world, int where, int type, const char *address, uint16_t port)
{
    int fd = new_socket(world, where, type);
    const struct sockaddr_in at = address_of(address, port);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* A connection to there arrives at the listener; who it seems to be from is appended, if wanted. */
static bool connects(const struct world *world, int from, const char *address, uint16_t port,
                     int listener, char *ret_peer)
{
    int fd = new_socket(world, from, SOCK_STREAM);
    const struct sockaddr_in to = address_of(address, port);
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof(peer);
    bool done = connect(fd, (const struct sockaddr *)(const void *)&to, sizeof(to)) == 0;
    int got = done ? accept(listener, (struct sockaddr *)(void *)&peer, &len) : -1;
    char byte = 'x';
    done = got >= 0 && send(fd, &byte, 1, 0) == 1 && recv(got, &byte, 1, 0) == 1 &&
           send(got, &byte, 1, 0) == 1 && recv(fd, &byte, 1, 0) == 1;
    if (ret_peer)
        inet_ntop(AF_INET, &peer.sin_addr, ret_peer, INET_ADDRSTRLEN);
    if (got >= 0)
        close(got);
    close(fd);
    return done;
}

/* A datagram gets there, and its answer back. */
static bool asks(const struct world *world, int from, const char *address, uint16_t port,
                 int server)
{
    int fd = new_socket(world, from, SOCK_DGRAM);
    const struct sockaddr_in to = address_of(address, port);
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof(peer);
    char byte = 'x';
    bool done = connect(fd, (const struct sockaddr *)(const void *)&to, sizeof(to)) == 0 &&
                send(fd, &byte, 1, 0) == 1 &&
                recvfrom(server, &byte, 1, 0, (struct sockaddr *)(void *)&peer, &len) == 1 &&
                sendto(server, &byte, 1, 0, (struct sockaddr *)(void *)&peer, len) == 1 &&
                recv(fd, &byte, 1, 0) == 1;
    close(fd);
    return done;
}

static void expose(struct world *world, struct host_port *ports, size_t count)
{
    const struct host_ports list = {ports, count};
    struct err err = {0};
    if (world->net->expose(world->net, POD_UID, world->pod, &list, &err) < 0)
        fail_msg("%s", err.msg);
}

static int begin(struct world *world)
{
    run("ip link set lo up");
    start(world);
    expose(world, web, ARRAY_LEN(web));
    return serve(world, world->pod, SOCK_STREAM, "0.0.0.0", INSIDE);
}

static void test_ruleset__reached_from_everywhere(void **state)
{
    struct world *world = *state;
    char peer[INET_ADDRSTRLEN] = "";
    int tcp = begin(world), udp = serve(world, world->pod, SOCK_DGRAM, "0.0.0.0", INSIDE);
    assert_true(connects(world, world->outside, NODE, PORT, tcp, peer));
    assert_string_equal(peer, OUTSIDE); /* the pod sees who it is */
    assert_true(connects(world, world->node, NODE, PORT, tcp, NULL));
    assert_true(connects(world, world->node, LOOPBACK, PORT, tcp, NULL));
    assert_true(connects(world, world->node, "10.99.7.1", PORT, tcp, NULL));
    assert_true(connects(world, world->pod, NODE, PORT, tcp, NULL)); /* and back to itself */
    assert_true(asks(world, world->outside, NODE, PORT, udp));
    assert_true(asks(world, world->node, LOOPBACK, PORT, udp));
    assert_false(connects(world, world->outside, NODE, PORT + 1, tcp, NULL));
    close(tcp);
    close(udp);
}

/* Whatever the node's own 127.0.0.1 may lead to, it stays the node's own. */
static void test_ruleset__loopback_is_the_nodes(void **state)
{
    struct world *world = *state;
    int tcp = begin(world), own = serve(world, world->node, SOCK_STREAM, LOOPBACK, 8181);
    enter(world->pod);
    run("echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet; ip link set lo down; "
        "ip addr flush dev lo; ip route add 127.0.0.0/8 via 10.99.7.1 dev eth0; "
        "ip route flush table local 127.0.0.0/8 2>/dev/null || true");
    enter(world->node);
    assert_true(connects(world, world->node, LOOPBACK, 8181, own, NULL));
    assert_false(connects(world, world->pod, LOOPBACK, 8181, own, NULL));
    close(tcp);
    close(own);
}

static void test_ruleset__of_one_address(void **state)
{
    struct world *world = *state;
    int tcp = begin(world);
    expose(world, inward, ARRAY_LEN(inward));
    assert_true(connects(world, world->node, LOOPBACK, PORT, tcp, NULL));
    assert_false(connects(world, world->node, NODE, PORT, tcp, NULL));
    assert_false(connects(world, world->outside, NODE, PORT, tcp, NULL));
    close(tcp);
}

static void test_ruleset__goes_with_the_pod(void **state)
{
    struct world *world = *state;
    int tcp = begin(world);
    world->net->detach(world->net, POD_UID);
    assert_false(connects(world, world->outside, NODE, PORT, tcp, NULL));
    autofree char *rules = sh("nft list table ip limpet-" BRIDGE);
    assert_int_equal(count(rules, POD), 0);
    autofree char *files = xasprintf("ls %s/ports", world->dir);
    autofree char *left = sh(files);
    assert_string_equal(left, "");
    close(tcp);
}

/* The next agent loads what the last one had; of a pod that is gone meanwhile nothing is left. */
static void test_ruleset__outlives_the_agent(void **state)
{
    struct world *world = *state;
    static const char *const nobody[] = {NULL};
    struct err err = {0};
    int tcp = begin(world);
    start(world);
    assert_true(connects(world, world->outside, NODE, PORT, tcp, NULL));
    run("nft flush ruleset"); /* somebody did: a change mends it */
    expose(world, web, 0);
    expose(world, web, ARRAY_LEN(web));
    settle(world);
    assert_true(connects(world, world->outside, NODE, PORT, tcp, NULL));
    assert_int_equal(world->net->start(world->net, nobody, &err), 0);
    world->net->free(world->net);
    world->net = NULL;
    const struct net_spec spec = {
        .bridge = BRIDGE, .pod_cidr = "10.99.7.0/24", .run_dir = world->dir, .mtu = 1400};
    assert_int_equal(net_new(world->loop, &spec, &world->net, &err), 0);
    assert_int_equal(world->net->start(world->net, nobody, &err), 0);
    settle(world);
    autofree char *rules = sh("nft list table ip limpet-" BRIDGE);
    assert_int_equal(count(rules, POD), 0);
    close(tcp);
}

/* Told while nft is loading: what is loaded then holds it as well. */
static void test_ruleset__while_it_is_loaded(void **state)
{
    struct world *world = *state;
    static const char *const pods[] = {POD_UID, NULL};
    struct err err = {0};
    int tcp = begin(world);
    expose(world, web, 0);
    assert_false(connects(world, world->outside, NODE, PORT, tcp, NULL));
    assert_int_equal(world->net->start(world->net, pods, &err), 0);
    expose(world, web, ARRAY_LEN(web));
    settle(world);
    assert_true(connects(world, world->outside, NODE, PORT, tcp, NULL));
    close(tcp);
}

static void test_ruleset__beside_forward_drop(void **state)
{
    struct world *world = *state;
    if (system("iptables -V 2>/dev/null | grep -q nf_tables") != 0)
        skip();
    run("iptables -P FORWARD DROP");
    int tcp = begin(world);
    assert_true(connects(world, world->outside, NODE, PORT, tcp, NULL));
    assert_true(connects(world, world->node, LOOPBACK, PORT, tcp, NULL));
    assert_false(connects(world, world->outside, POD, INSIDE, tcp, NULL)); /* unasked */
    close(tcp);
}

int main(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        printf("needs root and network namespaces\n");
        return 77;
    }
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(test_ruleset__##name, stage_setup, stage_teardown)
    const struct CMUnitTest tests[] = {
        TEST(reached_from_everywhere), TEST(loopback_is_the_nodes), TEST(of_one_address),
        TEST(goes_with_the_pod),       TEST(outlives_the_agent),    TEST(while_it_is_loaded),
        TEST(beside_forward_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
