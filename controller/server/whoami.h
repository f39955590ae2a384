#pragma once
/* SelfSubjectReview: tells who it is that asks. */

#include "controller/server/computed.h"

computed_fn whoami_answer;
