#pragma once
/* Manifests that arrived before the index that lists them (they are published first): held in
 * memory for a while, oldest out first. Pure. */

#include <stddef.h>
#include <stdint.h>

#define EARLY_MAX_BYTES (4u * 1024 * 1024)
#define EARLY_MAX_COUNT 256

struct early;

struct early *early_new(void);
void early_free(struct early *early);
/* Copies. Makes room by dropping the oldest; what is larger than the whole room is not kept. */
void early_put(struct early *early, const char *digest, const void *payload, size_t len);
/* Borrowed until the next put; NULL if it is not here. */
const void *early_get(const struct early *early, const char *digest, size_t *ret_len);
void early_del(struct early *early, const char *digest);
