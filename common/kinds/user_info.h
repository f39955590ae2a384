#pragma once
/* What reviews of tokens and access share. */

#include "common/schema/table.h"

extern const struct schema_type type_user_info; /* self_subject_review.c */

/* A check for types with an `extra`: its values are lists of strings. */
void user_info_check(const struct value *info, struct schema_walk *walk);
