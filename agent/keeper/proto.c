#include "agent/keeper/proto.h"

#include "agent/runtime/wire.h"

#include <errno.h>

int proto_encode(const struct proto *message, struct buf *ret)
{
    int r = wire_put_u32(ret, (uint32_t)message->type);
    if (r == 0)
        r = wire_put_u32(ret, message->min);
    if (r == 0)
        r = wire_put_u32(ret, message->max);
    if (r == 0)
        r = wire_put_u64(ret, (uint64_t)message->value);
    if (r == 0)
        r = wire_put_str(ret, message->text);
    return r < 0 ? r : wire_put_blob(ret, message->report, message->report_len);
}

int proto_decode(const void *bytes, size_t len, struct proto *ret)
{
    struct wire wire;
    wire_init(&wire, bytes, len);
    uint32_t type = wire_u32(&wire);
    struct proto message = {.type = (enum proto_type)type};
    if (wire.bad)
        return -EINVAL;
    if (type < PROTO_HELLO || type > PROTO_RESIZE)
        return -ENOMSG;
    message.min = wire_u32(&wire);
    message.max = wire_u32(&wire);
    message.value = wire_i64(&wire);
    message.text = wire_str(&wire);
    message.report = wire_blob(&wire, &message.report_len);
    if (wire.bad) /* what is left is of a later release */
        return -EINVAL;
    *ret = message;
    return 0;
}

int proto_agree(const struct proto *hello)
{
    uint32_t version = hello->max < PROTO_MAX ? hello->max : PROTO_MAX;
    if (hello->type != PROTO_HELLO || version < hello->min || version < PROTO_MIN)
        return -EPROTONOSUPPORT;
    return (int)version;
}
