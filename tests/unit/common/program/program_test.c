#include "common/program/program.h"

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void help(FILE *to)
{
    fputs("the help\n", to);
}

static const struct program program = {"prog", "/etc/prog.yaml", help};

static const struct parse_case {
    const char *args; /* after the name */
    int code;
    const char *config;
    bool given;
    int next;
} cases[] = {
    {"", -1, "/etc/prog.yaml", false, 1},
    {"--config f", -1, "f", true, 3},
    {"--config=f run", -1, "f", true, 2},
    {"--log-level error run --config f", -1, "/etc/prog.yaml", false, 3},
    {"--log-level loud", 2, NULL, false, 0},
    {"--help", 0, NULL, false, 0},
    {"-h", 0, NULL, false, 0},
    {"--version", 0, NULL, false, 0},
    {"--nonsense", 2, NULL, false, 0},
    {"--config", 2, NULL, false, 0},
    {"-- run", -1, "/etc/prog.yaml", false, 2},
};

static void test_program__parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct parse_case *c = &cases[i];
        autofree char *text = xstrdup(c->args);
        char name[] = "prog", *argv[8] = {name, NULL}, *left = NULL;
        int argc = 1;
        for (char *word = strtok_r(text, " ", &left); word; word = strtok_r(NULL, " ", &left))
            argv[argc++] = word;
        struct program_args args;
        int code = program_parse(&program, argc, argv, &args);
        if (code != c->code)
            fail_msg("%s: %d", c->args, code);
        if (code >= 0)
            continue;
        assert_string_equal(args.config_file, c->config);
        assert_int_equal(args.config_given, c->given);
        assert_int_equal(args.next, c->next);
    }
    log_set_level(LOG_LEVEL_INFO);
}

struct target {
    int64_t port;
};

static const struct setting settings[] = {
    {"port", SETTING_NUMBER, offsetof(struct target, port), NULL, 80, 1, 65535}};

static void test_program__settings(void **state)
{
    (void)state;
    char path[] = "/tmp/limpet-program-XXXXXX";
    struct target target = {0};
    struct err err = {0};
    assert_int_equal(program_settings(settings, 1, &target, "/no/such/file", false, &err), 0);
    assert_int_equal(target.port, 80);
    assert_int_equal(program_settings(settings, 1, &target, "/no/such/file", true, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "/no/such/file"));
    int fd = mkostemp(path, O_CLOEXEC);
    assert_int_equal(write(fd, "port: 81\n", 9), 9);
    assert_int_equal(program_settings(settings, 1, &target, path, true, &err), 0);
    assert_int_equal(target.port, 81);
    assert_int_equal(ftruncate(fd, SETTINGS_MAX + 1), 0);
    assert_true(program_settings(settings, 1, &target, path, false, &err) < 0);
    assert_int_equal(program_settings(settings, 1, &target, "/tmp", false, &err) < 0, 1);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program__parse),
        cmocka_unit_test(test_program__settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
