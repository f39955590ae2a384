#pragma once
/* Errors: a negative errno as the return value, and, for what touches the outside world, a message
 * for a person that grows context on its way up. */

#include <stdarg.h>

#define nodiscard __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

/* Caller-owned. `code` is a negative errno; `msg` is always terminated, cut at 255 bytes on a UTF-8
 * boundary. Zero-initialise it (`struct err err = {0};`). */
struct err {
    int code;
    char msg[256];
};

/* Sets `err` (may be NULL) and returns `code`, so that a function can `return err_set(err, -EINVAL,
 * "...")`. `code` must be negative. */
int err_set(struct err *err, int code, const char *fmt, ...) printf_like(3, 4);

/* As err_set with code -errno_value and ": <strerror>" appended to the message. */
int err_errno(struct err *err, int errno_value, const char *fmt, ...) printf_like(3, 4);

/* Puts "<fmt>: " before the message; returns the code that is already in `err` (-EIO if err is
 * NULL). Called once where an error crosses a module. */
int err_wrap(struct err *err, const char *fmt, ...) printf_like(2, 3);
