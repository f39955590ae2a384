/* core/v1 and events.k8s.io/v1 Event: the same objects, kept in the form of the first. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/schema/cell.h"

#include <ctype.h>

/* What the two call by different names. */
static const struct {
    const char *core, *events;
} words[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"reportingComponent", "reportingController"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
};

static bool is_new_form(const struct value *event)
{
    const char *api_version = value_get_str(event, "apiVersion");
    return api_version && str_has_prefix(api_version, "events.k8s.io/");
}

/* core/v1's name of a field, or the other where the event is of that form. */
static const char *word(const struct value *event, const char *core)
{
    for (size_t i = 0; i < ARRAY_LEN(words) && is_new_form(event); i++)
        if (str_eq(words[i].core, core))
            return words[i].events;
    return core;
}

static const struct value *part(const struct value *event, const char *core)
{
    return value_get(event, word(event, core));
}

static const struct schema_type type_event_source = {
    .name = "EventSource",
    DOC("Who tells of an event."),
    FIELDS(F(1, "component", STRING, DOC("The program.")), F(2, "host", STRING, DOC("Its node."))),
};

static const struct schema_type type_event_series = {
    .name = "EventSeries",
    DOC("How often it came, of reporters that count themselves."),
    FIELDS(F(1, "count", INT32, OMIT_ZERO, DOC("How often.")),
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
        const char *name = word(event, wanted[i].field);
        const struct value *field = value_get(event, name);
        const char *text = value_str(field);
        if (value_type(field) != VALUE_NULL && !text)
            continue;
        if (str_empty(text))
            schema_mistake(walk, field, name, CAUSE_REQUIRED, "required beside eventTime");
        else if (wanted[i].most && strlen(text) > wanted[i].most)
            schema_mistake(walk, field, name, CAUSE_INVALID, "must be at most %zu characters",
                           wanted[i].most);
    }
    const struct value *message = part(event, "message");
    if (value_str(message) && strlen(value_str(message)) > 1024)
        schema_mistake(walk, message, word(event, "message"), CAUSE_INVALID,
                       "must be at most 1024 characters");
}

/* The newer form asks for more; of events that reporters of the older one made it cannot. */
static void check_new_form(const struct value *event, bool timed, struct schema_walk *walk)
{
    static const char *const old[] = {"source", "firstTimestamp", "lastTimestamp", "count"};
    const struct value *count = value_path(event, "series", "count", NULL);
    const struct value *type = value_get(event, "type");
    bool older = false;
    for (size_t i = 0; i < ARRAY_LEN(old); i++)
        older = older || part(event, old[i]);
    if (!timed && !older)
        schema_mistake(walk, NULL, "eventTime", CAUSE_REQUIRED, "required");
    if (value_type(count) == VALUE_INT && value_int(count, 0) < 2)
        schema_mistake(walk, count, "series.count", CAUSE_INVALID, "should be at least 2");
    if (timed && !str_eq(value_str(type), "Normal") && !str_eq(value_str(type), "Warning"))
        schema_mistake(walk, type, "type", CAUSE_INVALID, "must be Normal or Warning");
}

/* An event stands in the namespace of what it is about; of what is in none, in default. */
static void check_event(const struct value *event, struct schema_walk *walk)
{
    static const char *const of_none[] = {"default", NULL}, *const of_none_timed[] = {
                                                                "default", "kube-system", NULL};
    const struct value *about = value_get(part(event, "involvedObject"), "namespace");
    const char *ns = object_namespace(event), *its = value_str(about);
    bool timed = value_str(value_get(event, "eventTime")) != NULL;
    char sub[SCHEMA_SUB_LEN];
    if (timed)
        check_reporter(event, walk);
    if (is_new_form(event))
        check_new_form(event, timed, walk);
    if (str_empty(ns))
        return;
    bool fits =
        str_empty(its) ? is_in(ns, timed ? of_none_timed : of_none) : timed || str_eq(ns, its);
    if (!fits)
        schema_mistake(walk, about ? about : part(event, "involvedObject"),
                       schema_sub_key(word(event, "involvedObject"), "namespace", sub),
                       CAUSE_INVALID, "\"%.64s\": does not match the event's namespace",
                       its ? its : "");
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
           F(8, "count", INT32, OMIT_ZERO, DOC("How often it happened.")),
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
    add_age(first_of(text_of(object, word(object, "firstTimestamp")), text_of(object, "eventTime")),
            now_wall_ns, ret);
}

CELL(cell_last_seen)
{
    const struct value *series = value_get(object, "series");
    const char *last = series ? text_of(series, "lastObservedTime")
                              : text_of(object, word(object, "lastTimestamp"));
    if (*last || series)
        add_age(last, now_wall_ns, ret);
    else
        cell_first_seen(object, now_wall_ns, ret);
}

CELL(cell_count)
{
    (void)now_wall_ns;
    const struct value *series = value_get(object, "series");
    int64_t count =
        series ? value_get_int(series, "count", 0) : value_int(part(object, "count"), 0);
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
    const struct value *about = part(object, "involvedObject");
    for (const char *kind = text_of(about, "kind"); *kind; kind++)
        buf_addc(ret, (char)tolower((unsigned char)*kind));
    if (*text_of(about, "name"))
        buf_addf(ret, "/%s", text_of(about, "name"));
}

