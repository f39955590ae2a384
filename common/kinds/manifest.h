#pragma once
/* Manifests: a person's YAML or JSON, any number of documents, Lists flattened. */

#include "common/kinds/kinds.h"

/* Takes `object`; non-zero ends the walk. */
typedef int manifest_fn(void *ctx, const struct schema_kind *kind, struct value *object);

/* All or nothing: every object of the text is checked (schema_check), loses its status and gets its
 * defaults (schema_default; namespaced ones without a namespace get "default"); then fn is called
 * for each in order, diags->document telling its document (from 1). With one mistake anywhere fn is
 * never called, every mistake is in diags, and -EINVAL or -E2BIG is returned. Text without any
 * object is a mistake too. `file` (may be NULL) only tells strict JSON (*.json) from YAML; text
 * that begins with '{' is tried as JSON in any case. Also returned: what fn returned. Does not
 * block. */
nodiscard int manifest_load(const char *text, size_t len, const char *file, manifest_fn *fn,
                            void *ctx, struct diags *diags);
/* The same with another namespace for objects that name none. */
nodiscard int manifest_load_into(const char *text, size_t len, const char *file, const char *ns,
                                 manifest_fn *fn, void *ctx, struct diags *diags);
