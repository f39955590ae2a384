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
    char *name, *path;
};

static const struct setting settings[] = {
    {"port", SETTING_NUMBER, offsetof(struct target, port), NULL, 80, 1, 65535},
    {"name", SETTING_STRING, offsetof(struct target, name), "", 0, 0, 0},
    {"path", SETTING_STRING, offsetof(struct target, path), "", 0, 0, 0},
};

static void complete(void *config)
{
    struct target *target = config;
    program_config_default(&target->name, xstrdup("here"));
    program_config_default(&target->path, xasprintf("/of/%s", target->name));
}

static const struct program_config type = {settings, 3, sizeof(struct target), complete};

static void expect_config(const char *file, bool required, int64_t port, const char *path)
{
    struct err err = {0};
    struct target *target = program_config_load(&type, file, required, &err);
    assert_non_null(target);
    assert_int_equal(target->port, port);
    assert_string_equal(target->path, path);
    program_config_free(&type, target);
}

static void test_program__config(void **state)
{
    (void)state;
    char path[] = "/tmp/limpet-program-XXXXXX";
    struct err err = {0};
    expect_config("/no/such/file", false, 80, "/of/here");
    assert_null(program_config_load(&type, "/no/such/file", true, &err));
    assert_int_equal(err.code, -ENOENT);
    assert_non_null(strstr(err.msg, "/no/such/file"));
    int fd = mkostemp(path, O_CLOEXEC);
    assert_int_equal(write(fd, "port: 81\nname: there\n", 21), 21);
    expect_config(path, true, 81, "/of/there");
    assert_int_equal(write(fd, "x: 1\n", 5), 5);
    assert_null(program_config_load(&type, path, true, &err));
    assert_int_equal(err.code, -EINVAL);
    assert_int_equal(ftruncate(fd, SETTINGS_MAX + 1), 0);
    assert_null(program_config_load(&type, path, false, &err));
    assert_null(program_config_load(&type, "/tmp", false, &err));
    program_config_free(&type, NULL);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program__parse),
        cmocka_unit_test(test_program__config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
