/* What a pod left that was taken away while its agent and its keeper were both dead: nobody forgot
 * it. */

#include "agent/pod/internal.h"

#include "agent/pod/folder.h"
#include "agent/pod/reclaim.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

/* Whose folder it was, as far as that is known. */
struct origin {
    char *ns, *name; /* NULL: the folder of its logs is gone */
};

struct leftovers {
    struct agent *agent;
    struct map *found; /* uid -> struct origin */
    struct loop_defer *next;
    bool done; /* nothing is left that may go later */
};

static void origin_free(void *value)
{
    struct origin *origin = value;
    if (!origin)
        return;
    free(origin->ns);
    free(origin->name);
    free(origin);
}

struct leftovers *leftovers_new(struct agent *agent)
{
    struct leftovers *leftovers = xcalloc(1, sizeof(*leftovers));
    leftovers->agent = agent;
    leftovers->found = map_new();
    return leftovers;
}

void leftovers_free(struct leftovers *leftovers)
{
    if (!leftovers)
        return;
    map_free(leftovers->found, origin_free);
    loop_defer_free(leftovers->next);
    free(leftovers);
}

/* Looking. */

static struct origin *note(struct leftovers *leftovers, const char *uid)
{
    struct origin *origin = map_get(leftovers->found, uid);
    if (!origin) {
        origin = xcalloc(1, sizeof(*origin));
        (void)map_put(leftovers->found, uid, origin);
    }
    return origin;
}

static int see_folder(void *ctx, const char *name, enum disk_type type)
{
    (void)type;
    if (folder_is_uid(name))
        (void)note(ctx, name);
    return 0;
}

static int see_status(void *ctx, const char *name, enum disk_type type)
{
    autofree char *uid = xstrndup(name, strcspn(name, "."));
    return str_has_suffix(name, ".json") ? see_folder(ctx, uid, type) : 0;
}

static int see_logs(void *ctx, const char *name, enum disk_type type)
{
    struct folder folder;
    (void)type;
    if (folder_parse_logs(name, &folder) < 0)
        return 0;
    struct origin *origin = note(ctx, folder.uid);
    if (!origin->name) {
        origin->ns = xstrdup(folder.ns);
        origin->name = xstrdup(folder.name);
    }
    return 0;
}

static void look(struct leftovers *leftovers)
{
    const struct agent_spec *spec = &leftovers->agent->spec;
    struct disk *disk = leftovers->agent->world.disk;
    const struct {
        const char *parent, *name;
        disk_list_fn *see;
    } places[] = {
        {spec->state_dir, "/pods", see_folder},
        {spec->run_dir, "/volumes", see_folder},
        {spec->run_dir, "/status", see_status},
        {spec->log_dir, "", see_logs},
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        autofree char *path = xasprintf("%s%s", places[i].parent, places[i].name);
        (void)disk->list(disk, path, places[i].see, leftovers, NULL); /* missing: nothing there */
    }
}

/* Removing. */

/* Its keeper's folder goes when its last process has ended. */
static bool is_ending(const struct agent *agent, const char *uid)
{
    autofree char *path = agent_run_dir(agent, uid);
    struct disk_stat st;
    return agent->world.disk->stat(agent->world.disk, path, &st, NULL) == 0;
}

/* Each step may be the last: the logs, by which the rest has a name, go at the end. What it had on
 * disk may be much: only what cannot be taken is removed here. */
static void remove_all(const struct agent *agent, const char *uid, const struct origin *origin)
{
    autofree char *state = agent_state_dir(agent, uid);
    autofree char *run = agent_volume_dir(agent, uid);
    autofree char *status = agent_status_file(agent, uid);
    log_info("what a pod left that is gone is removed: pod=%s/%s uid=%s",
             origin->ns ? origin->ns : "?", origin->name ? origin->name : "?", uid);
    reclaim_take(agent->reclaim, state, uid);
    volumes_remove(&(struct volume_spec){.disk_dir = state, .tmp_dir = run});
    (void)agent->world.disk->remove(agent->world.disk, status, NULL);
    agent_sweep_pod(agent, uid, origin->ns, origin->name);
}

/* In doubt it stays. */
static void settle(struct leftovers *leftovers, const char *uid, const struct origin *origin)
{
    const struct agent *agent = leftovers->agent;
    if (map_get(agent->records, uid))
        return;
    bool sure = manifests_rule_out(agent->manifests, uid, origin->ns, origin->name);
    if ((!sure && !WEAKENED(LEFTOVERS_DOUBT)) || is_ending(agent, uid))
        leftovers->done = false;
    else
        remove_all(agent, uid, origin);
}

/* One pod a turn: those that are wanted are not kept waiting. */
static void sweep_next(void *ctx)
{
    struct leftovers *leftovers = ctx;
    const char *key = NULL;
    void *origin = NULL;
    size_t cursor = 0;
    leftovers->next = NULL;
    if (!map_next(leftovers->found, &cursor, &key, &origin))
        return;
    autofree char *uid = xstrdup(key);
    (void)map_del(leftovers->found, uid);
    settle(leftovers, uid, origin);
    origin_free(origin);
    leftovers->next = loop_defer(leftovers->agent->world.loop, sweep_next, leftovers);
}

void leftovers_sweep(struct leftovers *leftovers)
{
    if (leftovers->done || leftovers->next)
        return;
    leftovers->done = true;
    look(leftovers);
    leftovers->next = loop_defer(leftovers->agent->world.loop, sweep_next, leftovers);
}
