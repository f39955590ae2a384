#include "controller/server/body.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "common/schema/proto.h"
#include "controller/api/status.h"

#include <errno.h>

#define PROTOBUF "application/vnd.kubernetes.protobuf"

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

/* The type of an object in protobuf; NULL with *ret the Status to answer. */
static const struct schema_type *type_of(const struct kinds *kinds,
                                         const struct proto_envelope *envelope, struct value **ret)
{
    const struct schema_kind *kind = kinds_find(kinds, envelope->api_version, envelope->kind);
    const struct schema_type *message = kinds_message(envelope->kind);
    if (kind && kind->proto)
        return kind->type;
    if (!kind && message)
        return message;
    *ret = kind ? body_unsupported(PROTOBUF, "application/json, application/yaml")
                : status_failure(400, "no kind \"%s\" is registered for version \"%s\"",
                                 envelope->kind, envelope->api_version);
    return NULL;
}

static struct value *body_protobuf(const struct kinds *kinds, const char *body, size_t len,
                                   struct value **ret)
{
    struct proto_envelope envelope;
    struct err err = {0};
    struct value *status = NULL, *object;
    int r = proto_open(body, len, &envelope, &err);
    if (r == 0) {
        const struct schema_type *type = type_of(kinds, &envelope, &status);
        if (!type)
            return status;
        r = proto_decode(type, envelope.raw, envelope.len, &object, &err);
    }
    if (r)
        return status_failure(r == -E2BIG ? 413 : 400, "the body is not protobuf: %s", err.msg);
    value_set_str(object, "apiVersion", envelope.api_version);
    value_set_str(object, "kind", envelope.kind);
    *ret = object;
    return NULL;
}

struct value *body_parse(const struct kinds *kinds, const char *content_type, const char *body,
                         size_t len, struct value **ret)
{
    static const struct {
        const char *type;
        body_parse_fn *parse;
    } formats[] = {
        {"", body_json}, {"application/json", body_json}, {"application/yaml", body_yaml}};
    char type[64];
    body_media_type(content_type, type, sizeof(type));
    if (str_eq(type, PROTOBUF))
        return body_protobuf(kinds, body, len, ret);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_eq(type, formats[i].type))
            return formats[i].parse(body, len, ret);
    return body_unsupported(type, "application/json, application/yaml, " PROTOBUF);
}

struct value *body_object(const struct kinds *kinds, const struct http_request *request,
                          struct value **ret)
{
    size_t len;
    const char *body = http_body(request, &len);
    return body_parse(kinds, http_header(request, "Content-Type"), body, len, ret);
}
