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

/* A program's configuration: a struct of `size` bytes, filled by settings_read. */
struct program_config {
    const struct setting *settings;
    size_t count, size;
    void (*complete)(void *config); /* defaults that are not constant */
};
/* From a file; missing: the defaults, unless required. Unknown keys and wrong values are refused
 * with file and line. NULL with *err; freed by program_config_free. */
nodiscard void *program_config_load(const struct program_config *type, const char *file,
                                    bool required, struct err *err);
void program_config_free(const struct program_config *type, void *config); /* NULL is fine */
/* Puts `text` (taken) in place of a string that is empty. */
void program_config_default(char **string, char *text);
