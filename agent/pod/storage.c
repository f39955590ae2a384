#include "agent/pod/storage.h"

#include "agent/pod/containers.h"
#include "agent/pod/internal.h"
#include "agent/pod/storage_rule.h"
#include "agent/volume/disk_usage.h"
#include "agent/volume/volume.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct storage {
    struct agent *agent;
    int64_t period_ns;
    char last[POD_UID_LEN + 1]; /* looked at; the next in order follows */
    struct loop_timer *timer;
};

/* ---- what a pod holds ---- */

struct uses {
    struct storage_use *items;
    size_t count;
};

static void add_volume(void *ctx, const struct volume_measure *measure)
{
    struct uses *uses = ctx;
    uses->items[uses->count++] =
        (struct storage_use){STORAGE_EMPTY_DIR, measure->name, measure->usage.bytes};
}

static int64_t bytes_of(const char *path)
{
    struct disk_usage usage = {0};
    return disk_usage_add(path, &usage) < 0 ? 0 : usage.bytes;
}

/* Calls for each entry of a folder; one that is not there has none. */
static void each_entry(const char *folder,
                       void (*fn)(void *ctx, const char *path, const char *name), void *ctx)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        autofree char *path = xasprintf("%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            fn(ctx, path, entry->d_name);
    }
    if (dir)
        closedir(dir);
}

/* The writable layer of attempt n of container i is rw/<i>.<n>. */
static void add_layer(void *ctx, const char *path, const char *name)
{
    struct uses *containers = ctx;
    char *end;
    unsigned long i = strtoul(name, &end, 10);
    if (end > name && *end == '.' && i < containers->count)
        containers->items[i].bytes += bytes_of(path);
}

/* <container>.log and what was rotated; names of containers have no dots. */
static void add_log(void *ctx, const char *path, const char *name)
{
    struct uses *containers = ctx;
    struct stat st;
    for (size_t i = 0; i < containers->count; i++) {
        size_t len = strlen(containers->items[i].name);
        if (strncmp(name, containers->items[i].name, len) == 0 &&
            str_has_prefix(name + len, ".log") && lstat(path, &st) == 0)
            containers->items[i].bytes += (int64_t)st.st_blocks * 512;
    }
}

static void measure(const struct pod_record *record, struct uses *ret)
{
    const struct agent *agent = record->agent;
    const struct value *spec = value_get(record->spec->object, "spec");
    autofree char *state = agent_state_dir(agent, record->uid);
    autofree char *layers = xasprintf("%s/rw", state);
    autofree char *logs = agent_log_dir(agent, record);
    for (size_t i = 0; i < containers_count(spec); i++)
        ret->items[ret->count++] = (struct storage_use){
            STORAGE_CONTAINER, value_get_str(containers_at(spec, i, NULL), "name"), 0};
    each_entry(layers, add_layer, ret);
    each_entry(logs, add_log, ret);
    const struct volume_spec volumes = {.disk_dir = state};
    volumes_measure(&volumes, value_get(spec, "volumes"), add_volume, ret);
}

static void judge(struct pod_record *record)
{
    const struct value *spec = value_get(record->spec->object, "spec");
    size_t most = containers_count(spec) + value_len(value_get(spec, "volumes"));
    struct uses uses = {.items = xcalloc(most + 1, sizeof(*uses.items))};
    cleanup(buf_done) struct buf message;
    buf_init(&message, 0);
    measure(record, &uses);
    if (storage_exceeds(spec, uses.items, uses.count, &message) && !WEAKENED(STORAGE_LIMIT))
        condemn(record, "Evicted", buf_str(&message), false);
    free(uses.items);
}

/* ---- whose turn it is ---- */

static bool is_limited(const struct pod_record *record)
{
    return record->spec && !record->is_static && !record->verdict && !record->spec->deleting &&
           record->keeper == POD_KEEPER_RUNNING &&
           storage_is_limited(value_get(record->spec->object, "spec"));
}

/* In the order of the uids, round and round; NULL: there is none. */
static struct pod_record *next_of(const struct storage *storage, size_t *ret_count)
{
    struct pod_record *first = NULL, *next = NULL;
    void *p;
    *ret_count = 0;
    for (size_t i = 0; map_next(storage->agent->records, &i, NULL, &p);) {
        struct pod_record *record = p;
        if (!is_limited(record))
            continue;
        ++*ret_count;
        if (!first || strcmp(record->uid, first->uid) < 0)
            first = record;
        if (strcmp(record->uid, storage->last) > 0 && (!next || strcmp(record->uid, next->uid) < 0))
            next = record;
    }
    return next ? next : first;
}

static void look(void *ctx)
{
    struct storage *storage = ctx;
    size_t count;
    struct pod_record *record = next_of(storage, &count);
    if (record) {
        strcpy(storage->last, record->uid);
        judge(record);
    }
    loop_timer_after(storage->timer, storage->period_ns / (int64_t)(count > 0 ? count : 1));
}

struct storage *storage_new(struct agent *agent, int64_t period_ns)
{
    struct storage *storage = xcalloc(1, sizeof(*storage));
    storage->agent = agent;
    storage->period_ns = period_ns;
    storage->timer = loop_timer_new(agent->world.loop, look, storage);
    loop_timer_after(storage->timer, period_ns);
    return storage;
}

void storage_free(struct storage *storage)
{
    if (!storage)
        return;
    loop_timer_free(storage->timer);
    free(storage);
}
