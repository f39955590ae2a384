#pragma once
/* The reviews of authorization.k8s.io: whether somebody may do something, and what one may. */

#include "controller/server/computed.h"

computed_fn access_review_answer;      /* SubjectAccessReview, LocalSubjectAccessReview */
computed_fn access_review_answer_self; /* SelfSubjectAccessReview */
computed_fn access_review_list_rules;  /* SelfSubjectRulesReview */
