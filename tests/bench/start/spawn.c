/* Start to exit of any program, run again and again: what other runtimes are measured with, without
 * the cost of a shell. bench-spawn <name> <count> <gap ms> <program> [argument...] */
#include "stats.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int64_t run_once(char **argv)
{
    posix_spawn_file_actions_t quiet;
    int64_t began = clock_boot(clock_system());
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&quiet);
    if (rc != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "bench-spawn: %s failed\n", argv[0]);
        exit(1);
    }
    return clock_boot(clock_system()) - began;
}

int main(int argc, char **argv)
{
    if (argc < 5 || strtoul(argv[2], NULL, 10) == 0) {
        fputs("bench-spawn <name> <count> <gap ms> <program> [argument...]\n", stderr);
        return 2;
    }
    size_t count = (size_t)strtoul(argv[2], NULL, 10);
    unsigned gap_us = (unsigned)strtoul(argv[3], NULL, 10) * 1000;
    autofree char *cpu_name = xasprintf("%s-cpu", argv[1]);
    int64_t *samples = xcalloc(count, sizeof(*samples));
    int64_t cpu = stats_cpu();
    for (size_t i = 0; i < count; i++) {
        samples[i] = run_once(&argv[4]);
        usleep(gap_us);
    }
    stats_print(argv[1], samples, count);
    stats_print_cpu(cpu_name, cpu, count);
    free(samples);
    return 0;
}
