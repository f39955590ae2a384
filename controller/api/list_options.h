#pragma once
/* The query parameters by which a list or watch says what it wants to see, as far as they bear on
 * each other; refused in Kubernetes' words. Pure. */

#include "common/data/value.h"

struct list_options {
    const char *resource_version, *match, *continue_token; /* NULL or "": not given */
    bool watch;
    bool initial_given; /* sendInitialEvents, true or false */
};

/* NULL, or the Status to answer: 422 for what does not go together, 400 for a resourceVersion that
 * is none. *ret_revision: the resourceVersion as a number, 0 if none is given. */
struct value *list_options_check(const struct list_options *options, int64_t *ret_revision);
/* 504: a revision that is not there yet. */
struct value *list_too_large(int64_t asked, int64_t current);
