#include "agent/link/told.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct told *told_new(struct stream *stream)
{
    struct told *told = xcalloc(1, sizeof(*told));
    buf_init(&told->text, 0);
    stream_set_state(stream, told);
    return told;
}

void told_send(struct stream *stream)
{
    struct told *told = stream_state(stream);
    if (told->text.len == 0)
        return;
    while (told->sent < told->text.len) {
        size_t left = told->text.len - told->sent, room = stream_room(stream);
        size_t sent = stream_send(stream, RPC_STDOUT, (const char *)told->text.data + told->sent,
                                  left < room ? left : room);
        if (sent == 0)
            return; /* ready() brings us back */
        told->sent += sent;
    }
    stream_end(stream, 0, 0, "");
}

void told_close(struct stream *stream)
{
    struct told *told = stream_state(stream);
    buf_done(&told->text);
    free(told);
}
