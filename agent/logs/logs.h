#pragma once
/* Reading the log files a keeper writes (CRI format, rotated: `<path>`, `<path>.1`, ... newest
 * first). */

#include "common/base/err.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct logs_query {
    int64_t tail_lines;    /* -1 = all */
    int64_t since_wall_ns; /* 0 = from the beginning */
    int64_t limit_bytes;   /* 0 = none */
    bool follow;
    bool timestamps;
};

/* Streams text to sink in pieces of at most 16 KiB. The sink returns how many bytes it took (0 =
 * none now: the stream pauses until logs_resume). end is called once: code 0 at the end (with
 * follow: when logs_finish was called because the container ended), else a negative errno. */
struct logs_sink {
    size_t (*data)(void *ctx, const char *data, size_t len);
    void (*end)(void *ctx, int code, const char *message);
};
struct logs;
/* A file that is not there is one in which nothing was written (yet). */
nodiscard int logs_open(struct loop *loop, const char *path, const struct logs_query *query,
                        const struct logs_sink *sink, void *ctx, struct logs **ret,
                        struct err *err);
void logs_resume(struct logs *logs);
void logs_finish(struct logs *logs); /* nothing more will be written: end after what is there */
void logs_free(struct logs *logs);
