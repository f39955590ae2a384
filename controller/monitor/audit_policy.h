#pragma once
/* What of a request is told in the audit trail: a Policy of audit.k8s.io/v1, whose first rule that
 * fits decides; without one writes are told at level Metadata, and nothing else. Pure. */

#include "controller/api/api.h"

#define AUDIT_POLICY_MAX (64 * 1024) /* bytes of the document */

enum audit_level { AUDIT_NONE, AUDIT_METADATA, AUDIT_REQUEST, AUDIT_REQUEST_RESPONSE };
extern const char *const audit_levels[];

enum audit_stage { AUDIT_RECEIVED, AUDIT_STARTED, AUDIT_COMPLETE, AUDIT_PANIC };
extern const char *const audit_stages[];

/* What rules look at. */
struct audit_subject {
    const char *user;          /* NULL: nobody in particular */
    const char *const *groups; /* ends with NULL; may be NULL */
    const char *verb, *path;   /* path: of the URL, without its query */
    struct api_ref ref;        /* kind NULL: no object */
    const char *subresource;   /* NULL or "": none */
    bool writes;
};

struct audit_verdict {
    enum audit_level level;
    bool omit_managed; /* managedFields are left out of bodies */
    unsigned omitted;  /* bits by enum audit_stage: events of these are left out */
};

struct audit_policy;
/* YAML or JSON. Every mistake is told with file (for messages) and line: the first in err. -EINVAL,
 * -E2BIG. */
nodiscard int audit_policy_parse(const char *file, const char *text, size_t len,
                                 struct audit_policy **ret, struct err *err);
void audit_policy_free(struct audit_policy *policy); /* NULL is fine */
/* policy NULL: the usual. What holds secrets is told above Metadata only where a rule names it
 * ("secrets", "serviceaccounts/token", "tokenreviews"), not by one for everything. */
struct audit_verdict audit_policy_decide(const struct audit_policy *policy,
                                         const struct audit_subject *subject);
