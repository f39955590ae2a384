#pragma once
/* What the cell functions of columns are made of. */

#include "common/schema/schema.h"

/* As kubectl prints ages: "45s", "3m20s", "5d3h", "<unknown>", "<invalid>" for the future. */
void cell_age(const char *time, int64_t now_wall_ns, struct buf *ret);
void cell_duration(int64_t seconds, struct buf *ret);