CELL(cell_subobject)
{
    (void)now_wall_ns;
    buf_addstr(ret, text_of(part(object, "involvedObject"), "fieldPath"));
}

CELL(cell_source)
{
    (void)now_wall_ns;
    const struct value *source = part(object, "source");
    const char *host = first_of(text_of(source, "host"), text_of(object, "reportingInstance"));
    buf_addstr(ret, first_of(text_of(source, "component"),
                             text_of(object, word(object, "reportingComponent"))));
    if (*host)
        buf_addf(ret, ", %s", host);
}

/* Without the white space around it. */
CELL(cell_message)
{
    (void)now_wall_ns;
    const char *message = text_of(object, word(object, "message"));
    message += strspn(message, " \t\r\n");
    size_t len = strlen(message);
    while (len > 0 && strchr(" \t\r\n", message[len - 1]))
        len--;
    buf_add(ret, message, len);
}

static void rename_field(struct value *event, const char *from, const char *to)
{
    struct value *field = value_take(event, from);
    if (field)
        value_set(event, to, field);
}

static void to_core(struct value *event)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        rename_field(event, words[i].events, words[i].core);
    value_make_map(event, "involvedObject", NULL); /* which core/v1 wants */
}

static void from_core(struct value *event)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        rename_field(event, words[i].core, words[i].events);
}

static const struct schema_type type_new_event = {
    .name = "Event",
    DOC("Something that happened to an object. Kept for an hour at most."),
    .check = check_event,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "eventTime", MICROTIME, DOC("When it first happened.")),
           F(3, "series", OBJECT(type_event_series), DOC("How often it came since.")),
           F(4, "reportingController", STRING, DOC("Who says so.")),
           F(5, "reportingInstance", STRING, DOC("Which of them.")),
           F(6, "action", STRING, DOC("What was done or failed, in one word.")),
           F(7, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(8, "regarding", OBJECT(type_object_reference), DOC("What it happened to.")),
           F(9, "related", OBJECT(type_object_reference),
             DOC("Another object that it has to do with.")),
           F(10, "note", STRING, DOC("For people.")),
           F(11, "type", STRING, DOC("Normal or Warning.")),
           F(12, "deprecatedSource", OBJECT(type_event_source), DOC("core/v1's source.")),
           F(13, "deprecatedFirstTimestamp", TIME, DOC("core/v1's firstTimestamp.")),
           F(14, "deprecatedLastTimestamp", TIME, DOC("core/v1's lastTimestamp.")),
           F(15, "deprecatedCount", INT32, DOC("core/v1's count."))),
};

#define EVENT_NAMES                                                                                \
    .version = "v1", .kind = "Event", .plural = "events", .singular = "event",                     \
    .short_names = NAMES("ev"), .namespaced = true, .name = format_dns1123_subdomain
#define EVENT_COLUMNS                                                                              \
    COLUMNS(                                                                                       \
        {"Last Seen", "string", .cell = cell_last_seen}, {"Type", "string", .cell = cell_type},    \
        {"Reason", "string", .cell = cell_reason}, {"Object", "string", .cell = cell_object},      \
        {"Subobject", "string", 1, .cell = cell_subobject},                                        \
        {"Source", "string", 1, .cell = cell_source}, {"Message", "string", .cell = cell_message}, \
        {"First Seen", "string", 1, .cell = cell_first_seen},                                      \
        {"Count", "integer", 1, .cell = cell_count},                                               \
        {"Name", "string", 1, .path = "metadata.name"}),                                           \
        KEEP(.ttl_s = 3600, .max_objects = 4096, .max_bytes = 4 * 1024 * 1024)

const struct schema_kind kind_event = {
    .group = "",
    EVENT_NAMES,
    .type = &type_event,
    PROTO("k8s.io.api.core.v1.Event"),
    EVENT_COLUMNS,
    SORTED_BY("series.lastObservedTime", "lastTimestamp", "eventTime",
              "metadata.creationTimestamp"),
    SELECTABLE({"involvedObject.kind"}, {"involvedObject.namespace"}, {"involvedObject.name"},
               {"involvedObject.uid"}, {"involvedObject.apiVersion"},
               {"involvedObject.resourceVersion"}, {"involvedObject.fieldPath"}, {"reason"},
               {"reportingComponent"},
               {"source", .path = "source.component", .other = "reportingComponent"}, {"type"}),
};

const struct schema_kind kind_new_event = {
    .group = "events.k8s.io",
    EVENT_NAMES,
    .type = &type_new_event,
    PROTO("k8s.io.api.events.v1.Event"),
    EVENT_COLUMNS,
    SORTED_BY("series.lastObservedTime", "deprecatedLastTimestamp", "eventTime",
              "metadata.creationTimestamp"),
    SELECTABLE({"regarding.kind"}, {"regarding.namespace"}, {"regarding.name"}, {"regarding.uid"},
               {"regarding.apiVersion"}, {"regarding.resourceVersion"}, {"regarding.fieldPath"},
               {"reason"}, {"reportingController"}, {"type"}),
    .stored = &kind_event,
    .to_stored = to_core,
    .from_stored = from_core,
};
