#pragma once
/* What there is, for clients that ask: groups, versions and resources, written from the kinds'
 * tables. Pure; the caller owns what comes back. */

#include "common/kinds/kinds.h"

struct value *discovery_api_versions(void);                /* /api */
struct value *discovery_groups(const struct kinds *kinds); /* /apis */
/* NULL if there is no such group or version. */
struct value *discovery_group(const struct kinds *kinds, const char *group);
struct value *discovery_resources(const struct kinds *kinds, const char *group,
                                  const char *version);
/* Aggregated: apidiscovery.k8s.io's list of the core group (/api) or of all others (/apis).
 * version "v2", or "v2beta1", which older clients know. */
struct value *discovery_all(const struct kinds *kinds, bool core, const char *version);
struct value *discovery_version(void); /* /version */
