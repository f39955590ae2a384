#include "tools/cli/verbs.h"

#define VERB_ENTRY(name) &verb_##name,
const struct verb *const verbs[] = {VERBS(VERB_ENTRY) NULL};
