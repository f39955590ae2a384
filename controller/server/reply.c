#include "controller/server/reply.h"

#include "common/base/mem.h"
#include "common/data/json.h"
#include "controller/server/status.h"

#include <string.h>

#define MAX_WARNINGS 10
#define JSON "application/json"

void reply_json(struct http_request *request, int code, struct value *object)
{
    struct buf body;
    buf_init(&body, 0);
    json_write(object, &body);
    buf_addc(&body, '\n');
    value_free(object);
    http_answer_buf(request, code, JSON, &body);
}

void reply_text(struct http_request *request, int code, const char *text)
{
    http_answer(request, code, "text/plain; charset=utf-8", text, strlen(text));
}

void reply_status(struct http_request *request, struct value *status)
{
    int code = status_code(status);
    if (code == 429 || code == 503)
        http_answer_header(request, "Retry-After", "1");
    reply_json(request, code, status);
}

/* A quoted string of a header: no quote, backslash, control character. */
static char *quotable(const char *text)
{
    char *out = xstrdup(text);
    for (char *p = out; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            *p = '\'';
    return out;
}

void reply_warnings(struct http_request *request, const struct diags *warnings)
{
    for (size_t i = 0; warnings && i < warnings->count && i < MAX_WARNINGS; i++) {
        autofree char *text = quotable(warnings->items[i].reason);
        autofree char *header = xasprintf("299 - \"%.200s\"", text);
        http_answer_header(request, "Warning", header);
    }
}
