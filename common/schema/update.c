#include "common/base/weaken.h"
#include "common/schema/walk.h"

#include <errno.h>

static void compare(struct schema_walk *walk, const struct schema_type *type,
                    const struct value *old, const struct value *object)
{
    struct schema_fields it = {0};
    for (const struct schema_field *field; (field = schema_fields_next(type, &it));) {
        const struct value *was = value_get(old, field->name);
        const struct value *is = value_get(object, field->name);
        size_t mark = walk_enter(walk, field->name);
        if (field->flags & SCHEMA_IMMUTABLE) {
            bool both_absent = value_type(was) == VALUE_NULL && value_type(is) == VALUE_NULL;
            if (!both_absent && !value_equal(was, is) && !WEAKENED(SCHEMA_IMMUTABLE))
                walk_mistake(walk, value_line(is ? is : object), CAUSE_INVALID,
                             "field is immutable");
        } else if (field->shape == SCHEMA_OBJECT) {
            compare(walk, field->object, was, is);
        }
        walk_leave(walk, mark);
    }
    /* Items of lists are replaced as a whole: what they hold has no "before". */
}

int schema_check_update(const struct schema_kind *kind, const struct value *old,
                        const struct value *object, struct diags *diags)
{
    cleanup(walk_done) struct schema_walk walk;
    walk_init(&walk, 0, diags);
    compare(&walk, kind->type, old, object);
    if (kind->check_update) {
        walk.object = object;
        kind->check_update(old, object, &walk);
    }
    return walk.mistakes ? -EINVAL : 0;
}
