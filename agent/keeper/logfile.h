#pragma once
/* A container's log file in the CRI's format (`<RFC 3339 nano> stdout F text`; P marks a piece of a
 * line whose rest follows), rotated by size. Never blocks on more than the file system, never
 * grows: what cannot be written is dropped, counted and said once writing works again. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logfile;

/* max_bytes of one file, max_files with the current one (0: 10 MiB, 5). The file is opened when
 * there is something to write; folders above it are made. path is borrowed. */
struct logfile *logfile_new(const char *path, int64_t max_bytes, int max_files);
void logfile_free(struct logfile *log);

/* A container starts anew: what is there becomes path.previous (its rotated files
 * path.previous.1 ...), which replaces that of the run before; a run that wrote nothing leaves
 * none. */
void logfile_turn(struct logfile *log);

/* One of a container's two streams. */
struct logstream {
    const char *name; /* "stdout", "stderr" */
    bool partial;     /* the last piece had no newline */
};
/* Appends len (> 0) bytes as they came from the container. */
void logfile_write(struct logfile *log, struct logstream *stream, const char *data, size_t len,
                   int64_t wall_ns);
/* The stream has ended: completes a line that was left open. */
void logfile_end(struct logfile *log, struct logstream *stream, int64_t wall_ns);
