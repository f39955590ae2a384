#include "controller/reconcile/ephemeral.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/pod_claims.h"
#include "controller/reconcile/ephemeral_plan.h"

#include <errno.h>
#include <stdlib.h>

#define AGAIN_NS (5 * NS_PER_S) /* after a claim that was refused */

struct ephemeral {
    struct loop *loop;
    struct api *api;
    struct recorder *recorder;
    struct api_watch *pod_watch, *claim_watch;
    struct map *refused;  /* "namespace/pod", to be looked at again; values are of no meaning */
    struct map *requests; /* "namespace/claim" -> struct request: under way */
    struct loop_timer *again;
};

struct request {
    struct ephemeral *ephemeral;
    char *key; /* "namespace/claim" */
    char *ns, *pod, *uid, *volume;
};

static const struct api_user user = {.name = "system:limpet:ephemeral"};

static void request_free(void *p)
{
    struct request *request = p;
    free(request->key);
    free(request->ns);
    free(request->pod);
    free(request->uid);
    free(request->volume);
    free(request);
}

static void tell(const struct request *request, const char *why)
{
    autofree char *message =
        xasprintf("ephemeral volume %s: %s", request->volume, why ? why : "not made");
    const struct event event = {.kind = "Pod",
                                .ns = request->ns,
                                .name = request->pod,
                                .uid = request->uid,
                                .type = "Warning",
                                .reason = "FailedBinding",
                                .message = message,
                                .component = "ephemeral-volume-controller",
                                .host = ""};
    recorder_event(request->ephemeral->recorder, &event);
}

static void on_created(void *ctx, const struct api_answer *answer)
{
    struct request *request = ctx;
    struct ephemeral *ephemeral = request->ephemeral;
    if (answer->code >= 300 && answer->code != 409) {
        autofree char *pod = xasprintf("%s/%s", request->ns, request->pod);
        tell(request, value_get_str(answer->object, "message"));
        (void)map_put(ephemeral->refused, pod, ephemeral);
        if (!loop_timer_armed(ephemeral->again))
            loop_timer_after(ephemeral->again, AGAIN_NS);
    }
    (void)map_del(ephemeral->requests, request->key);
    request_free(request);
}

struct looking {
    struct ephemeral *ephemeral;
    const struct value *pod;
};

static void look_at_claim(void *ctx, const char *name, const struct value *volume, bool own)
{
    const struct looking *looking = ctx;
    struct ephemeral *ephemeral = looking->ephemeral;
    const struct api_ref ref = {&kind_persistent_volume_claim, object_namespace(looking->pod),
                                name};
    const struct value *there;
    autofree char *key = xasprintf("%s/%s", ref.ns, name);
    if (!own || map_get(ephemeral->requests, key) ||
        api_see(ephemeral->api, &user, &ref, &there) == 0)
        return;
    cleanup(value_free) struct value *claim = ephemeral_claim(looking->pod, volume);
    struct request *request = xcalloc(1, sizeof(*request));
    *request = (struct request){.ephemeral = ephemeral,
                                .key = steal(key),
                                .ns = xstrdup(ref.ns),
                                .pod = xstrdup(object_name(looking->pod)),
                                .uid = xstrdup(object_uid(looking->pod)),
                                .volume = xstrdup(value_get_str(volume, "name"))};
    (void)map_put(ephemeral->requests, request->key, request);
    api_create(ephemeral->api, &user, &ref, claim, 0, on_created, request);
}

static void look_at_pod(struct ephemeral *ephemeral, const struct value *pod)
{
    const struct looking looking = {ephemeral, pod};
    if (ephemeral_wants(pod))
        pod_claims_each(pod, look_at_claim, (void *)(uintptr_t)&looking);
}

static void look_at(struct ephemeral *ephemeral, const char *ns, const char *name)
{
    const struct api_ref ref = {&kind_pod, ns, name};
    struct value *pod = NULL;
    if (api_get(ephemeral->api, &user, &ref, &pod) == 0)
        look_at_pod(ephemeral, pod);
    value_free(pod);
}

static void on_again(void *ctx)
{
    struct ephemeral *ephemeral = ctx;
    struct map *refused = ephemeral->refused;
    const char *key;
    ephemeral->refused = map_new();
    for (size_t i = 0; map_next(refused, &i, &key, NULL);) {
        const char *slash = strchr(key, '/');
        autofree char *ns = xstrndup(key, (size_t)(slash - key));
        look_at(ephemeral, ns, slash + 1);
    }
    map_free(refused, NULL);
}

static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    if (type != API_DELETED)
        look_at_pod(ctx, object);
}

/* One that is deleted while its pod is there is made anew. */
static void on_claim(void *ctx, enum api_event_type type, const struct value *object)
{
    const struct value *owners = value_path(object, "metadata", "ownerReferences", NULL);
    if (type != API_DELETED)
        return;
    for (size_t i = 0; i < value_len(owners); i++) {
        const char *name = value_get_str(value_at(owners, i), "name");
        if (str_eq(value_get_str(value_at(owners, i), "kind"), "Pod") && name)
            look_at(ctx, object_namespace(object), name);
    }
}

int ephemeral_new(struct loop *loop, struct api *api, struct recorder *recorder,
                  struct ephemeral **ret, struct err *err)
{
    static const char *const volumes[] = {"\"ephemeral\"", NULL};
    static const char *const owned[] = {"\"ownerReferences\"", NULL};
    const struct api_list_query pod_query = {.mentions = volumes},
                                claim_query = {.mentions = owned};
    const struct api_ref pods = {&kind_pod, "", ""};
    const struct api_ref claims = {&kind_persistent_volume_claim, "", ""};
    struct ephemeral *ephemeral = xcalloc(1, sizeof(*ephemeral));
    *ephemeral = (struct ephemeral){.loop = loop,
                                    .api = api,
                                    .recorder = recorder,
                                    .refused = map_new(),
                                    .requests = map_new()};
    ephemeral->again = loop_timer_new(loop, on_again, ephemeral);
    int r = api_watch(api, &user, &claims, &claim_query, 0, on_claim, ephemeral,
                      &ephemeral->claim_watch);
    if (r == 0)
        r = api_watch(api, &user, &pods, &pod_query, 0, on_pod, ephemeral, &ephemeral->pod_watch);
    if (r < 0) {
        ephemeral_free(ephemeral);
        return err_set(err, -EIO, "ephemeral volumes: watch: %d", -r);
    }
    *ret = ephemeral;
    return 0;
}

void ephemeral_free(struct ephemeral *ephemeral)
{
    if (!ephemeral)
        return;
    if (ephemeral->pod_watch)
        api_watch_free(ephemeral->pod_watch);
    if (ephemeral->claim_watch)
        api_watch_free(ephemeral->claim_watch);
    loop_timer_free(ephemeral->again);
    map_free(ephemeral->refused, NULL);
    map_free(ephemeral->requests, request_free);
    free(ephemeral);
}
