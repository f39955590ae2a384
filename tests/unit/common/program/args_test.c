#include "common/program/args.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

struct shared {
    const char *ns;
};
struct own {
    bool wait, all;
    const char *output;
    struct arg_list files;
    int64_t tail, since;
};
static const struct arg_option shared_options[] = {
    {"namespace", 'n', ARG_STRING, offsetof(struct shared, ns), "NS", "", NULL},
    {0},
};
static const struct arg_option own_options[] = {
    {"wait", 'w', ARG_FLAG, offsetof(struct own, wait), NULL, "", NULL},
    {"all", 'A', ARG_FLAG, offsetof(struct own, all), NULL, "", NULL},
    {"output", 'o', ARG_STRING, offsetof(struct own, output), "FORMAT", "", "wide|json|x="},
    {"filename", 'f', ARG_LIST, offsetof(struct own, files), "FILE", "", NULL},
    {"tail", 0, ARG_INT, offsetof(struct own, tail), "N", "", NULL},
    {"since", 0, ARG_DURATION, offsetof(struct own, since), "TIME", "", NULL},
    {0},
};

#define MAX_WORDS 16
/* Parses the words of a line that are parted by spaces. */
static int parse(const char *text, char *line, size_t size, struct shared *shared, struct own *own,
                 char **argv, struct err *err)
{
    int argc = 0;
    snprintf(line, size, "%s", text);
    char *rest = line;
    for (char *word; argc < MAX_WORDS && (word = strsep(&rest, " "));)
        argv[argc++] = word;
    const struct arg_set sets[] = {{shared_options, shared}, {own_options, own}, {0}};
    return args_parse(sets, argc, argv, err);
}

static void test_args__options_stand_anywhere(void **state)
{
    static const char *const cases[] = {
        "pods web -n shop -o json -w",   "-n shop -o json -w pods web",
        "pods -nshop web -ojson --wait", "--namespace=shop pods --output=json web --wait=true",
        "-wo json pods -n=shop web",     "--namespace shop --output json -w -- pods web",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct shared shared = {0};
        struct own own = {0};
        struct err err = {0};
        char line[128], *argv[MAX_WORDS];
        assert_int_equal(parse(cases[i], line, sizeof(line), &shared, &own, argv, &err), 2);
        assert_string_equal(argv[0], "pods");
        assert_string_equal(argv[1], "web");
        assert_string_equal(shared.ns, "shop");
        assert_string_equal(own.output, "json");
        assert_true(own.wait);
        assert_false(own.all);
    }
}

static void test_args__every_type_is_read(void **state)
{
    struct shared shared = {0};
    struct own own = {.wait = true};
    struct err err = {0};
    char line[128], *argv[MAX_WORDS];
    (void)state;
    assert_int_equal(parse("-f a -f - --tail 5 --since=2m --wait=false -- -f", line, sizeof(line),
                           &shared, &own, argv, &err),
                     1);
    assert_string_equal(argv[0], "-f");
    assert_int_equal(own.files.count, 2);
    assert_string_equal(own.files.items[0], "a");
    assert_string_equal(own.files.items[1], "-");
    assert_int_equal(own.tail, 5);
    assert_int_equal(own.since, 120 * NS_PER_S);
    assert_false(own.wait);
}

static void test_args__mistakes_are_named(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--foo", "unknown option --foo"},
        {"--foo=bar", "unknown option --foo"},
        {"-x", "unknown option -x"},
        {"-wx", "unknown option -x"},
        {"pods -n", "--namespace: a value is missing"},
        {"--wait=maybe", "--wait: 'maybe': want true or false"},
        {"--tail x", "--tail: 'x': want a number"},
        {"--tail -1", "--tail: '-1': want a number"},
        {"--tail 99999999999", "--tail: '99999999999': want a number"},
        {"--since x", "--since: 'x': want a duration such as 90s, 5m or 1h30m"},
        {"-o tabel", "--output: 'tabel': want wide|json|x="},
        {"-o x=", "--output: 'x=': want wide|json|x="},
        {"-o wid", "--output: 'wid': want wide|json|x="},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct shared shared = {0};
        struct own own = {0};
        struct err err = {0};
        char line[128], *argv[MAX_WORDS];
        assert_int_equal(parse(cases[i].line, line, sizeof(line), &shared, &own, argv, &err),
                         -EINVAL);
        assert_string_equal(err.msg, cases[i].message);
    }
}

static void test_args__listed_prefix_wants_more(void **state)
{
    struct shared shared = {0};
    struct own own = {0};
    struct err err = {0};
    char line[128], *argv[MAX_WORDS];
    (void)state;
    assert_int_equal(parse("-o x=y", line, sizeof(line), &shared, &own, argv, &err), 0);
    assert_string_equal(own.output, "x=y");
}

static void test_args__a_list_has_an_end(void **state)
{
    struct own own = {0};
    char *argv[2 * (ARG_LIST_MAX + 1)];
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(argv); i++)
        argv[i] = i % 2 ? "a" : "-f";
    const struct arg_set sets[] = {{own_options, &own}, {0}};
    assert_int_equal(args_parse(sets, (int)ARRAY_LEN(argv), argv, &err), -EINVAL);
    assert_int_equal(own.files.count, ARG_LIST_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args__options_stand_anywhere),
        cmocka_unit_test(test_args__every_type_is_read),
        cmocka_unit_test(test_args__mistakes_are_named),
        cmocka_unit_test(test_args__listed_prefix_wants_more),
        cmocka_unit_test(test_args__a_list_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
