#pragma once
/* What is wrong with a manifest, as a line that says where: "app.yaml:14: spec.nodeName: must be
 * ... (document 2, pod/web)". Pure. */

#include "common/base/buf.h"
#include "common/data/diag.h"
#include "tools/cli/manifests.h"

/* The mistakes that reading a file found. */
void mistake_add_diags(struct buf *ret, const char *file, const struct diags *diags);
/* What the gateway says of a document: a Status, each of its causes with the line that it is about.
 * code: HTTP's, for an answer that is no Status. */
void mistake_add_status(struct buf *ret, const struct document *document, int code,
                        const struct value *status);
