#include "agent/link/outbox.h"

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/utf8.h"
#include "common/base/weaken.h"
#include "common/bus/report.h"
#include "common/data/json.h"

#include <stdio.h>

struct entry {
    struct value *pod;
    uint64_t seq;
    bool gone;
    bool settled;   /* gone, and nobody asks for it: forgotten once the broker has it */
    bool unsent;    /* the broker does not have this state */
    uint32_t token; /* in flight; 0 = not */
};

struct outbox {
    char boot[65];
    uint64_t seq;
    struct map *entries; /* uid -> struct entry */
    struct value *events[OUTBOX_EVENTS];
    size_t first_event, event_count, offered;
    int64_t dropped;
};

static void entry_free(void *p)
{
    struct entry *entry = p;
    value_free(entry->pod);
    free(entry);
}

struct outbox *outbox_new(const char *boot, uint64_t seq0)
{
    struct outbox *outbox = xcalloc(1, sizeof(*outbox));
    snprintf(outbox->boot, sizeof(outbox->boot), "%s", boot);
    outbox->seq = seq0;
    outbox->entries = map_new();
    return outbox;
}

static void drop_first_event(struct outbox *outbox)
{
    value_free(outbox->events[outbox->first_event]);
    outbox->first_event = (outbox->first_event + 1) % OUTBOX_EVENTS;
    outbox->event_count--;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    map_free(outbox->entries, entry_free);
    while (outbox->event_count > 0)
        drop_first_event(outbox);
    free(outbox);
}

void outbox_status(struct outbox *outbox, const char *uid, const struct value *pod, bool gone)
{
    struct entry *entry = map_get(outbox->entries, uid);
    if (!entry) {
        entry = xcalloc(1, sizeof(*entry));
        (void)map_put(outbox->entries, uid, entry);
    }
    value_free(entry->pod);
    entry->pod = value_copy(pod);
    entry->gone = gone;
    entry->settled = false;
    entry->seq = ++outbox->seq;
    entry->unsent = true;
    entry->token = 0;
}

/* Another pod has taken the name: the gateway has let go of the one before. */
static bool has_follower(const struct outbox *outbox, const struct value *pod)
{
    const struct value *meta = value_get(pod, "metadata");
    void *p;
    for (size_t i = 0; map_next(outbox->entries, &i, NULL, &p);) {
        const struct entry *other = p;
        const struct value *its = value_get(other->pod, "metadata");
        if (!other->gone && str_eq(value_get_str(its, "name"), value_get_str(meta, "name")) &&
            str_eq(value_get_str(its, "namespace"), value_get_str(meta, "namespace")))
            return true;
    }
    return false;
}

void outbox_settle(struct outbox *outbox, outbox_listed_fn *listed, void *ctx)
{
    const char *uid;
    void *p;
    for (size_t i = 0; map_next(outbox->entries, &i, &uid, &p);) {
        struct entry *entry = p;
        const struct value *meta = value_get(entry->pod, "metadata");
        if (!entry->gone || entry->settled)
            continue;
        autofree char *path =
            xasprintf("Pod/%s/%s", value_get_str(meta, "namespace"), value_get_str(meta, "name"));
        if (listed(ctx, path) && !has_follower(outbox, entry->pod) && !WEAKENED(OUTBOX_GONE))
            continue;
        entry->settled = true;
        if (!entry->unsent && !entry->token)
            entry_free(map_del(outbox->entries, uid));
    }
}

bool outbox_next(struct outbox *outbox, const char **ret_uid, struct buf *ret)
{
    void *p;
    for (size_t i = 0; map_next(outbox->entries, &i, ret_uid, &p);) {
        const struct entry *entry = p;
        if (!entry->unsent || entry->token)
            continue;
        struct report report = {.seq = entry->seq, .gone = entry->gone, .pod = entry->pod};
        memcpy(report.boot, outbox->boot, sizeof(report.boot));
        return report_write(&report, ret) == 0;
    }
    return false;
}

void outbox_sent(struct outbox *outbox, const char *uid, uint32_t token)
{
    struct entry *entry = map_get(outbox->entries, uid);
    if (entry)
        entry->token = token;
}

void outbox_acked(struct outbox *outbox, uint32_t token, bool ok)
{
    const char *uid;
    void *p;
    for (size_t i = 0; map_next(outbox->entries, &i, &uid, &p);) {
        struct entry *entry = p;
        if (entry->token != token)
            continue;
        entry->token = 0;
        entry->unsent = !ok;
        if (ok && entry->settled)
            entry_free(map_del(outbox->entries, uid));
        return;
    }
}

void outbox_reset(struct outbox *outbox, bool lost)
{
    void *p;
    for (size_t i = 0; map_next(outbox->entries, &i, NULL, &p);) {
        struct entry *entry = p;
        entry->token = 0;
        entry->unsent |= lost;
    }
}

void outbox_hash(const struct outbox *outbox, uint8_t ret[8])
{
    memset(ret, 0, 8);
    const char *uid;
    void *p;
    for (size_t i = 0; map_next(outbox->entries, &i, &uid, &p);) {
        const struct entry *entry = p;
        if (!entry->gone)
            report_hash_add(ret, uid, entry->seq, false);
    }
}

/* Until it is sent, "age" is the time since when it is counted. */
void outbox_event(struct outbox *outbox, struct value *event, int64_t now)
{
    const char *message = value_get_str(event, "message");
    if (message && strlen(message) > OUTBOX_MESSAGE)
        value_set(event, "message", value_new_strn(message, utf8_cut(message, OUTBOX_MESSAGE)));
    value_set_int(event, "age", now);
    if (outbox->event_count == OUTBOX_EVENTS) {
        drop_first_event(outbox);
        outbox->dropped++;
    }
    size_t at = (outbox->first_event + outbox->event_count++) % OUTBOX_EVENTS;
    outbox->events[at] = event;
}

bool outbox_events(struct outbox *outbox, int64_t now, struct buf *ret)
{
    if (outbox->event_count == 0)
        return false;
    cleanup(value_free) struct value *message = value_new_map();
    value_set_int(message, "v", 1);
    value_set_str(message, "boot", outbox->boot);
    value_set_int(message, "dropped", outbox->dropped);
    struct value *list = value_set(message, "events", value_new_list());
    for (size_t i = 0; i < outbox->event_count; i++) {
        struct value *event = value_copy(outbox->events[(outbox->first_event + i) % OUTBOX_EVENTS]);
        value_set_int(event, "age", (now - value_get_int(event, "age", now)) / NS_PER_MS);
        value_append(list, event);
    }
    outbox->offered = outbox->event_count;
    return json_write(message, ret) == 0;
}

void outbox_events_sent(struct outbox *outbox)
{
    for (; outbox->offered > 0; outbox->offered--)
        drop_first_event(outbox);
    outbox->dropped = 0;
}
