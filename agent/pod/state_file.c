#include "agent/pod/state_file.h"

#include "agent/pod/internal.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/json.h"

#include <errno.h>

#define FILE_MAX ((size_t)64 * 1024)

struct value *state_file_read(const struct pod_record *record, const char *name)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *dir = agent_state_dir(record->agent, record->uid);
    autofree char *path = xasprintf("%s/%s", dir, name);
    struct value *map = NULL;
    cleanup(buf_done) struct buf text;
    struct err err = {0};
    buf_init(&text, FILE_MAX);
    int rc = disk->read(disk, path, FILE_MAX, &text, &err);
    if (rc == 0)
        rc = json_parse(text.data, text.len, &map, &err);
    if (rc < 0 && rc != -ENOENT)
        log_warn("unreadable, and passed over: pod=%s/%s file=%s error=%s", record->ns,
                 record->name, name, log_quote(err.msg));
    return map;
}

int state_file_write(const struct pod_record *record, const char *name, const struct value *map,
                     struct err *err)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *dir = agent_state_dir(record->agent, record->uid);
    autofree char *path = xasprintf("%s/%s", dir, name);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write(map, &text);
    int rc = disk->mkdirs(disk, dir, 0700, err);
    return rc < 0 ? rc : disk->replace(disk, path, text.data, text.len, 0600, err);
}
