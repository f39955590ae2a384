#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048
#define QUOTE_SLOTS 8
#define QUOTE_MAX 320

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* The one global of a process. */
static struct {
    enum log_level level;
    void (*sink)(void *ctx, enum log_level level, const char *line);
    void *ctx;
} log_state = {.level = LOG_LEVEL_INFO};

/* Whether systemd's journal is at the other end of stderr, and not of what a parent had there. */
static bool to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static void write_stderr(enum log_level level, const char *line)
{
    static const char priorities[] = "3467"; /* syslog's */
    char text[LOG_LINE_MAX + 64];
    char when[CLOCK_RFC3339_LEN + 2];
    if (to_journal()) { /* it has its own time, and takes the priority from the line's head */
        snprintf(when, sizeof(when), "<%c>", priorities[level]);
    } else {
        clock_format(clock_wall(clock_system()), 6, when);
        strcat(when, " ");
    }
    int len = snprintf(text, sizeof(text), "%s%s %s\n", when, level_names[level], line);
    if (write(STDERR_FILENO, text, (size_t)len) < 0) {
        /* nowhere left to say it */
    }
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if (level > log_state.level)
        return;
    int saved = errno;
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (len >= (int)sizeof(line))
        strcpy(line + utf8_cut(line, sizeof(line) - 4), "...");
    for (char *c = line; *c; c++) /* an event is one line, whatever it carries */
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    if (log_state.sink)
        log_state.sink(log_state.ctx, level, line);
    else
        write_stderr(level, line);
    errno = saved;
}

void log_set_level(enum log_level level)
{
    log_state.level = level;
}

int log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq(name, level_names[i])) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void log_set_sink(void (*sink)(void *ctx, enum log_level level, const char *line), void *ctx)
{
    log_state.sink = sink;
    log_state.ctx = ctx;
}

/* Writes the escaped form of the character at s (at most 4 bytes) and returns how many bytes of s
 * it covers. */
static size_t quote_one(const char *s, size_t len, char ret[5])
{
    static const struct {
        char c, letter;
    } escapes[] = {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}};
    for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
        if (*s == escapes[i].c) {
            snprintf(ret, 5, "\\%c", escapes[i].letter);
            return 1;
        }
    }
    size_t n = utf8_seq(s, len);
    bool c1 =
        n == 2 && s[0] == '\xc2' && (unsigned char)s[1] < 0xa0; /* U+0080-U+009F are controls */
    if (n == 0 || (unsigned char)*s < ' ' || *s == 127 || c1) {
        snprintf(ret, 5, "\\x%02x", (unsigned char)*s);
        return 1;
    }
    memcpy(ret, s, n);
    ret[n] = '\0';
    return n;
}

const char *log_quote(const char *value)
{
    static _Thread_local char slots[QUOTE_SLOTS][QUOTE_MAX];
    static _Thread_local unsigned next;
    char *out = slots[next++ % QUOTE_SLOTS], *to = out;
    size_t len = value ? strnlen(value, QUOTE_MAX) : 0;
    *to++ = '"';
    for (size_t i = 0; i < len;) {
        char piece[5];
        i += quote_one(value + i, len - i, piece);
        size_t n = strlen(piece);
        if (n + 5 > (size_t)(out + QUOTE_MAX - to)) { /* room for ..." and NUL */
            to = stpcpy(to, "...");
            break;
        }
        to = mempcpy(to, piece, n);
    }
    strcpy(to, "\"");
    return out;
}
