#include "controller/http/screen.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/http/http.h"

#include <string.h>
#include <strings.h>

#define MAX_METHOD 32
#define MAX_CHUNK_LINE 256 /* a size and its extensions */
#define MAX_TRAILER 4096
#define MAX_EMPTY_LINES 2 /* before a request; RFC 9112 section 2.2 */

enum state {
    HEAD,
    LENGTH,    /* a body of `left` more bytes */
    SIZE,      /* of a chunk */
    EXTENSION, /* after it */
    CHUNK,     /* `left` more bytes */
    CHUNK_END,
    TRAILER,
    RAW,  /* not HTTP any more */
    OVER, /* refused: nothing is read any more */
};

struct screen {
    unsigned refs;
    enum state state;
    struct buf head; /* as far as it has come */
    unsigned lines;  /* of it, whole */
    unsigned empty;  /* lines before it */
    bool old;        /* HTTP/1.0, which knows no chunks */
    bool cr;         /* the last byte was one, */
    bool text;       /* and its line is not empty */
    uint64_t left;
    size_t line;       /* bytes of a chunk's line, or of the trailer */
    uint64_t requests; /* passed on */
    uint64_t refused;  /* the one that is refused, if code is not 0 */
    int code;
    const char *message;
    const char *guest_path; /* NULL: nobody is a guest */
    uint64_t max_body;      /* of a guest */
    enum screen_side side;
};

struct screen *screen_new(void)
{
    struct screen *screen = xcalloc(1, sizeof(*screen));
    screen->refs = 1;
    buf_init(&screen->head, 0);
    return screen;
}

struct screen *screen_ref(struct screen *screen)
{
    if (screen)
        screen->refs++;
    return screen;
}

void screen_unref(struct screen *screen)
{
    if (!screen || --screen->refs > 0)
        return;
    buf_done(&screen->head);
    free(screen);
}

void screen_guest(struct screen *screen, const char *path, uint64_t max_body)
{
    screen->guest_path = path;
    screen->max_body = max_body;
}

enum screen_side screen_side(const struct screen *screen)
{
    return screen->side;
}

int screen_refusal(const struct screen *screen, uint64_t nth, const char **ret_message)
{
    if (!screen || !screen->code || screen->refused != nth)
        return 0;
    *ret_message = screen->message;
    return screen->code;
}

/* ---- refusing ---- */

static void refuse(struct screen *screen, int code, const char *message)
{
    screen->state = OVER;
    screen->code = code;
    screen->message = message;
    screen->refused = screen->requests - 1;
    buf_done(&screen->head);
}

static void refuse_head(struct screen *screen, int code, const char *message, struct buf *ret)
{
    screen->requests++;
    if (screen->side == SCREEN_UNDECIDED)
        screen->side = SCREEN_OWN;
    refuse(screen, code, message);
    /* A guest knows nothing of this screen: it reads the code in the path, which nobody can ask
     * for.
     */
    autofree char *path =
        screen->side == SCREEN_GUEST ? xasprintf("refused/%d", code) : xstrdup("");
    buf_addf(ret, "GET /%s HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n", path);
}

/* What has been passed on of the body ends with a whole chunk. */
static void refuse_body(struct screen *screen, int code, const char *message, struct buf *ret)
{
    refuse(screen, code, message);
    buf_addstr(ret, "0\r\n\r\n");
}

/* ---- heads ---- */

/* What the headers say, one after the other. */
struct head {
    struct screen *screen;
    int code; /* 0: nothing wrong so far */
    const char *message;
    bool old; /* HTTP/1.0 */
    unsigned headers, lengths, encodings, hosts;
    uint64_t length;
    bool chunked;
};

static void wrong(struct head *head, int code, const char *message)
{
    if (head->code)
        return;
    head->code = code;
    head->message = message;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *s, size_t len)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++)
        if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'z') &&
            !(s[i] >= 'A' && s[i] <= 'Z') && !strchr(marks, s[i]))
            return false;
    return len > 0;
}

static bool is_for_guest(const struct screen *screen, const char *target, size_t len)
{
    size_t path = screen->guest_path ? strlen(screen->guest_path) : 0;
    return path > 0 && len >= path && memcmp(target, screen->guest_path, path) == 0 &&
           (len == path || target[path] == '/' || target[path] == '?');
}

