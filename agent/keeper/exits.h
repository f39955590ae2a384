#pragma once
/* The exit records of a pod (keeper_exits_read in keepers.h), written by the keeper:
 * <state_dir>/exits. */

#include "agent/keeper/report.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define EXITS_MAX_BYTES ((size_t)256 * 1024)

/* The bytes of the file. -E2BIG. */
nodiscard int keeper_exits_encode(const struct keeper_report *report, struct buf *ret,
                                  struct err *err);
/* -EBADMSG: damaged; -ENOENT: of another manifest. path is for the message. */
nodiscard int keeper_exits_decode(const void *bytes, size_t len, const char *path,
                                  const char *spec_hash, struct keeper_report **ret,
                                  struct err *err);
/* On disk when it returns 0; blocks for as long as the medium takes. */
nodiscard int keeper_exits_write(const char *state_dir, const struct keeper_report *report,
                                 struct err *err);
