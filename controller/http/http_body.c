/* Bodies of requests: how much of them we hold. */

#include "controller/http/http_impl.h"

#include "common/base/str.h"

#include <string.h>

void http_body_drop(struct http_request *request)
{
    request->http->body_bytes -= request->body.len;
    buf_done(&request->body);
}

bool http_body_take(struct http_request *request, const void *data, size_t len)
{
    struct http *http = request->http;
    if (request->body_fn) {
        http_conn_deadline(request->conn, HTTP_STALL_S);
        return request->body_fn(request->body_ctx, data, len);
    }
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

void http_take_body(struct http_request *request, http_body_fn *fn, void *ctx)
{
    request->body_fn = fn;
    request->body_ctx = ctx;
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
