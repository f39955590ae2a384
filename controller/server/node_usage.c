#include "controller/server/node_usage.h"

void node_usage_answer_done(struct node_usage_answer *answer)
{
    value_free(answer->all);
    *answer = (struct node_usage_answer){0};
}
