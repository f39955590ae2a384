#pragma once
/* Secrets in manifests: `data` (and `stringData`) of a Secret become one value "limpet.io/sealed",
 * the base64 of key_seal to the node's sealing key, bound to the node and the manifest's path.
 * Sealed bytes are stored, never made anew, so that a digest does not change without cause. Pure.
 */

#include "common/crypto/crypto.h"
#include "common/data/value.h"

#define SEALED_KEY "limpet.io/sealed"

/* In place; what is not a Secret is left as it is. -EEXIST if it is sealed already. */
nodiscard int sealed_close(struct value *manifest, const struct key *to, const char *node,
                           const char *path, struct err *err);
/* In place: as long as sealed_close would make it, whatever the node and the path, with nothing of
 * the secret in it. For sizes; no node opens it. False, and nothing is changed: not a Secret. */
bool sealed_sketch(struct value *manifest);
/* In place: puts `data` back. What is not a sealed Secret is left as it is. -EBADMSG when it does
 * not open for this node and path. */
nodiscard int sealed_open(struct value *manifest, const struct key *key, const char *node,
                          const char *path, struct err *err);
