#pragma once
/* TokenReview: tells whose a bearer token is, to programs that take such tokens of others. */

#include "controller/server/computed.h"

computed_fn token_review_answer;
