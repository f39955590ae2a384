#pragma once
/* Static tokens from a file that a person keeps (token_csv.h). It is looked at again, at most once
 * a second, when a token is shown: a change holds from then on. A file that has become wrong, or
 * that others may read, is told of in the log, and what it said before still holds. */

#include "controller/auth/who.h"

struct token_file;
/* The file is read at once, and must be there, right, and closed to others (no right in its mode
 * for group or others). */
nodiscard int token_file_new(struct loop *loop, const char *path, struct token_file **ret,
                             struct err *err);
void token_file_free(struct token_file *file);
/* An authn_token_fn; ctx is the struct token_file. */
int token_file_check(void *ctx, const char *token, struct who **ret);