/* The first request decides whose the connection is. */
static void see_side(struct head *head, const char *target, size_t len)
{
    struct screen *screen = head->screen;
    enum screen_side side = is_for_guest(screen, target, len) ? SCREEN_GUEST : SCREEN_OWN;
    if (screen->side == SCREEN_UNDECIDED)
        screen->side = side;
    else if (screen->side != side)
        wrong(head, 421, "this path wants a connection of its own");
}

static void see_target(struct head *head, const char *target, size_t len)
{
    unsigned params = 0;
    see_side(head, target, len);
    for (size_t i = 0; i < len; i++) {
        if (target[i] == '\t' || target[i] == ' ')
            wrong(head, 400, "malformed request line");
        params += target[i] == '&';
    }
    if (len == 0)
        wrong(head, 400, "malformed request line");
    if (len > SCREEN_MAX_TARGET)
        wrong(head, 414, "the request's target is too long");
    if (params > SCREEN_MAX_PARAMS)
        wrong(head, 400, "the request's target has too many query parameters");
}

static void see_request_line(struct head *head, const char *line, size_t len, struct buf *ret)
{
    const char *target = memchr(line, ' ', len);
    const char *version = memrchr(line, ' ', len);
    if (!target || target == version || !is_token(line, (size_t)(target - line)) ||
        target - line > MAX_METHOD) {
        wrong(head, 400, "malformed request line");
        return;
    }
    size_t version_len = (size_t)(line + len - ++version);
    see_target(head, target + 1, (size_t)(version - 1 - (target + 1)));
    head->old = version_len == 8 && memcmp(version, "HTTP/1.0", 8) == 0;
    if (version_len != 8 || memcmp(version, "HTTP/", 5) != 0)
        wrong(head, 400, "malformed HTTP version");
    else if (!head->old && memcmp(version, "HTTP/1.1", 8) != 0)
        wrong(head, 505, "unsupported protocol version");
    buf_add(ret, line, len);
    buf_addstr(ret, "\r\n");
}

static uint64_t max_body(const struct screen *screen)
{
    return screen->side == SCREEN_GUEST ? screen->max_body : HTTP_MAX_BODY;
}

static const char *too_large(const struct screen *screen)
{
    return screen->side == SCREEN_GUEST ? "the request body is too large"
                                        : "the request body is larger than 1 MiB";
}

static void see_length(struct head *head, const char *value)
{
    head->lengths++;
    for (const char *p = value; *p; p++)
        if (*p < '0' || *p > '9')
            wrong(head, 400, "bad Content-Length");
    if (!*value)
        wrong(head, 400, "bad Content-Length");
    if (str_to_u64(value, &head->length) != 0 || head->length > max_body(head->screen))
        head->length = UINT64_MAX;
}

/* False: the header is not passed on. value is terminated. */
static bool see_header(struct head *head, const char *name, const char *value)
{
    if (strcasecmp(name, "Content-Length") == 0) {
        see_length(head, value);
        return false;
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        head->encodings++;
        head->chunked = strcasecmp(value, "chunked") == 0;
        if (!head->chunked || head->old)
            wrong(head, 400, "unsupported transfer encoding");
        return false;
    }
    head->hosts += strcasecmp(name, "Host") == 0;
    /* Nothing here reads cookies, and each of their pairs costs libmicrohttpd memory. */
    return strcasecmp(name, "Cookie") != 0 && strcasecmp(name, SCREEN_LENGTH) != 0;
}

static void see_line(struct head *head, const char *line, size_t len, struct buf *ret)
{
    const char *colon = memchr(line, ':', len);
    if (++head->headers > SCREEN_MAX_HEADERS) {
        wrong(head, 431, "the request has too many headers");
        return;
    }
    if (!colon || !is_token(line, (size_t)(colon - line))) {
        wrong(head, 400, "malformed header");
        return;
    }
    const char *from = colon + 1, *to = line + len;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    autofree char *name = xstrndup(line, (size_t)(colon - line));
    autofree char *value = xstrndup(from, (size_t)(to - from));
    if (see_header(head, name, value))
        buf_addf(ret, "%s: %s\r\n", name, value);
}

/* Two readings of where a request ends are how requests are smuggled. */
static void see_framing(struct head *head)
{
    if (head->lengths + head->encodings > 1 && !WEAKENED(HTTP_FRAMING))
        wrong(head, 400, "more than one Content-Length or Transfer-Encoding");
    if (head->hosts > 1)
        wrong(head, 400, "too many Host headers");
    if (head->hosts == 0 && !head->old)
        wrong(head, 400, "missing required Host header");
    if (head->length > max_body(head->screen))
        wrong(head, 413, too_large(head->screen));
}

