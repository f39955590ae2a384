#pragma once
/* Who asks: from what a request shows (the certificate that TLS proved, its Authorization header)
 * to a user with groups. The same for what comes over the bus. Nothing is remembered of who fails.
 */

#include "controller/auth/who.h"

#define AUTHN_TOKEN_MAX (16 * 1024) /* bytes of a bearer token; longer ones are not looked at */

struct authn;
struct authn_spec {
    struct loop *loop;
    struct api *api;
    const struct clock *clock;
};
struct authn *authn_new(const struct authn_spec *spec); /* all borrowed */
void authn_free(struct authn *authn);

/* One way to know a bearer token. 1: it is good and *ret (the caller's) says whose. 0: it is not
 * one of these. -EACCES: it is, and is not good. token ends with a NUL. */
typedef int authn_token_fn(void *ctx, const char *token, struct who **ret);
/* ctx is borrowed. They are asked in the order in which they were added. */
void authn_add(struct authn *authn, authn_token_fn *fn, void *ctx);

struct authn_facts {
    const char *user; /* the certificate's common name; NULL: none was shown, or it was refused */
    const char *const *groups; /* its organizations; may be NULL */
    const char *refused; /* why the certificate that was shown does not count; NULL: nothing */
    const char *authorization; /* the header; NULL: there is none */
};
/* NULL with *ret (the caller's), who is WHO_ANONYMOUS if nothing was shown; else the Status that
 * says 401. As in Kubernetes a good certificate decides, and a token where there is none. */
struct value *authn_identify(struct authn *authn, const struct authn_facts *facts,
                             struct who **ret);
/* Of a bearer token alone; NULL if it is nobody's. The caller's. */
struct who *authn_token(struct authn *authn, const char *token);
