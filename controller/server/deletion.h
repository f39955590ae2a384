#pragma once
/* The end of objects' lives: what a deletion does to a stored object, and when the last change of a
 * deleted one takes it away. Pure. */

#include "controller/server/change.h"

/* As the functions of change.h. With API_FINALIZE in the flags a namespace's last step. */
void change_delete(const struct change_env *env, const struct value *stored,
                   const struct api_delete_options *options, struct change *ret);

/* An update of a deleted object takes its last finalizer: the object goes too. */
bool deletion_ends(const struct value *stored, const struct value *next);
