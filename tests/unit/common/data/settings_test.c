#include "common/data/settings.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

struct target {
    char *name;
    int64_t port;
    bool on;
    char **list;
};

static const struct setting settings[] = {
    {"name", SETTING_STRING, offsetof(struct target, name), "default", 0, 0, 0},
    {"port", SETTING_NUMBER, offsetof(struct target, port), NULL, 80, 1, 65535},
    {"flag", SETTING_BOOL, offsetof(struct target, on), NULL, 1, 0, 0},
    {"list", SETTING_STRINGS, offsetof(struct target, list), NULL, 0, 0, 0},
};

static const struct settings_case {
    const char *text;
    const char *expected; /* "<name> <port> <on> <list>", or the message */
    int rc;
} cases[] = {
    {NULL, "default 80 1", 0},
    {"", "default 80 1", 0},
    {"name: x\nport: 1\nflag: false\nlist: [a, b]\n", "x 1 0 a b", 0},
    {"port: 65535\n", "default 65535 1", 0},
    {"{\"name\": \"json too\"}", "json too 80 1", 0},
    {"list: []\n", "default 80 1", 0},
    {"port: 0\n", "f:1: port: must be a number 1-65535", -EINVAL},
    {"name: x\nport: 65536\n", "f:2: port: must be a number 1-65535", -EINVAL},
    {"port: 99999999999999999999\n", "f:1: port: must be a number 1-65535", -EINVAL},
    {"port: '80'\n", "f:1: port: must be a number 1-65535", -EINVAL},
    {"port:\n", "f:1: port: must be a number 1-65535", -EINVAL},
    {"name: 5\n", "f:1: name: must be a string", -EINVAL},
    {"flag: 1\n", "f:1: flag: must be true or false", -EINVAL},
    {"list: a\n", "f:1: list: must be a list of strings", -EINVAL},
    {"name: x\nlist: [a, 1]\n", "f:2: list: must be a list of strings", -EINVAL},
    {"nmae: x\n", "f:1: nmae: unknown key", -EINVAL},
    {"- a\n", "f:1: must be a map", -EINVAL},
    {"name: a\nname: b\n", NULL, -EINVAL},
    {"name: [\n", NULL, -EINVAL},
};

static void test_settings__table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct settings_case *c = &cases[i];
        struct target target = {0};
        struct err err = {0};
        int rc = settings_read(settings, ARRAY_LEN(settings), &target, "f", c->text,
                               c->text ? strlen(c->text) : 0, &err);
        if (rc != c->rc)
            fail_msg("%s: %d %s", c->text, rc, err.msg);
        if (rc < 0) {
            if (c->expected)
                assert_string_equal(err.msg, c->expected);
            assert_true(str_has_prefix(err.msg, "f:"));
            assert_null(target.name);
            assert_null(target.list);
            continue;
        }
        autofree char *got =
            xasprintf("%s %lld %d%s%s%s%s", target.name, (long long)target.port, target.on,
                      target.list[0] ? " " : "", target.list[0] ? target.list[0] : "",
                      target.list[0] ? " " : "", target.list[0] ? target.list[1] : "");
        assert_string_equal(got, c->expected);
        settings_done(settings, ARRAY_LEN(settings), &target);
        settings_done(settings, ARRAY_LEN(settings), &target); /* twice is fine */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_settings__table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
