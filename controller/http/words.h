#pragma once
/* Words of a header that is a list, separated by commas and as often as it comes: Connection,
 * Upgrade, Sec-WebSocket-Protocol. */

#include "controller/http/http.h"

/* Each that is not empty, without blanks around it; borrowed for the call. */
typedef int words_fn(void *ctx, const char *word, size_t len);
void words_each(const struct http_request *request, const char *name, words_fn *fn, void *ctx);
/* Whether one of them is that, in letters of either case. */
bool words_have(const struct http_request *request, const char *name, const char *word);
