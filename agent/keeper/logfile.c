#include "agent/keeper/logfile.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_MAX_BYTES (INT64_C(10) * 1024 * 1024)
#define DEFAULT_MAX_FILES 5
#define PATH_ROOM 4096
/* Lines are written in batches of about this size. */
#define BATCH ((size_t)8192)
#define PIECE_MAX ((size_t)4096) /* of one line, as one record */
#define HEAD_MAX ((size_t)64)

struct logfile {
    const char *path;
    int fd;
    int64_t size, max_bytes;
    int max_files;
    uint64_t lost; /* bytes since the last success */
    char *batch;   /* BATCH bytes; made with the first line */
    size_t used;
};

struct logfile *logfile_new(const char *path, int64_t max_bytes, int max_files)
{
    struct logfile *log = xcalloc(1, sizeof(*log));
    log->path = path;
    log->fd = -1;
    log->max_bytes = max_bytes > 0 ? max_bytes : DEFAULT_MAX_BYTES;
    log->max_files = max_files > 0 ? max_files : DEFAULT_MAX_FILES;
    return log;
}

void logfile_free(struct logfile *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    free(log->batch);
    free(log);
}

/* Makes the folders above the file. */
static void make_parents(const char *path)
{
    char part[PATH_ROOM];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        if (len >= sizeof(part))
            return;
        memcpy(part, path, len);
        part[len] = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return;
    }
}

static int open_log(struct logfile *log)
{
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
    struct stat st;
    if (log->fd >= 0)
        return 0;
    log->fd = open(log->path, flags, 0640);
    if (log->fd < 0 && errno == ENOENT) {
        make_parents(log->path);
        log->fd = open(log->path, flags, 0640);
    }
    if (log->fd < 0)
        return -errno;
    log->size = fstat(log->fd, &st) == 0 ? st.st_size : 0;
    return 0;
}

/* app.log.3 -> app.log.4 ..., app.log -> app.log.1; the oldest goes. */
static void rotate(struct logfile *log)
{
    char from[PATH_ROOM], to[PATH_ROOM];
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
    if (log->max_files <= 1)
        unlink(log->path);
    for (int i = log->max_files - 1; i >= 1; i--) {
        snprintf(to, sizeof(to), "%s.%d", log->path, i);
        if (i > 1)
            snprintf(from, sizeof(from), "%s.%d", log->path, i - 1);
        else
            snprintf(from, sizeof(from), "%s", log->path);
        if (rename(from, to) < 0 && errno != ENOENT)
            break;
    }
}

void logfile_turn(struct logfile *log)
{
    char from[PATH_ROOM], to[PATH_ROOM];
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
    for (int i = 0; i < log->max_files; i++) {
        if (i == 0) {
            snprintf(from, sizeof(from), "%s", log->path);
            snprintf(to, sizeof(to), "%s.previous", log->path);
        } else {
            snprintf(from, sizeof(from), "%s.%d", log->path, i);
            snprintf(to, sizeof(to), "%s.previous.%d", log->path, i);
        }
        if (rename(from, to) < 0 && errno == ENOENT)
            unlink(to);
    }
}

static int append(struct logfile *log, const char *data, size_t len)
{
    int r = open_log(log);
    if (r == 0 && log->size > 0 && log->size + (int64_t)len > log->max_bytes &&
        !WEAKENED(LOG_ROTATION)) {
        rotate(log);
        r = open_log(log);
    }
    if (r < 0)
        return r;
    ssize_t n;
    do
        n = write(log->fd, data, len);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)len) {
        log->size += n;
        return 0;
    }
    r = n < 0 ? -errno : -ENOSPC;
    if (n > 0 && ftruncate(log->fd, log->size) < 0) /* no torn line */
        log->size += n;
    return r;
}

static void flush(struct logfile *log, const char *stamp)
{
    if (log->used == 0)
        return;
    if (log->lost > 0) {
        char note[160];
        int n = snprintf(note, sizeof(note),
                         "%s stderr F limpet: %llu bytes of this log could not be written\n", stamp,
                         (unsigned long long)log->lost);
        if (n > 0 && append(log, note, (size_t)n) == 0)
            log->lost = 0;
    }
    if (append(log, log->batch, log->used) < 0)
        log->lost += log->used;
    log->used = 0;
}

static void add_line(struct logfile *log, const char *stamp, const char *stream, bool full,
                     const char *text, size_t len)
{
    if (log->used + HEAD_MAX + len + 1 > BATCH)
        flush(log, stamp);
    char *to = log->batch + log->used;
    int n = snprintf(to, HEAD_MAX, "%s %s %c ", stamp, stream, full ? 'F' : 'P');
    memcpy(to + n, text, len);
    to[(size_t)n + len] = '\n';
    log->used += (size_t)n + len + 1;
}

static void begin(struct logfile *log, int64_t wall_ns, char stamp[CLOCK_RFC3339_LEN])
{
    clock_format(wall_ns, 9, stamp);
    if (!log->batch)
        log->batch = xmalloc(BATCH);
}

void logfile_write(struct logfile *log, struct logstream *stream, const char *data, size_t len,
                   int64_t wall_ns)
{
    char stamp[CLOCK_RFC3339_LEN];
    begin(log, wall_ns, stamp);
    while (len > 0) {
        size_t room = len < PIECE_MAX ? len : PIECE_MAX;
        const char *newline = memchr(data, '\n', room);
        size_t piece = newline ? (size_t)(newline - data) : room;
        add_line(log, stamp, stream->name, newline != NULL, data, piece);
        stream->partial = !newline;
        data += piece + (newline != NULL);
        len -= piece + (newline != NULL);
    }
    flush(log, stamp);
}

void logfile_end(struct logfile *log, struct logstream *stream, int64_t wall_ns)
{
    char stamp[CLOCK_RFC3339_LEN];
    if (!stream->partial)
        return;
    begin(log, wall_ns, stamp);
    add_line(log, stamp, stream->name, true, "", 0);
    stream->partial = false;
    flush(log, stamp);
}
