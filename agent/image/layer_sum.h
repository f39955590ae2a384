#pragma once
/* A number that stands for all of an unpacked layer: names, kinds, modes, owners, targets of links,
 * contents; not times and attributes. It tells a layer that has rotted on its medium from one that
 * has not; it is no defence against who makes one on purpose. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads all of the folder, without following links; from the medium, not from memory, with
 * `medium`. Folders deeper than LAYER_SUM_DEPTH count as empty. Blocks for as long as that takes.
 * An error of the medium is -EIO and the like, and its message names the file. */
nodiscard int layer_sum(int dir_fd, bool medium, uint64_t *ret, struct err *err);
#define LAYER_SUM_DEPTH 100
