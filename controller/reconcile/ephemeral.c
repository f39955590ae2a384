#include "controller/reconcile/ephemeral.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/pod_claims.h"
#include "controller/reconcile/ephemeral_plan.h"
#include "controller/reconcile/reconciler.h"

#include <stdlib.h>

struct ephemeral {
    struct api *api;
    struct recorder *recorder;
    struct reconciler *frame; /* keys: "namespace/pod" */
};

struct request {
    struct reconciler_write write;
    char *uid, *volume; /* of the pod */
};

static const struct api_user user = {.name = "system:limpet:ephemeral"};

static void request_free(struct reconciler_write *write)
{
    struct request *request = container_of(write, struct request, write);
    free(request->uid);
    free(request->volume);
}

static void tell(const struct request *request, const char *why)
{
    const struct ephemeral *ephemeral = reconciler_ctx(&request->write);
    autofree char *ns = NULL;
    const char *pod = reconciler_split(request->write.key, &ns);
    autofree char *message =
        xasprintf("ephemeral volume %s: %s", request->volume, why ? why : "not made");
    const struct event event = {.kind = "Pod",
                                .ns = ns,
                                .name = pod,
                                .uid = request->uid,
                                .type = "Warning",
                                .reason = "FailedBinding",
                                .message = message,
                                .component = "ephemeral-volume-controller",
                                .host = ""};
    recorder_event(ephemeral->recorder, &event);
}

static enum work_end on_created(struct reconciler_write *write, const struct api_answer *answer)
{
    if (answer->code < 300 || answer->code == 409)
        return WORK_DONE;
    tell(container_of(write, struct request, write), value_get_str(answer->object, "message"));
    return WORK_LATER;
}

struct looking {
    struct ephemeral *ephemeral;
    const struct value *pod;
    const char *key;
};

static void look_at_claim(void *ctx, const char *name, const struct value *volume, bool own)
{
    static const struct reconciler_ops ops = {
        .size = sizeof(struct request), .done = on_created, .free = request_free};
    const struct looking *looking = ctx;
    struct ephemeral *ephemeral = looking->ephemeral;
    const struct api_ref ref = {&kind_persistent_volume_claim, object_namespace(looking->pod),
                                name};
    const struct value *there;
    if (!own || api_see(ephemeral->api, &user, &ref, &there) == 0)
        return;
    cleanup(value_free) struct value *claim = ephemeral_claim(looking->pod, volume);
    struct request *request = reconciler_begin(ephemeral->frame, looking->key, &ops);
    request->uid = xstrdup(object_uid(looking->pod));
    request->volume = xstrdup(value_get_str(volume, "name"));
    api_create(ephemeral->api, &user, &ref, claim, 0, reconciler_written, request);
}

static void look(void *ctx, const char *key)
{
    struct ephemeral *ephemeral = ctx;
    cleanup(value_free) struct value *pod = reconciler_get(ephemeral->frame, &kind_pod, key);
    const struct looking looking = {ephemeral, pod, key};
    if (pod && ephemeral_wants(pod))
        pod_claims_each(pod, look_at_claim, (void *)(uintptr_t)&looking);
}

static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct ephemeral *ephemeral = ctx;
    if (type != API_DELETED && ephemeral_wants(object))
        reconciler_put_object(ephemeral->frame, object);
}

/* One that is deleted while its pod is there is made anew. */
static void on_claim(void *ctx, enum api_event_type type, const struct value *object)
{
    struct ephemeral *ephemeral = ctx;
    const struct value *owners = value_path(object, "metadata", "ownerReferences", NULL);
    if (type != API_DELETED)
        return;
    for (size_t i = 0; i < value_len(owners); i++) {
        const struct value *owner = value_at(owners, i);
        autofree char *key = reconciler_key(object_namespace(object), value_get_str(owner, "name"));
        if (str_eq(value_get_str(owner, "kind"), "Pod"))
            reconciler_put(ephemeral->frame, key);
    }
}

int ephemeral_new(struct loop *loop, struct api *api, struct recorder *recorder,
                  struct ephemeral **ret, struct err *err)
{
    static const char *const volumes[] = {"\"ephemeral\"", NULL};
    static const char *const owned[] = {"\"ownerReferences\"", NULL};
    static const struct reconciler_watch watches[] = {
        {&kind_persistent_volume_claim, on_claim, owned}, {&kind_pod, on_pod, volumes}};
    struct ephemeral *ephemeral = xcalloc(1, sizeof(*ephemeral));
    const struct reconciler_spec spec = {.name = "ephemeral volumes",
                                         .loop = loop,
                                         .api = api,
                                         .user = &user,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = look,
                                         .ctx = ephemeral};
    *ephemeral = (struct ephemeral){.api = api, .recorder = recorder};
    int r = reconciler_new(&spec, &ephemeral->frame, err);
    if (r < 0) {
        ephemeral_free(ephemeral);
        return r;
    }
    *ret = ephemeral;
    return 0;
}

void ephemeral_free(struct ephemeral *ephemeral)
{
    if (!ephemeral)
        return;
    reconciler_free(ephemeral->frame);
    free(ephemeral);
}
