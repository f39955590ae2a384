#pragma once
/* What a server answers to one GET, read as it comes: pure. Nothing is believed: HTTP/1.0 and 1.1
 * (RFC 9112), as much as a probe needs to know when the answer is over. Of the head at most
 * HTTP_HEAD_MAX bytes are taken, of the body HTTP_BODY_MAX; a line of the head is kept as far as
 * HTTP_LINE_MAX. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX ((size_t)64 * 1024)
#define HTTP_BODY_MAX ((size_t)10 * 1024)
#define HTTP_LINE_MAX 4096
#define HTTP_INTERIM_MAX 5 /* answers of 100-199 before the one that counts */
#define HTTP_SHOWN_MAX 256 /* bytes of the body that people are shown */

enum http_answer_state {
    HTTP_STATUS_LINE,
    HTTP_HEADERS,
    HTTP_BODY, /* of a length, or until the end */
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK,
    HTTP_CHUNK_END,
    HTTP_TRAILERS,
    HTTP_DONE, /* over, or enough was read */
    HTTP_BAD,  /* it is no answer: problem */
};

struct http_answer {
    enum http_answer_state state;
    int status;
    int interim;
    size_t head;  /* bytes of status lines, headers, trailers and chunk sizes */
    size_t body;  /* bytes of the body */
    int64_t left; /* of the body or the chunk; -1: until the end */
    bool chunked, has_length;
    char location[HTTP_LINE_MAX]; /* "": none */
    char shown[HTTP_SHOWN_MAX + 1];
    char line[HTTP_LINE_MAX]; /* the line that is being read */
    size_t line_len;
    const char *problem; /* HTTP_BAD: what is wrong, in words */
};

void http_answer_init(struct http_answer *answer);
/* More of it has come. It is over once state is HTTP_DONE or HTTP_BAD: the rest is passed over. */
void http_answer_take(struct http_answer *answer, const char *data, size_t len);
/* The connection has ended. */
void http_answer_end(struct http_answer *answer);
bool http_answer_is_over(const struct http_answer *answer);
