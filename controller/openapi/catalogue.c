#include "controller/openapi/catalogue.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

/* In the order of Kubernetes' group priorities. */
static const char *const groups[] = {
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "metrics.k8s.io",
};

static size_t rank(const char *group)
{
    size_t i = 0;
    while (i < ARRAY_LEN(groups) && !str_eq(groups[i], group))
        i++;
    return i;
}

/* "v1", "v2beta3" as numbers to compare: stable above beta above alpha above other words. */
struct version {
    int stage;
    long major, minor;
};

static bool take_number(const char **at, long *ret)
{
    char *end;
    if (**at < '1' || **at > '9')
        return false;
    *ret = strtol(*at, &end, 10);
    *at = end;
    return true;
}

static struct version parse_version(const char *text)
{
    static const char *const stages[] = {"alpha", "beta"};
    struct version version = {0};
    if (*text++ != 'v' || !take_number(&text, &version.major))
        return (struct version){0};
    if (!*text)
        return (struct version){3, version.major, 0};
    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        const char *rest = text + strlen(stages[i]);
        if (!str_has_prefix(text, stages[i]) || !take_number(&rest, &version.minor) || *rest)
            continue;
        version.stage = (int)i + 1;
        return version;
    }
    return (struct version){0};
}

static int greater_first(long a, long b)
{
    return (a < b) - (a > b);
}

int catalogue_compare_versions(const char *a, const char *b)
{
    struct version x = parse_version(a), y = parse_version(b);
    int order = greater_first(x.stage, y.stage);
    if (order == 0)
        order = greater_first(x.major, y.major);
    if (order == 0)
        order = greater_first(x.minor, y.minor);
    return order ? order : strcmp(a, b);
}

static int compare(const void *left, const void *right)
{
    const struct schema_kind *a = *(const struct schema_kind *const *)left;
    const struct schema_kind *b = *(const struct schema_kind *const *)right;
    size_t rank_a = rank(a->group), rank_b = rank(b->group);
    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    int order = strcmp(a->group, b->group);
    if (order == 0)
        order = catalogue_compare_versions(a->version, b->version);
    return order ? order : strcmp(a->plural, b->plural);
}

const struct schema_kind **catalogue_new(const struct kinds *kinds)
{
    size_t count = 0;
    while (kinds_at(kinds, count))
        count++;
    const struct schema_kind **all = xcalloc(count + 1, sizeof(const struct schema_kind *));
    for (size_t i = 0; i < count; i++)
        all[i] = kinds_at(kinds, i);
    qsort(all, count, sizeof(const struct schema_kind *), compare);
    return all;
}

bool catalogue_same_group(const struct schema_kind *a, const struct schema_kind *b)
{
    return a && b && str_eq(a->group, b->group);
}

bool catalogue_same_version(const struct schema_kind *a, const struct schema_kind *b)
{
    return catalogue_same_group(a, b) && str_eq(a->version, b->version);
}
