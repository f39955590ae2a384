#pragma once
/* The text of a keeper's pid file, <run folder>/keeper.pid: lines with its process, the pod's
 * control group and state folder, then each layer that its containers run from, and a "." that says
 * that it is whole. The lock on the file, not its text, says that the keeper lives. Pure. */

#include "agent/runtime/launch.h"

#include <sys/types.h>

/* The caller frees. */
char *pidfile_print(const struct launch_plan *plan, pid_t pid);
/* NULL: it does not say (the caller frees). The beginning of the text is enough. */
char *pidfile_state_dir(const char *text);
typedef void pidfile_layer_fn(void *ctx, const char *path);
/* -EINVAL: the text is not whole, or of a release that did not tell its layers. */
nodiscard int pidfile_layers(const char *text, pidfile_layer_fn *fn, void *ctx);
