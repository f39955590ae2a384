#pragma once
/* What the server says when it refuses: Kubernetes' Status. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

/* "Error from server (NotFound): pods "web" not found\n". status NULL or of another shape: the code
 * is told. */
void status_text(int code, const struct value *status, struct buf *ret);
/* The Status of an answer: the JSON, or one made of a body that is something else. */
struct value *status_parse(int code, const char *body, size_t len);
