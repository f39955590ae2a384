#pragma once
/* The file of the audit trail, written off the loop by a thread of its own: appended, synced, and
 * turned over so that FILE, FILE.1, ... together stay within a bound. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct trail;
/* files: into how many the bytes are divided. Nothing is opened or started yet. */
struct trail *trail_new(const char *file, size_t bytes, int files);
/* Hands lines over, and empties the buffer. False while the disk is still busy with earlier ones:
 * the buffer is as it was. Never blocks. */
nodiscard bool trail_write(struct trail *trail, struct buf *lines);
bool trail_is_busy(struct trail *trail);
/* Lines that could not be written so far, and why the latest ones were not: 0, or an errno. */
uint64_t trail_lost(struct trail *trail, int *ret_error);
/* Writes what it has and these lines, waits for the disk, ends. NULL is fine. */
void trail_free(struct trail *trail, struct buf *lines);
