#pragma once
/* A line of a container's log as the keeper writes it (the CRI's format): "<RFC 3339> stdout|stderr
 * F|P <text>\n". Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_line {
    const char *stamp; /* borrowed, stamp_len bytes */
    size_t stamp_len;
    bool is_stderr;
    bool partial; /* the next line goes on where this one ends */
    const char *text;
    size_t text_len;
};
/* `line` without its newline. False for what is not of that form (a torn write): it is left out. */
bool log_line_parse(const char *line, size_t len, struct log_line *ret);
