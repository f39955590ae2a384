#include "common/kinds/user_info.h"

static bool is_texts(const struct value *list)
{
    for (size_t i = 0; value_type(list) == VALUE_LIST && i < value_len(list); i++)
        if (!value_str(value_at(list, i)))
            return false;
    return value_type(list) == VALUE_LIST;
}

void user_info_check(const struct value *info, struct schema_walk *walk)
{
    const struct value *extra = value_get(info, "extra");
    char sub[SCHEMA_SUB_LEN];
    for (size_t i = 0; value_type(extra) == VALUE_MAP && i < value_len(extra); i++)
        if (!is_texts(value_at(extra, i)))
            schema_mistake(walk, value_at(extra, i),
                           schema_sub_key("extra", value_key_at(extra, i), sub), CAUSE_TYPE,
                           "must be a list of strings");
}
