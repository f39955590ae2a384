#include "controller/monitor/audit.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING_MAX ((size_t)512 * 1024) /* bytes */
#define BATCH_NS NS_PER_S
#define TEXT_MAX 512 /* bytes of what a client says of itself */
#define MINUTE_NS (60 * NS_PER_S)

struct audit {
    struct loop *loop;
    struct rng *rng;
    char *file; /* NULL: none */
    size_t bytes;
    struct buf waiting;
    struct loop_timer *timer;
    int fd; /* -1: to be opened */
    size_t size;
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

static struct value *event_value(const struct audit_event *event)
{
    struct value *map = value_new_map();
    bool forbidden = event->code == 401 || event->code == 403;
    value_set_str(map, "kind", "Event");
    value_set_str(map, "apiVersion", "audit.k8s.io/v1");
    value_set_str(map, "level", "Metadata");
    value_set_str(map, "auditID", event->id);
    value_set_str(map, "stage", "ResponseComplete");
    set_text(map, "requestURI", event->uri);
    value_set_str(map, "verb", event->verb);
    add_user(map, event);
    struct value *addresses = value_new_list();
    if (!str_empty(event->address))
        value_append(addresses, value_new_str(event->address));
    value_set(map, "sourceIPs", addresses);
    set_text(map, "userAgent", event->agent);
    add_object(map, event);
    value_set(value_make_map(map, "responseStatus", NULL), "metadata", value_new_map());
    value_set_int(value_make_map(map, "responseStatus", NULL), "code", event->code);
    set_time(map, "requestReceivedTimestamp", event->received_ns);
    set_time(map, "stageTimestamp", event->answered_ns);
    value_set_str(value_make_map(map, "annotations", NULL), "authorization.k8s.io/decision",
                  forbidden ? "forbid" : "allow");
    return map;
}

/* ---- the file ---- */

static int open_file(struct audit *audit)
{
    struct stat st;
    char last = '\n';
    audit->fd = open(audit->file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (audit->fd < 0 || fstat(audit->fd, &st) < 0)
        return -errno;
    audit->size = (size_t)st.st_size;
    /* A torn line stays by itself. */
    if (st.st_size > 0 && pread(audit->fd, &last, 1, st.st_size - 1) == 1 && last != '\n')
        return write(audit->fd, "\n", 1) < 0 ? -errno : 0;
    return 0;
}

static void close_file(struct audit *audit)
{
    if (audit->fd >= 0)
        close(audit->fd);
    audit->fd = -1;
}

/* FILE becomes FILE.1, and so on; the oldest goes. */
static void turn_over(struct audit *audit)
{
    close_file(audit);
    for (int i = AUDIT_FILES - 1; i > 0; i--) {
        autofree char *to = xasprintf("%s.%d", audit->file, i);
        autofree char *from = i > 1 ? xasprintf("%s.%d", audit->file, i - 1) : xstrdup(audit->file);
        (void)rename(from, to);
    }
    /* Where nothing can be renamed, it begins anew all the same. */
    (void)unlink(audit->file);
}

static int append(struct audit *audit)
{
    struct buf *text = &audit->waiting;
    int r = audit->fd < 0 ? open_file(audit) : 0;
    bool over = audit->size > 0 && audit->size + text->len > audit->bytes / AUDIT_FILES;
    if (r == 0 && over && !WEAKENED(AUDIT_BOUND)) {
        turn_over(audit);
        r = open_file(audit);
    }
    if (r < 0)
        return r;
    ssize_t n = write(audit->fd, text->data, text->len);
    if (n < 0)
        return -errno;
    audit->size += (size_t)n;
    return (size_t)n < text->len ? -ENOSPC : 0;
}

static void count_lost(struct audit *audit)
{
    for (const char *p = buf_str(&audit->waiting); (p = strchr(p, '\n')); p++)
        audit->dropped++;
}

static void flush(struct audit *audit)
{
    if (!audit->waiting.len || !audit->file)
        return;
    int r = append(audit);
    if (r < 0) {
        count_lost(audit);
        close_file(audit);
        if (!audit->failing)
            log_error("the audit trail cannot be written file=%s error=%s", audit->file,
                      strerror(-r));
    }
    audit->failing = r < 0;
    buf_done(&audit->waiting);
    buf_init(&audit->waiting, WAITING_MAX);
}

static void on_timer(void *ctx)
{
    flush(ctx);
}

/* ---- the trail ---- */

struct audit *audit_new(const struct audit_spec *spec)
{
    struct audit *audit = xcalloc(1, sizeof(*audit));
    audit->loop = spec->loop;
    audit->rng = spec->rng;
    audit->file = str_empty(spec->file) ? NULL : xstrdup(spec->file);
    audit->bytes = spec->bytes;
    audit->fd = -1;
    audit->minute = -1;
    buf_init(&audit->waiting, WAITING_MAX);
    audit->timer = loop_timer_new(spec->loop, on_timer, audit);
    return audit;
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    flush(audit);
    close_file(audit);
    loop_timer_free(audit->timer);
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

void audit_tell(struct audit *audit, const struct audit_event *event)
{
    if (!audit)
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
    metric_value(out, "", (double)((const struct audit *)ctx)->dropped);
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
