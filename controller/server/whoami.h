#pragma once
/* SelfSubjectReview: tells who it is that asks. */

#include "controller/server/computed.h"

computed_fn whoami_answer;
/* A user as reviews tell of it (UserInfo). The caller's. */
struct value *whoami_info(const struct api_user *user);
