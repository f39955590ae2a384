#pragma once
/* CRC-64/XZ (ECMA-182, reflected): finds flipped bits in what was stored; no protection against a
 * person who edits the file. */

#include <stddef.h>
#include <stdint.h>

/* Continue with the earlier result; begin with 0. */
uint64_t sum_add(uint64_t sum, const void *data, size_t len);
