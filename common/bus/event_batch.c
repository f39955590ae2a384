#include "common/bus/event_batch.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/utf8.h"
#include "common/data/json.h"
#include "common/schema/format.h"

#include <errno.h>

#define BATCH_VERSION 1

void event_batch_done(struct event_batch *batch)
{
    value_free(batch->events);
    *batch = (struct event_batch){0};
}

int event_batch_read(const void *payload, size_t len, struct event_batch *ret, struct err *err)
{
    if (len > EVENT_BATCH_MAX)
        return err_set(err, -EBADMSG, "events: larger than %d bytes", EVENT_BATCH_MAX);
    cleanup(value_free) struct value *v = NULL;
    struct err parse = {0};
    if (json_parse(payload, len, &v, &parse) < 0)
        return err_set(err, -EBADMSG, "events: %s", parse.msg);
    if (value_get_int(v, "v", 0) != BATCH_VERSION)
        return err_set(err, -ENOTSUP, "events: of a version that is not known here");
    struct event_batch batch = {.dropped = value_get_int(v, "dropped", 0)};
    if (batch.dropped < 0 || batch.dropped > INT32_MAX ||
        value_type(value_get(v, "events")) != VALUE_LIST)
        return err_set(err, -EBADMSG, "events: dropped or events malformed");
    batch.events = value_take(v, "events");
    batch.count = value_len(batch.events);
    if (batch.count > EVENT_BATCH_EVENTS) {
        batch.dropped += (int64_t)(batch.count - EVENT_BATCH_EVENTS);
        batch.count = EVENT_BATCH_EVENTS;
    }
    *ret = batch;
    return 0;
}

static const char *format_type(const char *s)
{
    return str_eq(s, "Normal") || str_eq(s, "Warning") ? NULL : "must be Normal or Warning";
}

/* One word of printable ASCII. */
static const char *format_reason(const char *s)
{
    size_t len = strlen(s);
    for (const char *c = s; *c; c++)
        if (*c <= ' ' || *c > '~')
            return "must be one word";
    return len > 0 && len <= EVENT_REASON_MAX ? NULL : "must have 1-128 characters";
}

static const char *format_optional_namespace(const char *s)
{
    return *s ? format_dns1123_label(s) : NULL;
}

static const char *format_optional_uid(const char *s)
{
    return *s ? format_uid(s) : NULL;
}

static void cut_message(struct value *event)
{
    const char *message = value_get_str(event, "message");
    if (strlen(message) <= EVENT_MESSAGE_MAX)
        return;
    autofree char *cut = xstrndup(message, utf8_cut(message, EVENT_MESSAGE_MAX));
    value_set_str(event, "message", cut);
}

int event_batch_at(struct event_batch *batch, size_t i, struct node_event *ret, struct err *err)
{
    struct value *event = value_at(batch->events, i);
    struct node_event found = {.age_ms = value_get_int(event, "age", -1)};
    const struct {
        const char *key, **ret;
        const char *(*format)(const char *s);
    } fields[] = {
        {"namespace", &found.ns, format_optional_namespace},
        {"name", &found.name, format_dns1123_subdomain},
        {"uid", &found.uid, format_optional_uid},
        {"type", &found.type, format_type},
        {"reason", &found.reason, format_reason},
        {"message", &found.message, NULL},
    };
    for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
        const char *text = value_get_str(event, fields[f].key), *wrong = NULL;
        if (!text)
            wrong = "must be a string";
        else if (fields[f].format)
            wrong = fields[f].format(text);
        if (wrong)
            return err_set(err, -EBADMSG, "event: %s: %s", fields[f].key, wrong);
        *fields[f].ret = text;
    }
    if (found.age_ms < 0 || found.age_ms > EVENT_AGE_MAX)
        return err_set(err, -EBADMSG, "event: age: must be milliseconds");
    cut_message(event);
    found.message = value_get_str(event, "message");
    *ret = found;
    return 0;
}
