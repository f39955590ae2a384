#pragma once
/* What one object takes of a namespace's quotas, and which quotas it is counted by. Pure. */

#include "common/schema/amounts.h"
#include "common/schema/schema.h"

/* What an object takes: of each resource, under each name that a quota may count it by. */
struct quota_usage {
    struct amounts amounts;
    bool pod;
    /* Of a pod, for scopes: */
    bool terminating, best_effort, crosses;
    char *priority_class; /* NULL: none */
};

void quota_usage_done(struct quota_usage *usage);
CLEANUP_DEFINE_VALUE(struct quota_usage, quota_usage_done);

/* Objects of that kind can be counted: they are of a namespace, and do not go by themselves. */
bool quota_counts(const struct schema_kind *kind);
/* Whether a quota that limits `resource` counts objects of that kind by it. */
bool quota_concerns(const char *resource, const struct schema_kind *kind);

void quota_usage_of(const struct schema_kind *kind, const struct value *object,
                    struct quota_usage *ret);
/* Whether it is counted by a quota with that spec: by its scopes and scopeSelector. */
bool quota_matches(const struct value *spec, const struct quota_usage *usage);
/* What a pod must say for a quota that limits these: "must specify cpu for: a,b; memory for: a" is
 * added to ret where containers do not say it; returns whether they all do. */
bool quota_is_said(const struct value *hard, const struct value *pod, struct buf *ret);
