#include "agent/pod/reclaim.h"

#include "agent/pod/internal.h"
#include "agent/volume/claim.h"
#include "agent/volume/persistent_dir.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_claims.h"

#include <errno.h>

#define POD_DIR "pods"
#define TAKEN_MAX 16 /* folders of one pod, or of pods of one uid, that wait at once */

/* Below the state folder, in the order of their names. Each on the file system of what goes there:
 * volumes may have a disk of their own. */
static const char *const graves[] = {POD_DIR "/" PERSISTENT_DIR_GONE,
                                     CLAIM_DIR "/" PERSISTENT_DIR_GONE};

static const struct backoff_policy backoff_reclaim = {10 * NS_PER_S, 600 * NS_PER_S};

struct reclaim {
    struct agent *agent;
    struct loop_defer *next;
    struct loop_timer *retry;
    struct backoff backoff;
    bool waiting;       /* for a pod that has one of them still */
    bool dead;          /* there may be folders to remove */
    bool resting;       /* until the retry: all that is there was tried, and stays */
    char *removing;     /* what is being removed, below the state folder; NULL: nothing is */
    char *stuck;        /* the last that could not be removed: those after it are tried next */
    struct value *gone; /* names, as last told; NULL: none were */
};

/* ---- what is in use ---- */

struct uses {
    const struct manifests *manifests;
    struct map *volumes; /* names of PersistentVolumes */
    struct map *claims;  /* "<ns>/<name>" of claims of which it is not known where they lead */
    bool unknown;        /* a pod is still here of which nobody says what it has */
};

static void use_claim(struct uses *uses, const char *ns, const char *name)
{
    const struct value *claim = manifests_find(uses->manifests, "PersistentVolumeClaim", ns, name);
    const char *volume = value_str(value_path(claim, "spec", "volumeName", NULL));
    autofree char *key = xasprintf("%s/%s", ns, name);
    if (volume)
        (void)map_put(uses->volumes, volume, uses);
    else
        (void)map_put(uses->claims, key, uses);
}

struct reader {
    struct uses *uses;
    const char *ns;
};

static void add_use(void *ctx, const char *claim, const struct value *volume, bool own)
{
    const struct reader *reader = ctx;
    (void)volume;
    (void)own;
    use_claim(reader->uses, reader->ns, claim);
}

static void add_uses(struct uses *uses, const struct pod_record *record)
{
    bool ended = record->keeper == POD_KEEPER_NONE && (record->finished || record->verdict);
    if (record->forgotten || ended)
        return;
    if (!record->spec) {
        uses->unknown = true;
        return;
    }
    struct reader reader = {uses, record->ns};
    pod_claims_each(record->spec->object, add_use, &reader);
}

static bool is_used(const struct uses *uses, const struct value *pv, const char *name)
{
    const struct value *ref = value_path(pv, "spec", "claimRef", NULL);
    const char *ns = value_get_str(ref, "namespace"), *claim = value_get_str(ref, "name");
    autofree char *key = xasprintf("%s/%s", ns ? ns : "", claim ? claim : "");
    if (WEAKENED(RECLAIM_USED))
        return false;
    return uses->unknown || map_get(uses->volumes, name) || map_get(uses->claims, key);
}

/* ---- removing ---- */

static void later(struct reclaim *reclaim)
{
    int64_t wait = backoff_failed(&reclaim->backoff, &backoff_reclaim);
    loop_timer_after(reclaim->retry, wait);
}

/* What has just been taken out of use waits for none that cannot be removed. */
static void taken(struct reclaim *reclaim)
{
    reclaim->dead = true;
    reclaim->resting = false;
    free(steal(reclaim->stuck));
}

/* ---- taking out of use ---- */

struct walk {
    struct reclaim *reclaim;
    struct uses uses;
    struct value *gone;
    const char *dir;
    bool failed;
};

static bool is_there(const struct walk *walk, const char *below, const char *name)
{
    struct disk *disk = walk->reclaim->agent->world.disk;
    autofree char *path = xasprintf("%s%s/%s", walk->dir, below, name);
    struct disk_stat st;
    return disk->stat(disk, path, &st, NULL) != -ENOENT;
}

