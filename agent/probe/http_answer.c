#include "agent/probe/http_answer.h"

#include "common/base/weaken.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void http_answer_init(struct http_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    answer->left = -1;
}

static void bad(struct http_answer *answer, const char *problem)
{
    answer->state = HTTP_BAD;
    answer->problem = problem;
}

bool http_answer_is_over(const struct http_answer *answer)
{
    return answer->state == HTTP_DONE || answer->state == HTTP_BAD;
}

/* ---- the head ---- */

/* "HTTP/1.1 200 OK" */
static void take_status(struct http_answer *answer)
{
    const char *line = answer->line;
    bool well = strncmp(line, "HTTP/1.", 7) == 0 && isdigit((unsigned char)line[7]) &&
                line[8] == ' ' && line[9] >= '1' && line[9] <= '9' &&
                isdigit((unsigned char)line[10]) && isdigit((unsigned char)line[11]) &&
                (line[12] == ' ' || line[12] == '\0');
    if (!well) {
        bad(answer, "malformed HTTP response");
        return;
    }
    answer->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    answer->state = HTTP_HEADERS;
}

/* Digits of a base, nothing else; -1. */
static int64_t number(const char *text, size_t len, int base)
{
    int64_t n = 0;
    if (len == 0 || len > 15)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int digit = isdigit((unsigned char)text[i])    ? text[i] - '0'
                    : isxdigit((unsigned char)text[i]) ? tolower((unsigned char)text[i]) - 'a' + 10
                                                       : 99;
        if (digit >= base)
            return -1;
        n = n * base + digit;
    }
    return n;
}

static void take_length(struct http_answer *answer, const char *value)
{
    int64_t length = number(value, strlen(value), 10);
    if (length < 0 || (answer->has_length && length != answer->left)) {
        bad(answer, "bad Content-Length");
        return;
    }
    answer->has_length = true;
    answer->left = length;
}

static void take_encoding(struct http_answer *answer, const char *value)
{
    if (strcasecmp(value, "chunked") != 0)
        bad(answer, "unsupported transfer encoding");
    else
        answer->chunked = true;
}

static void take_location(struct http_answer *answer, const char *value)
{
    if (!answer->location[0])
        memcpy(answer->location, value, strlen(value) + 1);
}

static void take_header(struct http_answer *answer)
{
    static const struct {
        const char *name;
        void (*take)(struct http_answer *answer, const char *value);
    } headers[] = {
        {"content-length", take_length},
        {"transfer-encoding", take_encoding},
        {"location", take_location},
    };
    char *colon = strchr(answer->line, ':'), *value;
    if (!colon) {
        bad(answer, "malformed MIME header line");
        return;
    }
    *colon = '\0';
    for (value = colon + 1; *value == ' ' || *value == '\t'; value++)
        ;
    for (size_t len = strlen(value); len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t');)
        value[--len] = '\0';
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (strcasecmp(answer->line, headers[i].name) == 0)
            headers[i].take(answer, value);
}

static bool has_body(const struct http_answer *answer)
{
    return answer->status != 204 && answer->status != 304;
}

/* The empty line after the headers. */
static void end_head(struct http_answer *answer)
{
    if (answer->status < 200 && answer->status != 101) { /* another answer follows */
        if (++answer->interim > HTTP_INTERIM_MAX) {
            bad(answer, "too many 1xx informational responses");
            return;
        }
        answer->state = HTTP_STATUS_LINE;
        answer->chunked = answer->has_length = false;
        answer->left = -1;
        answer->location[0] = '\0';
        return;
    }
    if (answer->chunked)
        answer->state = HTTP_CHUNK_SIZE;
    else
        answer->state = !has_body(answer) || answer->left == 0 ? HTTP_DONE : HTTP_BODY;
}

/* ---- the body ---- */

static void take_chunk_size(struct http_answer *answer)
{
    size_t len = strcspn(answer->line, "; \t");
    answer->left = number(answer->line, len, 16);
    if (answer->left < 0)
        bad(answer, "malformed chunked encoding");
    else
        answer->state = answer->left == 0 ? HTTP_TRAILERS : HTTP_CHUNK;
}

/* A line is whole, without its end. */
static void take_line(struct http_answer *answer)
{
    size_t len = answer->line_len;
    answer->line[len] = '\0';
    answer->line_len = 0;
    switch (answer->state) {
    case HTTP_STATUS_LINE:
        take_status(answer);
        break;
    case HTTP_HEADERS:
        if (len == 0)
            end_head(answer);
        else if (answer->line[0] != ' ' && answer->line[0] != '\t') /* else one goes on: of none */
            take_header(answer);                                    /* that matters here */
        break;
    case HTTP_CHUNK_SIZE:
        take_chunk_size(answer);
        break;
    case HTTP_CHUNK_END:
        answer->state = HTTP_CHUNK_SIZE;
        if (len > 0)
            bad(answer, "malformed chunked encoding");
        break;
    case HTTP_TRAILERS:
        if (len == 0)
            answer->state = HTTP_DONE;
        break;
    default:
        break;
    }
}

static void take_head_byte(struct http_answer *answer, char c)
{
    if (++answer->head > HTTP_HEAD_MAX && !WEAKENED(PROBE_HTTP_HEAD)) {
        bad(answer, "server response headers exceeded 65536 bytes");
        return;
    }
    if (c == '\0') {
        bad(answer, "malformed HTTP response");
    } else if (c == '\n') {
        if (answer->line_len > 0 && answer->line[answer->line_len - 1] == '\r')
            answer->line_len--;
        take_line(answer);
    } else if (answer->line_len < HTTP_LINE_MAX - 1) {
        answer->line[answer->line_len++] = c;
    }
}

/* Bytes of the body: how many of them belong to it. */
static size_t take_body(struct http_answer *answer, const char *data, size_t len)
{
    size_t take = answer->left >= 0 && (int64_t)len > answer->left ? (size_t)answer->left : len;
    size_t at = strlen(answer->shown), room = HTTP_SHOWN_MAX - at;
    for (size_t i = 0; i < take && i < room && data[i] != '\0'; i++)
        answer->shown[at + i] = data[i];
    answer->body += take;
    if (answer->left >= 0)
        answer->left -= (int64_t)take;
    if (answer->body >= HTTP_BODY_MAX)
        answer->state = HTTP_DONE;
    else if (answer->left == 0)
        answer->state = answer->chunked ? HTTP_CHUNK_END : HTTP_DONE;
    return take;
}

void http_answer_take(struct http_answer *answer, const char *data, size_t len)
{
    for (size_t i = 0; i < len && !http_answer_is_over(answer);) {
        if (answer->state == HTTP_BODY || answer->state == HTTP_CHUNK)
            i += take_body(answer, data + i, len - i);
        else
            take_head_byte(answer, data[i++]);
    }
}

void http_answer_end(struct http_answer *answer)
{
    if (http_answer_is_over(answer))
        return;
    if (answer->state == HTTP_BODY && answer->left < 0)
        answer->state = HTTP_DONE;
    else
        bad(answer, answer->head == 0 ? "EOF" : "unexpected EOF");
}
