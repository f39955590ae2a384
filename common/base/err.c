#include "common/base/err.h"

#include "common/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Room beyond a message, so that a cut can look at what it cuts. */
#define ERR_SCRATCH 1024

static void store(struct err *err, int code, const char *text)
{
    size_t len = strnlen(text, ERR_SCRATCH);
    if (len > sizeof(err->msg) - 1)
        len = utf8_cut(text, sizeof(err->msg) - 1);
    err->code = code;
    memcpy(err->msg, text, len);
    err->msg[len] = '\0';
}

static int negative(int code)
{
    return code < 0 ? code : code > 0 ? -code : -EIO;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    code = negative(code); /* zero would read as success */
    if (!err)
        return code;
    char text[ERR_SCRATCH]; /* the arguments may point into err->msg */
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    store(err, code, text);
    return code;
}

/* "<what was done>: <cause>" */
static void store_with(struct err *err, int code, const char *cause, const char *fmt, va_list args)
{
    char text[ERR_SCRATCH];
    int len = vsnprintf(text, sizeof(text), fmt, args);
    if (len < 0)
        len = 0;
    if ((size_t)len < sizeof(text))
        snprintf(text + len, sizeof(text) - (size_t)len, ": %s", cause);
    store(err, code, text);
}

int err_errno(struct err *err, int errno_value, const char *fmt, ...)
{
    int code = negative(errno_value);
    if (!err)
        return code;
    va_list args;
    va_start(args, fmt);
    store_with(err, code, strerror(-code), fmt, args);
    va_end(args);
    return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err)
        return -EIO;
    va_list args;
    va_start(args, fmt);
    store_with(err, negative(err->code), err->msg, fmt, args);
    va_end(args);
    return err->code;
}