/* The head stands whole in screen->head, its lines ended by CRLF and free of control characters. */
static void read_head(struct screen *screen, struct buf *ret)
{
    struct head head = {.screen = screen};
    cleanup(buf_done) struct buf plain = {0};
    const char *at = screen->head.data, *end = at + screen->head.len;
    for (bool first = true; at < end; first = false) {
        const char *cr = memchr(at, '\r', (size_t)(end - at));
        if (first)
            see_request_line(&head, at, (size_t)(cr - at), &plain);
        else if (cr > at)
            see_line(&head, at, (size_t)(cr - at), &plain);
        at = cr + 2;
    }
    see_framing(&head);
    if (head.code) {
        refuse_head(screen, head.code, head.message, ret);
        return;
    }
    /* Of a length, an end that comes too early could not be told in the answer. */
    bool counted = head.lengths > 0 && head.length > 0;
    if (counted && head.old)
        buf_addf(&plain, "Content-Length: %llu\r\n", (unsigned long long)head.length);
    else if (counted || head.chunked)
        buf_addstr(&plain, "Transfer-Encoding: chunked\r\n");
    if (screen->side == SCREEN_GUEST && head.lengths > 0)
        buf_addf(&plain, SCREEN_LENGTH ": %llu\r\n", (unsigned long long)head.length);
    buf_addstr(&plain, "\r\n");
    buf_add(ret, plain.data, plain.len);
    screen->requests++;
    screen->left = head.length;
    screen->old = head.old;
    screen->state = head.chunked ? SIZE : counted ? LENGTH : HEAD;
    screen->lines = screen->empty = 0;
    screen->line = 0;
    buf_done(&screen->head);
}

/* The next byte of lines that end with CRLF. What bare CRs, LFs and control characters mean, others
 * may see otherwise. */
enum byte { WRONG, WITHIN, LINE, EMPTY_LINE };
static enum byte see_byte(struct screen *screen, char c)
{
    bool cr = screen->cr;
    screen->cr = c == '\r';
    if (cr != (c == '\n'))
        return WRONG;
    if (c == '\n') {
        bool text = screen->text;
        screen->text = false;
        return text ? LINE : EMPTY_LINE;
    }
    if (c == '\r')
        return WITHIN;
    screen->text = true;
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f ? WRONG : WITHIN;
}

static void head_too_long(struct screen *screen, struct buf *ret)
{
    if (screen->lines == 0)
        refuse_head(screen, 414, "the request's target is too long", ret);
    else
        refuse_head(screen, 431, "the request's headers are too long", ret);
}

/* Each of these takes some of the bytes, and returns how many. */
typedef size_t pass_fn(struct screen *screen, const char *data, size_t len, struct buf *ret);

static size_t pass_head(struct screen *screen, const char *data, size_t len, struct buf *ret)
{
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        enum byte byte = see_byte(screen, data[i]);
        if (byte == WRONG) {
            refuse_head(screen, 400, "malformed HTTP request", ret);
            return i + 1;
        }
        if (screen->head.len + i - from >= SCREEN_MAX_HEAD) {
            head_too_long(screen, ret);
            return i + 1;
        }
        screen->lines += byte == LINE;
        if (byte != EMPTY_LINE)
            continue;
        if (screen->lines == 0) {
            buf_done(&screen->head);
            from = i + 1;
            if (++screen->empty > MAX_EMPTY_LINES)
                refuse_head(screen, 400, "malformed HTTP request", ret);
            if (screen->state == OVER)
                return i + 1;
            continue;
        }
        buf_add(&screen->head, data + from, i + 1 - from);
        read_head(screen, ret);
        return i + 1;
    }
    buf_add(&screen->head, data + from, len - from);
    return len;
}

/* ---- bodies ---- */

static void add_chunk(const char *data, size_t len, struct buf *ret)
{
    buf_addf(ret, "%zx\r\n", len);
    buf_add(ret, data, len);
    buf_addstr(ret, "\r\n");
}

