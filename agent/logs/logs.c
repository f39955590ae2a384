#include "agent/logs/logs.h"

#include "agent/logs/line.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define MAX_FILES 16
#define PIECE (16 * 1024)
#define LINE_MAX_BYTES (64 * 1024) /* longer ones were never written whole by a keeper */

struct logs {
    struct loop *loop;
    struct logs_query query;
    struct logs_sink sink;
    void *ctx;
    char *path;
    int fd; /* the file that is being read */
    ino_t inode;
    int older; /* rotated files still to be read before `path` itself: path.<older>, ..., path.1 */
    off_t start;    /* where reading of the first file begins (tail) */
    struct buf raw; /* read, not yet cut into lines */
    struct buf out; /* cut and formatted, not yet taken */
    int64_t left;   /* of limit_bytes; INT64_MAX = none */
    bool finishing, ended, mid_line;
    bool left_behind; /* the file is no longer `path`: read once more to its end, then the next */
    int watch_fd;
    struct loop_io *watch;
    struct loop_defer *next;
};

static void run(void *ctx);

static void schedule(struct logs *logs)
{
    if (!logs->next && !logs->ended)
        logs->next = loop_defer(logs->loop, run, logs);
}

static void end(struct logs *logs, int code, const char *message)
{
    logs->ended = true;
    logs->sink.end(logs->ctx, code, message);
}

static char *file_name(const struct logs *logs, int older)
{
    return older ? xasprintf("%s.%d", logs->path, older) : xstrdup(logs->path);
}

/* The oldest file there is. */
static int oldest_file(const struct logs *logs)
{
    int oldest = 0;
    for (int i = 1; i < MAX_FILES; i++) {
        autofree char *name = file_name(logs, i);
        if (access(name, R_OK) != 0)
            break;
        oldest = i;
    }
    return oldest;
}

/* Tail: from the newest file backwards, where the last `lines` lines begin. */

/* The offset after the `*lines`-th newline from the end (not counting one at the very end of the
 * newest file that has anything); 0 if the file has fewer, with *lines reduced by those it has. */
static off_t tail_offset(int fd, int64_t *lines, bool newest)
{
    char piece[4096];
    off_t at = lseek(fd, 0, SEEK_END), size = at;
    while (at > 0) {
        size_t want = at < (off_t)sizeof(piece) ? (size_t)at : sizeof(piece);
        at -= (off_t)want;
        if (pread(fd, piece, want, at) != (ssize_t)want)
            return 0;
        for (size_t i = want; i-- > 0;) {
            if (piece[i] != '\n' || (newest && at + (off_t)i == size - 1))
                continue;
            if (--*lines == 0)
                return at + (off_t)i + 1;
        }
    }
    return 0;
}

/* Chooses the first file and the offset in it. */
static void find_start(struct logs *logs)
{
    int64_t lines = logs->query.tail_lines;
    int oldest = oldest_file(logs);
    logs->older = oldest;
    if (lines < 0)
        return;
    bool newest = true;
    for (int i = 0; i <= oldest; i++) {
        autofree char *name = file_name(logs, i);
        autoclose int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        logs->older = i;
        if (lines == 0) { /* nothing of what is there, only what will come */
            logs->start = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
            return;
        }
        off_t at = fd >= 0 ? tail_offset(fd, &lines, newest) : 0;
        newest = newest && (fd < 0 || lseek(fd, 0, SEEK_END) <= 0);
        if (at > 0) {
            logs->start = at;
            return;
        }
    }
}

/* Formatting. */

static bool too_old(const struct logs *logs, const struct log_line *line)
{
    if (logs->query.since_wall_ns == 0)
        return false;
    char stamp[64];
    int64_t at = 0;
    snprintf(stamp, sizeof(stamp), "%.*s", (int)line->stamp_len, line->stamp);
    return clock_parse(stamp, &at) == 0 && at < logs->query.since_wall_ns;
}

static void format_line(struct logs *logs, const char *text, size_t len)
{
    struct log_line line;
    if (!log_line_parse(text, len, &line) || too_old(logs, &line))
        return;
    if (logs->query.timestamps && !logs->mid_line) {
        (void)buf_add(&logs->out, line.stamp, line.stamp_len);
        (void)buf_addc(&logs->out, ' ');
    }
    (void)buf_add(&logs->out, line.text, line.text_len);
    if (!line.partial)
        (void)buf_addc(&logs->out, '\n');
    logs->mid_line = line.partial;
}

static void cut_lines(struct logs *logs)
{
    size_t at = 0;
    for (const char *nl;
         at < logs->raw.len && (nl = memchr(logs->raw.data + at, '\n', logs->raw.len - at));) {
        format_line(logs, logs->raw.data + at, (size_t)(nl - logs->raw.data) - at);
        at = (size_t)(nl - logs->raw.data) + 1;
    }
    buf_drop(&logs->raw, at);
    if (logs->raw.len > LINE_MAX_BYTES)
        buf_drop(&logs->raw, logs->raw.len);
}

/* Reading. */

