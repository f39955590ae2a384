#include "controller/server/body.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "controller/server/status.h"

#include <errno.h>

void body_media_type(const char *header, char *ret, size_t size)
{
    size_t len = header ? strcspn(header, "; \t") : 0;
    if (len >= size)
        len = size - 1;
    for (size_t i = 0; i < len; i++)
        ret[i] = (char)(header[i] >= 'A' && header[i] <= 'Z' ? header[i] + 32 : header[i]);
    ret[len] = '\0';
}

struct value *body_unsupported(const char *type, const char *known)
{
    return status_failure(
        415,
        "the body of the request was in an unknown format (%.80s) - accepted media "
        "types include: %s",
        type, known);
}

struct value *body_yaml(const char *body, size_t len, struct value **ret)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    int r = yaml_parse(body, len, ret, &diags);
    if (r == 0)
        return NULL;
    const char *reason = diags.count ? diags.items[0].reason : "not one document";
    int line = diags.count ? diags.items[0].line : 0;
    return status_failure(r == -E2BIG ? 413 : 400, "the body is not YAML: line %d: %s", line,
                          reason);
}

struct value *body_json(const char *body, size_t len, struct value **ret)
{
    struct err err = {0};
    int r = json_parse(body, len, ret, &err);
    if (r == 0)
        return NULL;
    return status_failure(r == -E2BIG ? 413 : 400, "the body is not JSON: %s", err.msg);
}

struct value *body_object(const struct http_request *request, struct value **ret)
{
    static const struct {
        const char *type;
        body_parse_fn *parse;
    } formats[] = {
        {"", body_json}, {"application/json", body_json}, {"application/yaml", body_yaml}};
    char type[64];
    size_t len;
    body_media_type(http_header(request, "Content-Type"), type, sizeof(type));
    const char *body = http_body(request, &len);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_eq(type, formats[i].type))
            return formats[i].parse(body, len, ret);
    return body_unsupported(type, "application/json, application/yaml");
}
