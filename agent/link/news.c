#include "agent/link/news.h"

#include "common/base/clock.h"
#include "common/base/weaken.h"

#define HOUR_NS (3600 * NS_PER_S)

static uint32_t hash_of(const char *text) /* FNV-1a */
{
    uint32_t hash = 2166136261U;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619U;
    return hash;
}

bool news_is(struct news *news, const char *reason, int64_t now_ns)
{
    uint32_t hash = hash_of(reason);
    if (now_ns >= news->until_ns)
        news->count = 0;
    for (unsigned i = 0; i < news->count; i++)
        if (news->told[i] == hash || WEAKENED(NEWS_CHANGED))
            return false;
    if (news->count == NEWS_MAX)
        return false;
    if (news->count == 0)
        news->until_ns = now_ns + HOUR_NS;
    news->told[news->count++] = hash;
    return true;
}

void news_forget(struct news *news)
{
    news->count = 0;
}
