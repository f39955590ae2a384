#include "agent/pressure/victim.h"

#include <errno.h>

static int64_t excess(const struct candidate *c)
{
    return c->used < 0 ? INT64_MIN : c->used - c->requested;
}

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
    bool a_exceeds = excess(a) > 0, b_exceeds = excess(b) > 0;
    if (a_exceeds != b_exceeds)
        return a_exceeds;
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return excess(a) > excess(b);
}

bool victim_helps(const struct candidate *candidate, int64_t threshold)
{
    return excess(candidate) > 0 && candidate->used >= threshold / 100;
}

int victim_choose(const struct candidate *candidates, size_t count, size_t *ret)
{
    if (count == 0)
        return -ENOENT;
    *ret = 0;
    for (size_t i = 1; i < count; i++)
        if (goes_before(&candidates[i], &candidates[*ret]))
            *ret = i;
    return 0;
}
