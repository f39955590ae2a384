/* Bridge and netlink in a network namespace of the test's own; pods are namespaces without
 * processes. Needs root. */

#include "agent/net/net.h"
#include "agent/net/netlink.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define BRIDGE "lptest0"
#define UID_A "11111111-1111-1111-1111-111111111111"
#define UID_B "22222222-2222-2222-2222-222222222222"
#define FORWARDING "/proc/sys/net/ipv4/ip_forward"

struct world {
    char dir[64];
    struct loop *loop;
    struct net *net;
    int home; /* the test's own namespace, where the node is */
    struct err err;
};

/* A namespace for a pod; the thread stays where it was. */
static int new_namespace(const struct world *world)
{
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(setns(world->home, CLONE_NEWNET), 0);
    return fd;
}

static void enter(int netns)
{
    assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

static int open_net(struct world *world, const char *cidr)
{
    const struct net_spec spec = {
        .bridge = BRIDGE, .pod_cidr = cidr, .run_dir = world->dir, .mtu = 1400};
    return net_new(world->loop, &spec, &world->net, &world->err);
}

static void start_net(struct world *world, const char *const *uids)
{
    if (world->net)
        world->net->free(world->net);
    assert_int_equal(open_net(world, "10.99.7.0/24"), 0);
    if (world->net->start(world->net, uids, &world->err) < 0)
        fail_msg("%s", world->err.msg);
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    *state = world;
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-net-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    assert_int_equal(loop_new(clock_system(), &world->loop, &world->err), 0);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    world->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(world->home >= 0);
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    if (world->net)
        world->net->free(world->net);
    loop_free(world->loop);
    close(world->home);
    struct err err = {0};
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), world->dir, &err), 0);
    free(world);
    return 0;
}

/* Address, prefix length, mtu and flags of an interface of the namespace the thread is in. */
static void expect_interface(const char *name, const char *address, const char *mask, int mtu)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq req = {0};
    snprintf(req.ifr_name, IFNAMSIZ, "%s", name);
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&req.ifr_addr;
    if (ioctl(fd, SIOCGIFADDR, &req) < 0)
        fail_msg("%s: no address", name);
    assert_string_equal(inet_ntoa(in->sin_addr), address);
    assert_int_equal(ioctl(fd, SIOCGIFNETMASK, &req), 0);
    assert_string_equal(inet_ntoa(in->sin_addr), mask);
    assert_int_equal(ioctl(fd, SIOCGIFMTU, &req), 0);
    assert_int_equal(req.ifr_mtu, mtu);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &req), 0);
    assert_true(req.ifr_flags & IFF_UP);
    close(fd);
}

/* Whether a packet gets from here to that address: ICMP by a raw socket would do as well, but a
 * refused UDP packet tells without privileges and without waiting. */
static bool reaches(const char *address)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct timeval limit = {.tv_sec = 2};
    char byte = 0;
    inet_pton(AF_INET, address, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    bool reached = connect(fd, (const struct sockaddr *)(const void *)&to, sizeof(to)) == 0 &&
                   send(fd, &byte, 1, 0) == 1 && recv(fd, &byte, 1, 0) < 0 && errno == ECONNREFUSED;
    close(fd);
    return reached;
}

static bool has_interface(const char *name)
{
    return if_nametoindex(name) != 0;
}

static char *read_text(const char *path)
{
    struct buf text;
    struct err err = {0};
    buf_init(&text, 0);
    (void)disk_posix()->read(disk_posix(), path, 4096, &text, &err);
    return buf_steal(&text, NULL);
}

static const char *const nobody[] = {NULL};
static const char *const pod_a[] = {UID_A, NULL};

