#include "controller/reconcile/claims_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

const struct api_user claims_user = {.name = "system:limpet:claims"};

const struct reconciler_ops claims_ops = {
    .size = sizeof(struct claims_request), .done = claims_written, .free = claims_request_free};

void claims_request_free(struct reconciler_write *write)
{
    struct claims_request *request = container_of(write, struct claims_request, write);
    free(request->name);
    free(request->taken);
    value_free(request->claim);
    value_free(request->object);
    claims_note_done(&request->note);
}

static void record(const struct claims *claims, const struct value *object,
                   const struct claims_note *note)
{
    const char *kind = value_get_str(object, "kind"), *ns = object_namespace(object);
    const struct event event = {.kind = kind ? kind : "",
                                .ns = ns ? ns : "",
                                .name = object_name(object),
                                .uid = object_uid(object),
                                .type = note->type,
                                .reason = note->reason,
                                .message = note->message,
                                .component = "persistentvolume-controller",
                                .host = ""};
    recorder_event(claims->recorder, &event);
}

static bool is_known(const struct claims *claims, const char *key)
{
    return strchr(key, '/') ? claim_index_has(claims->claims, key)
                            : volume_index_get(claims->volumes, key) != NULL;
}

void claims_tell(const struct claims *claims, const char *key, const struct value *object,
                 const struct claims_note *note)
{
    autofree char *said = note->reason ? xasprintf("%s %s", note->reason, note->message) : NULL;
    if (!said || !is_known(claims, key) || str_eq(said, map_get(claims->told, key)))
        return;
    free(map_put(claims->told, key, steal(said)));
    record(claims, object, note);
}

/* What was changed comes back as a change; only what was not is looked at again. */
enum work_end claims_written(struct reconciler_write *write, const struct api_answer *answer)
{
    struct claims_request *request = container_of(write, struct claims_request, write);
    const struct claims *claims = reconciler_ctx(write);
    struct volume_view *held =
        request->taken ? volume_index_get(claims->volumes, request->taken) : NULL;
    const struct value *about = request->claim ? request->claim : request->object;
    if (held)
        held->taken = false;
    if (answer->code < 300 && about)
        claims_tell(claims, write->key, about, &request->note);
    return answer->code < 300 && !answer->unchanged ? WORK_DONE : WORK_LATER;
}

static int change(void *ctx, struct value *object)
{
    const struct claims_request *request = ctx;
    return request->change(request, object);
}

void claims_patch(struct claims_request *request, const struct api_ref *ref,
                  const struct claims_step *step)
{
    const struct claims *claims = reconciler_ctx(&request->write);
    request->change = step->change;
    api_patch_with(claims->api, &claims_user, ref, step->flags, change, reconciler_written,
                   request);
}

bool claims_same(const struct value *object, const struct value *seen)
{
    return str_eq(object_uid(object), object_uid(seen));
}
