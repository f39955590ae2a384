#pragma once
/* What is waited for, while it lasts, on stderr: one line that is written over on a terminal, a
 * line at each change elsewhere. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool terminal;
    int64_t since_boot_ns;
    struct buf shown; /* the text as it was given last */
    bool due;         /* and not printed yet */
    unsigned turns;
};
void progress_init(struct progress *progress);
/* Ends the line. */
void progress_done(struct progress *progress);
CLEANUP_DEFINE_VALUE(struct progress, progress_done);
/* One line of text, shown unless all is over within a second; control characters are made harmless.
 */
void progress_say(struct progress *progress, const char *text);
/* About once a second: the time that has passed is drawn anew. */
void progress_tick(struct progress *progress);
/* Takes the line off a terminal, for other output to stand there. */
void progress_clear(struct progress *progress);
