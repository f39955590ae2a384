#include "agent/pod/verdict.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>

#define VERDICT_MAX_BYTES 4096
#define TEXT_MAX 1024

struct verdict *verdict_new(const char *reason, const char *message, bool ran, int64_t grace_s)
{
    struct verdict *verdict = xcalloc(1, sizeof(*verdict));
    verdict->reason = xstrndup(reason, TEXT_MAX);
    verdict->message = xstrndup(message, TEXT_MAX);
    verdict->ran = ran;
    verdict->grace_s = grace_s;
    return verdict;
}

void verdict_free(struct verdict *verdict)
{
    if (!verdict)
        return;
    free(verdict->reason);
    free(verdict->message);
    free(verdict);
}

static char *path_of(const char *state_dir)
{
    return xasprintf("%s/verdict", state_dir);
}

int verdict_write(struct disk *disk, const char *state_dir, const struct verdict *verdict,
                  struct err *err)
{
    cleanup(value_free) struct value *map = value_new_map();
    value_set_str(map, "reason", verdict->reason);
    value_set_str(map, "message", verdict->message);
    value_set_bool(map, "ran", verdict->ran);
    value_set_int(map, "graceSeconds", verdict->grace_s);
    if (verdict->disrupted)
        value_set_bool(map, "disrupted", true);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write(map, &text);
    autofree char *path = path_of(state_dir);
    int rc = disk->mkdirs(disk, state_dir, 0700, err);
    return rc < 0 ? rc : disk->replace(disk, path, text.data, text.len, 0600, err);
}

int verdict_read(struct disk *disk, const char *state_dir, struct verdict **ret, struct err *err)
{
    autofree char *path = path_of(state_dir);
    cleanup(buf_done) struct buf text;
    buf_init(&text, VERDICT_MAX_BYTES);
    int rc = disk->read(disk, path, VERDICT_MAX_BYTES, &text, err);
    if (rc < 0)
        return rc;
    cleanup(value_free) struct value *map = NULL;
    if (json_parse(text.data, text.len, &map, err) < 0)
        return err_wrap(err, "%s", path), -EINVAL;
    const char *reason = value_get_str(map, "reason"), *message = value_get_str(map, "message");
    if (str_empty(reason) || !message)
        return err_set(err, -EINVAL, "%s: no reason in it", path);
    *ret = verdict_new(reason, message, value_get_bool(map, "ran", false),
                       value_get_int(map, "graceSeconds", 0));
    (*ret)->disrupted = value_get_bool(map, "disrupted", false);
    return 0;
}
