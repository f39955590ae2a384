#pragma once
/* A table of static tokens as Kubernetes has it: lines of token,user,uid,"group1,group2" in CSV
 * (RFC 4180; the groups may be missing). Lines that are empty or begin with # are skipped. Pure. */

#include "common/base/map.h"
#include "controller/auth/who.h"

#define TOKEN_CSV_MAX (256 * 1024) /* bytes */

/* Adds a struct who for each line under the SHA-256 of its token in hex, so that looking one up
 * tells nothing of the others by the time it takes. name is the file's, for errors: "FILE:3: ...".
 * Nothing is added when one line is wrong. */
nodiscard int token_csv_parse(const char *name, const char *text, size_t len, struct map *ret,
                              struct err *err);
