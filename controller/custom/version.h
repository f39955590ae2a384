#pragma once
/* Names of versions, in the order that Kubernetes prefers them: "v2", "v1", "v11beta2", "v10beta3",
 * "v3beta1", "v12alpha1", then others by their letters. Pure. */

/* Below 0: a is preferred. */
int version_compare(const char *a, const char *b);
