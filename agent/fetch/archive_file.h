#pragma once
/* An image in a file as a source: an OCI archive (OCI image-spec, image-layout.md, in a tar). Runs
 * in the confined child. */

#include "agent/fetch/source.h"

/* ctx: pointer to the archive's descriptor (an int). A manifest without a digest is the index. */
int archive_file_get(void *ctx, const struct source_request *request, int fd,
                     struct source_peer *peer, struct source_reply *reply, struct err *err);
