#include "agent/keeper/control.h"

#include "agent/keeper/fdpass.h"

void control_say(int control, enum proto_type type, int64_t value, const char *text, int fd)
{
    const struct proto message = {.type = type, .value = value, .text = text};
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, 1024);
    if (proto_encode(&message, &bytes) < 0)
        return;
    /* The socket holds all that is ever said of one: it is not read, or it is gone. */
    if (fdpass_send(control, bytes.data, bytes.len, &fd, fd >= 0) < 0)
        return;
}
