#pragma once
/* Command lines: options from tables, anywhere among the words, long or short. Pure. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arg_type {
    ARG_FLAG,     /* bool: --wait, --wait=false */
    ARG_STRING,   /* const char *, borrowed from argv */
    ARG_LIST,     /* struct arg_list: may be given again */
    ARG_INT,      /* int64_t, not negative */
    ARG_DURATION, /* int64_t, nanoseconds */
};

#define ARG_LIST_MAX 64
struct arg_list {
    const char *items[ARG_LIST_MAX];
    size_t count;
};

struct arg_option {
    const char *name; /* without "--"; NULL ends a table */
    char letter;      /* 0 = none */
    enum arg_type type;
    size_t offset;      /* of its variable within the verb's struct of options */
    const char *meta;   /* what help calls its value; NULL for flags */
    const char *help;   /* one line */
    const char *values; /* the only ones there are, between '|'; NULL = any. ("a|b=": a prefix) */
};

/* A table and the struct that it fills. */
struct arg_set {
    const struct arg_option *options;
    void *target;
};

/* Takes the options out of argv[0..argc) and leaves the words in its beginning, in order. What
 * stands behind "--" is words. A later option replaces an earlier one. sets ends with a NULL table.
 * Returns the number of words, or -EINVAL with what is wrong ("unknown option --foo"). */
nodiscard int args_parse(const struct arg_set *sets, int argc, char **argv, struct err *err);

/* One line an option, for help. */
void args_help(const struct arg_option *options, struct buf *ret);
