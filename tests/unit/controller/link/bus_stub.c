#include "bus_stub.h"

#include <errno.h>

static int publish(struct bus *bus, const struct bus_msg *msg, uint32_t *ret_id, struct err *err)
{
    struct bus_stub *stub = (struct bus_stub *)(void *)bus;
    if (stub->away)
        return err_set(err, -ENOTCONN, "not connected");
    if (stub->error)
        return err_set(err, stub->error, "as the test says");
    if (stub->room == 0 || stub->count == BUS_STUB_KEPT)
        return err_set(err, -ENOBUFS, "full");
    stub->room--;
    stub->kept[stub->count++] = bus_msg_copy(msg);
    if (ret_id)
        *ret_id = (uint32_t)stub->count;
    return 0;
}

static bool is_connected(const struct bus *bus)
{
    return !((const struct bus_stub *)(const void *)bus)->away;
}

void bus_stub_init(struct bus_stub *stub)
{
    *stub = (struct bus_stub){.bus = {.publish = publish, .is_connected = is_connected},
                              .room = SIZE_MAX};
}

void bus_stub_drop(struct bus_stub *stub)
{
    for (size_t i = 0; i < stub->count; i++)
        bus_msg_free(stub->kept[i]);
    stub->count = 0;
}
