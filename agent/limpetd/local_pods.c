#include "agent/limpetd/local_pods.h"

#include "agent/keeper/peek.h"
#include "agent/limpetd/presence.h"
#include "agent/pod/containers.h"
#include "agent/pod/lone.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define STATUS_MAX (1024 * 1024)
#define PEEK_NS (1 * NS_PER_S)

struct walk {
    const struct config *config;
    bool alone;       /* no agent runs */
    struct map *seen; /* uids */
    local_pod_fn *fn;
    void *ctx;
};

/* Asks the pod's keeper, if it has one; written may be NULL. */
static int tell_lone(struct walk *walk, const char *uid, const struct value *written)
{
    const struct clock *clock = clock_system();
    autofree char *dir = xasprintf("%s/pods/%s", walk->config->run_dir, uid);
    struct keeper_report *report = NULL;
    struct err err = {0};
    int rc = keeper_peek(dir, PEEK_NS, &report, &err);
    struct lone lone = {.written = written,
                        .report = report,
                        .silent = rc < 0 && rc != -ENOENT,
                        .wall_ns = clock_wall(clock),
                        .boot_ns = clock_boot(clock)};
    if (!written && lone.silent)
        fprintf(stderr, "limpetd: pod %s: %s\n", uid, err.msg);
    cleanup(value_free) struct value *pod = written || report ? lone_pod(&lone) : NULL;
    keeper_report_free(report);
    return pod ? walk->fn(walk->ctx, pod) : 0;
}

static int see_written(void *ctx, const char *name, enum disk_type type)
{
    struct walk *walk = ctx;
    if (type != DISK_FILE || !str_has_suffix(name, ".json"))
        return 0;
    autofree char *path = xasprintf("%s/status/%s", walk->config->run_dir, name);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    cleanup(value_free) struct value *pod = NULL;
    struct err err = {0};
    struct disk *disk = disk_posix();
    if (disk->read(disk, path, STATUS_MAX, &text, &err) < 0 ||
        json_parse(buf_str(&text), text.len, &pod, &err) < 0) {
        fprintf(stderr, "limpetd: %s\n", err.msg);
        return 0;
    }
    if (!walk->alone)
        return walk->fn(walk->ctx, pod);
    autofree char *uid = xstrndup(name, strlen(name) - strlen(".json"));
    (void)map_put(walk->seen, uid, walk);
    return tell_lone(walk, uid, pod);
}

/* Keepers of whose pods nothing is written. */
static int see_keeper(void *ctx, const char *name, enum disk_type type)
{
    struct walk *walk = ctx;
    if (type != DISK_DIR || name[0] == '.' || map_get(walk->seen, name))
        return 0;
    return tell_lone(walk, name, NULL);
}

static int see_all(struct walk *walk, const char *folder, disk_list_fn *see, struct err *err)
{
    struct disk *disk = disk_posix();
    autofree char *dir = xasprintf("%s/%s", walk->config->run_dir, folder);
    int rc = disk->list(disk, dir, see, walk, err);
    return rc == -ENOENT ? 0 : rc; /* no agent has run since the boot */
}

int local_pods_each(const struct config *config, local_pod_fn *fn, void *ctx, struct err *err)
{
    struct walk walk = {.config = config,
                        .alone = !presence_is_taken(config->run_dir),
                        .seen = map_new(),
                        .fn = fn,
                        .ctx = ctx};
    if (walk.alone)
        fputs("limpetd: the agent is not running: this is what the pods' keepers say\n", stderr);
    int rc = see_all(&walk, "status", see_written, err);
    if (rc == 0 && walk.alone)
        rc = see_all(&walk, "pods", see_keeper, err);
    map_free(walk.seen, NULL);
    return rc;
}

/* One pod by "[namespace/]name". */

struct pod_name {
    char *ns;
    const char *name;
    struct value *found;
};

static void parse_name(const char *text, struct pod_name *ret)
{
    const char *slash = strchr(text, '/');
    if (str_has_prefix(text, "pod/")) { /* as `limpet why pod/web` */
        parse_name(text + 4, ret);
        return;
    }
    ret->ns = slash ? xstrndup(text, (size_t)(slash - text)) : xstrdup("default");
    ret->name = slash ? slash + 1 : text;
}

static int match_pod(void *ctx, const struct value *pod)
{
    struct pod_name *want = ctx;
    const struct value *meta = value_get(pod, "metadata");
    if (!str_eq(value_get_str(meta, "namespace"), want->ns) ||
        !str_eq(value_get_str(meta, "name"), want->name))
        return 0;
    want->found = value_copy(pod);
    return 1;
}

int local_pod_find(const struct config *config, const char *text, struct value **ret,
                   struct err *err)
{
    struct pod_name want = {0};
    parse_name(text, &want);
    int rc = local_pods_each(config, match_pod, &want, err);
    if (rc == 0)
        rc = err_set(err, -ENOENT, "pod %s/%s is not on this node", want.ns, want.name);
    free(want.ns);
    if (rc == 1)
        *ret = want.found;
    return rc < 0 ? rc : 0;
}

int local_pod_container(const struct value *pod, const char *asked, const char **ret,
                        struct err *err)
{
    const struct value *status = value_get(pod, "status");
    const struct value *mains = value_get(status, "containerStatuses");
    cleanup(buf_done) struct buf names;
    buf_init(&names, 0);
    if (!asked && value_len(mains) == 1)
        asked = value_get_str(value_at(mains, 0), "name");
    for (size_t k = 0; k < CONTAINER_KINDS; k++) {
        const struct value *list = value_get(status, container_kinds[k].statuses);
        for (size_t i = 0; i < value_len(list); i++) {
            const char *name = value_get_str(value_at(list, i), "name");
            (void)buf_addf(&names, "%s%s", names.len ? " " : "", name);
            if (!str_eq(name, asked))
                continue;
            *ret = name;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "name one of the containers: %s", buf_str(&names));
}