static void retire(void *ctx, const struct value *pv)
{
    struct walk *walk = ctx;
    struct err err = {0};
    const char *name = value_str(value_path(pv, "metadata", "name", NULL));
    if (!claim_is_ending(pv))
        return;
    if (is_used(&walk->uses, pv, name)) {
        walk->reclaim->waiting = true;
        return;
    }
    if (is_there(walk, "", name)) {
        int rc = persistent_dir_retire(walk->dir, name, &err);
        walk->reclaim->dead = true;
        if (rc == 0) {
            taken(walk->reclaim);
            log_info("volume is removed: volume=%s", name);
        } else if (rc != -EBUSY) { /* else an earlier one goes first */
            log_warn("volume stays: volume=%s error=%s", name, log_quote(err.msg));
        }
        walk->failed |= rc < 0 && rc != -EBUSY;
    } else if (is_there(walk, "/" PERSISTENT_DIR_GONE, name)) {
        walk->reclaim->dead = true;
    } else {
        value_append(walk->gone, value_new_str(name));
    }
}

static void tell(struct reclaim *reclaim, struct value *gone)
{
    const struct agent *agent = reclaim->agent;
    if (reclaim->gone ? value_equal(reclaim->gone, gone) : value_len(gone) == 0)
        return;
    value_free(reclaim->gone);
    reclaim->gone = value_copy(gone);
    if (agent->handler.volumes_gone)
        agent->handler.volumes_gone(agent->ctx, gone);
}

/* ---- one after the other ---- */

struct choice {
    const char *grave, *after; /* after: NULL: any */
    char *path;
};

static int choose(void *ctx, const char *name, enum disk_type type)
{
    struct choice *choice = ctx;
    autofree char *path = xasprintf("%s/%s", choice->grave, name);
    (void)type;
    if (choice->after && strcmp(path, choice->after) <= 0)
        return 0;
    choice->path = steal(path);
    return 1;
}

/* One that cannot be removed keeps none of the others waiting. */
static void give_up(struct reclaim *reclaim, char *path)
{
    log_warn("folder cannot be removed whole, tried again later: folder=%s", path);
    free(reclaim->stuck);
    reclaim->stuck = path;
}

static int begin(const struct reclaim *reclaim, const char *path)
{
    struct keepers *keepers = reclaim->agent->world.keepers;
    const char *name = strrchr(path, '/') + 1;
    autofree char *parent =
        xasprintf("%s/%.*s", reclaim->agent->spec.state_dir, (int)(name - path - 1), path);
    return keepers->remove_tree(keepers, parent, name, &(struct err){0});
}

/* One at a time, in the order of their names; after the last those that stay are tried anew, a
 * while later. */
static void remove_next(struct reclaim *reclaim)
{
    struct disk *disk = reclaim->agent->world.disk;
    if (reclaim->removing || !reclaim->dead || reclaim->resting)
        return;
    struct choice choice = {.after = reclaim->stuck};
    for (size_t i = 0; i < ARRAY_LEN(graves) && !choice.path; i++) {
        autofree char *grave = xasprintf("%s/%s", reclaim->agent->spec.state_dir, graves[i]);
        choice.grave = graves[i];
        (void)disk->list(disk, grave, choose, &choice, NULL);
    }
    if (choice.path && begin(reclaim, choice.path) == 0) {
        reclaim->removing = choice.path;
        return;
    }
    reclaim->dead = reclaim->resting = choice.path || reclaim->stuck;
    free(choice.path);
    free(steal(reclaim->stuck));
    if (reclaim->dead)
        later(reclaim);
    else if (!loop_timer_armed(reclaim->retry))
        backoff_reset(&reclaim->backoff);
}

