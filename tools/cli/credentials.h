#pragma once
/* What somebody needs to speak to a gateway, as a kubeconfig or as files. */

#include "common/base/buf.h"

struct credentials {
    const char *user, *server;
    const char *ca_pem;               /* NULL: the server's certificate is known otherwise */
    char *cert_pem, *key_pem, *token; /* owned; NULL: none */
};
void credentials_done(struct credentials *credentials); /* wipes what it owns */
CLEANUP_DEFINE_VALUE(struct credentials, credentials_done);
/* The text of a kubeconfig. Pure. */
void credentials_write(const struct credentials *credentials, struct buf *ret);
/* To stdout. */
int credentials_print(const struct credentials *credentials);
/* ca.crt, client.crt, client.key and kubeconfig in that folder, which is made; mode 0600. */
nodiscard int credentials_save(const struct credentials *credentials, const char *dir,
                               struct err *err);
