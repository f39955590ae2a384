#pragma once
/* Answers of the API server as value trees. A list is larger than an object may be, so its items
 * are parsed one by one. Pure; hostile input. */

#include "common/data/value.h"

/* As json_parse, but the caps of a document hold for each member of the outermost map, and, of
 * members that are lists, for each item. Caller frees. */
nodiscard int answer_parse(const char *text, size_t len, struct value **ret, struct err *err);
