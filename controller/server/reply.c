#include "controller/server/reply.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/gate.h"
#include "controller/api/status.h"
#include "controller/http/url.h"

#include <string.h>

#define MAX_WARNINGS 10
#define MAX_WARNING 1500   /* bytes of each */
#define MAX_ALL (4 * 1024) /* bytes of all, as in Kubernetes */
#define JSON "application/json"

/* ?pretty=true, of whatever is asked for. */
static bool wants_pretty(const struct http_request *request)
{
    const char *target = http_target(request);
    struct err err = {0};
    struct url url;
    bool pretty = false;
    if (!target || !strstr(target, "pretty") || url_parse(target, &url, &err) != 0)
        return false;
    if (url_param_bool(&url, "pretty", false, &pretty, &err) != 0)
        pretty = false;
    url_done(&url);
    return pretty;
}

void reply_json(struct http_request *request, int code, struct value *object)
{
    struct buf body;
    buf_init(&body, 0);
    if (wants_pretty(request))
        json_write_pretty(object, &body);
    else
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

/* A quoted string of a header (RFC 9110 section 5.6.4). */
static void add_quoted(struct buf *out, const char *text)
{
    buf_addc(out, '"');
    for (const char *p = text; *p && out->len < MAX_WARNING; p++) {
        if (*p == '"' || *p == '\\')
            buf_addc(out, '\\');
        bool printable = (unsigned char)*p >= 0x20 && (unsigned char)*p <= 0x7e;
        buf_addc(out, printable ? *p : '?');
    }
    buf_addc(out, '"');
}

/* Returns its bytes. */
static size_t add_warning(struct http_request *request, const char *text)
{
    cleanup(buf_done) struct buf header;
    buf_init(&header, 0);
    buf_addstr(&header, "299 - ");
    add_quoted(&header, text);
    http_answer_header(request, "Warning", buf_str(&header));
    return header.len;
}

void reply_warning(struct http_request *request, const char *text)
{
    (void)add_warning(request, text);
}

void reply_warnings(struct http_request *request, const struct diags *warnings)
{
    size_t count = warnings ? warnings->count + warnings->dropped : 0;
    size_t told = 0, bytes = 0, notes = 0;
    for (size_t i = 0; warnings && i < warnings->count; i++) {
        const struct diag *warning = &warnings->items[i];
        if (str_eq(warning->cause, CAUSE_AUDIT_NOTE)) {
            http_answer_note(request, warning->path, warning->reason);
            notes++;
        } else if (told < MAX_WARNINGS && bytes < MAX_ALL) {
            bytes += add_warning(request, warning->reason);
            told++;
        }
    }
    count -= notes;
    if (told == count)
        return;
    autofree char *rest = xasprintf("and %zu more", count - told);
    (void)add_warning(request, rest);
}
