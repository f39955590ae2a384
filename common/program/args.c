#include "common/program/args.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/program/duration.h"

#include <errno.h>
#include <stdio.h>

struct found {
    const struct arg_option *option;
    void *target;
};

static bool find(const struct arg_set *sets, const char *name, size_t len, char letter,
                 struct found *ret)
{
    for (; sets->options; sets++)
        for (const struct arg_option *o = sets->options; o->name; o++)
            if (letter ? o->letter == letter
                       : strlen(o->name) == len && strncmp(o->name, name, len) == 0) {
                *ret = (struct found){o, (char *)sets->target + o->offset};
                return true;
            }
    return false;
}

static bool is_listed(const char *values, const char *value)
{
    for (const char *at = values; at; at = strchr(at, '|')) {
        at += *at == '|';
        size_t len = strcspn(at, "|");
        bool prefix = len > 0 && at[len - 1] == '=';
        if (strncmp(at, value, len) == 0 && (prefix ? value[len] != '\0' : value[len] == '\0'))
            return true;
    }
    return false;
}

static int set_flag(const struct found *found, const char *value, struct err *err)
{
    bool on = !value || str_eq(value, "true") || str_eq(value, "1");
    if (!on && !str_eq(value, "false") && !str_eq(value, "0"))
        return err_set(err, -EINVAL, "--%s: '%s': want true or false", found->option->name, value);
    *(bool *)found->target = on;
    return 0;
}

static int add_item(struct arg_list *list, const char *name, const char *value, struct err *err)
{
    if (list->count == ARG_LIST_MAX)
        return err_set(err, -EINVAL, "--%s: given more than %d times", name, ARG_LIST_MAX);
    list->items[list->count++] = value;
    return 0;
}

static int set_value(const struct found *found, const char *value, struct err *err)
{
    const struct arg_option *o = found->option;
    if (o->values && !is_listed(o->values, value))
        return err_set(err, -EINVAL, "--%s: '%s': want %s", o->name, value, o->values);
    switch (o->type) {
    case ARG_FLAG:
        return set_flag(found, value, err);
    case ARG_STRING:
        *(const char **)found->target = value;
        return 0;
    case ARG_LIST:
        return add_item(found->target, o->name, value, err);
    case ARG_INT: {
        uint64_t number;
        if (str_to_u64(value, &number) < 0 || number > INT32_MAX)
            return err_set(err, -EINVAL, "--%s: '%s': want a number", o->name, value);
        *(int64_t *)found->target = (int64_t)number;
        return 0;
    }
    case ARG_DURATION:
        if (duration_parse(value, found->target) < 0)
            return err_set(err, -EINVAL, "--%s: '%s': want a duration such as 90s, 5m or 1h30m",
                           o->name, value);
        return 0;
    }
    return -EINVAL;
}

struct parser {
    const struct arg_set *sets;
    char **argv;
    int argc, at;
};

/* The value behind the option, which is taken from the next word if it stands alone. */
static int give(struct parser *p, const struct found *found, const char *value, struct err *err)
{
    if (found->option->type == ARG_FLAG && !value)
        return set_flag(found, NULL, err);
    if (!value && p->at + 1 < p->argc)
        value = p->argv[++p->at];
    if (!value)
        return err_set(err, -EINVAL, "--%s: a value is missing", found->option->name);
    return set_value(found, value, err);
}

static int read_long(struct parser *p, const char *text, struct err *err)
{
    size_t len = strcspn(text, "=");
    struct found found;
    if (!find(p->sets, text, len, 0, &found))
        return err_set(err, -EINVAL, "unknown option --%.*s", (int)len, text);
    return give(p, &found, text[len] == '=' ? text + len + 1 : NULL, err);
}

/* "-fA", "-nkube-system", "-n=kube-system", "-n kube-system". */
static int read_short(struct parser *p, const char *text, struct err *err)
{
    for (; *text; text++) {
        struct found found;
        if (!find(p->sets, NULL, 0, *text, &found))
            return err_set(err, -EINVAL, "unknown option -%c", *text);
        if (found.option->type != ARG_FLAG) {
            const char *value = text + 1 + (text[1] == '=');
            return give(p, &found, *value ? value : NULL, err);
        }
        int rc = set_flag(&found, NULL, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int args_parse(const struct arg_set *sets, int argc, char **argv, struct err *err)
{
    struct parser p = {.sets = sets, .argv = argv, .argc = argc};
    int words = 0;
    bool only_words = false;
    for (; p.at < argc; p.at++) {
        char *arg = argv[p.at];
        int rc = 0;
        if (only_words || arg[0] != '-' || !arg[1])
            argv[words++] = arg;
        else if (str_eq(arg, "--"))
            only_words = true;
        else
            rc = arg[1] == '-' ? read_long(&p, arg + 2, err) : read_short(&p, arg + 1, err);
        if (rc < 0)
            return rc;
    }
    return words;
}

void args_help(const struct arg_option *options, struct buf *ret)
{
    for (; options->name; options++) {
        char text[64], letter[8] = "   ";
        if (options->letter)
            snprintf(letter, sizeof(letter), "-%c,", options->letter);
        snprintf(text, sizeof(text), "%s --%s%s%s", letter, options->name, options->meta ? " " : "",
                 options->meta ? options->meta : "");
        (void)buf_addf(ret, "  %-30s %s\n", text, options->help);
    }
}
