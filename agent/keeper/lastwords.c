#include "agent/keeper/lastwords.h"

#include "agent/runtime/mnt.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a log: what is said in it is shorter than its lines. */
#define LOG_TAIL ((size_t)16 * 1024)

/* The last bytes of a file, at most max. Whoever can put something else there (a container that was
 * given the host's disk) gains nothing: only a file is read, and nothing is waited for. */
static size_t read_tail(const char *path, char *ret, size_t max)
{
    struct stat st;
    autoclose int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    off_t from = st.st_size > (off_t)max ? st.st_size - (off_t)max : 0;
    ssize_t n = pread(fd, ret, max, from);
    return n > 0 ? (size_t)n : 0;
}

/* The text of a line "<time> stdout F text", and whether it ends the line; NULL: it is not one. */
static const char *text_of(const char *line, const char *end, bool *ret_full)
{
    const char *at = line;
    for (int word = 0; word < 3; word++) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        if (!space)
            return NULL;
        if (word == 2)
            *ret_full = *at == 'F';
        at = space + 1;
    }
    return at;
}

/* The last max bytes of it, and of its lines the last ones. */
static char *cut(const struct buf *text, size_t max)
{
    const char *start = text->data + (text->len > max ? text->len - max : 0);
    const char *end = text->data + text->len, *at = end;
    int lines = 0;
    while (at > start && (at[-1] != '\n' || at == end || ++lines < LASTWORDS_LOG_LINES))
        at--;
    return at == end ? NULL : xstrndup(at, (size_t)(end - at));
}

char *lastwords_of_log(const char *log, size_t len, size_t max)
{
    cleanup(buf_done) struct buf text;
    const char *end = log + len;
    buf_init(&text, len + 1);
    for (const char *line = log; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        bool full = false;
        const char *said = stop ? text_of(line, stop, &full) : NULL;
        if (said)
            (void)buf_add(&text, said, (size_t)(stop - said));
        if (said && full)
            (void)buf_addc(&text, '\n');
        line = stop ? stop + 1 : end;
    }
    return cut(&text, max < LASTWORDS_LOG_MAX ? max : LASTWORDS_LOG_MAX);
}

/* Strings end at a NUL. */
static void blank_nuls(char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] == '\0')
            data[i] = ' ';
}

char *lastwords_read(const struct launch_container *container, const char *dir, bool failed,
                     size_t max)
{
    if (str_empty(container->message_path))
        return NULL;
    autofree char *path = xasprintf("%s/" MNT_MESSAGE, dir);
    autofree char *data = xmalloc(LOG_TAIL);
    size_t len = read_tail(path, data, max < LASTWORDS_MAX ? max : LASTWORDS_MAX);
    blank_nuls(data, len);
    if (len > 0)
        return xstrndup(data, len);
    if (!failed || !container->message_log || str_empty(container->log_path))
        return NULL;
    len = read_tail(container->log_path, data, LOG_TAIL);
    blank_nuls(data, len);
    return lastwords_of_log(data, len, max);
}
