#include "agent/runtime/io_scheduler.h"

#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_io_scheduler__weighs(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second; /* of two disks */
        bool weighs;
    } cases[] = {
        {"[none] mq-deadline kyber bfq\n", "none [mq-deadline] bfq\n", false},
        {"[none] mq-deadline\n", "mq-deadline [bfq] none\n", true},
        {"noop deadline [cfq]\n", "none\n", true},
        {"none\n", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const texts[] = {cases[i].first, cases[i].second};
        char dir[] = "/tmp/limpet-block-XXXXXX", command[64];
        assert_non_null(mkdtemp(dir));
        for (size_t disk = 0; disk < ARRAY_LEN(texts); disk++) {
            char path[64];
            snprintf(path, sizeof(path), "%s/sd%zu", dir, disk);
            assert_int_equal(mkdir(path, 0700), 0);
            snprintf(path, sizeof(path), "%s/sd%zu/queue", dir, disk);
            assert_int_equal(mkdir(path, 0700), 0);
            snprintf(path, sizeof(path), "%s/sd%zu/queue/scheduler", dir, disk);
            FILE *file = fopen(path, "w");
            assert_non_null(file);
            fputs(texts[disk], file);
            fclose(file);
        }
        assert_int_equal(io_scheduler_weighs(dir), cases[i].weighs);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        assert_int_equal(system(command), 0);
        assert_false(io_scheduler_weighs(dir)); /* nothing is there */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_io_scheduler__weighs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
