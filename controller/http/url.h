#pragma once
/* The request target of HTTP, taken apart and decoded. Pure; hostile input. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX_SEGMENTS 16
#define URL_MAX_PARAMS 128

struct url_param {
    char *name, *value;
};

struct url {
    char *segments[URL_MAX_SEGMENTS]; /* decoded; never empty, ".", "..", nor holding '/' or NUL */
    size_t segment_count;
    struct url_param params[URL_MAX_PARAMS]; /* in order, decoded; names may repeat */
    size_t param_count;
};

/* "/api/v1/pods?watch=true". One '/' at the end is forgiven. -EINVAL with the reason (not UTF-8, an
 * encoded
 * '/' or NUL, dot or empty segments, bad %-escapes), -E2BIG. On failure *ret is empty. */
nodiscard int url_parse(const char *target, struct url *ret, struct err *err);
void url_done(struct url *url);

/* "/api/v1/pods": the decoded segments, joined. Caller frees. */
char *url_path(const struct url *url);
/* The first parameter of that name; NULL if absent. Borrowed. */
const char *url_param(const struct url *url, const char *name);
/* Absent gives def; "", "true", "True", "TRUE", "t", "T", "1" are true, their opposites false;
 * -EINVAL. */
nodiscard int url_param_bool(const struct url *url, const char *name, bool def, bool *ret,
                             struct err *err);
/* Absent or "" gives def; a non-negative integer; -EINVAL. */
nodiscard int url_param_int(const struct url *url, const char *name, int64_t def, int64_t *ret,
                            struct err *err);
