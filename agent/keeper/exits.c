#include "agent/keeper/exits.h"

#include "agent/keeper/keepers.h"
#include "agent/runtime/wire.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <stdlib.h>

/* "LEX1", a sum of the report's bytes, the report. */
#define EXITS_MAGIC UINT32_C(0x3158454c)

/* FNV-1a: a torn or flipped record must not pass for one; nobody hostile can write there. */
static uint64_t sum(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

int keeper_exits_encode(const struct keeper_report *report, struct buf *ret, struct err *err)
{
    cleanup(buf_done) struct buf body;
    buf_init(&body, EXITS_MAX_BYTES);
    int r = keeper_report_encode(report, &body);
    if (r == 0)
        r = wire_put_u32(ret, EXITS_MAGIC);
    if (r == 0)
        r = wire_put_u64(ret, sum(body.data, body.len));
    if (r == 0)
        r = wire_put_blob(ret, body.data, body.len);
    return r < 0 ? err_set(err, r, "exit records are too large") : 0;
}

int keeper_exits_decode(const void *bytes, size_t bytes_len, const char *path,
                        const char *spec_hash, struct keeper_report **ret, struct err *err)
{
    struct wire wire;
    size_t len;
    wire_init(&wire, bytes, bytes_len);
    uint32_t magic = wire_u32(&wire);
    uint64_t want = wire_u64(&wire);
    const void *body = wire_blob(&wire, &len);
    if (magic != EXITS_MAGIC || wire.bad || wire.left > 0 || !body || sum(body, len) != want)
        return err_set(err, -EBADMSG, "%s is damaged", path);
    struct keeper_report *report = NULL;
    int r = keeper_report_decode(body, len, &report, err);
    if (r < 0)
        return r;
    if (!str_eq(report->spec_hash, spec_hash)) {
        keeper_report_free(report);
        return err_set(err, -ENOENT, "%s is of another manifest", path);
    }
    *ret = report;
    return 0;
}

int keeper_exits_write(const char *state_dir, const struct keeper_report *report, struct err *err)
{
    cleanup(buf_done) struct buf file;
    buf_init(&file, EXITS_MAX_BYTES);
    autofree char *path = xasprintf("%s/exits", state_dir);
    int r = keeper_exits_encode(report, &file, err);
    if (r < 0)
        return r;
    return disk_posix()->replace(disk_posix(), path, file.data, file.len, 0600, err);
}

int keeper_exits_read(const char *state_dir, const char *spec_hash, struct keeper_report **ret,
                      struct err *err)
{
    cleanup(buf_done) struct buf file;
    buf_init(&file, EXITS_MAX_BYTES);
    autofree char *path = xasprintf("%s/exits", state_dir);
    int r = disk_posix()->read(disk_posix(), path, EXITS_MAX_BYTES, &file, err);
    return r < 0 ? r : keeper_exits_decode(file.data, file.len, path, spec_hash, ret, err);
}
