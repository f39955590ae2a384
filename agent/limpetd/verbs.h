#pragma once
/* The verbs of limpetd: options from a table, anywhere among the words. Each returns an exit code:
 * 0 done, 1 failed, 2 wrong usage. */

#include "agent/limpetd/config.h"
#include "common/program/args.h"

#include <stdbool.h>

struct verb_args {
    const struct config *config;
    const char *config_file; /* that it was read from; NULL: the default */
    const void *options;     /* the struct that the verb's table fills */
    int argc;                /* words behind the verb */
    char **argv;
};

struct verb {
    const char *name, *usage, *help;
    const struct arg_option *options; /* NULL: none */
    const void *defaults;             /* of the struct that options fill, size bytes; NULL: zeros */
    size_t size;
    int (*run)(const struct verb_args *args);
};

/* One in each file that is named so. */
extern const struct verb verb_run, verb_join, verb_teardown; /* run.c */
extern const struct verb verb_ps, verb_why, verb_logs;       /* local.c */
extern const struct verb verb_exec, verb_attach;             /* local_exec.c */
extern const struct verb verb_image;                         /* local_image.c */
