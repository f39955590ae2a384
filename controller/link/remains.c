#include "controller/link/remains.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/topic.h"
#include "controller/link/enrolment.h"
#include "controller/link/session.h"
#include "controller/link/sheets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Long enough for the writes of a session that ended to be through. */
#define SWEEP_NS NS_PER_S
#define RETRY_NS (60 * NS_PER_S)

struct remains {
    struct remains_spec spec;
    struct loop_timer *sweep;
};

static const struct api_user user = {.name = "system:limpet:link"};

static bool is_gone(const struct remains *remains, const char *node)
{
    char name[TOPIC_NODE_NAME_MAX + 1];
    topic_node_name(node, name);
    const struct api_ref ref = {&kind_node, "", name};
    cleanup(value_free) struct value *object = NULL;
    if (api_get(remains->spec.api, &user, &ref, &object) != 0)
        return true;
    return !str_eq(object_annotation(object, NODE_ID_ANNOTATION), node) || WEAKENED(REMAINS_LIVING);
}

/* The store. */

struct sweep {
    struct remains *remains;
    size_t skip;                   /* bytes of the prefix */
    char node[TOPIC_NODE_MAX + 1]; /* of the item before: keys of a node stand together */
    bool gone;
    struct value *keys;
};

static int see_record(void *ctx, const struct store_item *item)
{
    struct sweep *sweep = ctx;
    char node[TOPIC_NODE_MAX + 1];
    const char *rest = item->key + sweep->skip;
    size_t len = strcspn(rest, "/");
    if (len >= sizeof(node))
        return 0;
    snprintf(node, sizeof(node), "%.*s", (int)len, rest);
    if (!str_eq(node, sweep->node)) {
        memcpy(sweep->node, node, sizeof(node));
        sweep->gone = topic_node_valid(node) && is_gone(sweep->remains, node);
    }
    if (sweep->gone)
        value_append(sweep->keys, value_new_str(item->key));
    return 0;
}

static void record_gone(void *ctx, int code, int64_t revision)
{
    struct remains *remains = ctx;
    (void)revision;
    if (code == 0 || code == -ENOENT)
        return;
    log_warn("records of a node that is gone stay for now: error=%s", strerror(-code));
    loop_timer_after(remains->sweep, RETRY_NS);
}

static void sweep_store(void *ctx)
{
    static const char *const prefixes[] = {SESSION_INDEXES, SHEETS_SEALED};
    struct remains *remains = ctx;
    cleanup(value_free) struct value *keys = value_new_list();
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        struct sweep sweep = {.remains = remains, .skip = strlen(prefixes[i]), .keys = keys};
        store_list(remains->spec.store, prefixes[i], NULL, see_record, &sweep);
    }
    for (size_t i = 0; i < value_len(keys) && !WEAKENED(REMAINS_STORE); i++)
        store_delete(remains->spec.store, value_str(value_at(keys, i)), STORE_ANY, record_gone,
                     remains);
    if (value_len(keys) > 0)
        log_info("records of nodes that are gone removed: count=%zu", value_len(keys));
}

/* The broker. */

/* What it retains of the tree comes once. Without a connection: with the next one. */
static void read_tree(struct remains *remains,
                      int (*make)(const char *node, char ret[TOPIC_MAX + 1], struct err *err),
                      const char *node)
{
    struct bus *bus = remains->spec.bus;
    char filter[TOPIC_MAX + 1];
    struct err err = {0};
    if (make(node, filter, &err) == 0 && bus->subscribe(bus, filter, 1, &err) == 0)
        (void)bus->unsubscribe(bus, filter, &err);
}

void remains_connected(struct remains *remains)
{
    if (!WEAKENED(REMAINS_RETAINED))
        read_tree(remains, topic_filter_down, "+"); /* "up" is subscribed to in any case */
}

void remains_node(struct remains *remains, const char *node)
{
    loop_timer_after(remains->sweep, SWEEP_NS);
    read_tree(remains, topic_filter_down, node);
    read_tree(remains, topic_filter_up, node);
}

/* Of a node that still talks, which the broker may have been told to retain. */
static bool may_be_retained(const struct bus_msg *msg)
{
    struct topic topic;
    struct err err = {0};
    return topic_parse(msg->topic, &topic, &err) == 0 &&
           (topic.type == TOPIC_ONLINE || topic.type == TOPIC_STATUS);
}

void remains_message(struct remains *remains, const char *node, const struct bus_msg *msg)
{
    /* A node that talks fast does not fill our memory: what is left out now comes with the next
     * connection. */
    bool now = msg->retain || (may_be_retained(msg) && outqueue_is_idle(remains->spec.queue));
    if (msg->len == 0 || !now || !is_gone(remains, node))
        return;
    const struct bus_msg clear = {.topic = msg->topic, .retain = true};
    outqueue_put(remains->spec.queue, &clear);
}

/* Life. */

struct remains *remains_new(const struct remains_spec *spec)
{
    struct remains *remains = xcalloc(1, sizeof(*remains));
    remains->spec = *spec;
    remains->sweep = loop_timer_new(spec->loop, sweep_store, remains);
    loop_timer_after(remains->sweep, SWEEP_NS);
    return remains;
}

void remains_free(struct remains *remains)
{
    if (!remains)
        return;
    loop_timer_free(remains->sweep);
    free(remains);
}
