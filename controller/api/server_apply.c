#include "controller/api/server_apply.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/merge/apply.h"
#include "controller/api/change_impl.h"
#include "controller/merge/fieldset.h"
#include "controller/api/managed.h"
#include "controller/api/meta.h"
#include "controller/api/status.h"

/* What of metadata is the server's, or the object's name: nobody's fields. */
static const char *const unmanaged[] = {
    "name",
    "namespace",
    "uid",
    "selfLink",
    "resourceVersion",
    "generation",
    "managedFields",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
};

static struct manager manager_of(const struct change_env *env)
{
    return (struct manager){env->manager, MANAGED_APPLY, env->flags & API_STATUS ? "status" : ""};
}

/* The fields that the document says, of those that can be somebody's. */
static struct value *fields_of(const struct change_env *env, const struct value *declared)
{
    cleanup(value_free) struct value *plain = value_copy(declared);
    struct value *meta = value_get(plain, "metadata");
    for (size_t i = 0; i < ARRAY_LEN(unmanaged); i++)
        value_del(meta, unmanaged[i]);
    if (value_len(meta) == 0)
        value_del(plain, "metadata");
    value_del(plain, "apiVersion");
    value_del(plain, "kind");
    if (env->flags & API_STATUS) {
        struct value *status = value_take(plain, "status");
        value_free(plain);
        plain = value_new_map();
        if (status)
            value_set(plain, "status", status);
    } else if (env->ref.kind->flags & SCHEMA_KIND_STATUS) {
        value_del(plain, "status");
    }
    return fieldset_of(env->ref.kind->type, plain);
}

static int check_input(const struct change_env *env, const struct value *input, struct change *ret)
{
    if (value_type(input) != VALUE_MAP)
        return change_refuse(ret, status_failure(400, "the body is not an object"));
    if (value_len(value_path(input, "metadata", "managedFields", NULL)) > 0)
        return change_refuse(ret, status_of(400, env->ref.kind, env->ref.name,
                                            "metadata.managedFields must be nil"));
    if (str_empty(env->manager))
        return change_refuse(
            ret, status_failure(422, "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: "
                                     "Required value: is required for apply patch"));
    return 0;
}

/* Fields that the manager gives up: his alone, and not wanted any more. */
static struct value *given_up(const struct value *stored, const struct manager *manager,
                              const struct value *mine)
{
    cleanup(value_free) struct value *others = managed_by_others(stored, manager);
    cleanup(value_free) struct value *unwanted =
        fieldset_subtract(managed_fields(stored, manager), mine);
    return fieldset_subtract(unwanted, others);
}

/* The new owners, in an object that came out of the merge; whether that alone is to be written. */
static void settle(const struct change_env *env, const struct value *stored,
                   const struct manager *manager, const struct value *mine,
                   const struct value *forced, struct change *ret)
{
    struct value *before = value_copy(value_path(stored, "metadata", "managedFields", NULL));
    managed_take(ret->object, manager, forced);
    managed_set(env->ref.kind, ret->object, manager, mine, env->now_wall_ns,
                ret->action == CHANGE_PUT);
    const struct value *after = value_path(ret->object, "metadata", "managedFields", NULL);
    if (ret->action == CHANGE_KEEP && !value_equal(before, after))
        ret->action = CHANGE_PUT;
    value_free(before);
}

static void apply_over(const struct change_env *env, const struct value *stored,
                       const struct value *declared, bool force, struct change *ret)
{
    const struct schema_kind *kind = env->ref.kind;
    const struct manager manager = manager_of(env);
    cleanup(value_free) struct value *mine = fields_of(env, declared);
    cleanup(value_free) struct value *gone = given_up(stored, &manager, mine);
    cleanup(value_free) struct value *conflicting = NULL;
    struct value *merged = apply_lay(kind, stored, declared);
    fieldset_remove(kind->type, gone, merged);
    change_update_from(env, stored, merged, ret);
    if (ret->action != CHANGE_PUT && ret->action != CHANGE_KEEP)
        return;
    struct value *refusal =
        managed_conflict(kind, stored, ret->object, &manager, mine, &conflicting);
    if (refusal && !force) {
        change_refuse(ret, refusal);
        return;
    }
    value_free(refusal);
    if (managed_is_full(stored, &manager))
        change_refuse(ret, status_of(422, kind, env->ref.name,
                                     "%s \"%s\" is invalid: metadata.managedFields: Too many: must "
                                     "have at most %d items",
                                     kind->kind, env->ref.name, MANAGED_MAX));
    else
        settle(env, stored, &manager, mine, conflicting, ret);
    if (ret->action != CHANGE_REFUSE)
        change_warn_inert(env, NULL, declared, ret);
}

void change_server_apply(const struct change_env *env, const struct value *stored,
                         const struct value *input, bool force, struct change *ret)
{
    struct change_env applying = *env;
    applying.applying = true;
    change_begin(ret);
    if (check_input(env, input, ret) != 0)
        return;
    cleanup(value_free) struct value *declared = value_copy(input);
    if (!(env->flags & API_STATUS) && (env->ref.kind->flags & SCHEMA_KIND_STATUS))
        value_del(declared, "status");
    if (stored) {
        apply_over(&applying, stored, declared, force, ret);
        return;
    }
    if (env->flags & API_STATUS) {
        change_refuse(ret, status_not_found(env->ref.kind, env->ref.name));
        return;
    }
    const struct manager manager = manager_of(env);
    cleanup(value_free) struct value *mine = fields_of(env, declared);
    change_create_from(&applying, value_copy(declared), ret);
    if (ret->action == CHANGE_PUT)
        managed_set(env->ref.kind, ret->object, &manager, mine, env->now_wall_ns, true);
}
