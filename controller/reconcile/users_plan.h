#pragma once
/* Which certificates may still hold in a user's name: pure. */

#include "common/data/value.h"

#include <stdbool.h>
#include <stdint.h>

#define USERS_FINALIZER "limpet.io/certificates"

/* The certificates of a User's status as they should be: those that stand there and those that the
 * requests (a list of CertificateSigningRequests) were answered with, in its name and not yet over.
 * The caller's. *ret_next: when the first of them ends (wall ns); INT64_MAX: there is none. */
struct value *users_plan(const struct value *user, const struct value *requests, int64_t now_ns,
                         int64_t *ret_next);
/* Whether the User is deleted and kept only by the finalizer that none of these certificates needs
 * any more. */
bool users_plan_release(const struct value *user, const struct value *certificates);
