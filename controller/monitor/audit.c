#include "controller/monitor/audit.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "controller/monitor/trail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX ((size_t)512 * 1024) /* bytes */
#define BATCH_NS NS_PER_S
#define TEXT_MAX 512 /* bytes of what a client says of itself */
#define MINUTE_NS (60 * NS_PER_S)

struct audit {
    struct loop *loop;
    struct rng *rng;
    struct audit_file *policy; /* NULL: the usual */
    char *file;                /* NULL: none */
    struct trail *trail;       /* likewise */
    struct buf waiting;
    struct loop_timer *timer;
    bool failing; /* that was logged */
    int64_t minute;
    unsigned strangers; /* in it */
    uint64_t told, dropped;
};

/* ---- the event ---- */

static void set_text(struct value *map, const char *key, const char *text)
{
    size_t len = text ? strnlen(text, TEXT_MAX) : 0;
    while (len && text[len] && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--; /* not amid a character */
    if (!len)
        return;
    autofree char *kept = xasprintf("%.*s", (int)len, text);
    value_set_str(map, key, str_is_utf8(kept, len) ? kept : "?");
}

static void set_time(struct value *map, const char *key, int64_t wall_ns)
{
    char text[CLOCK_RFC3339_LEN];
    clock_format(wall_ns, 6, text);
    value_set_str(map, key, text);
}

static void add_user(struct value *map, const struct audit_event *event)
{
    const char *everybody = event->user ? "system:authenticated" : "system:unauthenticated";
    struct value *groups = value_new_list();
    struct value *user = value_make_map(map, "user", NULL);
    value_set_str(user, "username", event->user ? event->user : "system:anonymous");
    for (const char *const *group = event->groups; group && *group; group++)
        if (!str_eq(*group, everybody))
            value_append(groups, value_new_str(*group));
    value_append(groups, value_new_str(everybody));
    value_set(user, "groups", groups);
}

static void add_impersonated(struct value *map, const struct audit_event *event)
{
    if (!event->acts_as)
        return;
    struct value *user = value_make_map(map, "impersonatedUser", NULL);
    struct value *groups = value_new_list();
    set_text(user, "username", event->acts_as->name);
    for (const char *const *group = event->acts_as->groups; group && *group; group++)
        value_append(groups, value_new_str(*group));
    value_set(user, "groups", groups);
}

static void add_object(struct value *map, const struct audit_event *event)
{
    const struct api_ref *ref = &event->ref;
    if (!ref->kind)
        return;
    struct value *object = value_make_map(map, "objectRef", NULL);
    value_set_str(object, "resource", ref->kind->plural);
    set_text(object, "namespace", ref->ns);
    set_text(object, "name", ref->name);
    set_text(object, "apiGroup", ref->kind->group);
    value_set_str(object, "apiVersion", ref->kind->version);
    set_text(object, "subresource", event->subresource);
}

static enum audit_stage stage_of(const struct audit_event *event)
{
    return event->stream ? AUDIT_STARTED : AUDIT_COMPLETE;
}

static void drop_managed(struct value *object)
{
    struct value *items = value_get(object, "items");
    value_del(value_get(object, "metadata"), "managedFields");
    for (size_t i = 0; i < value_len(items); i++)
        value_del(value_get(value_at(items, i), "metadata"), "managedFields");
}

/* False: it is too large. */
static bool add_body(struct value *map, const char *key, const struct value *body, bool omit)
{
    cleanup(value_free) struct value *copy = value_copy(body);
    cleanup(buf_done) struct buf text;
    buf_init(&text, AUDIT_BODY_MAX);
    if (omit)
        drop_managed(copy);
    if (json_write(copy, &text) < 0 && !WEAKENED(AUDIT_BODY))
        return false;
    value_set(map, key, steal(copy));
    return true;
}

static void add_bodies(struct value *map, const struct audit_event *event)
{
    const struct audit_verdict *verdict = &event->verdict;
    bool cut = event->truncated && verdict->level >= AUDIT_REQUEST;
    if (event->request && verdict->level >= AUDIT_REQUEST)
        cut |= !add_body(map, "requestObject", event->request, verdict->omit_managed);
    if (event->response && verdict->level >= AUDIT_REQUEST_RESPONSE)
        cut |= !add_body(map, "responseObject", event->response, verdict->omit_managed);
    if (cut)
        value_set_str(value_make_map(map, "annotations", NULL), "audit.k8s.io/truncated", "true");
}

static struct value *event_value(const struct audit_event *event)
{
    struct value *map = value_new_map();
    bool forbidden = event->code == 401 || event->code == 403;
    value_set_str(map, "kind", "Event");
    value_set_str(map, "apiVersion", "audit.k8s.io/v1");
    value_set_str(map, "level", audit_levels[event->verdict.level]);
    value_set_str(map, "auditID", event->id);
    value_set_str(map, "stage", audit_stages[stage_of(event)]);
    set_text(map, "requestURI", event->uri);
    value_set_str(map, "verb", event->verb);
    add_user(map, event);
    add_impersonated(map, event);
    struct value *addresses = value_new_list();
    if (!str_empty(event->address))
        value_append(addresses, value_new_str(event->address));
    value_set(map, "sourceIPs", addresses);
    set_text(map, "userAgent", event->agent);
    add_object(map, event);
    value_set(value_make_map(map, "responseStatus", NULL), "metadata", value_new_map());
    value_set_int(value_make_map(map, "responseStatus", NULL), "code", event->code);
    add_bodies(map, event);
    set_time(map, "requestReceivedTimestamp", event->received_ns);
    set_time(map, "stageTimestamp", event->answered_ns);
    value_set_str(value_make_map(map, "annotations", NULL), "authorization.k8s.io/decision",
                  forbidden ? "forbid" : "allow");
    if (event->note)
        value_set_str(value_get(map, "annotations"), event->note_key, event->note);
    return map;
}

/* ---- the file ---- */

/* What has become of what was handed over; logged once. */
static void look_back(struct audit *audit)
{
    int error;
    (void)trail_lost(audit->trail, &error);
    if (error && !audit->failing)
        log_error("the audit trail cannot be written file=%s error=%s", audit->file,
                  strerror(error));
    audit->failing = error != 0;
}

/* What cannot be handed over yet goes on waiting, within its bound. */
static void on_timer(void *ctx)
{
    struct audit *audit = ctx;
    if (!audit->trail)
        return;
    look_back(audit);
    if (audit->waiting.len > 0 && trail_write(audit->trail, &audit->waiting))
        buf_init(&audit->waiting, WAITING_MAX);
    if (audit->waiting.len > 0 || trail_is_busy(audit->trail))
        loop_timer_after(audit->timer, BATCH_NS);
}

/* ---- the trail ---- */

int audit_new(const struct audit_spec *spec, struct audit **ret, struct err *err)
{
    struct audit_file *policy = NULL;
    int r = str_empty(spec->policy) ? 0 : audit_file_new(spec->loop, spec->policy, &policy, err);
    if (r < 0)
        return r;
    struct audit *audit = xcalloc(1, sizeof(*audit));
    audit->policy = policy;
    audit->loop = spec->loop;
    audit->rng = spec->rng;
    audit->file = str_empty(spec->file) ? NULL : xstrdup(spec->file);
    if (audit->file)
        audit->trail = trail_new(audit->file, spec->bytes, AUDIT_FILES);
    audit->minute = -1;
    buf_init(&audit->waiting, WAITING_MAX);
    audit->timer = loop_timer_new(spec->loop, on_timer, audit);
    *ret = audit;
    return 0;
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    trail_free(audit->trail, &audit->waiting);
    loop_timer_free(audit->timer);
    audit_file_free(audit->policy);
    buf_done(&audit->waiting);
    free(audit->file);
    free(audit);
}

void audit_id(struct audit *audit, char ret[static AUDIT_ID])
{
    uint8_t b[16];
    rng_fill(audit->rng, b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(ret, AUDIT_ID, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

/* Strangers shall not be able to turn the trail of all others over. */
static bool has_room(struct audit *audit, const struct audit_event *event)
{
    int64_t minute = loop_now(audit->loop) / MINUTE_NS;
    if (event->user || WEAKENED(AUDIT_STRANGERS_BOUND))
        return true;
    if (minute != audit->minute)
        audit->strangers = 0;
    audit->minute = minute;
    return audit->strangers++ < AUDIT_STRANGERS;
}

bool audit_decide(struct audit *audit, struct audit_event *event)
{
    if (!audit)
        return false;
    size_t len = event->uri ? strcspn(event->uri, "?") : 0;
    autofree char *path = xasprintf("%.*s", (int)len, event->uri ? event->uri : "");
    const struct audit_subject subject = {event->user, event->groups,      event->verb,  path,
                                          event->ref,  event->subresource, event->writes};
    event->verdict =
        audit_policy_decide(audit->policy ? audit_file_policy(audit->policy) : NULL, &subject);
    return event->verdict.level > AUDIT_NONE && !(event->verdict.omitted & 1u << stage_of(event));
}

void audit_tell(struct audit *audit, const struct audit_event *event)
{
    if (!audit || event->verdict.level == AUDIT_NONE)
        return;
    if (!has_room(audit, event)) {
        audit->dropped++;
        return;
    }
    cleanup(value_free) struct value *value = event_value(event);
    cleanup(buf_done) struct buf line;
    buf_init(&line, 0);
    json_write(value, &line);
    buf_addc(&line, '\n');
    if (buf_add(&audit->waiting, line.data, line.len) < 0)
        audit->dropped++;
    else
        audit->told++;
    if (!loop_timer_armed(audit->timer))
        loop_timer_after(audit->timer, BATCH_NS);
}

const char *audit_waiting(const struct audit *audit)
{
    return buf_str(&audit->waiting);
}

static void collect_told(void *ctx, struct metric_out *out)
{
    metric_value(out, "", (double)((const struct audit *)ctx)->told);
}

static void collect_dropped(void *ctx, struct metric_out *out)
{
    const struct audit *audit = ctx;
    int error;
    uint64_t lost = audit->trail ? trail_lost(audit->trail, &error) : 0;
    metric_value(out, "", (double)(audit->dropped + lost));
}

void audit_register(struct audit *audit, struct metrics *metrics)
{
    static const struct metric table[] = {
        {"apiserver_audit_event_total", "Events for the audit trail.", METRIC_COUNTER,
         collect_told},
        {"limpet_audit_lost_total",
         "Events that are not in it: for want of room, or of too many strangers.", METRIC_COUNTER,
         collect_dropped},
    };
    metrics_add(metrics, table, ARRAY_LEN(table), audit);
}