static bool open_current(struct logs *logs)
{
    autofree char *name = file_name(logs, logs->older);
    logs->fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (logs->fd < 0 || fstat(logs->fd, &st) < 0)
        return false;
    logs->inode = st.st_ino;
    if (logs->start > 0)
        (void)lseek(logs->fd, logs->start, SEEK_SET);
    logs->start = 0;
    return true;
}

/* Under which name the file that is being read stands by now: 0 for `path` itself, N for path.N;
 * -1: rotated out of existence. The keeper may have rotated any number of times meanwhile. */
static int where_is_it(const struct logs *logs)
{
    for (int i = 0; i < MAX_FILES; i++) {
        autofree char *name = file_name(logs, i);
        struct stat st;
        bool there = stat(name, &st) == 0;
        if (there && st.st_ino == logs->inode)
            return i;
        if (!there && i > 0)
            return -1;
    }
    return -1;
}

/* At the end of a file: true if there is more to read, in it or in the one after it. */
static bool next_file(struct logs *logs)
{
    int at = where_is_it(logs);
    if (at == 0)
        return false;
    if (!logs->left_behind) { /* what was written between our last look and the rotation */
        logs->left_behind = true;
        return true;
    }
    logs->left_behind = false;
    close(logs->fd);
    logs->fd = -1;
    buf_drop(&logs->raw, logs->raw.len); /* a line cut off there has no other half here */
    logs->older = at > 0 ? at - 1 : oldest_file(logs);
    return true;
}

/* Hands over what is formatted; false if the sink takes no more for now. */
static bool flush(struct logs *logs)
{
    while (logs->out.len > 0 && logs->left > 0) {
        size_t len = logs->out.len < PIECE ? logs->out.len : PIECE;
        if ((int64_t)len > logs->left)
            len = (size_t)logs->left;
        size_t taken = logs->sink.data(logs->ctx, logs->out.data, len);
        if (taken == 0)
            return false;
        logs->left -= (int64_t)taken;
        buf_drop(&logs->out, taken);
    }
    return true;
}

/* One piece; true if it should go on at once. */
static bool read_piece(struct logs *logs)
{
    if (logs->fd < 0 && !open_current(logs)) {
        if (logs->older > 0) { /* rotated away under our hands */
            logs->older--;
            return true;
        }
        return false;
    }
    char *room = buf_reserve(&logs->raw, PIECE);
    ssize_t got = room ? read(logs->fd, room, PIECE) : -1;
    if (got <= 0)
        return next_file(logs);
    logs->raw.len += (size_t)got;
    cut_lines(logs);
    return true;
}

static void run(void *ctx)
{
    struct logs *logs = ctx;
    logs->next = NULL;
    if (!flush(logs))
        return;
    bool more = logs->left > 0 && read_piece(logs);
    if (!flush(logs))
        return;
    if (more)
        schedule(logs);
    else if (logs->left <= 0 || !logs->query.follow || logs->finishing)
        end(logs, 0, "");
}

static void file_changed(void *ctx, int fd, uint32_t events)
{
    (void)events;
    struct logs *logs = ctx;
    char drain[4096];
    while (read(fd, drain, sizeof(drain)) > 0)
        ;
    schedule(logs);
}

static int watch_folder(struct logs *logs, struct err *err)
{
    const char *slash = strrchr(logs->path, '/');
    autofree char *dir = xstrndup(logs->path, slash ? (size_t)(slash - logs->path) : 0);
    logs->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (logs->watch_fd < 0 ||
        inotify_add_watch(logs->watch_fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return err_errno(err, errno, "cannot follow %s", logs->path);
    return loop_io_new(logs->loop, logs->watch_fd, EPOLLIN, file_changed, logs, &logs->watch, err);
}

int logs_open(struct loop *loop, const char *path, const struct logs_query *query,
              const struct logs_sink *sink, void *ctx, struct logs **ret, struct err *err)
{
    struct logs *logs = xcalloc(1, sizeof(*logs));
    logs->loop = loop;
    logs->query = *query;
    logs->sink = *sink;
    logs->ctx = ctx;
    logs->path = xstrdup(path);
    logs->fd = logs->watch_fd = -1;
    logs->left = query->limit_bytes > 0 ? query->limit_bytes : INT64_MAX;
    buf_init(&logs->raw, 0);
    buf_init(&logs->out, 0);
    int rc = query->follow ? watch_folder(logs, err) : 0;
    if (rc < 0) {
        logs_free(logs);
        return rc;
    }
    find_start(logs);
    schedule(logs);
    *ret = logs;
    return 0;
}

void logs_resume(struct logs *logs)
{
    schedule(logs);
}

void logs_finish(struct logs *logs)
{
    logs->finishing = true;
    schedule(logs);
}

void logs_free(struct logs *logs)
{
    if (!logs)
        return;
    if (logs->next)
        loop_defer_free(logs->next);
    loop_io_free(logs->watch);
    if (logs->watch_fd >= 0)
        close(logs->watch_fd);
    if (logs->fd >= 0)
        close(logs->fd);
    buf_done(&logs->raw);
    buf_done(&logs->out);
    free(logs->path);
    free(logs);
}
