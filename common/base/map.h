#pragma once
/* A hash map from strings to pointers. Keys are copied; values are the caller's. Hashing is
 * SipHash-2-4 under the random bytes that the kernel gives each process, so that chosen keys do not
 * collide. Iteration is in order of insertion (removal keeps the order of the rest). */

#include <stdbool.h>
#include <stddef.h>

struct map;

struct map *map_new(void);
/* Calls free_value (may be NULL) on each value. */
void map_free(struct map *map, void (*free_value)(void *value));
size_t map_len(const struct map *map);
void *map_get(const struct map *map, const char *key); /* NULL if absent */
/* Returns the value that was there before, or NULL. value must not be NULL. */
void *map_put(struct map *map, const char *key, void *value);
void *map_del(struct map *map, const char *key); /* returns the removed value or NULL */

/* for (size_t i = 0; map_next(map, &i, &key, &value);) ... The current entry may be deleted inside
 * the loop; anything else must not be changed. key and value may be NULL. */
bool map_next(const struct map *map, size_t *cursor, const char **key, void **value);
