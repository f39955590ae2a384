#pragma once
/* What one manifest holds, as the agent uses it: made once when it is read, shared by everything
 * that looks at it until it is read no more. */

#include "agent/pod/spec.h"
#include "common/data/diag.h"

struct docs {
    struct pod_spec **pods; /* owned */
    size_t pod_count;
    struct value **sources; /* ConfigMaps, Secrets, claims and their volumes; owned */
    size_t source_count;
};

/* What a manifest that was taken holds but cannot be used: said, and left out. */
typedef void docs_problem_fn(void *ctx, const char *message);

/* Any number of documents, YAML or JSON, checked against the kinds' schemas and defaulted.
 * static_node_name: of pods from the static directory (pod_spec_new); NULL: not static. -EINVAL
 * with every mistake in diags: nothing is taken. file: for messages, may be NULL. */
nodiscard int docs_load(const char *text, size_t len, const char *file,
                        const char *static_node_name, docs_problem_fn *problem, void *ctx,
                        struct docs *ret, struct diags *diags);
void docs_done(struct docs *docs);
CLEANUP_DEFINE_VALUE(struct docs, docs_done);
