#include "controller/link/outqueue.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whoever makes us say things faster than the broker takes them is left without: people and joining
 * nodes without answers, nodes without the clearing of what they retain, which is made good after
 * the next connection. What there is to say of objects is bounded by them. */
#define WAITING_MAX ((size_t)16 * 1024 * 1024)
enum class { OBJECTS, ANSWERS, CLEARINGS, CLASS_COUNT };
static const char *const class_names[] = {"", "answers", "clearings"};

struct item {
    struct outqueue *queue;
    struct list link;
    struct bus_msg msg; /* topic, payload and correlation owned */
};

struct outqueue {
    struct bus *bus;
    struct list items;
    size_t waiting[CLASS_COUNT]; /* bytes */
    bool told[CLASS_COUNT];      /* that some are dropped */
    outqueue_retained_fn *retained;
    void *ctx;
};

struct outqueue *outqueue_new(struct bus *bus, outqueue_retained_fn *retained, void *ctx)
{
    struct outqueue *queue = xcalloc(1, sizeof(*queue));
    queue->bus = bus;
    queue->retained = retained;
    queue->ctx = ctx;
    list_init(&queue->items);
    return queue;
}

static enum class class_of(const struct bus_msg *msg) {
    if (!msg->retain) return ANSWERS;
    return msg->len == 0 && !WEAKENED(OUTQUEUE_CLEARINGS) ? CLEARINGS : OBJECTS;
}

static size_t weight(const struct bus_msg *msg)
{
    return sizeof(struct item) + strlen(msg->topic) + msg->len + msg->correlation_len;
}

static void item_free(struct item *item)
{
    list_remove(&item->link);
    item->queue->waiting[class_of(&item->msg)] -= weight(&item->msg);
    free((char *)item->msg.topic);
    free((void *)item->msg.payload);
    free((void *)item->msg.correlation);
    free(item);
}

void outqueue_clear(struct outqueue *queue)
{
    struct list *it, *tmp;
    list_each(it, tmp, &queue->items) item_free(container_of(it, struct item, link));
}

bool outqueue_is_idle(const struct outqueue *queue)
{
    return list_empty(&queue->items);
}

void outqueue_free(struct outqueue *queue)
{
    if (!queue)
        return;
    outqueue_clear(queue);
    free(queue);
}

void outqueue_put(struct outqueue *queue, const struct bus_msg *msg)
{
    enum class class = class_of(msg);
    if (!queue->bus->is_connected(queue->bus) && !WEAKENED(OUTQUEUE_AWAY))
        return;
    if (class != OBJECTS && queue->waiting[class] + weight(msg) > WAITING_MAX) {
        if (!queue->told[class])
            log_warn("%s dropped, too many wait for the broker: topic=%s", class_names[class],
                     msg->topic);
        queue->told[class] = true;
        return;
    }
    queue->told[class] = false;
    queue->waiting[class] += weight(msg);
    struct item *item = xcalloc(1, sizeof(*item));
    item->queue = queue;
    item->msg = (struct bus_msg){
        .topic = xstrdup(msg->topic),
        .payload = msg->len ? xmemdup(msg->payload, msg->len) : NULL,
        .len = msg->len,
        .qos = 1,
        .retain = msg->retain,
        .expiry_s = msg->expiry_s,
        .correlation =
            msg->correlation_len ? xmemdup(msg->correlation, msg->correlation_len) : NULL,
        .correlation_len = msg->correlation_len,
    };
    list_append(&queue->items, &item->link);
    if (msg->retain && queue->retained)
        queue->retained(queue->ctx);
    outqueue_pump(queue);
}

void outqueue_pump(struct outqueue *queue)
{
    struct list *it, *tmp;
    list_each(it, tmp, &queue->items)
    {
        struct item *item = container_of(it, struct item, link);
        struct err err = {0};
        int rc = queue->bus->publish(queue->bus, &item->msg, NULL, &err);
        if (rc == -ENOBUFS || rc == -ENOTCONN)
            return;
        if (rc < 0)
            log_error("message not published: topic=%s error=%s", item->msg.topic,
                      log_quote(err.msg));
        item_free(item);
    }
}
