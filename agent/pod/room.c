#include "agent/pod/room.h"

#include "agent/pod/amount.h"
#include "common/base/str.h"
#include "common/schema/quantity.h"

/* One resource; asked > 0. */
static bool fits(const struct room *room, const char *name, int64_t asked, struct buf *ret_reason,
                 struct buf *ret_message)
{
    const struct value *all = value_get(room->allocatable, name);
    int64_t capacity = str_eq(name, "cpu") ? quantity_milli_of(all, 0) : quantity_units_of(all, 0);
    int64_t used = 0;
    for (size_t i = 0; i < room->count && used <= capacity; i++)
        used += amount_of_pod(room->specs[i], "requests", name, NULL);
    if (used <= capacity && asked <= capacity - used)
        return true;
    (void)buf_addf(ret_reason, "OutOf%s", name);
    (void)buf_addf(ret_message,
                   "Node didn't have enough resource: %s, requested: %lld, used: %lld, capacity: "
                   "%lld",
                   name, (long long)asked, (long long)used, (long long)capacity);
    return false;
}

bool room_fits(const struct room *room, const struct value *spec, struct buf *ret_reason,
               struct buf *ret_message)
{
    static const char *const lists[] = {"initContainers", "containers"};
    int64_t pods = quantity_units_of(value_get(room->allocatable, "pods"), INT64_MAX);
    if (!room->allocatable)
        return true;
    if ((int64_t)room->count >= pods) {
        (void)buf_addstr(ret_reason, "OutOfpods");
        (void)buf_addf(ret_message,
                       "Node didn't have enough resource: pods, requested: 1, used: %zu, "
                       "capacity: %lld",
                       room->count, (long long)pods);
        return false;
    }
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *containers = value_get(spec, lists[l]);
        for (size_t i = 0; i < value_len(containers); i++) {
            const struct value *requests =
                value_path(value_at(containers, i), "resources", "requests", NULL);
            for (size_t r = 0; r < value_len(requests); r++) {
                const char *name = value_key_at(requests, r);
                int64_t asked = amount_of_pod(spec, "requests", name, NULL);
                if (asked > 0 && !fits(room, name, asked, ret_reason, ret_message))
                    return false;
            }
        }
    }
    return true;
}
