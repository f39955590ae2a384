#pragma once
/* What a node's registries.yaml says of registries, in the words of containerd and K3s, and where
 * an image is therefore asked for. Pure.
 *
 *   mirrors:
 *     docker.io:              # or "*": every registry that has no entry of its own
 *       endpoint:             # asked in this order, the registry itself last
 *       - https://mirror.local:5000        # /v2 is added where there is no path
 *   configs:
 *     mirror.local:5000:      # or "*"
 *       auth: {username: u, password: p}   # or auth: the base64 of both
 *       tls: {ca_file: /etc/ca.pem, cert_file: F, key_file: F, insecure_skip_verify: false} */

#include "agent/image/credentials.h"
#include "agent/image/reference.h"
#include "common/base/err.h"
#include "common/data/value.h"

#define REGISTRIES_MAX_BYTES (256 * 1024)
#define REGISTRIES_MAX_ENDPOINTS 8 /* mirrors of one registry */

/* -EINVAL: "FILE:LINE: mirrors.docker.io.endpoint[0]: ...", the first mistake; unknown keys are
 * mistakes. An empty text is a file that says nothing (*ret NULL). */
nodiscard int registries_parse(const char *file, const char *text, size_t len, struct value **ret,
                               struct err *err);

/* The places to ask, as limpet-fetch's job has them ("endpoints" of agent/fetch/job.h): the mirrors
 * and then the registry itself, each with the credentials that are meant for it: those of the pod
 * first, the node's own after them. */
struct value *registries_endpoints(const struct value *registries, const struct reference *ref,
                                   const struct credentials *credentials);
