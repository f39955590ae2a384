/* kill -9 at any moment loses nothing that was acknowledged, and no revision is given out twice. */

#include "acks.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#ifndef KILL_ROUNDS
#define KILL_ROUNDS 20
#endif

static void round_of(struct bench *bench, struct acks *acks, unsigned seed)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        acks_child(bench->path, fds[1], seed, 100000000, acks);
    }
    close(fds[1]);
    /* One round in four may hit the opening; the others die amid their writes, however long those
     * take. */
    bool opening = seed % 4 == 0;
    if (!opening)
        acks_await(acks, fds[0], rand_r(&seed) % 1200);
    struct timespec wait = {.tv_nsec = rand_r(&seed) % (opening ? 16 : 4) * 1000000L};
    nanosleep(&wait, NULL);
    kill(pid, SIGKILL);
    acks_read(acks, fds[0]);
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    bench_open(bench);
    acks_check(acks, bench);
    bench_close(bench);
}

static void test_kill__acknowledged_is_kept(void **state)
{
    (void)state;
    struct bench bench;
    struct acks acks = {0};
    bench_init(&bench);
    for (unsigned i = 0; i < KILL_ROUNDS; i++)
        round_of(&bench, &acks, i * 7919 + 1);
    print_message("%ld writes were acknowledged\n", acks.count);
    assert_true(acks.count > 100);
    bench_done(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill__acknowledged_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
