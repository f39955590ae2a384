#include "controller/api/status.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>

static const struct {
    int code;
    const char *reason;
} reasons[] = {
    {400, "BadRequest"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "NotFound"},
    {405, "MethodNotAllowed"},
    {406, "NotAcceptable"},
    {409, "Conflict"},
    {410, "Expired"},
    {413, "RequestEntityTooLarge"},
    {415, "UnsupportedMediaType"},
    {422, "Invalid"},
    {429, "TooManyRequests"},
    {500, "InternalError"},
    {503, "ServiceUnavailable"},
    {504, "Timeout"},
};

const char *status_reason(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].code == code)
            return reasons[i].reason;
    return "Unknown";
}

/* Takes message. */
static struct value *status_build(int code, char *message, struct value *details)
{
    struct value *status = value_new_map();
    value_set_str(status, "kind", "Status");
    value_set_str(status, "apiVersion", "v1");
    value_set(status, "metadata", value_new_map());
    value_set_str(status, "status", code < 400 ? "Success" : "Failure");
    value_set_str(status, "message", message);
    if (code >= 400)
        value_set_str(status, "reason", status_reason(code));
    if (details)
        value_set(status, "details", details);
    value_set_int(status, "code", code);
    free(message);
    return status;
}

/* A message from a request may hold half a character where it was cut. */
static char *format(const char *fmt, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    if (!str_is_utf8(text, strlen(text)))
        for (char *p = text; *p; p++)
            if (*p & 0x80)
                *p = '?';
    return text;
}

static struct value *details_of(const struct schema_kind *kind, const char *name)
{
    struct value *details = value_new_map();
    if (!str_empty(name))
        value_set_str(details, "name", name);
    if (kind && *kind->group)
        value_set_str(details, "group", kind->group);
    if (kind)
        value_set_str(details, "kind", kind->plural);
    return details;
}

struct value *status_failure(int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct value *status = status_build(code, format(fmt, args), NULL);
    va_end(args);
    return status;
}

struct value *status_of(int code, const struct schema_kind *kind, const char *name, const char *fmt,
                        ...)
{
    va_list args;
    va_start(args, fmt);
    struct value *status = status_build(code, format(fmt, args), details_of(kind, name));
    va_end(args);
    return status;
}

struct value *status_set_reason(struct value *status, const char *reason)
{
    value_set_str(status, "reason", reason);
    return status;
}

int status_code(const struct value *status)
{
    return (int)value_get_int(status, "code", 500);
}

char *status_resource(const struct schema_kind *kind)
{
    return *kind->group ? xasprintf("%s.%s", kind->plural, kind->group) : xstrdup(kind->plural);
}

struct value *status_not_found(const struct schema_kind *kind, const char *name)
{
    autofree char *resource = status_resource(kind);
    return status_of(404, kind, name, "%s \"%s\" not found", resource, name);
}

struct value *status_already_exists(const struct schema_kind *kind, const char *name)
{
    autofree char *resource = status_resource(kind);
    return status_set_reason(status_of(409, kind, name, "%s \"%s\" already exists", resource, name),
                             "AlreadyExists");
}

struct value *status_not_stored(const struct schema_kind *kind)
{
    return status_of(405, kind, NULL,
                     "the server does not allow this method on the requested resource: a %s is "
                     "answered and never stored",
                     kind->kind);
}

struct value *status_conflict(const struct schema_kind *kind, const char *name, const char *why)
{
    autofree char *resource = status_resource(kind);
    return status_of(409, kind, name, "Operation cannot be fulfilled on %s \"%s\": %s", resource,
                     name, why);
}

struct value *status_success(const struct schema_kind *kind, const char *name, const char *uid)
{
    struct value *details = details_of(kind, name);
    if (uid)
        value_set_str(details, "uid", uid);
    struct value *status = status_build(200, xstrdup(""), details);
    value_del(status, "message");
    return status;
}

static bool all_unknown(const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++)
        if (!str_eq(diags->items[i].cause, CAUSE_UNKNOWN))
            return false;
    return diags->count > 0;
}

/* kubectl prints each cause as "field: message". */
static struct value *causes_of(const struct diags *diags)
{
    struct value *causes = value_new_list();
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];
        struct value *cause = value_new_map();
        value_set_str(cause, "reason", diag->cause ? diag->cause : CAUSE_INVALID);
        value_set_str(cause, "message", diag->reason);
        value_set_str(cause, "field", diag->path);
        value_append(causes, cause);
    }
    return causes;
}

/* As Kubernetes words it, and what may have been meant. */
static void add_unknown(const struct diag *diag, struct buf *text)
{
    const char *meant = strstr(diag->reason, "; did you mean ");
    buf_addf(text, "unknown field \"%s\"%s", diag->path ? diag->path : "", meant ? meant : "");
}

static void add_mistake(const struct diag *diag, struct buf *text)
{
    const char *path = diag->path ? diag->path : "";
    buf_addf(text, "%s%s%s", path, *path ? ": " : "", diag->reason);
}

static char *list_mistakes(const struct diags *diags,
                           void (*add)(const struct diag *diag, struct buf *text))
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < diags->count; i++) {
        buf_addstr(&text, i ? ", " : "");
        add(&diags->items[i], &text);
    }
    if (diags->dropped)
        buf_addf(&text, ", and %zu more", diags->dropped);
    return buf_steal(&text, NULL);
}

struct value *status_invalid(const struct schema_kind *kind, const char *name,
                             const struct diags *diags)
{
    bool unknown = all_unknown(diags);
    autofree char *mistakes = list_mistakes(diags, unknown ? add_unknown : add_mistake);
    struct value *status;
    if (unknown) {
        status = status_of(400, kind, name, "strict decoding error: %s", mistakes);
    } else {
        bool many = diags->count + diags->dropped > 1;
        status = status_of(422, kind, name, "%s%s%s \"%s\" is invalid: %s%s%s", kind->kind,
                           *kind->group ? "." : "", kind->group, name ? name : "", many ? "[" : "",
                           mistakes, many ? "]" : "");
        value_set_str(value_get(status, "details"), "kind", kind->kind);
    }
    value_set(value_get(status, "details"), "causes", causes_of(diags));
    return status;
}
