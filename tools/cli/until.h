#pragma once
/* Waiting for an object, with visible progress: what `wait` and `delete` share. Blocking. */

#include "tools/cli/resource.h"

enum until_what { UNTIL_READY, UNTIL_CONDITION, UNTIL_DELETED, UNTIL_EXISTS };
struct until {
    enum until_what what;
    const char *condition, *status; /* of UNTIL_CONDITION; status NULL: "True" */
    const char *uid;                /* of UNTIL_DELETED: this one, not one that follows; or NULL */
    int64_t deadline_boot_ns;
};

/* An exit code; on EXIT_FAILED the reason is on stderr: timed out, or it can never be. */
int until_wait(struct cli *cli, const struct resource *resource, const char *ns, const char *name,
               const struct until *until);
