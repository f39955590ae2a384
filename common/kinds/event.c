/* core/v1 Event. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/schema/cell.h"

#include <ctype.h>

static const struct schema_type type_event_source = {
    .name = "EventSource",
    DOC("Who tells of an event."),
    FIELDS(F(1, "component", STRING, DOC("The program.")), F(2, "host", STRING, DOC("Its node."))),
};

static const struct schema_type type_event_series = {
    .name = "EventSeries",
    DOC("How often it came, of reporters that count themselves."),
    FIELDS(F(1, "count", INT32, DOC("How often.")),
           F(2, "lastObservedTime", MICROTIME, DOC("When last."))),
};

static bool is_in(const char *ns, const char *const *list)
{
    for (; *list; list++)
        if (str_eq(ns, *list))
            return true;
    return false;
}

/* What reporters must say who give eventTime (those of events.k8s.io). */
static void check_reporter(const struct value *event, struct schema_walk *walk)
{
    static const struct {
        const char *field;
        size_t most;
    } wanted[] = {
        {"reportingComponent", 0}, {"reportingInstance", 128}, {"action", 128}, {"reason", 128}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct value *field = value_get(event, wanted[i].field);
        const char *text = value_str(field);
        if (value_type(field) != VALUE_NULL && !text)
            continue;
        if (str_empty(text))
            schema_mistake(walk, field, wanted[i].field, CAUSE_REQUIRED,
                           "required beside eventTime");
        else if (wanted[i].most && strlen(text) > wanted[i].most)
            schema_mistake(walk, field, wanted[i].field, CAUSE_INVALID,
                           "must be at most %zu characters", wanted[i].most);
    }
    const struct value *message = value_get(event, "message");
    if (value_str(message) && strlen(value_str(message)) > 1024)
        schema_mistake(walk, message, "message", CAUSE_INVALID, "must be at most 1024 characters");
}

/* An event stands in the namespace of what it is about; of what is in none, in default. */
static void check_event(const struct value *event, struct schema_walk *walk)
{
    static const char *const of_none[] = {"default", NULL}, *const of_none_timed[] = {
                                                                "default", "kube-system", NULL};
    const struct value *about = value_path(event, "involvedObject", "namespace", NULL);
    const char *ns = object_namespace(event), *its = value_str(about);
    bool timed = value_str(value_get(event, "eventTime")) != NULL;
    if (timed)
        check_reporter(event, walk);
    if (str_empty(ns))
        return;
    bool fits =
        str_empty(its) ? is_in(ns, timed ? of_none_timed : of_none) : timed || str_eq(ns, its);
    if (!fits)
        schema_mistake(walk, about ? about : value_get(event, "involvedObject"),
                       "involvedObject.namespace", CAUSE_INVALID,
                       "\"%.64s\": does not match the event's namespace", its ? its : "");
}

static const struct schema_type type_event = {
    .name = "Event",
    DOC("Something that happened to an object. Kept for an hour at most."),
    .check = check_event,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "involvedObject", OBJECT(type_object_reference), REQUIRED,
             DOC("What it happened to.")),
           F(3, "reason", STRING, DOC("In one word, for programs.")),
           F(4, "message", STRING, DOC("For people.")),
           F(5, "source", OBJECT(type_event_source), DOC("Who says so.")),
           F(6, "firstTimestamp", TIME, DOC("When it first happened.")),
           F(7, "lastTimestamp", TIME, DOC("When it last happened.")),
           F(8, "count", INT32, DOC("How often it happened.")),
           F(9, "type", STRING, DOC("Normal or Warning.")),
           F(10, "eventTime", MICROTIME,
             DOC("When it first happened, of reporters that count themselves.")),
           F(11, "series", OBJECT(type_event_series), DOC("How often it came since.")),
           F(12, "action", STRING, DOC("What was done or failed, in one word.")),
           F(13, "related", OBJECT(type_object_reference),
             DOC("Another object that it has to do with.")),
           F(14, "reportingComponent", STRING,
             DOC("Who says so, of reporters that count themselves.")),
           F(15, "reportingInstance", STRING, DOC("Which of them."))),
};

