#pragma once
/* What a node is told of an object: the document without what only the gateway needs, as YAML whose
 * bytes change only when its meaning does. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

/* Metadata (name, namespace, uid, labels, annotations, deletion; of claims and volumes also
 * finalizers and owners), spec and data; no status, no resourceVersion, no managed fields. The
 * caller's. */
struct value *manifest_strip(const struct value *object);
int manifest_render(const struct value *object, struct buf *ret);

/* Bytes of the longest text that the object is on its way to a node or there: as it is rendered,
 * and if it is a Secret, rendered sealed. */
size_t manifest_size(const struct value *object);

/* What a node must know of beside the object: of a pod the ConfigMaps, Secrets and claims that it
 * reads, of a claim its volume. fn(ctx, kind, name), maybe several times for one. */
typedef void manifest_ref_fn(void *ctx, const char *kind, const char *name);
void manifest_refs(const struct value *object, manifest_ref_fn *fn, void *ctx);
