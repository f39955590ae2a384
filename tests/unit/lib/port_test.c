#include "tests/lib/port.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define EACH 200

static void take(uint16_t ports[EACH])
{
    for (int i = 0; i < EACH; i++)
        ports[i] = port_take(1);
}

static void test_port__no_two_processes_have_one(void **state)
{
    static uint16_t mine[EACH], theirs[EACH];
    static bool seen[UINT16_MAX + 1];
    int ends[2], done[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        take(theirs);
        _exit(write(ends[1], theirs, sizeof(theirs)) != (ssize_t)sizeof(theirs) ||
              read(done[0], &byte, 1) != 1);
    }
    take(mine); /* at the same time */
    assert_int_equal(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(write(done[1], "x", 1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (int i = 0; i < EACH; i++) {
        assert_true(mine[i] != 0 && theirs[i] != 0);
        assert_false(seen[mine[i]]);
        seen[mine[i]] = true;
        assert_false(seen[theirs[i]]);
        seen[theirs[i]] = true;
    }
}

static void test_port__a_program_can_listen_there(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port_take(1))};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
        assert_int_equal(listen(fd, 1), 0);
        close(fd);
    }
}

static void test_port__rows(void **state)
{
    (void)state;
    uint16_t row = port_take(3), other = port_take(3);
    assert_true(row != 0 && other != 0);
    assert_true(other >= row + 3 || row >= other + 3);
    assert_int_equal(port_take(0), 0);
    assert_int_equal(port_take(PORT_ROW_MAX + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_port__no_two_processes_have_one),
        cmocka_unit_test(test_port__a_program_can_listen_there),
        cmocka_unit_test(test_port__rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
