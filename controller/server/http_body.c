/* Bodies of requests: where they end, and how much of them we hold. */

#include "controller/server/http_impl.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

#include <strings.h>

void http_framing_see(struct http_framing *framing, const char *name, const char *value)
{
    uint64_t len;
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
                 framing->encodings == (framing->chunked ? 1 : 0);
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
