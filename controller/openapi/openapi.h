#pragma once
/* The OpenAPI v2 document of all kinds, in protobuf, written piece by piece: definitions (kubectl's
 * explain and its checks), and of the paths as much as clients need to know that each kind can be
 * tried out (the parameters of its PATCH). Pure. */

#include "common/base/buf.h"
#include "common/kinds/kinds.h"

#define OPENAPI_TYPE "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

struct openapi;
struct openapi *openapi_new(const struct kinds *kinds);
void openapi_free(struct openapi *document);
/* Adds the next piece (of one kind or type) to ret; false at the end. */
bool openapi_next(struct openapi *document, struct buf *ret);
