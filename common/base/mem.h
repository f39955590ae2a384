#pragma once
/* Allocation that never fails: small allocations abort on lack of memory (a pod survives its
 * agent's restart). Sizes that come from outside are capped before they get here. */

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
/* Grows an array: aborts on overflow of count * size. */
void *xreallocarray(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull)); /* s must not be NULL */
char *xstrndup(const char *s, size_t max) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t len) __attribute__((malloc, returns_nonnull));
/* The caller frees the result. */
char *xasprintf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
