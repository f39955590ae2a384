#pragma once
/* The conductor of limpet-fetch: has what it needs fetched and unpacked by confined children,
 * checks digests, and commits layers and images to the store. */

#include "agent/fetch/job.h"
#include "common/base/err.h"

/* Does the job. *ret_images: NULL-terminated, the references that are on the node now (caller frees
 * all). reason: set on failure, as in image_done_fn. */
nodiscard int pull_job(const struct job *job, char ***ret_images, char reason[32], struct err *err);
