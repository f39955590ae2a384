#pragma once
/* The verbs: one line here, and the file of that name. */

#include "tools/cli/cli.h"

/* In the order of help. */
#define VERBS(X)                                                                                   \
    X(apply)                                                                                       \
    X(get)                                                                                         \
    X(describe)                                                                                    \
    X(logs)                                                                                        \
    X(why)                                                                                         \
    X(pause)                                                                                       \
    X(resume)                                                                                      \
    X(wait)                                                                                        \
    X(delete)                                                                                      \
    X(image)                                                                                       \
    X(token)                                                                                       \
    X(user)                                                                                        \
    X(kubeconfig)                                                                                  \
    X(backup)                                                                                      \
    X(restore)                                                                                     \
    X(version)                                                                                     \
    X(completion)                                                                                  \
    X(complete)                                                                                    \
    X(help)

#define VERB_DECLARE(name) extern const struct verb verb_##name;
VERBS(VERB_DECLARE)
#undef VERB_DECLARE
