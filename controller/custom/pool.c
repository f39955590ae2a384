#include "controller/custom/pool.h"

#include "common/base/map.h"
#include "common/base/mem.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 2048 /* the first; each further one is as large as all before */
#define BLOCK_MAX (64 * 1024)

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

struct owned {
    struct owned *next;
    void *p;
    void (*destroy)(void *p);
};

struct pool {
    struct block *blocks;
    struct owned *owned;
    struct map *kept; /* NULL: nothing */
    size_t bytes;
};

struct pool *pool_new(void)
{
    return xcalloc(1, sizeof(struct pool));
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    for (struct owned *owned = pool->owned; owned; owned = owned->next)
        owned->destroy(owned->p);
    map_free(pool->kept, NULL);
    while (pool->blocks) {
        struct block *block = pool->blocks;
        pool->blocks = block->next;
        free(block);
    }
    free(pool);
}

static struct block *grow(struct pool *pool, size_t size)
{
    size_t wanted = pool->bytes < BLOCK ? BLOCK : pool->bytes < BLOCK_MAX ? pool->bytes : BLOCK_MAX;
    wanted = size > wanted ? size : wanted;
    struct block *block = xcalloc(1, sizeof(*block) + wanted);
    block->size = wanted;
    block->next = pool->blocks;
    pool->blocks = block;
    pool->bytes += wanted;
    return block;
}

void *pool_alloc(struct pool *pool, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 4 / size)
        abort();
    size = (count * size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct block *block = pool->blocks;
    if (!block || block->size - block->used < size)
        block = grow(pool, size);
    void *p = block->bytes + block->used;
    block->used += size;
    return p;
}

char *pool_strn(struct pool *pool, const char *s, size_t len)
{
    char *copy = pool_alloc(pool, len + 1, 1);
    memcpy(copy, s, len);
    return copy;
}

char *pool_str(struct pool *pool, const char *s)
{
    return s ? pool_strn(pool, s, strlen(s)) : NULL;
}

void pool_own(struct pool *pool, void *p, void (*destroy)(void *p))
{
    struct owned *owned = pool_alloc(pool, 1, sizeof(*owned));
    *owned = (struct owned){pool->owned, p, destroy};
    pool->owned = owned;
}

void pool_keep(struct pool *pool, const char *name, const void *p)
{
    if (!pool->kept)
        pool->kept = map_new();
    map_put(pool->kept, name, (void *)(uintptr_t)p);
}

const void *pool_find(const struct pool *pool, const char *name)
{
    return pool->kept ? map_get(pool->kept, name) : NULL;
}

size_t pool_bytes(const struct pool *pool)
{
    return pool->bytes;
}
