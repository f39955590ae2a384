#pragma once
/* What a DELETE asks for: DeleteOptions in the body, or (some clients) in the query. Pure. */

#include "controller/api/api.h"
#include "controller/http/url.h"

/* body is NULL where there is none, and may be anything; *ret borrows its strings and the URL's.
 * Adds API_DRY_RUN to *flags. NULL, or the Status to answer (the caller's). */
struct value *delete_options_parse(const struct url *url, const struct value *body,
                                   struct api_delete_options *ret, unsigned *flags);