static void test_bridge__attach(void **state)
{
    struct world *world = *state;
    start_net(world, nobody);
    expect_interface(BRIDGE, "10.99.7.1", "255.255.255.0", 1400);
    int a = new_namespace(world), b = new_namespace(world);
    struct net_pod pod = {0}, again = {0}, other = {0};
    if (world->net->attach(world->net, UID_A, a, &pod, &world->err) < 0)
        fail_msg("%s", world->err.msg);
    assert_string_equal(pod.address, "10.99.7.2");
    assert_string_equal(pod.gateway, "10.99.7.1");
    assert_int_equal(pod.prefix_len, 24);
    /* A second call for the same pod and namespace gives the same answer. */
    assert_int_equal(world->net->attach(world->net, UID_A, a, &again, &world->err), 0);
    assert_memory_equal(&pod, &again, sizeof(pod));
    assert_int_equal(world->net->attach(world->net, UID_B, b, &other, &world->err), 0);
    assert_string_equal(other.address, "10.99.7.3");
    enter(a);
    expect_interface("eth0", "10.99.7.2", "255.255.255.0", 1400);
    assert_true(reaches("10.99.7.1")); /* the node */
    assert_true(reaches("10.99.7.3")); /* the other pod */
    enter(world->home);
    assert_true(reaches("10.99.7.2"));
    close(a);
    close(b);
}

/* The address is known before there is a namespace, and stays the pod's. */
static void test_bridge__reserve(void **state)
{
    struct world *world = *state;
    struct net_pod pod = {0}, again = {0}, other = {0};
    start_net(world, nobody);
    assert_int_equal(world->net->reserve(world->net, UID_A, &pod, &world->err), 0);
    assert_string_equal(pod.address, "10.99.7.2");
    assert_string_equal(pod.gateway, "10.99.7.1");
    assert_int_equal(pod.prefix_len, 24);
    assert_int_equal(world->net->reserve(world->net, UID_A, &again, &world->err), 0);
    assert_memory_equal(&pod, &again, sizeof(pod));
    int a = new_namespace(world), b = new_namespace(world);
    assert_int_equal(world->net->attach(world->net, UID_B, b, &other, &world->err), 0);
    assert_string_equal(other.address, "10.99.7.3");
    start_net(world, pod_a); /* the agent died between the two */
    assert_int_equal(world->net->attach(world->net, UID_A, a, &again, &world->err), 0);
    assert_memory_equal(&pod, &again, sizeof(pod));
    enter(a);
    expect_interface("eth0", "10.99.7.2", "255.255.255.0", 1400);
    enter(world->home);
    close(a);
    close(b);
}

/* What cannot be written down is not given out: the next agent would give it out again. */
static void test_bridge__reserve_fails(void **state)
{
    struct world *world = *state;
    struct net_pod pod = {0};
    start_net(world, nobody);
    autofree char *dir = xasprintf("%s/net", world->dir), *away = xasprintf("%s/away", world->dir);
    assert_int_equal(rename(dir, away), 0);
    assert_int_equal(world->net->reserve(world->net, UID_A, &pod, &world->err), -ENOENT);
    assert_true(str_has_prefix(world->err.msg, "pod network: "));
    assert_string_equal(pod.address, "");
    assert_int_equal(world->net->get(world->net, UID_A, &pod), -ENOENT);
    assert_int_equal(rename(away, dir), 0);
    assert_int_equal(world->net->reserve(world->net, UID_A, &pod, &world->err), 0);
    autofree char *lease = xasprintf("%s/%s", dir, UID_A);
    assert_int_equal(access(lease, F_OK), 0);
    world->net->free(world->net);
    world->net = NULL;
    assert_int_equal(open_net(world, "10.99.7.0/30"), 0); /* one address */
    assert_int_equal(world->net->start(world->net, nobody, &world->err), 0);
    assert_int_equal(world->net->reserve(world->net, UID_A, &pod, &world->err), 0);
    assert_int_equal(world->net->reserve(world->net, UID_B, &pod, &world->err), -ENOSPC);
}

