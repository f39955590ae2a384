#pragma once
/* Tables for people, as kubectl prints them: the server's Table, or objects by our own columns. */

#include "common/base/buf.h"
#include "tools/cli/resource.h"

struct grid_style {
    bool wide;      /* columns of priority 1 too */
    bool namespace; /* a NAMESPACE column in front */
    bool no_headers;
    bool labels;        /* a LABELS column behind */
    bool colours;       /* of the STATUS column */
    const char *prefix; /* "pod" makes names "pod/web"; NULL = plain names */
};

/* Columns keep their widths from one call to the next, so that the rows of a watch stand below
 * those before. */
struct grid;
struct grid *grid_new(const struct grid_style *style);
void grid_free(struct grid *grid);
CLEANUP_DEFINE(struct grid, grid_free);

/* Prints the rows of a Table (meta.k8s.io/v1), with headers the first time. */
void grid_print(struct grid *grid, const struct value *table, struct buf *ret);
/* A Table of a list of objects, or of one, from the columns of the kind: for answers that are not a
 * Table. kind NULL: name and age. Pure; caller owns. */
struct value *grid_table(const struct schema_kind *kind, const struct value *objects,
                         int64_t now_wall_ns);
