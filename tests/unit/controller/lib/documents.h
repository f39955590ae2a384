#pragma once
/* Documents as tests write them: JSON or YAML. */

#include "common/data/value.h"

/* Of text that parses; the caller's. */
struct value *document(const char *yaml);
/* Fails with both texts if `have` is not what `want` says; the order of keys does not count. */
void assert_document(const struct value *have, const char *want);
