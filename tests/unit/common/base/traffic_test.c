#include "common/base/traffic.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

static void test_traffic__marks(void **state)
{
    (void)state;
    static const struct {
        enum traffic traffic;
        int field, priority;
    } cases[] = {
        {TRAFFIC_BULK, 0x04, 1},
        {TRAFFIC_CONTROL, 0xa0, 6},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autoclose int v4 = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(v4 >= 0);
        traffic_mark(v4, cases[i].traffic);
        assert_int_equal(option(v4, IPPROTO_IP, IP_TOS), cases[i].field);
        assert_int_equal(option(v4, SOL_SOCKET, SO_PRIORITY), cases[i].priority);
        autoclose int v6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (v6 < 0)
            continue; /* a kernel without it */
        traffic_mark(v6, cases[i].traffic);
        assert_int_equal(option(v6, IPPROTO_IPV6, IPV6_TCLASS), cases[i].field);
        assert_int_equal(option(v6, IPPROTO_IP, IP_TOS), cases[i].field);
        assert_int_equal(option(v6, SOL_SOCKET, SO_PRIORITY), cases[i].priority);
    }
}

/* Of a descriptor that is no socket of the net nothing is asked. */
static void test_traffic__other_descriptors(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    traffic_mark(fds[0], TRAFFIC_BULK);
    traffic_mark(-1, TRAFFIC_CONTROL);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traffic__marks),
        cmocka_unit_test(test_traffic__other_descriptors),
    };
    return cmocka_run_group_tests_name("traffic", tests, NULL, NULL);
}