static void test_bridge__restart(void **state)
{
    struct world *world = *state;
    struct net_pod pod = {0};
    start_net(world, nobody);
    int a = new_namespace(world), b = new_namespace(world);
    assert_int_equal(world->net->attach(world->net, UID_A, a, &pod, &world->err), 0);
    assert_int_equal(world->net->attach(world->net, UID_B, b, &pod, &world->err), 0);
    start_net(world, pod_a); /* the other pod has ended meanwhile */
    assert_int_equal(world->net->get(world->net, UID_A, &pod), 0);
    assert_string_equal(pod.address, "10.99.7.2");
    assert_int_equal(world->net->get(world->net, UID_B, &pod), -ENOENT);
    autofree char *stale = xasprintf("%s/net/%s", world->dir, UID_B);
    assert_int_equal(access(stale, F_OK), -1);
    assert_int_equal(world->net->attach(world->net, UID_A, a, &pod, &world->err), 0);
    assert_string_equal(pod.address, "10.99.7.2");
    enter(a);
    assert_true(reaches("10.99.7.1"));
    enter(world->home);
    close(a);
    close(b);
}

/* Leases that are torn, outside the range or double are dropped, and nobody else's with them. */
static void test_bridge__damaged_leases(void **state)
{
    static const char *const uids[] = {UID_A, UID_B, "torn", "far", "long", NULL};
    static const struct {
        const char *uid, *text;
        bool kept;
    } leases[] = {
        {UID_A, "10.99.7.9", true},  {UID_B, "10.99.7.9", false},
        {"far", "10.98.0.2", false}, {"long", "10.99.7.11 and more than it may hold", false},
        {"torn", "10.99.", false},
    };
    struct world *world = *state;
    autofree char *dir = xasprintf("%s/net", world->dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    for (size_t i = 0; i < ARRAY_LEN(leases); i++) {
        autofree char *path = xasprintf("%s/%s", dir, leases[i].uid);
        const char *text = leases[i].text;
        assert_int_equal(
            disk_posix()->replace(disk_posix(), path, text, strlen(text), 0600, &world->err), 0);
    }
    start_net(world, uids);
    for (size_t i = 0; i < ARRAY_LEN(leases); i++) {
        struct net_pod pod = {0};
        int rc = world->net->get(world->net, leases[i].uid, &pod);
        autofree char *path = xasprintf("%s/%s", dir, leases[i].uid);
        assert_int_equal(rc, leases[i].kept ? 0 : -ENOENT);
        assert_int_equal(access(path, F_OK), leases[i].kept ? 0 : -1);
    }
}

static void test_bridge__detach(void **state)
{
    struct world *world = *state;
    struct net_pod pod = {0};
    start_net(world, nobody);
    int a = new_namespace(world);
    assert_int_equal(world->net->attach(world->net, UID_A, a, &pod, &world->err), 0);
    world->net->detach(world->net, UID_A);
    world->net->detach(world->net, UID_A);
    assert_int_equal(world->net->get(world->net, UID_A, &pod), -ENOENT);
    close(a); /* the interface goes with its namespace, in the kernel's own time */
    int b = new_namespace(world);
    assert_int_equal(world->net->attach(world->net, UID_A, b, &pod, &world->err), 0);
    assert_string_equal(pod.address, "10.99.7.3"); /* an address rests before it is used again */
    close(b);
}

static void start_with_mtu(struct world *world, int mtu)
{
    const struct net_spec spec = {
        .bridge = BRIDGE, .pod_cidr = "10.99.7.0/24", .run_dir = world->dir, .mtu = mtu};
    if (world->net)
        world->net->free(world->net);
    world->net = NULL;
    assert_int_equal(net_new(world->loop, &spec, &world->net, &world->err), 0);
    if (world->net->start(world->net, nobody, &world->err) < 0)
        fail_msg("%s", world->err.msg);
}

/* Of the interface that the default route leaves by, as it is when the agent starts. */
static void test_bridge__mtu(void **state)
{
    struct world *world = *state;
    struct net_pod pod = {0};
    struct netlink *nl = NULL;
    start_with_mtu(world, 0);
    expect_interface(BRIDGE, "10.99.7.1", "255.255.255.0", 1500); /* no way out */
    assert_int_equal(netlink_open(-1, &nl, &world->err), 0);
    assert_int_equal(netlink_add_bridge(nl, "out0", 1300, &world->err), 0);
    int out = netlink_index(nl, "out0", &world->err);
    assert_int_equal(netlink_add_address(nl, out, inet_addr("198.51.100.1"), 24, &world->err), 0);
    assert_int_equal(netlink_add_default_route(nl, out, inet_addr("198.51.100.2"), &world->err), 0);
    start_with_mtu(world, 0);
    expect_interface(BRIDGE, "10.99.7.1", "255.255.255.0", 1300);
    int a = new_namespace(world);
    assert_int_equal(world->net->attach(world->net, UID_A, a, &pod, &world->err), 0);
    enter(a);
    expect_interface("eth0", pod.address, "255.255.255.0", 1300);
    enter(world->home);
    assert_int_equal(netlink_set_mtu(nl, out, 1450, &world->err), 0);
    start_with_mtu(world, 0);
    expect_interface(BRIDGE, "10.99.7.1", "255.255.255.0", 1450);
    start_with_mtu(world, 1280);
    expect_interface(BRIDGE, "10.99.7.1", "255.255.255.0", 1280);
    netlink_close(nl);
    close(a);
}

static void test_bridge__taken_away(void **state)
{
    struct world *world = *state;
    struct net_pod pod = {0};
    start_net(world, nobody);
    struct netlink *nl = NULL;
    assert_int_equal(netlink_open(-1, &nl, &world->err), 0);
    assert_int_equal(netlink_del_link(nl, BRIDGE, &world->err), 0);
    assert_int_equal(netlink_del_link(nl, BRIDGE, &world->err), 0); /* none is success */
    assert_int_equal(netlink_index(nl, BRIDGE, &world->err), -ENODEV);
    netlink_close(nl);
    int a = new_namespace(world);
    assert_int_equal(world->net->attach(world->net, UID_A, a, &pod, &world->err), 0);
    expect_interface(BRIDGE, "10.99.7.1", "255.255.255.0", 1400);
    close(a);
}

static void test_bridge__attach_fails(void **state)
{
    struct world *world = *state;
    struct net_pod pod = {0};
    start_net(world, nobody);
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(world->net->attach(world->net, UID_A, other, &pod, &world->err) < 0);
    assert_true(str_has_prefix(world->err.msg, "pod network: "));
    assert_string_equal(pod.address, "");
    close(other);
    int a = new_namespace(world); /* tried again, it works */
    assert_int_equal(world->net->attach(world->net, UID_A, a, &pod, &world->err), 0);
    close(a);
}

static void test_bridge__teardown(void **state)
{
    struct world *world = *state;
    int fd = open(FORWARDING, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "0\n", 2), 2);
    close(fd);
    start_net(world, nobody);
    start_net(world, nobody); /* a restart does not forget what it was before */
    autofree char *on = read_text(FORWARDING);
    assert_string_equal(on, "1\n");
    assert_true(has_interface(BRIDGE));
    for (int i = 0; i < 2; i++) {
        if (world->net->teardown(world->net, &world->err) < 0)
            fail_msg("%s", world->err.msg);
        assert_false(has_interface(BRIDGE));
        autofree char *off = read_text(FORWARDING);
        assert_string_equal(off, "0\n");
    }
}

static void test_net_new__refused(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {NULL,   "",   "a b", "x/y", "1st", "sixteen-letters-",
                                        "a\"b", "a;b"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct net_spec spec = {
            .bridge = names[i], .pod_cidr = "10.99.7.0/24", .run_dir = world->dir};
        assert_int_equal(net_new(world->loop, &spec, &world->net, &world->err), -EINVAL);
    }
    assert_int_equal(open_net(world, "10.99.7.1/24"), -EINVAL);
    assert_null(world->net);
}

int main(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        printf("needs root and network namespaces\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_bridge__attach),
        TEST(test_bridge__restart),
        TEST(test_bridge__reserve),
        TEST(test_bridge__reserve_fails),
        TEST(test_bridge__damaged_leases),
        TEST(test_bridge__detach),
        TEST(test_bridge__taken_away),
        TEST(test_bridge__attach_fails),
        TEST(test_bridge__mtu),
        TEST(test_bridge__teardown),
        TEST(test_net_new__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
