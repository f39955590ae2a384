#pragma once
/* Images without bytes: each reference is there, missing, slow or failing, as the test says. They
 * belong to the node: what was pulled stays over restarts and reboots. */

#include "agent/image/images.h"

struct images_fake;

/* cut: nothing is answered while it says so (the program is dead); may be NULL. */
struct images_fake *images_fake_new(struct loop *loop, bool (*cut)(void *ctx), void *ctx);
void images_fake_free(struct images_fake *fake);

/* One life of the agent; freed through its own free. One at a time. */
struct images *images_fake_open(struct images_fake *fake);

/* The next pulls of the reference fail with this reason until it is set to NULL. */
void images_fake_fail(struct images_fake *fake, const char *reference, const char *reason);
void images_fake_delay(struct images_fake *fake, const char *reference, int64_t ns);
/* References that were pulled at least once. */
size_t images_fake_pulls(const struct images_fake *fake);
/* What the agent still holds: references to images, and requests under way. */
size_t images_fake_held(const struct images_fake *fake);
