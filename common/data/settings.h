#pragma once
/* A program's configuration: a YAML map read into a struct by a table of keys, each with a default.
 * Unknown keys and wrong values are refused with file and line. Pure. */

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SETTINGS_MAX (64 * 1024) /* bytes of a configuration file */

enum setting_type {
    SETTING_STRING,  /* char *, never NULL */
    SETTING_NUMBER,  /* int64_t */
    SETTING_BOOL,    /* bool; the default is `number` */
    SETTING_STRINGS, /* char **, ended by NULL, never NULL */
};

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset;
    const char *def;          /* of a string */
    int64_t number, min, max; /* default and bounds of a number */
};

/* `target` is a zeroed struct; it gets the defaults, then what the text says (text NULL or empty:
 * nothing). `file` is for messages. -EINVAL with the first mistake; then target holds nothing. */
nodiscard int settings_read(const struct setting *settings, size_t count, void *target,
                            const char *file, const char *text, size_t len, struct err *err);
void settings_done(const struct setting *settings, size_t count, void *target);