static size_t pass_length(struct screen *screen, const char *data, size_t len, struct buf *ret)
{
    size_t n = len < screen->left ? len : (size_t)screen->left;
    screen->left -= n;
    if (screen->old)
        buf_add(ret, data, n);
    else
        add_chunk(data, n, ret);
    if (screen->left > 0)
        return n;
    screen->state = HEAD;
    if (!screen->old)
        buf_addstr(ret, "0\r\n\r\n");
    return n;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void begin_size(struct screen *screen)
{
    screen->state = SIZE;
    screen->left = 0;
    screen->line = 0;
    screen->text = false;
}

/* "1a2b", then perhaps extensions, which nobody needs, to the end of the line. */
static size_t pass_size(struct screen *screen, const char *data, size_t len, struct buf *ret)
{
    (void)len;
    int digit = screen->state == SIZE && !screen->cr ? digit_of(*data) : -1;
    enum byte byte = see_byte(screen, *data);
    bool first = screen->line++ == 0;
    bool ends = *data == ';' || *data == ' ' || *data == '\t' || *data == '\r';
    if (byte == WRONG || screen->line > MAX_CHUNK_LINE ||
        (digit < 0 && screen->state == SIZE && byte == WITHIN && (first || !ends))) {
        refuse_body(screen, 400, "malformed chunked encoding", ret);
    } else if (digit >= 0) {
        screen->left = screen->left * 16 + (uint64_t)digit;
        if (screen->left > UINT32_MAX)
            refuse_body(screen, 413, too_large(screen), ret);
    } else if (byte == LINE) {
        screen->line = 0;
        screen->state = screen->left > 0 ? CHUNK : TRAILER;
    } else if (*data != '\r') {
        screen->state = EXTENSION;
    }
    return 1;
}

static size_t pass_chunk(struct screen *screen, const char *data, size_t len, struct buf *ret)
{
    size_t n = len < screen->left ? len : (size_t)screen->left;
    screen->left -= n;
    add_chunk(data, n, ret);
    if (screen->left == 0)
        screen->state = CHUNK_END;
    return n;
}

static size_t pass_chunk_end(struct screen *screen, const char *data, size_t len, struct buf *ret)
{
    (void)len;
    enum byte byte = see_byte(screen, *data);
    if (byte == EMPTY_LINE)
        begin_size(screen);
    else if (byte == WRONG || *data != '\r')
        refuse_body(screen, 400, "malformed chunked encoding", ret);
    return 1;
}

/* Read, and forgotten. */
static size_t pass_trailer(struct screen *screen, const char *data, size_t len, struct buf *ret)
{
    (void)len;
    enum byte byte = see_byte(screen, *data);
    if (byte == WRONG || ++screen->line > MAX_TRAILER) {
        refuse_body(screen, 400, "malformed chunked encoding", ret);
    } else if (byte == EMPTY_LINE) {
        screen->state = HEAD;
        buf_addstr(ret, "0\r\n\r\n");
    }
    return 1;
}

static size_t pass_raw(struct screen *screen, const char *data, size_t len, struct buf *ret)
{
    (void)screen;
    buf_add(ret, data, len);
    return len;
}

static size_t pass_nothing(struct screen *screen, const char *data, size_t len, struct buf *ret)
{
    (void)screen;
    (void)data;
    (void)ret;
    return len;
}

void screen_pass(struct screen *screen, const void *data, size_t len, struct buf *ret)
{
    static pass_fn *const states[] = {
        [HEAD] = pass_head,       [LENGTH] = pass_length, [SIZE] = pass_size,
        [EXTENSION] = pass_size,  [CHUNK] = pass_chunk,   [CHUNK_END] = pass_chunk_end,
        [TRAILER] = pass_trailer, [RAW] = pass_raw,       [OVER] = pass_nothing,
    };
    for (const char *at = data, *end = at + len; at < end;)
        at += states[screen->state](screen, at, (size_t)(end - at), ret);
}

void screen_upgrade(struct screen *screen)
{
    if (!screen)
        return;
    bool between = screen->state == HEAD && screen->head.len == 0 && !screen->cr;
    screen->state = between || WEAKENED(HTTP_UPGRADE_EARLY) ? RAW : OVER;
    buf_done(&screen->head);
}

void screen_end(struct screen *screen, struct buf *ret)
{
    if (screen->state == RAW)
        return;
    if (screen->state == HEAD && screen->head.len > 0)
        refuse_head(screen, 400, "the request ends amid its head", ret);
    else if (screen->state != HEAD && screen->state != OVER && !screen->old)
        refuse_body(screen, 400, "the request ends amid its body", ret);
}
