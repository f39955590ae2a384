#include "controller/reconcile/event.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#define HASH_BYTES 8
#define NAME_MAX_LEN 253

const char *event_namespace(const struct event *event)
{
    return *event->ns ? event->ns : "default";
}

static void hash_of(const struct event *event, char ret[2 * HASH_BYTES + 1])
{
    const char *const same[] = {event->component, event->host,   event->kind,
                                event->ns,        event->name,   event->uid,
                                event->type,      event->reason, event->message};
    uint8_t digest[SHA256_LEN];
    struct sha256_ctx *sha = sha256_new();
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        sha256_add(sha, same[i], strlen(same[i]) + 1);
    sha256_end(sha, digest);
    hex_encode(digest, HASH_BYTES, ret);
}

char *event_name(const struct event *event)
{
    char hash[2 * HASH_BYTES + 1];
    size_t len = strlen(event->name), most = NAME_MAX_LEN - sizeof(hash);
    hash_of(event, hash);
    if (len > most)
        len = most;
    while (len > 0 && strchr("-.", event->name[len - 1])) /* a part must not end with those */
        len--;
    return xasprintf("%.*s.%s", (int)len, event->name, hash);
}

static struct value *reference_of(const struct event *event)
{
    struct value *about = value_new_map();
    value_set_str(about, "kind", event->kind);
    if (*event->ns)
        value_set_str(about, "namespace", event->ns);
    value_set_str(about, "name", event->name);
    value_set_str(about, "uid", event->uid);
    value_set_str(about, "apiVersion", "v1");
    return about;
}

struct value *event_object(const struct event *event)
{
    autofree char *name = event_name(event);
    struct value *object = value_new_map();
    value_set_str(object, "apiVersion", "v1");
    value_set_str(object, "kind", "Event");
    struct value *meta = value_make_map(object, "metadata", NULL);
    value_set_str(meta, "name", name);
    value_set_str(meta, "namespace", event_namespace(event));
    value_set(object, "involvedObject", reference_of(event));
    value_set_str(object, "reason", event->reason);
    value_set_str(object, "message", event->message);
    struct value *source = value_make_map(object, "source", NULL);
    value_set_str(source, "component", event->component);
    if (*event->host)
        value_set_str(source, "host", event->host);
    value_set_int(object, "count", 0);
    value_set_str(object, "type", event->type);
    value_set_str(object, "reportingComponent", event->component);
    value_set_str(object, "reportingInstance", event->host);
    return object;
}

/* Finer than Kubernetes does, for a pod is assigned, pulled and started within one second: clients
 * read it, and so show that in its order. */
static void set_time(struct value *object, const char *field, int64_t wall_ns)
{
    char text[CLOCK_RFC3339_LEN];
    clock_format(wall_ns, 6, text);
    value_set_str(object, field, text);
}

static int64_t time_of(const struct value *object, const char *field, int64_t def)
{
    const char *text = value_get_str(object, field);
    int64_t wall_ns;
    return text && clock_parse(text, &wall_ns) == 0 ? wall_ns : def;
}

void event_count(struct value *object, int64_t count, int64_t first_wall_ns, int64_t last_wall_ns)
{
    int64_t total = value_get_int(object, "count", 1);
    total = total > INT32_MAX - count ? INT32_MAX : total + count;
    value_set_int(object, "count", total);
    if (first_wall_ns < time_of(object, "firstTimestamp", INT64_MAX))
        set_time(object, "firstTimestamp", first_wall_ns);
    if (last_wall_ns > time_of(object, "lastTimestamp", INT64_MIN))
        set_time(object, "lastTimestamp", last_wall_ns);
}
