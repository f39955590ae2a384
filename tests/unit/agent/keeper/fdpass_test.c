#include "agent/keeper/fdpass.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int pair[2];

static int setup(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int teardown(void **state)
{
    (void)state;
    fdpass_close(pair, 2);
    return 0;
}

static int lowest_free(void)
{
    int fd = dup(0);
    close(fd);
    return fd;
}

static void test_fdpass__descriptors(void **state)
{
    (void)state;
    int fds[FDPASS_MAX], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int given[FDPASS_MAX] = {null, null, null, null};
    size_t count;
    char data[16];
    for (size_t n = 0; n <= FDPASS_MAX; n++) {
        assert_int_equal(fdpass_send(pair[0], "hello", 5, given, n), 0);
        assert_int_equal(fdpass_recv(pair[1], data, sizeof(data), fds, &count), 5);
        assert_int_equal(count, n);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        fdpass_close(fds, count);
    }
    assert_int_equal(fdpass_send(pair[0], "x", 1, given, FDPASS_MAX + 1), -EINVAL);
    assert_int_equal(fdpass_recv(pair[1], data, sizeof(data), fds, &count), -EAGAIN);
    close(null);
}

/* Too many beside a message, or a message that is too long: nothing stays open. */
static void test_fdpass__nothing_leaks(void **state)
{
    (void)state;
    int fds[FDPASS_MAX], before = lowest_free();
    size_t count;
    char data[4];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(8 * sizeof(int))];
    } control = {.room = {0}};
    struct iovec part = {"hey", 3};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(8 * sizeof(int));
    assert_int_equal(sendmsg(pair[0], &msg, 0), 3); /* eight times standard input */
    assert_int_equal(fdpass_recv(pair[1], data, sizeof(data), fds, &count), 3);
    assert_true(count <= FDPASS_MAX);
    fdpass_close(fds, count);
    assert_int_equal(lowest_free(), before);
    assert_int_equal(fdpass_send(pair[0], "hello", 5, &pair[0], 1), 0);
    assert_int_equal(fdpass_recv(pair[1], data, sizeof(data), fds, &count), -EMSGSIZE);
    assert_int_equal(count, 0);
    assert_int_equal(lowest_free(), before);
}

static void test_fdpass__end(void **state)
{
    (void)state;
    int fds[FDPASS_MAX];
    size_t count;
    char data[4];
    close(pair[0]);
    pair[0] = -1;
    assert_int_equal(fdpass_recv(pair[1], data, sizeof(data), fds, &count), 0);
    assert_true(fdpass_send(pair[1], "x", 1, NULL, 0) < 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_fdpass__descriptors),
        TEST(test_fdpass__nothing_leaks),
        TEST(test_fdpass__end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
