/* Resource lists, requests and limits. */

#include "common/base/str.h"
#include "common/kinds/types.h"
#include "common/schema/quantity.h"

#include <stdio.h>

const char *format_resource_name(const char *s)
{
    static const char *const known[] = {"cpu", "memory", "ephemeral-storage", "storage", "pods"};
    const char *wrong = format_qualified_name(s);
    if (wrong || strchr(s, '/') || str_has_prefix(s, "hugepages-"))
        return wrong;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(s, known[i]) == 0)
            return NULL;
    return "must be cpu, memory, ephemeral-storage, hugepages-<size> or a name with a domain, such "
           "as example.com/gpu";
}

static int compare(const struct quantity *a, const struct quantity *b)
{
    if (a->units != b->units)
        return a->units < b->units ? -1 : 1;
    return (a->nano > b->nano) - (a->nano < b->nano);
}

static void check_requirements(const struct value *resources, struct schema_walk *walk)
{
    const struct value *limits = value_get(resources, "limits");
    const struct value *requests = value_get(resources, "requests");
    for (size_t i = 0; i < value_len(requests); i++) {
        const char *name = value_key_at(requests, i);
        struct quantity request, limit;
        if (!name || quantity_of(value_at(requests, i), &request) < 0 ||
            quantity_of(value_get(limits, name), &limit) < 0 || compare(&request, &limit) <= 0)
            continue;
        char sub[300], text[64];
        snprintf(sub, sizeof(sub), "requests.%s", name);
        quantity_format(&limit, text);
        schema_mistake(walk, value_at(requests, i), sub, CAUSE_INVALID,
                       "must be at most the limit of %s", text);
    }
}

/* What is limited and not requested is requested at its limit. */
static void fill_requirements(struct value *resources)
{
    const struct value *limits = value_get(resources, "limits");
    if (value_len(limits) == 0)
        return;
    struct value *requests = value_make_map(resources, "requests", NULL);
    for (size_t i = 0; i < value_len(limits); i++)
        if (requests && !value_get(requests, value_key_at(limits, i)))
            value_set(requests, value_key_at(limits, i), value_copy(value_at(limits, i)));
}

static const struct schema_type type_resource_claim = {
    .name = "ResourceClaim",
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1123_label)), F(2, "request", STRING)),
};

const struct schema_type type_resource_requirements = {
    .name = "ResourceRequirements",
    DOC("What a container may use at most, and what the scheduler sets aside for it."),
    .check = check_requirements,
    .fill = fill_requirements,
    FIELDS(F(1, "limits", RESOURCE_LIST, DOC("At most this much.")),
           F(2, "requests", RESOURCE_LIST, DOC("Set aside; the limit where it is not given.")),
           F(3, "claims", LIST(OBJECT(type_resource_claim)), UNIQUE_BY("name"))),
};
