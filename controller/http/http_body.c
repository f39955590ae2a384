/* Bodies of requests: where they end, and how much of them we hold. */

#include "controller/http/http_impl.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

#include <string.h>
#include <strings.h>

/* RFC 9110 section 5.6.2. libmicrohttpd takes "Content-Length : 5" for a header of another name. */
static bool is_token(const char *name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    if (str_empty(name))
        return false;
    for (const char *p = name; *p; p++)
        if (!(*p >= '0' && *p <= '9') && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
            !strchr(marks, *p))
            return false;
    return true;
}

static bool is_field_value(const char *value)
{
    for (const char *p = value; p && *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

void http_framing_see(struct http_framing *framing, const char *name, const char *value)
{
    uint64_t len;
    framing->malformed |= !is_token(name) || !is_field_value(value);
    framing->hosts += strcasecmp(name, "Host") == 0;
    if (strcasecmp(name, "Content-Length") == 0) {
        framing->lengths++;
        framing->too_long |= !value || str_to_u64(value, &len) != 0 || len > HTTP_MAX_BODY;
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        framing->encodings++;
        framing->chunked = value && strcasecmp(value, "chunked") == 0;
    }
}

/* Two readings of where a request ends are how requests are smuggled. */
int http_framing_check(const struct http_framing *framing)
{
    bool clear = framing->lengths + framing->encodings <= 1 &&
                 framing->encodings == (framing->chunked ? 1 : 0) && framing->hosts <= 1 &&
                 !framing->malformed;
    if (!clear && !WEAKENED(HTTP_FRAMING))
        return 400;
    return framing->too_long ? 413 : 0;
}

void http_body_drop(struct http_request *request)
{
    request->http->body_bytes -= request->body.len;
    buf_done(&request->body);
}

bool http_body_take(struct http_request *request, const void *data, size_t len)
{
    struct http *http = request->http;
    request->received += len;
    if (request->received > HTTP_MAX_BODY)
        request->refused = 413;
    else if (http->body_bytes + len > HTTP_MAX_BODIES)
        request->refused = 429;
    if (request->refused) {
        http_body_drop(request);
        return request->received <= (size_t)4 * HTTP_MAX_BODY;
    }
    (void)buf_add(&request->body, data, len);
    http->body_bytes += len;
    return true;
}

bool http_has_body(const struct http_request *request)
{
    const char *len = http_header(request, "Content-Length");
    return (len && !str_eq(len, "0")) || http_header(request, "Transfer-Encoding");
}

const char *http_body(const struct http_request *request, size_t *ret_len)
{
    *ret_len = request->body.len;
    return buf_str(&request->body);
}
