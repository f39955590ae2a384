#pragma once
/* The OpenAPI v2 document, in protobuf: as much as clients need to know that each kind can be tried
 * out (kubectl --dry-run=server looks for the parameter dryRun of its PATCH). No definitions: what
 * an object may hold is checked here, not there. Pure. */

#include "common/base/buf.h"
#include "common/kinds/kinds.h"

#define OPENAPI_TYPE "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

void openapi_write(const struct kinds *kinds, struct buf *ret);
