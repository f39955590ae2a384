#include "controller/server/deletion.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/server/change_impl.h"
#include "controller/server/meta.h"
#include "controller/server/status.h"
#include "controller/server/strategy.h"

bool deletion_ends(const struct value *stored, const struct value *next)
{
    const struct value *meta = value_get(next, "metadata");
    return meta_is_deleting(stored) && meta_has_finalizers(stored) && !meta_has_finalizers(next) &&
           value_get_int(meta, "deletionGracePeriodSeconds", -1) == 0;
}

static bool is_kept_namespace(const struct change_env *env)
{
    static const char *const kept[] = {"default", "kube-system", "kube-public", "kube-node-lease"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (str_eq(env->ref.name, kept[i]))
            return true;
    return false;
}

static void delete_namespace(const struct change_env *env, const struct value *stored,
                             struct change *ret)
{
    if (env->flags & API_FINALIZE) {
        change_conclude(ret, CHANGE_REMOVE, 200, value_copy(stored));
        return;
    }
    if (is_kept_namespace(env)) {
        change_refuse(ret,
                      status_of(403, env->ref.kind, env->ref.name,
                                "namespaces \"%s\" is forbidden: this namespace may not be deleted",
                                env->ref.name));
        return;
    }
    if (meta_is_deleting(stored)) {
        change_conclude(ret, CHANGE_KEEP, 200, value_copy(stored));
        return;
    }
    struct value *next = value_copy(stored);
    meta_mark_deleted(next, env->now_wall_ns, 0);
    value_del(meta_of(next), "deletionGracePeriodSeconds");
    struct value *status = value_make_map(next, "status", NULL);
    if (status)
        value_set_str(status, "phase", "Terminating");
    change_conclude(ret, CHANGE_PUT, 200, next);
}

/* Marks; a mark is only ever renewed by a shorter one. */
static void delete_later(const struct change_env *env, const struct value *stored, int64_t grace_s,
                         struct change *ret)
{
    const struct value *meta = value_get(stored, "metadata");
    int64_t before = value_get_int(meta, "deletionGracePeriodSeconds", INT64_MAX);
    if (meta_is_deleting(stored) && before <= grace_s) {
        change_conclude(ret, CHANGE_KEEP, 200, value_copy(stored));
        return;
    }
    struct value *next = value_copy(stored);
    meta_mark_deleted(next, env->now_wall_ns, grace_s);
    meta_bump_generation(next);
    change_conclude(ret, CHANGE_PUT, 200, next);
}

void change_delete(const struct change_env *env, const struct value *stored,
                   const struct api_delete_options *options, struct change *ret)
{
    change_begin(ret);
    if (!stored) {
        change_refuse(ret, status_not_found(env->ref.kind, env->ref.name));
        return;
    }
    if (change_check_preconditions(env, stored, options->uid, options->resource_version, ret) != 0)
        return;
    if (env->ref.kind == &kind_namespace) {
        delete_namespace(env, stored, ret);
        return;
    }
    int64_t grace_s = strategy_grace(env->ref.kind, stored, options->grace_s);
    if (grace_s > 0 || meta_has_finalizers(stored))
        delete_later(env, stored, grace_s, ret);
    else
        change_conclude(ret, CHANGE_REMOVE, 200, value_copy(stored));
}
