#pragma once
/* Watches: changes as they happen. Blocking. */

#include "tools/cli/resource.h"

struct watch_query {
    const char *path;   /* of the collection, without a query */
    const char *accept; /* NULL: application/json */
    const char *label_selector, *field_selector;
    const char *name;         /* only this object; NULL = all */
    const char *revision;     /* from there; NULL or "0": the present objects first */
    int64_t deadline_boot_ns; /* 0 = none */
};
struct watch_sink {
    /* type as the server spells it: ADDED, MODIFIED, DELETED. Return false to end the watch. */
    bool (*event)(void *ctx, const char *type, const struct value *object);
    bool (*tick)(void *ctx); /* about once a second; may be NULL; false ends the watch */
    void *ctx;
};

/* Until the sink ends it (-ECANCELED), the deadline (-ETIME), -ESTALE: the revision is too old,
 * list again; another negative errno with a message. A server that closes the stream is asked
 * again. */
nodiscard int watch_run(struct cli *cli, const struct watch_query *query,
                        const struct watch_sink *sink, struct err *err);

/* The pieces of a stream, line by line. Pure but for its callback. */
struct lines {
    struct buf rest;
    bool (*line)(void *ctx, const char *line, size_t len);
    void *ctx;
};
#define LINES_MAX (8 * 1024 * 1024)
/* False if line() said so, or a line is longer than LINES_MAX. */
bool lines_add(struct lines *lines, const char *data, size_t len);
