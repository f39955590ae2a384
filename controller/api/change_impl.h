#pragma once
/* What the files that decide about changes share. */

#include "controller/api/change.h"

void change_begin(struct change *ret); /* nothing decided */
/* Takes object. */
void change_conclude(struct change *ret, enum change_action action, int code, struct value *object);
/* Takes status. Returns -1. */
int change_refuse(struct change *ret, struct value *status);
/* uid and revision (both may be NULL or "") must be those of the stored object: else -1, refused
 * with 409. */
int change_check_preconditions(const struct change_env *env, const struct value *stored,
                               const char *uid, const char *revision, struct change *ret);
/* Where the request wants that: of what a subresource does not touch nobody hears. Of an object
 * before defaults, against what is stored; or, stored NULL, of what somebody declares again. */
void change_warn_inert(const struct change_env *env, const struct value *stored,
                       const struct value *object, struct change *ret);
/* As change_create and change_update do, of objects that change_begin has prepared *ret for. Take
 * object. */
void change_create_from(const struct change_env *env, struct value *object, struct change *ret);
void change_update_from(const struct change_env *env, const struct value *stored,
                        struct value *object, struct change *ret);
