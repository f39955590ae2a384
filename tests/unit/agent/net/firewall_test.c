/* Pods beside somebody else's firewall: node, outside and a pod are network namespaces of the
 * test's own. Needs root, nft and iptables. */

#include "agent/net/net.h"
#include "agent/net/netlink.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define BRIDGE "lptest0"
#define POD_UID "11111111-1111-1111-1111-111111111111"
#define OUTSIDE "198.51.100.2"
#define POD "10.99.7.2"
#define OURS "--comment limpet-" BRIDGE " "

struct world {
    char dir[64];
    struct loop *loop;
    struct net *net;
    int node, outside, pod;
};

static int new_namespace(void)
{
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void enter(int netns)
{
    assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

/* Its standard output; fails the test if the command does. The caller frees. */
static char *sh(const char *command)
{
    struct buf text;
    char block[512];
    buf_init(&text, 0);
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    for (size_t n; (n = fread(block, 1, sizeof(block), pipe)) > 0;)
        assert_int_equal(buf_add(&text, block, n), 0);
    if (pclose(pipe) != 0)
        fail_msg("%s: %s", command, buf_str(&text));
    return buf_steal(&text, NULL);
}

static void run(const char *command)
{
    free(sh(command));
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

/* The node's side is a bridge with one port, the other end of which is outside. */
static void lay_cable(struct world *world)
{
    struct netlink *nl = NULL, *far = NULL;
    struct err err = {0};
    assert_int_equal(netlink_open(-1, &nl, &err), 0);
    assert_int_equal(netlink_add_bridge(nl, "out0", 1500, &err), 0);
    int index = netlink_index(nl, "out0", &err);
    assert_int_equal(netlink_add_address(nl, index, inet_addr("198.51.100.1"), 24, &err), 0);
    assert_int_equal(netlink_set_up(nl, index, &err), 0);
    assert_int_equal(netlink_add_veth(nl, "out1", index, "eth0", world->outside, 1500, &err), 0);
    netlink_close(nl);
    assert_int_equal(netlink_open(world->outside, &far, &err), 0);
    index = netlink_index(far, "eth0", &err);
    assert_int_equal(netlink_add_address(far, index, inet_addr(OUTSIDE), 24, &err), 0);
    assert_int_equal(netlink_set_up(far, index, &err), 0);
    assert_int_equal(netlink_add_default_route(far, index, inet_addr("198.51.100.1"), &err), 0);
    netlink_close(far);
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    *state = world;
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-fire-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    assert_int_equal(loop_new(clock_system(), &world->loop, NULL), 0);
    world->outside = new_namespace();
    world->pod = new_namespace();
    world->node = new_namespace();
    lay_cable(world);
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    if (world->net)
        world->net->free(world->net);
    loop_free(world->loop);
    close(world->node);
    close(world->outside);
    close(world->pod);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), world->dir, NULL), 0);
    free(world);
    return 0;
}

/* The agent starts, and the programs that it runs come to their end. */
static void start(struct world *world)
{
    static const char *const pods[] = {POD_UID, NULL};
    const struct net_spec spec = {
        .bridge = BRIDGE, .pod_cidr = "10.99.7.0/24", .run_dir = world->dir, .mtu = 1400};
    struct net_pod pod = {0};
    struct err err = {0};
    if (world->net)
        world->net->free(world->net);
    assert_int_equal(net_new(world->loop, &spec, &world->net, &err), 0);
    assert_int_equal(world->net->start(world->net, pods, &err), 0);
    assert_int_equal(world->net->attach(world->net, POD_UID, world->pod, &pod, &err), 0);
    assert_string_equal(pod.address, POD);
    for (siginfo_t info; waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;)
        assert_int_equal(loop_step(world->loop, 50 * NS_PER_MS), 0);
}

