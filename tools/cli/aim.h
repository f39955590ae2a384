#pragma once
/* What `limpet image pull` wants of one node, and how it goes there: what one look at it means for
 * the next. Pure. */

#include "common/base/cleanup.h"
#include "common/data/value.h"

/* Between two looks at a node: its line may be a thin one. */
#define AIM_LOOK_FIRST_NS (INT64_C(1) * 1000000000)
#define AIM_LOOK_MAX_NS (15 * AIM_LOOK_FIRST_NS)

struct aim {
    char *node, *path;
    struct value *answer; /* the last: {"images": [...]}; NULL: none yet */
    char *error;          /* why there was none this time; NULL */
    bool ordered;         /* it knows of all of them: GET; else POST */
    bool settled;         /* all has ended: with `failed`, not well for one at least */
    bool failed;
    int64_t look_ns, wait_ns; /* boot time: not to be looked at before then */
};
void aim_init(struct aim *aim, const char *node, const char *path);
void aim_done(struct aim *aim);
CLEANUP_DEFINE_VALUE(struct aim, aim_done);

/* What a look gave: HTTP's code with the answer (taken; a Status if >= 300; NULL is fine) or a
 * negative errno with its message. `reached`: the gateway has answered anything before. What passes
 * (a gateway that is started anew, a line that breaks, too much at once) is tried again: ordering
 * twice does no harm. Not the first time for a node that is not ready, or a gateway that nobody has
 * reached. */
void aim_hear(struct aim *aim, int code, struct value *answer, const char *message, bool reached,
              int64_t now_ns);

/* 0 to 100, whatever the node says. */
int aim_percent(int64_t done, int64_t total);
