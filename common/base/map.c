#include "common/base/map.h"

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* Entries stand in order of insertion; `index` (open addressing, linear probing) holds their
 * positions plus one. A deleted entry keeps its place with key NULL until the next rebuild, so that
 * neither a probe nor a cursor is disturbed. */
struct entry {
    char *key;
    void *value;
    uint64_t hash;
};

struct map {
    struct entry *entries;
    uint32_t *index;
    size_t used; /* entries in use, deleted ones too */
    size_t live; /* without the deleted ones */
    size_t cap;  /* of entries; the index has twice as many slots. 0 or a power of two */
    uint64_t key[2];
};

#define MAP_FIRST 8
#define MAP_MOST (SIZE_MAX / 8 < UINT32_MAX / 2 ? SIZE_MAX / 64 : UINT32_MAX / 2)

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
static uint64_t hash(const uint64_t key[2], const char *s)
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    size_t len = strlen(s), left = len;
    for (;; s += 8, left -= 8) {
        uint64_t word = left < 8 ? (uint64_t)len << 56 : 0;
        for (size_t i = 0; i < 8 && i < left; i++)
            word |= (uint64_t)(uint8_t)s[i] << (8 * i);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
        if (left < 8)
            break;
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
    struct map *map = xcalloc(1, sizeof(*map));
    /* The sixteen random bytes that the kernel gives each process: no call, and none that could
     * wait for entropy early in a boot. */
    const void *given = (const void *)getauxval(AT_RANDOM); // NOLINT(performance-no-int-to-ptr)
    if (given)
        memcpy(map->key, given, sizeof(map->key));
    else
        rng_fill(rng_system(), map->key, sizeof(map->key));
    return map;
}

void map_free(struct map *map, void (*free_value)(void *value))
{
    if (!map)
        return;
    for (size_t i = 0; i < map->used; i++) {
        if (map->entries[i].key && free_value)
            free_value(map->entries[i].value);
        free(map->entries[i].key);
    }
    free(map->entries);
    free(map->index);
    free(map);
}

size_t map_len(const struct map *map)
{
    return map->live;
}

/* The slot of the key, or the empty one where it would go. cap > 0. */
static size_t find_slot(const struct map *map, const char *key, uint64_t h)
{
    size_t mask = 2 * map->cap - 1;
    for (size_t slot = (size_t)h & mask;; slot = (slot + 1) & mask) {
        if (!map->index[slot])
            return slot;
        const struct entry *e = &map->entries[map->index[slot] - 1];
        if (e->key && e->hash == h && strcmp(e->key, key) == 0)
            return slot;
    }
}

static struct entry *find(const struct map *map, const char *key)
{
    if (map->cap == 0)
        return NULL;
    uint32_t at = map->index[find_slot(map, key, hash(map->key, key))];
    return at ? &map->entries[at - 1] : NULL;
}

void *map_get(const struct map *map, const char *key)
{
    const struct entry *e = find(map, key);
    return e ? e->value : NULL;
}

/* Drops the deleted entries, doubles the room if more than half would stay full, fills the index
 * anew. */
static void rebuild(struct map *map)
{
    size_t cap = map->cap ? map->cap : MAP_FIRST;
    if (map->live > cap / 2)
        cap *= 2;
    if (cap > MAP_MOST)
        abort();
    size_t used = 0;
    for (size_t i = 0; i < map->used; i++)
        if (map->entries[i].key)
            map->entries[used++] = map->entries[i];
    map->entries = xreallocarray(map->entries, cap, sizeof(*map->entries));
    free(map->index);
    map->index = xcalloc(2 * cap, sizeof(*map->index));
    map->cap = cap;
    map->used = used;
    for (size_t i = 0; i < used; i++)
        map->index[find_slot(map, map->entries[i].key, map->entries[i].hash)] = (uint32_t)(i + 1);
}

void *map_put(struct map *map, const char *key, void *value)
{
    struct entry *old = find(map, key);
    if (old) {
        void *before = old->value;
        old->value = value;
        return before;
    }
    if (map->used == map->cap)
        rebuild(map);
    uint64_t h = hash(map->key, key);
    size_t slot = find_slot(map, key, h);
    map->entries[map->used] = (struct entry){.key = xstrdup(key), .value = value, .hash = h};
    map->index[slot] = (uint32_t)(++map->used);
    map->live++;
    return NULL;
}

void *map_del(struct map *map, const char *key)
{
    struct entry *e = find(map, key);
    if (!e)
        return NULL;
    void *value = e->value;
    free(e->key);
    *e = (struct entry){0};
    map->live--;
    return value;
}

bool map_next(const struct map *map, size_t *cursor, const char **key, void **value)
{
    for (; *cursor < map->used; (*cursor)++) {
        const struct entry *e = &map->entries[*cursor];
        if (!e->key)
            continue;
        if (key)
            *key = e->key;
        if (value)
            *value = e->value;
        (*cursor)++;
        return true;
    }
    return false;
}
