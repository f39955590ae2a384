/* Pods beside somebody else's firewall: node, outside and a pod are network namespaces of the
 * test's own. Needs root, nft and iptables. */

#include "stage.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OURS "--comment limpet-" BRIDGE " "

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
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(test_firewall__##name, stage_setup, stage_teardown)
    const struct CMUnitTest tests[] = {
        TEST(forward_drop),    TEST(docker),           TEST(not_in_the_way),
        TEST(not_of_iptables), TEST(without_iptables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
