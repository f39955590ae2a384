#include "stage.h"

#include "agent/net/netlink.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/fs/disk.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int new_namespace(void)
{
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

void enter(int netns)
{
    assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

char *sh(const char *command)
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

void run(const char *command)
{
    free(sh(command));
}

size_t count(const char *text, const char *part)
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

int stage_setup(void **state)
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

int stage_teardown(void **state)
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

void settle(struct world *world)
{
    for (siginfo_t info; waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;)
        assert_int_equal(loop_step(world->loop, 50 * NS_PER_MS), 0);
}

void start(struct world *world)
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
    settle(world);
}
