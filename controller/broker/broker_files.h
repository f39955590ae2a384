#pragma once
/* The broker's folder: its files, and who runs on them. */

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct broker_files {
    const char *dir;
    bool chown; /* we are root and the broker is not: what it reads and writes is given to it */
    uid_t uid;
    gid_t gid;
};

/* Makes the folder (0700, the broker's) and checks that the broker's user can get there: -EACCES.
 */
nodiscard int broker_files_prepare(const struct broker_files *files, struct err *err);
/* Replaces the file (0600, the broker's). *ret_changed (may be NULL): its content was another. */
nodiscard int broker_files_put(const struct broker_files *files, const char *name, const void *data,
                               size_t len, bool *ret_changed, struct err *err);
/* Whether the file holds exactly this. */
bool broker_files_same(const struct broker_files *files, const char *name, const struct buf *text);
/* Moves a database that does not load out of the way, over the last such one. */
void broker_files_database_aside(const struct broker_files *files);
bool broker_files_has_database(const struct broker_files *files);
/* Opens the log anew, empty, for appending; a descriptor or a negative errno. */
nodiscard int broker_files_log(const struct broker_files *files, struct err *err);
/* Empties it beyond 256 KiB. */
void broker_files_log_trim(const struct broker_files *files);
/* The last error in it, or its last line; "" if there is none. */
void broker_files_log_last(const struct broker_files *files, char *ret, size_t size);

/* The broker that serves this folder, whoever started it: its pid, with *ret_pidfd a pidfd for it;
 * or 0. Found by who listens on the socket, else by the pid file, and checked by its command line.
 */
pid_t broker_files_running(const struct broker_files *files, int *ret_pidfd);
/* Whether the unix socket accepts; does not block. */
bool broker_files_accepts(const struct broker_files *files);
