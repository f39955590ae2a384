#pragma once
/* What the long-running programs' main functions share: their options, and reading their
 * configuration. */

#include "common/base/err.h"
#include "common/data/settings.h"

#include <stdbool.h>
#include <stdio.h>

struct program {
    const char *name;
    const char *config_file; /* the default, which may be missing */
    void (*help)(FILE *to);
};

struct program_args {
    const char *config_file;
    bool config_given; /* then it must exist */
    int next;          /* index of the first argument that is no option */
};

/* --config FILE, --log-level LEVEL (set at once), --help, --version; stops at the first argument
 * that is no option. Returns -1 to go on, or an exit code: 0 after help or version, 2 after wrong
 * usage (told on stderr). */
int program_parse(const struct program *program, int argc, char **argv, struct program_args *ret);

/* settings_read of a file. Missing: the defaults, unless required. */
nodiscard int program_settings(const struct setting *settings, size_t count, void *target,
                               const char *file, bool required, struct err *err);
