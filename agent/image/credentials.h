#pragma once
/* Users and passwords of registries, as Docker's configuration files and Kubernetes' pull secrets
 * hold them, and which of them are meant for an image (Kubernetes' credentialprovider). Pure. */

#include "common/base/err.h"
#include "common/data/value.h"

#include <stdbool.h>
#include <stddef.h>

#define CREDENTIALS_MAX 256       /* of one pod; what is beyond is refused */
#define CREDENTIAL_TEXT_MAX 16384 /* of a user or a password */
#define CREDENTIALS_TRIED_MAX 16  /* for one registry: a wrong password may lock an account */

struct credential {
    char *key; /* what it is for: host[:port][/path], the host with * and ? in its parts */
    char *username, *password;
};
/* In the order in which they are tried: of two that fit, the longer key comes first. */
struct credentials {
    struct credential *items;
    size_t count;
};
void credentials_done(struct credentials *credentials);

/* Adds what a Secret of the type kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg holds;
 * entries without user and password are left out. -EINVAL: another type, or what it holds is
 * damaged; no message shows any of it. */
nodiscard int credentials_add_secret(struct credentials *credentials, const struct value *secret,
                                     struct err *err);
/* Docker's "auth": the base64 of user:password. Both are the caller's. */
nodiscard int credentials_decode_auth(const char *auth, char **ret_username, char **ret_password);

/* Those for an image of the repository, the best first (borrowed); returns how many. */
size_t credentials_match(const struct credentials *credentials, const char *registry,
                         const char *repository,
                         const struct credential *ret[CREDENTIALS_TRIED_MAX]);

void credentials_copy(const struct credentials *from, struct credentials *to);
bool credentials_equal(const struct credentials *a, const struct credentials *b);

#include "common/base/cleanup.h"
CLEANUP_DEFINE_VALUE(struct credentials, credentials_done);
