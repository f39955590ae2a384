#pragma once
/* How far a pull has come, and when that is worth telling: on a narrow line a pull takes hours, and
 * what is told of it goes over the same line. Pure. */

#include "common/base/buf.h"

#include <stdint.h>

struct pull_progress {
    int64_t asked_ns; /* boot time: when the image was asked for... */
    int64_t began_ns; /* ...and its pull began; 0: it did not */
    int64_t done, total;
    int64_t next_ns, interval_ns;
    int told, event; /* per cent, as last told in the status (-1: not yet) and by an event */
    char text[48];   /* "25% of 120.5 MB", as last told in the status; "" */
};

enum { PULL_TELL_BEGUN = 1, PULL_TELL_STATUS = 2, PULL_TELL_EVENT = 4 };

void pull_progress_ask(struct pull_progress *progress, int64_t now_ns);
/* The pull has begun (total 0), or come further. What is to be told now, as bits: the status after
 * 10 s, then at each quarter and 30 s, 1, 2, 4, 8, and each 10 minutes after the last; an event at
 * each quarter of a pull that takes longer than half a minute, three at most. */
int pull_progress_step(struct pull_progress *progress, int64_t now_ns, int64_t done, int64_t total);
/* What has been pulled: 'Successfully pulled image "web:1" in 5.2s (7s including waiting). Image
 * size: 120 bytes.'; or 'Container image "web:1" already present on machine' (the kubelet's words).
 */
void pull_progress_end(const struct pull_progress *progress, int64_t now_ns, const char *image,
                       int64_t bytes, struct buf *ret);
