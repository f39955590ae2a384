#include "agent/link/rpcline.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/bus/rpc.h"
#include "common/data/json.h"

#include <stdlib.h>

/* Counters up are written ahead in blocks, so that an agent that is killed never uses one twice. */
#define SEQ_BLOCK 4096

struct rpcline {
    struct disk *disk;
    char *counters;
    struct envelope_line down, up, hint;
    uint64_t reserved; /* up counters below this are written down */
};

static void write_counters(struct rpcline *line)
{
    cleanup(value_free) struct value *v = value_new_map();
    value_set_int(v, "down", (int64_t)line->down.last);
    value_set_int(v, "up", (int64_t)line->reserved);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write(v, &text);
    struct err err = {0};
    if (line->disk->replace(line->disk, line->counters, text.data, text.len, 0600, &err) < 0)
        log_warn("rpc counters not written: error=%s", log_quote(err.msg));
}

static void read_counters(struct rpcline *line)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    cleanup(value_free) struct value *v = NULL;
    struct err err = {0};
    if (line->disk->read(line->disk, line->counters, 4096, &text, &err) < 0 ||
        json_parse(buf_str(&text), text.len, &v, &err) < 0)
        return;
    line->down.last = (uint64_t)value_get_int(v, "down", 0);
    line->up.last = (uint64_t)value_get_int(v, "up", 0);
    line->reserved = line->up.last;
}

int rpcline_new(const struct envelope_link *link, struct disk *disk, const char *counters,
                struct rpcline **ret, struct err *err)
{
    struct rpcline *line = xcalloc(1, sizeof(*line));
    line->disk = disk;
    line->counters = xstrdup(counters);
    int rc = envelope_line_init(&line->down, link, ENVELOPE_DOWN, RPC_CLASS, err);
    if (rc == 0)
        rc = envelope_line_init(&line->up, link, ENVELOPE_UP, RPC_CLASS, err);
    if (rc == 0)
        rc = envelope_line_init(&line->hint, link, ENVELOPE_UP, "hint", err);
    if (rc < 0) {
        rpcline_free(line);
        return rc;
    }
    read_counters(line);
    *ret = line;
    return 0;
}

void rpcline_free(struct rpcline *line)
{
    if (!line)
        return;
    envelope_line_done(&line->down);
    envelope_line_done(&line->up);
    envelope_line_done(&line->hint);
    free(line->counters);
    free(line);
}

int rpcline_write(struct rpcline *line, const struct envelope_msg *msg, struct buf *ret,
                  struct err *err)
{
    if (line->up.last + 1 >= line->reserved) {
        line->reserved = line->up.last + SEQ_BLOCK;
        write_counters(line);
    }
    return envelope_write(&line->up, msg, ret, err);
}

int rpcline_read(struct rpcline *line, const char *channel, const void *payload, size_t len,
                 struct envelope_got *ret, struct err *err)
{
    return envelope_read(&line->down, channel, payload, len, ret, err);
}

void rpcline_keep(struct rpcline *line)
{
    write_counters(line);
}

int rpcline_hint(struct rpcline *line, int64_t time_ns, struct buf *ret, struct err *err)
{
    return envelope_hint_write(&line->hint, &line->down, time_ns, ret, err);
}
