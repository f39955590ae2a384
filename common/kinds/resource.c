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

/* Devices and huge pages belong to one container: requested as much as limited. */
static bool is_whole(const char *name)
{
    return strchr(name, '/') || str_has_prefix(name, "hugepages-");
}

static void check_integer(const struct value *resources, const char *list, struct schema_walk *walk)
{
    const struct value *amounts = value_get(resources, list);
    for (size_t i = 0; i < value_len(amounts); i++) {
        const char *name = value_key_at(amounts, i);
        struct quantity amount;
        char sub[SCHEMA_SUB_LEN];
        if (name && is_whole(name) && quantity_of(value_at(amounts, i), &amount) == 0 &&
            amount.nano != 0)
            schema_mistake(walk, value_at(amounts, i), schema_sub_key(list, name, sub),
                           CAUSE_INVALID, "must be an integer");
    }
}

/* Paths and words are Kubernetes'. */
static void check_request(const char *name, const struct value *asked, const struct value *most,
                          struct schema_walk *walk)
{
    struct quantity request, limit;
    char request_text[64], limit_text[64];
    bool whole = is_whole(name);
    if (whole && value_type(most) == VALUE_NULL)
        schema_mistake(walk, asked, "limits", CAUSE_REQUIRED,
                       "Required value: Limit must be set for non overcommitable resources");
    if (quantity_of(asked, &request) < 0 || quantity_of(most, &limit) < 0)
        return;
    int order = quantity_compare(&request, &limit);
    if (order < 0 ? !whole : order == 0)
        return;
    quantity_format(&request, request_text);
    quantity_format(&limit, limit_text);
    schema_mistake(walk, asked, "requests", CAUSE_INVALID,
                   "Invalid value: \"%s\": must be %s %.128s limit of %s", request_text,
                   whole ? "equal to" : "less than or equal to", name, limit_text);
}

static void check_requirements(const struct value *resources, struct schema_walk *walk)
{
    const struct value *limits = value_get(resources, "limits");
    const struct value *requests = value_get(resources, "requests");
    check_integer(resources, "limits", walk);
    check_integer(resources, "requests", walk);
    for (size_t i = 0; i < value_len(requests); i++) {
        const char *name = value_key_at(requests, i);
        if (name)
            check_request(name, value_at(requests, i), value_get(limits, name), walk);
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

/* Canonical forms of the divisors that Kubernetes takes. */
static const char *const cpu_divisors[] = {"1m", "1", NULL};
static const char *const byte_divisors[] = {"1",   "1k",  "1M",  "1G",  "1T",  "1P",  "1E",
                                            "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei", NULL};

static void check_divisor(const struct value *divisor, bool cpu, struct schema_walk *walk)
{
    struct quantity quantity;
    char text[64];
    if (quantity_of(divisor, &quantity) < 0 || (quantity.units == 0 && quantity.nano == 0))
        return; /* zero is as none */
    quantity_format(&quantity, text);
    for (const char *const *known = cpu ? cpu_divisors : byte_divisors; *known; known++)
        if (strcmp(*known, text) == 0)
            return;
    schema_mistake(walk, divisor, "divisor", CAUSE_INVALID, "%s: must be %s", text,
                   cpu ? "1m or 1 for cpu" : "1, 1k to 1E or 1Ki to 1Ei");
}

/* "limits.cpu", "requests.memory", "limits.hugepages-2Mi" */
static void check_field_selector(const struct value *selector, struct schema_walk *walk)
{
    static const char *const sides[] = {"limits.", "requests."};
    static const char *const names[] = {"cpu", "memory", "ephemeral-storage"};
    const struct value *resource = value_get(selector, "resource");
    const char *s = value_str(resource), *name = NULL;
    if (str_empty(s))
        return;
    for (size_t i = 0; i < ARRAY_LEN(sides) && !name; i++)
        if (str_has_prefix(s, sides[i]))
            name = s + strlen(sides[i]);
    bool known = name && str_has_prefix(name, "hugepages-") && name[strlen("hugepages-")];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        known |= str_eq(name, names[i]);
    if (known)
        check_divisor(value_get(selector, "divisor"), str_eq(name, "cpu"), walk);
    else
        schema_mistake(walk, resource, "resource", CAUSE_NOT_SUPPORTED,
                       "\"%.64s\": must be limits or requests, a dot, and cpu, memory, "
                       "ephemeral-storage or hugepages-<size>",
                       s);
}

const struct schema_type type_resource_field_selector = {
    .name = "ResourceFieldSelector",
    .whole = true,
    DOC("A limit or request of a container."),
    .check = check_field_selector,
    FIELDS(F(1, "containerName", STRING, RULE(dns1123_label),
             DOC("The container; of a variable, the one that has it.")),
           F(2, "resource", STRING, REQUIRED,
             DOC("limits or requests, a dot, and the resource: limits.cpu.")),
           F(3, "divisor", QUANTITY,
             DOC("The unit that it is told in, rounded up: 1m, 1Mi; 1 if not given."))),
};

static const struct schema_type type_resource_claim = {
    .name = "ResourceClaim",
    DOC("A device that the container uses."),
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1123_label),
             DOC("The entry of the pod's resourceClaims.")),
           F(2, "request", STRING, DOC("One request of the claim; all if not given."))),
};

const struct schema_type type_resource_requirements = {
    .name = "ResourceRequirements",
    DOC("What a container may use at most, and what the scheduler sets aside for it."),
    .check = check_requirements,
    .fill = fill_requirements,
    FIELDS(F(1, "limits", RESOURCE_LIST, DOC("At most this much.")),
           F(2, "requests", RESOURCE_LIST, DOC("Set aside; the limit where it is not given.")),
           F(3, "claims", LIST(OBJECT(type_resource_claim)), BY("name"),
             .flags = SCHEMA_UNIQUE | SCHEMA_ATOMIC | SCHEMA_INERT,
             DOC("Devices that the container uses."))),
};
