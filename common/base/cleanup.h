#pragma once
/* Scope-bound ownership. `autofree char *p`, `autoclose int fd = -1`; give a value away with
 * steal(). */

#include <stdlib.h>
#include <unistd.h>

/* autoptr(f): runs f(ptr) at the end of the scope when the pointer is not NULL. A type defines its
 * function once with CLEANUP_DEFINE(struct buf, buf_free) and is used as
 * `cleanup(buf_free) struct buf *b = NULL;`. */
#define CLEANUP_DEFINE(type, fn)                                                                   \
    static inline void fn##_cleanup(type **p)                                                      \
    {                                                                                              \
        if (*p)                                                                                    \
            fn(*p);                                                                                \
    }                                                                                              \
    struct fn##_cleanup_semicolon
#define cleanup(fn) __attribute__((__cleanup__(fn##_cleanup)))

/* For values kept in place: CLEANUP_DEFINE_VALUE(struct buf, buf_done); `cleanup(buf_done) struct
 * buf b`. */
#define CLEANUP_DEFINE_VALUE(type, fn)                                                             \
    static inline void fn##_cleanup(type *p)                                                       \
    {                                                                                              \
        fn(p);                                                                                     \
    }                                                                                              \
    struct fn##_cleanup_semicolon

static inline void cleanup_free(void *p)
{
    void *q = *(void **)p;
    free(q);
}
#define autofree __attribute__((__cleanup__(cleanup_free)))

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define autoclose __attribute__((__cleanup__(cleanup_close)))

/* Takes a pointer out of a variable, leaving NULL: type-safe. */
#define steal(var)                                                                                 \
    __extension__({                                                                                \
        __typeof__(var) stolen_ = (var);                                                           \
        (var) = NULL;                                                                              \
        stolen_;                                                                                   \
    })

/* Takes a descriptor out of a variable, leaving -1. */
static inline int steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}
