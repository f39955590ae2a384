#pragma once
/* One run of limpet-fetch, on the loop. */

#include "agent/image/images.h"
#include "common/base/err.h"
#include "common/loop/loop.h"

struct fetcher_job {
    const char *reference; /* to pull; or the name for what is loaded, NULL: what the file says */
    const char *file;      /* to load; NULL: pull */
    const struct credentials *credentials; /* to pull; NULL: none but the node's */
};
/* Called once, from the loop, when the program has ended. code 0: images is the NULL-terminated
 * list of canonical references that are on the node now; else reason and message. All borrowed.
 * The fetcher may be freed inside. */
typedef void fetcher_done_fn(void *ctx, int code, const char *const *images, const char *reason,
                             const char *message);

struct fetcher;
nodiscard int fetcher_new(struct loop *loop, const struct images_spec *spec,
                          const struct fetcher_job *job, fetcher_done_fn *done,
                          image_progress_fn *progress, void *ctx, struct fetcher **ret,
                          struct err *err);
/* Kills the program if it still runs, and does not wait until it has ended. What it had committed
 * stays; what it had fetched in part is resumed the next time. */
void fetcher_free(struct fetcher *fetcher);
