#include "controller/reconcile/schedule_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

static struct users *users_of(const struct schedule *schedule, const struct use *use)
{
    return map_get(schedule->users, use->claim);
}

void schedule_place_uses(struct schedule *schedule, const struct pod *pod, bool placed)
{
    for (size_t i = 0; i < pod->use_count; i++) {
        struct users *users = users_of(schedule, &pod->uses[i]);
        users->placed = placed ? users->placed + 1 : users->placed - 1;
    }
}

void schedule_enter_uses(struct schedule *schedule, struct pod *pod)
{
    const struct sched_claims *claims = &pod->view.claims;
    autofree char *ns = NULL;
    (void)reconciler_split(pod->key, &ns);
    pod->use_count = claims->count;
    pod->uses = claims->count ? xcalloc(claims->count, sizeof(*pod->uses)) : NULL;
    for (size_t i = 0; i < claims->count; i++) {
        struct use *use = &pod->uses[i];
        use->pod = pod;
        use->claim = reconciler_key(ns, claims->items[i].name);
        struct users *users = users_of(schedule, use);
        if (!users) {
            users = xcalloc(1, sizeof(*users));
            list_init(&users->list);
            (void)map_put(schedule->users, use->claim, users);
        }
        list_append(&users->list, &use->link);
    }
}

void schedule_leave_uses(struct schedule *schedule, struct pod *pod)
{
    for (size_t i = 0; i < pod->use_count; i++) {
        struct use *use = &pod->uses[i];
        struct users *users = users_of(schedule, use);
        list_remove(&use->link);
        if (list_empty(&users->list))
            free(map_del(schedule->users, use->claim));
        free(use->claim);
    }
    free(pod->uses);
    pod->uses = NULL;
    pod->use_count = 0;
}

static bool is_sole(const struct schedule *schedule, const char *key)
{
    autofree char *ns = NULL;
    const char *name = reconciler_split(key, &ns);
    const struct api_ref ref = {&kind_persistent_volume_claim, ns, name};
    const struct value *claim = NULL;
    return api_see(schedule->api, &schedule_user, &ref, &claim) == 0 &&
           value_has_str(value_path(claim, "spec", "accessModes", NULL), "ReadWriteOncePod");
}

bool schedule_uses_taken(const struct schedule *schedule, const struct pod *pod)
{
    for (size_t i = 0; i < pod->use_count; i++) {
        const struct users *users = users_of(schedule, &pod->uses[i]);
        if (users->placed > 0 && is_sole(schedule, pod->uses[i].claim))
            return true;
    }
    return false;
}

/* What waits for a claim is tried at once. */
static void claim_changed(struct schedule *schedule, const char *claim)
{
    struct users *users = map_get(schedule->users, claim);
    struct list *it, *tmp;
    if (!users)
        return;
    list_each(it, tmp, &users->list)
    {
        struct pod *pod = container_of(it, struct use, link)->pod;
        if (pod->ours && !pod->binding && !*pod->view.node_name)
            schedule_put(schedule, pod);
    }
}

void schedule_on_claim(void *ctx, enum api_event_type type, const struct value *object)
{
    autofree char *key = reconciler_key_of(object);
    (void)type;
    claim_changed(ctx, key);
}

void schedule_on_volume(void *ctx, enum api_event_type type, const struct value *object)
{
    struct schedule *schedule = ctx;
    const struct volume_view *view = volume_index_get(schedule->volumes, object_name(object));
    if (type == API_DELETED) {
        if (view && *view->claim)
            claim_changed(schedule, view->claim);
        volume_index_drop(schedule->volumes, object_name(object));
        return;
    }
    cleanup(volume_done) struct volume_view now = {0};
    volume_read(&now, object);
    bool same = view && volume_same(view, &now);
    view = volume_index_put(schedule->volumes, object);
    if (same)
        return;
    if (*view->claim)
        claim_changed(schedule, view->claim);
    else
        reconciler_stir(schedule->frame);
}

void schedule_on_class(void *ctx, enum api_event_type type, const struct value *object)
{
    struct schedule *schedule = ctx;
    (void)type;
    (void)object;
    reconciler_stir(schedule->frame);
}
