#pragma once
/* Capabilities as the plan's bit mask. Names as in manifests: "NET_ADMIN", with or without "CAP_".
 */

#include "common/base/err.h"

#include <stdint.h>

/* Docker's default set: what a container gets that asks for nothing. */
uint64_t caps_default(void);
/* Every capability this kernel knows (privileged). */
uint64_t caps_all(void);
/* -EINVAL: no such capability. "ALL" gives caps_all(). */
nodiscard int caps_parse(const char *name, uint64_t *ret_mask);
