#pragma once
/* Server-side apply: what one manager wants of an object, with everybody's fields remembered
 * (managed.h; decision record 0009). Pure. */

#include "controller/api/change.h"

/* As the functions of change.h. input: the fields that env->manager wants. Fields that he wanted
 * before, wants no more and nobody else has, go; one that another has with a different value
 * refuses it (409), or, with force, becomes his. */
void change_server_apply(const struct change_env *env, const struct value *stored,
                         const struct value *input, bool force, struct change *ret);
