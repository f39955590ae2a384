#pragma once
/* Memory that goes all at once: what a definition was made into. */

#include <stddef.h>

struct pool;

struct pool *pool_new(void);
/* First frees what it owns, the latest first. */
void pool_free(struct pool *pool);
void *pool_alloc(struct pool *pool, size_t count, size_t size); /* zeroed; aborts on overflow */
/* NULL for NULL. */
char *pool_str(struct pool *pool, const char *s);
char *pool_strn(struct pool *pool, const char *s, size_t len);
/* p is freed by `destroy` with the pool. */
void pool_own(struct pool *pool, void *p, void (*destroy)(void *p));
/* What is needed often is made once: keeps p under that name, and finds it (NULL: there is none).
 */
void pool_keep(struct pool *pool, const char *name, const void *p);
const void *pool_find(const struct pool *pool, const char *name);
size_t pool_bytes(const struct pool *pool); /* what it holds, but for what it owns */
