/* The writing verbs of the API: what each asks change.c. */

#include "controller/api/write.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/deletion.h"
#include "controller/api/meta.h"
#include "controller/api/server_apply.h"
#include "controller/api/status.h"

static void plan_create(struct write *write, const struct change_env *env,
                        const struct value *object)
{
    change_create(env, object, write->input, &write->change);
}

static void plan_update(struct write *write, const struct change_env *env,
                        const struct value *object)
{
    change_update(env, object, write->input, &write->change);
}

/* An apply that would create, of who may only change. */
static bool refuse_creation(struct write *write, const struct value *object)
{
    if (object || !write->create_refusal || WEAKENED(API_APPLY_CREATES))
        return false;
    write->change.action = CHANGE_REFUSE;
    write->change.code = status_code(write->create_refusal);
    write->change.object = value_copy(write->create_refusal);
    return true;
}

static void plan_apply(struct write *write, const struct change_env *env,
                       const struct value *object)
{
    if (!refuse_creation(write, object))
        change_apply(env, object, write->input, &write->change);
}

static void plan_server_apply(struct write *write, const struct change_env *env,
                              const struct value *object)
{
    if (!refuse_creation(write, object))
        change_server_apply(env, object, write->input, write->force, &write->change);
}

static void plan_patch(struct write *write, const struct change_env *env,
                       const struct value *object)
{
    change_patch(env, object, write->patch_type, write->input, &write->change);
}

static void plan_delete(struct write *write, const struct change_env *env,
                        const struct value *object)
{
    change_delete(env, object, &write->options, &write->change);
}

static void plan_edit(struct write *write, const struct change_env *env, const struct value *object)
{
    if (!object) {
        change_update(env, NULL, NULL, &write->change);
        return;
    }
    cleanup(value_free) struct value *copy = value_copy(object);
    int r = write->edit(write->ctx, copy);
    if (r == 0) {
        change_update(env, object, copy, &write->change);
        return;
    }
    struct value *answer =
        r > 0 ? value_copy(object) : status_conflict(write->kind, write->name, strerror(-r));
    write->change.action = r > 0 ? CHANGE_KEEP : CHANGE_REFUSE;
    write->change.code = r > 0 ? 200 : 409;
    write->change.object = answer;
}

/* Draws a name if the object leaves it to us. A drawn name that is taken is told as 409; with 14
 * million suffixes that is for the client to try again. */
static void name_from_input(struct write *write)
{
    const struct value *meta = value_get(write->input, "metadata");
    if (!*write->name) {
        char *name = change_name(write->input, write->api->rng);
        if (name) {
            free(write->name);
            write->name = name;
        }
    }
    if (*write->name && str_empty(value_get_str(meta, "name"))) {
        struct value *map = meta_of(write->input);
        if (map)
            value_set_str(map, "name", write->name);
    }
}

void api_create(struct api *api, const struct api_user *user, const struct api_ref *ref,
                const struct value *object, unsigned flags, api_done_fn *done, void *ctx)
{
    struct write *write = write_new(api, ref, flags, plan_create, done, ctx);
    write->input = value_copy(object);
    name_from_input(write);
    write_submit(write, user, "create");
}

void api_update(struct api *api, const struct api_user *user, const struct api_ref *ref,
                const struct value *object, unsigned flags, api_done_fn *done, void *ctx)
{
    struct write *write = write_new(api, ref, flags, plan_update, done, ctx);
    write->input = value_copy(object);
    write_submit(write, user, "update");
}

void api_patch(struct api *api, const struct api_user *user, const struct api_ref *ref,
               enum patch_type type, const struct value *patch, unsigned flags, api_done_fn *done,
               void *ctx)
{
    struct write *write = write_new(api, ref, flags, plan_patch, done, ctx);
    write->input = value_copy(patch);
    write->patch_type = type;
    write_submit(write, user, "patch");
}

void api_server_apply(struct api *api, const struct api_user *user, const struct api_ref *ref,
                      const struct value *object, bool force, unsigned flags, api_done_fn *done,
                      void *ctx)
{
    struct write *write = write_new(api, ref, flags, plan_server_apply, done, ctx);
    write->input = value_copy(object);
    write->force = force;
    write->may_create = true;
    write_submit(write, user, "patch");
}

void api_apply(struct api *api, const struct api_user *user, const struct api_ref *ref,
               const struct value *object, unsigned flags, api_done_fn *done, void *ctx)
{
    struct write *write = write_new(api, ref, flags & ~(unsigned)API_STATUS, plan_apply, done, ctx);
    write->input = value_copy(object);
    write->may_create = true;
    name_from_input(write);
    write_submit(write, user, "patch");
}

static char *copy_or_null(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

void api_delete(struct api *api, const struct api_user *user, const struct api_ref *ref,
                const struct api_delete_options *options, unsigned flags, api_done_fn *done,
                void *ctx)
{
    api_delete_as(api, user, "delete", ref, options, flags, done, ctx);
}

void api_delete_as(struct api *api, const struct api_user *user, const char *verb,
                   const struct api_ref *ref, const struct api_delete_options *options,
                   unsigned flags, api_done_fn *done, void *ctx)
{
    static const struct api_delete_options usual = {.grace_s = -1};
    struct write *write =
        write_new(api, ref, flags & ~(unsigned)API_STATUS, plan_delete, done, ctx);
    options = options ? options : &usual;
    write->removal = true;
    write->options.grace_s = options->grace_s;
    write->options.uid = copy_or_null(options->uid);
    write->options.resource_version = copy_or_null(options->resource_version);
    write->options.propagation = copy_or_null(options->propagation);
    write_submit(write, user, verb);
}

void api_patch_with(struct api *api, const struct api_user *user, const struct api_ref *ref,
                    unsigned flags, api_change_fn *change, api_done_fn *done, void *ctx)
{
    struct write *write = write_new(api, ref, flags, plan_edit, done, ctx);
    write->edit = change;
    write_submit(write, user, "patch");
}

/* input: the node's name. */
static void plan_bind(struct write *write, const struct change_env *env, const struct value *object)
{
    const char *node = value_str(write->input);
    if (!object) {
        change_update(env, NULL, NULL, &write->change);
        return;
    }
    const char *now = value_get_str(value_get(object, "spec"), "nodeName");
    if (!str_empty(now) || meta_is_deleting(object)) {
        autofree char *why =
            str_empty(now)
                ? xstrdup("the pod is being deleted, cannot be assigned to a host")
                : xasprintf("pod %s is already assigned to node \"%s\"", write->name, now);
        struct value *status = status_conflict(write->kind, write->name, why);
        write->change.action = CHANGE_REFUSE;
        write->change.code = status_code(status);
        write->change.object = status;
        return;
    }
    cleanup(value_free) struct value *copy = value_copy(object);
    value_set_str(value_make_map(copy, "spec", NULL), "nodeName", node);
    change_update(env, object, copy, &write->change);
}

void api_bind(struct api *api, const struct api_user *user, const char *ns, const char *pod,
              const char *node, unsigned flags, api_done_fn *done, void *ctx)
{
    struct api_ref ref = {&kind_pod, ns, pod};
    struct write *write = write_new(api, &ref, flags & API_DRY_RUN, plan_bind, done, ctx);
    write->input = value_new_str(node);
    write->subresource = "binding";
    write_submit(write, user, "create");
}
