#include "agent/pod/room.h"

#include "common/kinds/pod_needs.h"

bool room_fits(const struct room *room, const struct value *spec, struct buf *ret_reason,
               struct buf *ret_message)
{
    cleanup(amounts_done) struct amounts used = {0}, needs = {0};
    const char *name;
    const struct quantity *quantity;
    if (!room->allocatable)
        return true;
    int64_t pods = amounts_count_in(room->allocatable, "pods", INT64_MAX);
    if ((int64_t)room->count >= pods) {
        (void)buf_addstr(ret_reason, "OutOfpods");
        (void)buf_addf(ret_message,
                       "Node didn't have enough resource: pods, requested: 1, used: %zu, "
                       "capacity: %lld",
                       room->count, (long long)pods);
        return false;
    }
    for (size_t i = 0; i < room->count; i++) {
        cleanup(amounts_done) struct amounts taken = {0};
        pod_needs(room->specs[i], "requests", &taken);
        amounts_add_all(&used, &taken, 1);
    }
    pod_needs(spec, "requests", &needs);
    for (size_t i = 0; amounts_next(&needs, &i, &name, &quantity);) {
        int64_t asked = amounts_count(&needs, name), taken = amounts_count(&used, name);
        int64_t capacity = amounts_count_in(room->allocatable, name, 0);
        if (asked == 0 || asked <= capacity - taken)
            continue;
        (void)buf_addf(ret_reason, "OutOf%s", name);
        (void)buf_addf(ret_message,
                       "Node didn't have enough resource: %s, requested: %lld, used: %lld, "
                       "capacity: %lld",
                       name, (long long)asked, (long long)taken, (long long)capacity);
        return false;
    }
    return true;
}