static __attribute__((unused)) const char *text_of(const struct value *map, const char *key)
{
    const char *text = value_get_str(map, key);
    return text ? text : "";
}

static __attribute__((unused)) const char *first_of(const char *a, const char *b)
{
    return *a ? a : b;
}

static __attribute__((unused)) void add_age(const char *time, int64_t now_wall_ns, struct buf *ret)
{
    cell_age(*time ? time : NULL, now_wall_ns, ret);
}

CELL(cell_first_seen)
{
    add_age(first_of(text_of(object, "firstTimestamp"), text_of(object, "eventTime")), now_wall_ns,
            ret);
}

CELL(cell_last_seen)
{
    const struct value *series = value_get(object, "series");
    const char *last =
        series ? text_of(series, "lastObservedTime") : text_of(object, "lastTimestamp");
    if (*last || series)
        add_age(last, now_wall_ns, ret);
    else
        cell_first_seen(object, now_wall_ns, ret);
}

CELL(cell_count)
{
    (void)now_wall_ns;
    const struct value *series = value_get(object, "series");
    int64_t count = value_get_int(series ? series : object, "count", 0);
    buf_addf(ret, "%lld", (long long)(count == 0 && !series ? 1 : count));
}

CELL(cell_type)
{
    (void)now_wall_ns;
    buf_addstr(ret, text_of(object, "type"));
}

CELL(cell_reason)
{
    (void)now_wall_ns;
    buf_addstr(ret, text_of(object, "reason"));
}

CELL(cell_object)
{
    (void)now_wall_ns;
    const struct value *about = value_get(object, "involvedObject");
    for (const char *kind = text_of(about, "kind"); *kind; kind++)
        buf_addc(ret, (char)tolower((unsigned char)*kind));
    if (*text_of(about, "name"))
        buf_addf(ret, "/%s", text_of(about, "name"));
}

CELL(cell_subobject)
{
    (void)now_wall_ns;
    buf_addstr(ret, text_of(value_get(object, "involvedObject"), "fieldPath"));
}

CELL(cell_source)
{
    (void)now_wall_ns;
    const struct value *source = value_get(object, "source");
    const char *host = first_of(text_of(source, "host"), text_of(object, "reportingInstance"));
    buf_addstr(ret, first_of(text_of(source, "component"), text_of(object, "reportingComponent")));
    if (*host)
        buf_addf(ret, ", %s", host);
}

/* Without the white space around it. */
CELL(cell_message)
{
    (void)now_wall_ns;
    const char *message = text_of(object, "message");
    message += strspn(message, " \t\r\n");
    size_t len = strlen(message);
    while (len > 0 && strchr(" \t\r\n", message[len - 1]))
        len--;
    buf_add(ret, message, len);
}

const struct schema_kind kind_event = {
    .group = "",
    .version = "v1",
    .kind = "Event",
    .plural = "events",
    .singular = "event",
    .short_names = NAMES("ev"),
    .namespaced = true,
    .type = &type_event,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.core.v1.Event"),
    COLUMNS({"Last Seen", "string", .cell = cell_last_seen}, {"Type", "string", .cell = cell_type},
            {"Reason", "string", .cell = cell_reason}, {"Object", "string", .cell = cell_object},
            {"Subobject", "string", 1, .cell = cell_subobject},
            {"Source", "string", 1, .cell = cell_source},
            {"Message", "string", .cell = cell_message},
            {"First Seen", "string", 1, .cell = cell_first_seen},
            {"Count", "integer", 1, .cell = cell_count},
            {"Name", "string", 1, .path = "metadata.name"}),
    KEEP(.ttl_s = 3600, .max_objects = 4096, .max_bytes = 4 * 1024 * 1024),
    SORTED_BY("series.lastObservedTime", "lastTimestamp", "eventTime",
              "metadata.creationTimestamp"),
};
