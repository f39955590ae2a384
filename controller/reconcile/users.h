#pragma once
/* The controller that keeps a list of the certificates in each user's name, and lets a deleted user
 * go when the last of them is over (users_plan.h). */

#include "controller/api/api.h"

struct users;
nodiscard int users_new(struct loop *loop, struct api *api, struct users **ret, struct err *err);
void users_free(struct users *users);
