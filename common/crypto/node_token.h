#pragma once
/* How a node shows who it is where its certificate cannot go along: a text that is good for a short
 * time and for one purpose, signed by the key of the certificate that is in it.
 *
 *   "limpet-node." PURPOSE "." SECONDS-SINCE-1970 "." base64(SIGNATURE) "." base64(CERTIFICATE) */

#include "common/crypto/crypto.h"

#define NODE_TOKEN_MAX 8192
#define NODE_TOKEN_IMAGES "images" /* purposes: letters */
/* By how much the clocks of node and gateway may differ: a node without a clock of its own has only
 * the time that its gateway told it last. */
#define NODE_TOKEN_LEEWAY_S 3600

nodiscard int node_token_write(const char *purpose, int64_t now_s, const struct key *key,
                               const char *cert_pem, struct buf *ret, struct err *err);
bool node_token_is(const char *text); /* or something else altogether */
/* The certificate's common name and organizations (cert_info_done), if it is one of ca_pem's, holds
 * now and signed this text for that purpose. -EINVAL, -EKEYREJECTED, -EBADMSG. */
struct cert_info;
nodiscard int node_token_read(const char *text, const char *purpose, int64_t now_s,
                              const char *ca_pem, struct cert_info *ret, struct err *err);
