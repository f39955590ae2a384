#pragma once
/* The log: one line an event on stderr, `level` plus key=value pairs. Logged once, by the handler
 * at the top; libraries return errors. The sink is the one global of a process. */

#include "common/base/err.h"

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `fmt` gives the message followed by key=value pairs: log_info("pod started pod=%s/%s", ns, name).
 * Values that may hold spaces or come from outside are given with log_quote. */
void log_write(enum log_level level, const char *fmt, ...) printf_like(2, 3);
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

void log_set_level(enum log_level level);
/* 0 or -EINVAL. Names: error, warn, info, debug. */
nodiscard int log_level_parse(const char *name, enum log_level *ret_level);
/* Replaces where lines go (NULL: stderr, with the level before the line, and before that the time
 * in UTC, or the priority if the journal reads it). The line has no newline; control characters in
 * it have become '?'.
 */
void log_set_sink(void (*sink)(void *ctx, enum log_level level, const char *line), void *ctx);
/* "value" with control characters, quotes and non-UTF-8 escaped, in a rotating static buffer (8
 * slots of 320 bytes; longer input is cut): valid until the eighth next call. */
const char *log_quote(const char *value);
