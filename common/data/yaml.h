#pragma once
/* YAML to and from value trees: the subset Kubernetes uses (YAML 1.1 core scalars as its
 * YAML-to-JSON conversion understands them: true/false/yes/no/on/off are booleans only when plain;
 * 0o17 and 017 are octal; quoted scalars are always strings), anchors and aliases expanded under
 * hard caps, merge keys
 * (<<) supported, duplicate keys refused, custom tags refused. A stream may have
 * DATA_MAX_STREAM_BYTES, each of its documents DATA_MAX_BYTES. Keys become strings: `80:` is "80",
 * `on:` is "true". */

#include "common/base/buf.h"
#include "common/data/diag.h"
#include "common/data/value.h"

/* Every document of the stream in turn; empty documents are skipped but counted. fn takes ownership
 * of doc; non-zero ends the walk and is returned. A syntax error or a cap is added to diags (with
 * its document and line) and gives -EINVAL or -E2BIG. */
typedef int yaml_doc_fn(void *ctx, int document, struct value *doc);
nodiscard int yaml_parse_all(const char *text, size_t len, yaml_doc_fn *fn, void *ctx,
                             struct diags *diags);
/* Exactly one document. */
nodiscard int yaml_parse(const char *text, size_t len, struct value **ret, struct diags *diags);
/* Block style as kubectl prints it: keys in order, strings that would read as something else
 * quoted, multi-line strings as |. Deterministic. 0, -E2BIG by the buffer's cap, -EINVAL for a
 * string that is not UTF-8. */
int yaml_write(const struct value *value, struct buf *ret);
