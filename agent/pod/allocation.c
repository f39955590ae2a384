#include "agent/pod/allocation.h"

#include "agent/pod/containers.h"
#include "common/base/str.h"
#include "common/kinds/pod_needs.h"
#include "common/kinds/resizable.h"
#include "common/schema/quantity.h"

static bool is_ours(const char *name)
{
    return str_eq(name, resizable_names[RESIZABLE_CPU]) ||
           str_eq(name, resizable_names[RESIZABLE_MEMORY]);
}

/* Those of `resources` that are ours; NULL: none. */
static struct value *ours_of(const struct value *resources)
{
    cleanup(value_free) struct value *ours = value_new_map();
    for (size_t p = 0; p < RESIZABLE_PARTS; p++) {
        const struct value *from = value_get(resources, resizable_parts[p]);
        for (size_t i = 0; i < value_len(from); i++)
            if (is_ours(value_key_at(from, i)))
                value_set(value_make_map(ours, resizable_parts[p], NULL), value_key_at(from, i),
                          value_copy(value_at(from, i)));
    }
    return value_len(ours) > 0 ? steal(ours) : NULL;
}

static void add(struct value *allocation, const struct value *container)
{
    const char *name = value_get_str(container, "name");
    struct value *ours = name ? ours_of(value_get(container, "resources")) : NULL;
    if (ours)
        value_set(allocation, name, ours);
}

struct value *allocation_of(const struct value *spec)
{
    struct value *allocation = value_new_map();
    size_t count = containers_count(spec);
    for (size_t i = 0; i < count; i++)
        add(allocation, containers_at(spec, i, NULL));
    return allocation;
}

struct value *allocation_told(const struct value *status)
{
    cleanup(value_free) struct value *allocation = value_new_map();
    for (size_t k = 0; k < CONTAINER_KINDS; k++) {
        const struct value *list = value_get(status, container_kinds[k].statuses);
        for (size_t i = 0; i < value_len(list); i++)
            add(allocation, value_at(list, i));
    }
    return value_len(allocation) > 0 ? steal(allocation) : NULL;
}

static void put(struct value *container, const struct value *ours)
{
    for (size_t p = 0; p < RESIZABLE_PARTS; p++) {
        const struct value *from = value_get(ours, resizable_parts[p]);
        if (value_len(from) == 0)
            continue;
        struct value *to =
            value_make_map(value_make_map(container, "resources", NULL), resizable_parts[p], NULL);
        for (size_t i = 0; to && i < value_len(from); i++)
            value_set(to, value_key_at(from, i), value_copy(value_at(from, i)));
    }
}

void allocation_put(struct value *spec, const struct value *allocation)
{
    static const char *const lists[] = {"initContainers", "containers"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        struct value *list = value_get(spec, lists[l]);
        for (size_t i = 0; i < value_len(list); i++) {
            struct value *container = value_at(list, i);
            const char *name = value_get_str(container, "name");
            resizable_drop(container);
            if (name)
                put(container, value_get(allocation, name));
        }
    }
}

bool allocation_grows(const struct value *spec, const struct value *wanted)
{
    for (size_t n = 0; n < RESIZABLE_NAMES; n++)
        if (pod_needs_amount(wanted, "requests", resizable_names[n]) >
            pod_needs_amount(spec, "requests", resizable_names[n]))
            return true;
    return false;
}

bool allocation_feasible(const struct value *spec, const struct value *allocatable,
                         struct buf *ret_message)
{
    for (size_t n = RESIZABLE_NAMES; allocatable && n-- > 0;) {
        int64_t asked = pod_needs_amount(spec, "requests", resizable_names[n]);
        int64_t capacity = amounts_count_in(allocatable, resizable_names[n], 0);
        if (asked <= capacity)
            continue;
        (void)buf_addf(ret_message,
                       "Node didn't have enough capacity: %s, requested: %lld, capacity: %lld",
                       resizable_names[n], (long long)asked, (long long)capacity);
        return false;
    }
    return true;
}