static void look(void *ctx)
{
    struct reclaim *reclaim = ctx;
    struct agent *agent = reclaim->agent;
    autofree char *dir = xasprintf("%s/" CLAIM_DIR, agent->spec.state_dir);
    cleanup(value_free) struct value *gone = value_new_list();
    struct walk walk = {
        .reclaim = reclaim,
        .uses = {.manifests = agent->manifests, .volumes = map_new(), .claims = map_new()},
        .gone = gone,
        .dir = dir,
    };
    void *p;
    reclaim->next = NULL;
    reclaim->waiting = false;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);)
        add_uses(&walk.uses, p);
    manifests_each_source(agent->manifests, "PersistentVolume", retire, &walk);
    map_free(walk.uses.volumes, NULL);
    map_free(walk.uses.claims, NULL);
    tell(reclaim, gone);
    if (walk.failed && !loop_timer_armed(reclaim->retry))
        later(reclaim);
    remove_next(reclaim);
}

void reclaim_look(struct reclaim *reclaim)
{
    if (!reclaim->next && reclaim->agent->started)
        reclaim->next = loop_defer(reclaim->agent->world.loop, look, reclaim);
}

void reclaim_take(struct reclaim *reclaim, const char *path, const char *uid)
{
    autofree char *dir = xasprintf("%s/" POD_DIR, reclaim->agent->spec.state_dir);
    int rc = -EEXIST;
    for (int n = 0; n < TAKEN_MAX && (rc == -EEXIST || rc == -ENOTEMPTY); n++) {
        autofree char *name = xasprintf("%s_%d", uid, n);
        rc = persistent_dir_bury(dir, path, name, NULL);
    }
    if (rc < 0)
        return;
    taken(reclaim);
    reclaim_look(reclaim);
}

bool reclaim_holds(const struct reclaim *reclaim, const char *uid)
{
    struct disk *disk = reclaim->agent->world.disk;
    bool holds = false;
    for (int n = 0; n < TAKEN_MAX && !holds; n++) {
        autofree char *path = xasprintf("%s/" POD_DIR "/" PERSISTENT_DIR_GONE "/%s_%d",
                                        reclaim->agent->spec.state_dir, uid, n);
        struct disk_stat st;
        holds = disk->stat(disk, path, &st, NULL) == 0;
    }
    return holds;
}

static void look_again(void *ctx)
{
    struct reclaim *reclaim = ctx;
    reclaim->resting = false;
    reclaim_look(reclaim);
}

void reclaim_round(struct reclaim *reclaim)
{
    if (reclaim->waiting)
        reclaim_look(reclaim);
}

void reclaim_removed(struct reclaim *reclaim)
{
    char *name = steal(reclaim->removing);
    autofree char *path = xasprintf("%s/%s", reclaim->agent->spec.state_dir, name);
    struct disk *disk = reclaim->agent->world.disk;
    struct disk_stat st;
    if (disk->stat(disk, path, &st, NULL) == -ENOENT)
        free(name);
    else
        give_up(reclaim, name);
    reclaim_look(reclaim);
}

/* What an earlier agent was killed in the middle of making: nothing is in it. */
static void sweep_new(struct agent *agent)
{
    autofree char *path = xasprintf("%s/" CLAIM_DIR "/" PERSISTENT_DIR_NEW, agent->spec.state_dir);
    (void)agent->world.disk->remove_tree(agent->world.disk, path, NULL);
}

/* While there is room: pods go when there is none. */
static void make_grave(const struct agent *agent)
{
    autofree char *path = xasprintf("%s/" POD_DIR "/" PERSISTENT_DIR_GONE, agent->spec.state_dir);
    (void)agent->world.disk->mkdirs(agent->world.disk, path, 0700, NULL);
}

struct reclaim *reclaim_new(struct agent *agent)
{
    struct reclaim *reclaim = xcalloc(1, sizeof(*reclaim));
    reclaim->agent = agent;
    reclaim->retry = loop_timer_new(agent->world.loop, look_again, reclaim);
    sweep_new(agent);
    make_grave(agent);
    reclaim->dead = true; /* an earlier agent may have been killed in the middle */
    return reclaim;
}

void reclaim_free(struct reclaim *reclaim)
{
    if (!reclaim)
        return;
    loop_timer_free(reclaim->retry);
    if (reclaim->next)
        loop_defer_free(reclaim->next);
    value_free(reclaim->gone);
    free(reclaim->removing);
    free(reclaim->stuck);
    free(reclaim);
}
