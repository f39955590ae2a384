#include "controller/reconcile/pod_storage.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/reconcile/claims_plan.h"
#include "controller/reconcile/ephemeral_plan.h"

#include <stdlib.h>

/* Borrowed until the next look; NULL: there is none. */
static const struct value *see(const struct pod_storage_ask *ask, const struct schema_kind *kind,
                               const char *ns, const char *name)
{
    const struct api_ref ref = {kind, ns, name};
    const struct value *object = NULL;
    return !str_empty(name) && api_see(ask->api, ask->user, &ref, &object) == 0 ? object : NULL;
}

/* It has a volume: the pod goes where that can be reached. */
static char *read_bound(const struct pod_storage_ask *ask, const char *name,
                        const struct claim_view *view, struct sched_storage *ret)
{
    const struct value *volume = see(ask, &kind_persistent_volume, "", view->volume);
    const struct value *selector = value_path(volume, "spec", "nodeAffinity", "required", NULL);
    if (!volume)
        return xasprintf("persistentvolumeclaim \"%s\" bound to non-existent persistentvolume "
                         "\"%s\"",
                         name, view->volume);
    if (value_type(selector) == VALUE_MAP)
        sched_storage_add_affinity(ret, value_copy(selector));
    return NULL;
}

/* Takes the view. */
static void read_want(const struct pod_storage_ask *ask, const char *name,
                      const struct value *class, struct claim_view *view, struct sched_storage *ret)
{
    const struct value *topologies = value_get(class, "allowedTopologies");
    for (size_t i = 0; i < ret->want_count; i++)
        if (str_eq(ret->wants[i].claim, name))
            return; /* named by two volumes of the pod */
    bool local = claims_are_local(class);
    struct sched_want want = {.claim = xstrdup(name),
                              .view = *view,
                              .made = local && !claims_not_local(view),
                              .topologies = value_len(topologies) ? value_copy(topologies) : NULL};
    *view = (struct claim_view){0};
    /* One may be in the making there. */
    if (want.made && !ret->node && see(ask, &kind_node, "", want.view.node))
        ret->node = xstrdup(want.view.node);
    sched_storage_add_want(ret, &want);
}

static char *read_claim(const struct pod_storage_ask *ask, const struct sched_claim *claim,
                        struct sched_storage *ret)
{
    cleanup(claim_done) struct claim_view view = {0};
    const char *name = claim->name;
    const struct value *object = see(ask, &kind_persistent_volume_claim, ask->ns, name);
    if (!object && claim->own)
        return xasprintf("waiting for ephemeral volume controller to create the "
                         "persistentvolumeclaim \"%s\"",
                         name);
    if (!object)
        return xasprintf("persistentvolumeclaim \"%s\" not found", name);
    claim_read(&view, object);
    if (claim->own && !ephemeral_owns(object, ask->uid))
        return xasprintf("PVC %s/%s was not created for pod %s/%s (pod is not owner)", ask->ns,
                         name, ask->ns, ask->pod);
    if (view.deleting)
        return xasprintf("persistentvolumeclaim \"%s\" is being deleted", name);
    if (str_eq(value_str(value_path(object, "status", "phase", NULL)), "Lost"))
        return xasprintf("persistentvolumeclaim \"%s\" bound to non-existent persistentvolume "
                         "\"%s\"",
                         name, view.volume);
    if (view.bound)
        return read_bound(ask, name, &view, ret);
    const struct value *class = see(ask, &kind_storage_class, "", view.terms.class);
    if (!claims_wait_for_pod(class) || *view.volume)
        return xstrdup("pod has unbound immediate PersistentVolumeClaims");
    read_want(ask, name, class, &view, ret);
    return NULL;
}

char *pod_storage_read(const struct pod_storage_ask *ask, struct sched_storage *ret)
{
    char *why = NULL;
    ret->index = ask->index;
    for (size_t i = 0; i < ask->claims->count && !why; i++)
        why = read_claim(ask, &ask->claims->items[i], ret);
    return why;
}