/* Whether a packet gets there, and what says that nobody listens comes back. */
static bool reaches(const struct world *world, int from, const char *address)
{
    enter(from);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct timeval limit = {.tv_usec = 700000};
    char byte = 0;
    inet_pton(AF_INET, address, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    bool reached = connect(fd, (const struct sockaddr *)(const void *)&to, sizeof(to)) == 0 &&
                   send(fd, &byte, 1, 0) == 1 && recv(fd, &byte, 1, 0) < 0 && errno == ECONNREFUSED;
    close(fd);
    enter(world->node);
    return reached;
}

/* As Docker leaves a machine, without Docker's own rules or with them. */
static void close_forward(bool docker)
{
    run("iptables -P FORWARD DROP && iptables -A FORWARD -i somebody -j ACCEPT");
    if (docker)
        run("iptables -N DOCKER-USER && iptables -A DOCKER-USER -j RETURN && "
            "iptables -I FORWARD -j DOCKER-USER");
}

static void pass_through(struct world *world, bool docker)
{
    struct err err = {0};
    close_forward(docker);
    autofree char *before = sh("iptables -S");
    for (int i = 0; i < 2; i++) { /* a restart adds nothing */
        start(world);
        autofree char *rules = sh("iptables -S");
        assert_int_equal(count(rules, OURS), 2);
        assert_int_equal(count(rules, docker ? "-A DOCKER-USER -s" : "-A FORWARD -s"), 1);
        assert_true(reaches(world, world->pod, OUTSIDE));
        assert_false(reaches(world, world->outside, POD)); /* unasked */
    }
    run(docker ? "iptables -F DOCKER-USER" : "iptables -F FORWARD"); /* they begin anew */
    assert_false(reaches(world, world->pod, OUTSIDE));
    start(world); /* and so do we */
    assert_true(reaches(world, world->pod, OUTSIDE));
    run(docker ? "iptables -A DOCKER-USER -j RETURN" : "iptables -A FORWARD -i somebody -j ACCEPT");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(world->net->teardown(world->net, &err), 0);
        autofree char *after = sh("iptables -S");
        assert_string_equal(after, before);
    }
}

static void test_firewall__forward_drop(void **state)
{
    pass_through(*state, false);
}

static void test_firewall__docker(void **state)
{
    pass_through(*state, true);
}

/* A firewall that lets through, and none at all, are left as they are. */
static void test_firewall__not_in_the_way(void **state)
{
    struct world *world = *state;
    start(world);
    autofree char *tables = sh("nft list tables");
    assert_string_equal(tables, "table ip limpet-" BRIDGE "\n");
    assert_true(reaches(world, world->pod, OUTSIDE));
    run("iptables -P FORWARD ACCEPT && iptables -A FORWARD -i somebody -j DROP");
    autofree char *before = sh("iptables -S");
    start(world);
    autofree char *after = sh("iptables -S");
    assert_string_equal(after, before);
    assert_true(reaches(world, world->pod, OUTSIDE));
}

/* Rules that iptables did not write are not for it to change, and not for us either. */
static void test_firewall__not_of_iptables(void **state)
{
    struct world *world = *state;
    run("nft 'add table ip filter { chain FORWARD { type filter hook forward priority 0; policy "
        "drop; ct state established accept; }; }'");
    autofree char *before = sh("nft list table ip filter");
    start(world);
    autofree char *after = sh("nft list table ip filter");
    assert_string_equal(after, before);
    assert_false(reaches(world, world->pod, OUTSIDE));
}

static void test_firewall__without_iptables(void **state)
{
    struct world *world = *state;
    autofree char *path = xstrdup(getenv("PATH"));
    run("nft 'add table ip filter { chain FORWARD { type filter hook forward priority 0; policy "
        "drop; }; }'");
    autofree char *link = xasprintf("ln -s \"$(command -v nft)\" %s/nft", world->dir);
    run(link);
    autofree char *before = sh("nft list table ip filter");
    setenv("PATH", world->dir, 1);
    start(world);
    setenv("PATH", path, 1);
    autofree char *after = sh("nft list table ip filter");
    assert_string_equal(after, before);
    start(world); /* with the program again */
    assert_true(reaches(world, world->pod, OUTSIDE));
}

int main(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        printf("needs root and network namespaces\n");
        return 77;
    }
    if (system("command -v iptables-nft >/dev/null && iptables -V | grep -q nf_tables") != 0) {
        printf("needs iptables of the nf_tables kind (tools/install test)\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(test_firewall__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(forward_drop),    TEST(docker),           TEST(not_in_the_way),
        TEST(not_of_iptables), TEST(without_iptables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
