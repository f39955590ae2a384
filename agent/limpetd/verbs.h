#pragma once
/* The verbs of limpetd. Each gets the arguments behind its own name and returns an exit code: 0
 * done, 1 failed, 2 wrong usage. */

#include "agent/limpetd/config.h"

#include <stdbool.h>

struct verb_args {
    const struct config *config;
    int argc; /* behind the verb */
    char **argv;
    bool json; /* -o json */
};

struct verb {
    const char *name, *usage, *help;
    int (*run)(const struct verb_args *args);
};

int verb_run(const struct verb_args *args);      /* run.c */
int verb_join(const struct verb_args *args);     /* run.c */
int verb_teardown(const struct verb_args *args); /* run.c */
int verb_ps(const struct verb_args *args);       /* local.c */
int verb_why(const struct verb_args *args);      /* local.c */
int verb_logs(const struct verb_args *args);     /* local.c */
int verb_image(const struct verb_args *args);    /* local_image.c */
