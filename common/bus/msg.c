#include "common/bus/msg.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>

static size_t text_size(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

static const void *put(char **at, const void *data, size_t len)
{
    void *start = *at;

    if (!data)
        return NULL;
    memcpy(start, data, len);
    *at += len;
    return start;
}

struct bus_msg *bus_msg_copy(const struct bus_msg *msg)
{
    size_t size = sizeof(*msg) + msg->prop_count * sizeof(*msg->props) + text_size(msg->topic) +
                  text_size(msg->response_topic) + msg->correlation_len + msg->len + 1;

    for (size_t i = 0; i < msg->prop_count; i++)
        size += text_size(msg->props[i].name) + text_size(msg->props[i].value);
    struct bus_msg *copy = xcalloc(1, size);
    struct bus_prop *props = (struct bus_prop *)(copy + 1);
    char *at = (char *)(props + msg->prop_count);

    *copy = *msg;
    copy->topic = put(&at, msg->topic, text_size(msg->topic));
    copy->response_topic = put(&at, msg->response_topic, text_size(msg->response_topic));
    for (size_t i = 0; i < msg->prop_count; i++) {
        props[i].name = put(&at, msg->props[i].name, text_size(msg->props[i].name));
        props[i].value = put(&at, msg->props[i].value, text_size(msg->props[i].value));
    }
    copy->props = msg->prop_count ? props : NULL;
    copy->correlation =
        put(&at, msg->correlation_len ? msg->correlation : NULL, msg->correlation_len);
    copy->payload = put(&at, msg->len ? msg->payload : "", msg->len);
    return copy;
}

void bus_msg_free(struct bus_msg *msg)
{
    free(msg);
}

int bus_msg_check(const struct bus_msg *msg, struct err *err)
{
    size_t len = msg->topic ? strnlen(msg->topic, BUS_MAX_TOPIC + 1) : 0;

    if (len == 0 || strpbrk(msg->topic, "+#") || !str_is_utf8(msg->topic, len))
        return err_set(err, -EINVAL, "bus: a topic to publish to is 1-%d bytes without wildcards",
                       BUS_MAX_TOPIC);
    if (len > BUS_MAX_TOPIC || msg->len > BUS_MAX_PAYLOAD || msg->correlation_len > UINT16_MAX)
        return err_set(err, -EMSGSIZE, "bus: topic, payload or correlation data is too long");
    if (msg->qos < 0 || msg->qos > 1 || msg->prop_count > BUS_MAX_PROPS)
        return err_set(err, -EINVAL, "bus: QoS is 0 or 1, user properties at most %d",
                       BUS_MAX_PROPS);
    return 0;
}
