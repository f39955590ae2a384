#include "controller/reconcile/condition.h"

#include "common/base/clock.h"
#include "common/base/str.h"

static struct value *find(const struct value *object, const char *type)
{
    const struct value *list = value_path(object, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(list); i++) {
        struct value *item = value_at(list, i);
        if (str_eq(value_get_str(item, "type"), type))
            return item;
    }
    return NULL;
}

const char *condition_status(const struct value *object, const char *type)
{
    return value_get_str(find(object, type), "status");
}

const char *condition_reason(const struct value *object, const char *type)
{
    return value_get_str(find(object, type), "reason");
}

static struct value *append(struct value *object, const char *type)
{
    struct value *status = value_make_map(object, "status", NULL);
    struct value *list = value_get(status, "conditions");
    if (value_type(list) != VALUE_LIST)
        list = value_set(status, "conditions", value_new_list());
    struct value *item = value_new_map();
    value_set_str(item, "type", type);
    value_append(list, item);
    return item;
}

bool condition_set(struct value *object, const struct condition *condition, const char *heartbeat,
                   int64_t now_wall_ns)
{
    char now[CLOCK_RFC3339_LEN];
    struct value *item = find(object, condition->type);
    bool turns = !str_eq(value_get_str(item, "status"), condition->status);
    if (!turns && str_eq(value_get_str(item, "reason"), condition->reason) &&
        str_eq(value_get_str(item, "message"), condition->message))
        return false;
    if (!item)
        item = append(object, condition->type);
    clock_format(now_wall_ns, 0, now);
    value_set_str(item, "status", condition->status);
    value_set_str(item, "reason", condition->reason);
    value_set_str(item, "message", condition->message);
    if (heartbeat)
        value_set_str(item, heartbeat, now);
    if (turns || !value_get(item, "lastTransitionTime"))
        value_set_str(item, "lastTransitionTime", now);
    return true;
}
