#pragma once
/* Headers of HTTP that mean something to people. Pure; hostile input. */

#include <stddef.h>

/* The text of `Warning: 299 - "text"` (RFC 7234 section 5.5), unquoted; NULL for any other line.
 * Caller frees. */
char *header_warning(const char *line, size_t len);
