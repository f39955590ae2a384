#pragma once
/* The audit policy of a file that a person keeps. It is looked at again, at most once a second,
 * when something is to be told: a change holds from then on. A file that has become wrong is told
 * of in the log, and what it said before still holds. */

#include "controller/monitor/audit_policy.h"

struct audit_file;
/* The file is read at once, and must be there and right. */
nodiscard int audit_file_new(struct loop *loop, const char *path, struct audit_file **ret,
                             struct err *err);
void audit_file_free(struct audit_file *file); /* NULL is fine */
/* Borrowed until the next call. */
const struct audit_policy *audit_file_policy(struct audit_file *file);
