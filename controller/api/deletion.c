#include "controller/api/deletion.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/api/change_impl.h"
#include "controller/api/meta.h"
#include "controller/api/status.h"
#include "controller/api/strategy.h"

#define NAMESPACE_CONTENT "kubernetes" /* the finalizer in a namespace's spec */

/* Kinds of which a deletion does something else than usual. */
struct habit {
    const char *group, *kind;
    bool orphans; /* a deletion that does not say what becomes of dependents leaves them */
    bool alone;   /* never has dependents */
    bool shown;   /* see deletion_shows_object */
};

static const struct habit habits[] = {
    {"", "Pod", .shown = true},
    {"", "Service", .shown = true},
    {"", "ServiceAccount", .shown = true},
    {"", "PersistentVolume", .shown = true},
    {"", "PersistentVolumeClaim", .shown = true},
    {"", "PodTemplate", .shown = true},
    {"", "ResourceQuota", .shown = true},
    {"storage.k8s.io", "StorageClass", .shown = true},
    {"", "ReplicationController", .orphans = true},
    {"batch", "Job", .orphans = true},
    {"", "Event", .alone = true},
    {"events.k8s.io", "Event", .alone = true},
};

static const struct habit *habit_of(const struct schema_kind *kind)
{
    static const struct habit usual;
    for (size_t i = 0; i < ARRAY_LEN(habits); i++)
        if (str_eq(habits[i].kind, kind->kind) && str_eq(habits[i].group, kind->group))
            return &habits[i];
    return &usual;
}

bool deletion_shows_object(const struct schema_kind *kind)
{
    return habit_of(kind)->shown;
}

/* ---- finalizers ---- */

static bool is_collecting(const char *finalizer)
{
    return str_eq(finalizer, DELETION_FOREGROUND) || str_eq(finalizer, DELETION_ORPHAN);
}

void deletion_check(const struct value *stored, const struct value *next, struct diags *diags)
{
    const struct value *before = value_path(stored, "metadata", "finalizers", NULL);
    const struct value *after = value_path(next, "metadata", "finalizers", NULL);
    if (value_has_str(after, DELETION_FOREGROUND) && value_has_str(after, DELETION_ORPHAN))
        diags_add(diags, value_line(after), "metadata.finalizers", CAUSE_INVALID,
                  "finalizer %s and %s cannot be both set", DELETION_ORPHAN, DELETION_FOREGROUND);
    if (!stored || !meta_is_deleting(stored) || WEAKENED(DELETION_NEW_FINALIZERS))
        return;
    for (size_t i = 0; i < value_len(after); i++) {
        const char *text = value_str(value_at(after, i));
        if (value_has_str(before, text))
            continue;
        diags_add(diags, value_line(after), "metadata.finalizers", CAUSE_FORBIDDEN,
                  "Forbidden: no new finalizers can be added if the object is being deleted, found "
                  "new finalizers []string{\"%s\"}",
                  text ? text : "");
        return;
    }
}

void deletion_carry(const struct schema_kind *kind, const struct value *stored, struct value *next)
{
    const struct value *finalizers = value_path(stored, "spec", "finalizers", NULL);
    struct value *spec = kind == &kind_namespace ? value_make_map(next, "spec", NULL) : NULL;
    if (!spec)
        return;
    value_del(spec, "finalizers");
    if (finalizers)
        value_set(spec, "finalizers", value_copy(finalizers));
}

bool deletion_ends(const struct schema_kind *kind, const struct value *stored,
                   const struct value *next)
{
    if (!meta_is_deleting(stored) || meta_has_finalizers(next))
        return false;
    if (kind == &kind_namespace)
        return value_len(value_path(next, "spec", "finalizers", NULL)) == 0;
    return value_get_int(value_get(next, "metadata"), "deletionGracePeriodSeconds", -1) == 0;
}

/* The finalizer of garbage collection that the object is to have while it goes: what was asked for,
 * or else what it has, or else what its kind does. */
static const char *collecting_finalizer(const struct schema_kind *kind, const struct value *stored,
                                        const char *propagation)
{
    const struct habit *habit = habit_of(kind);
    const struct value *finalizers = value_path(stored, "metadata", "finalizers", NULL);
    if (habit->alone)
        return NULL;
    if (propagation)
        return str_eq(propagation, "Orphan")       ? DELETION_ORPHAN
               : str_eq(propagation, "Foreground") ? DELETION_FOREGROUND
                                                   : NULL;
    for (size_t i = 0; i < value_len(finalizers); i++)
        if (is_collecting(value_str(value_at(finalizers, i))))
            return value_str(value_at(finalizers, i));
    return habit->orphans ? DELETION_ORPHAN : NULL;
}

static void set_collecting(struct value *object, const char *finalizer)
{
    struct value *meta = meta_of(object);
    struct value *list = value_get(meta, "finalizers");
    if (finalizer ? value_has_str(list, finalizer) : !list)
        return;
    for (size_t i = value_len(list); i > 0; i--)
        if (is_collecting(value_str(value_at(list, i - 1))))
            value_remove_at(list, i - 1);
    if (finalizer && value_type(list) != VALUE_LIST)
        list = value_set(meta, "finalizers", value_new_list());
    if (finalizer)
        value_append(list, value_new_str(finalizer));
    else if (value_len(list) == 0)
        value_del(meta, "finalizers");
}

/* ---- options ---- */

/* What can be wrong with them once they are read. */
static struct value *check_options(const struct api_delete_options *options)
{
    static const char *const known[] = {"Foreground", "Background", "Orphan"};
    if (!options->propagation)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(options->propagation, known[i]))
            return NULL;
    return status_failure(422,
                          "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: "
                          "Unsupported value: \"%.63s\": supported values: \"Foreground\", "
                          "\"Background\", \"Orphan\", \"nil\"",
                          options->propagation);
}

/* ---- namespaces ---- */

static bool is_kept_namespace(const struct change_env *env)
{
    static const char *const kept[] = {"default", "kube-system", "kube-public", "kube-node-lease"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (str_eq(env->ref.name, kept[i]))
            return true;
    return false;
}

/* What was in it is gone. */
static void finalize_namespace(const struct change_env *env, const struct value *stored,
                               struct change *ret)
{
    struct value *next = value_copy(stored);
    struct value *list = value_path(next, "spec", "finalizers", NULL);
    size_t before = value_len(list);
    for (size_t i = before; i > 0; i--)
        if (str_eq(value_str(value_at(list, i - 1)), NAMESPACE_CONTENT))
            value_remove_at(list, i - 1);
    bool ends = deletion_ends(env->ref.kind, stored, next);
    change_conclude(ret,
                    ends                        ? CHANGE_REMOVE
                    : value_len(list) == before ? CHANGE_KEEP
                                                : CHANGE_PUT,
                    200, next);
}

static void delete_namespace(const struct change_env *env, const struct value *stored,
                             const struct api_delete_options *options, struct change *ret)
{
    if (env->flags & API_FINALIZE) {
        finalize_namespace(env, stored, ret);
        return;
    }
    if (is_kept_namespace(env)) {
        change_refuse(ret, status_of(403, env->ref.kind, env->ref.name,
                                     "namespaces \"%s\" is forbidden: this namespace may not be "
                                     "deleted",
                                     env->ref.name));
        return;
    }
    if (meta_is_deleting(stored)) {
        change_conclude(ret, CHANGE_KEEP, 200, value_copy(stored));
        return;
    }
    struct value *next = value_copy(stored);
    set_collecting(next, collecting_finalizer(env->ref.kind, stored, options->propagation));
    meta_mark_deleted(next, env->now_wall_ns, 0);
    value_del(meta_of(next), "deletionGracePeriodSeconds");
    struct value *status = value_make_map(next, "status", NULL);
    if (status)
        value_set_str(status, "phase", "Terminating");
    change_conclude(ret, CHANGE_PUT, 200, next);
}

/* ---- all others ---- */

/* A mark is only ever renewed by one of a shorter time. Takes next, which has its finalizers. */
static void delete_later(const struct change_env *env, const struct value *stored,
                         struct value *next, int64_t grace_s, struct change *ret)
{
    const struct value *meta = value_get(stored, "metadata");
    bool marked = meta_is_deleting(stored);
    int64_t before = value_get_int(meta, "deletionGracePeriodSeconds", INT64_MAX);
    if (!marked || grace_s < before)
        meta_mark_deleted(next, env->now_wall_ns, grace_s);
    if (!marked)
        meta_bump_generation(next);
    change_conclude(ret, value_equal(stored, next) ? CHANGE_KEEP : CHANGE_PUT, 200, next);
}

void change_delete(const struct change_env *env, const struct value *stored,
                   const struct api_delete_options *options, struct change *ret)
{
    change_begin(ret);
    struct value *refusal = check_options(options);
    if (refusal || !stored) {
        change_refuse(ret, refusal ? refusal : status_not_found(env->ref.kind, env->ref.name));
        return;
    }
    if (change_check_preconditions(env, stored, options->uid, options->resource_version, ret) != 0)
        return;
    if (env->ref.kind == &kind_namespace) {
        delete_namespace(env, stored, options, ret);
        return;
    }
    struct value *next = value_copy(stored);
    int64_t grace_s = strategy_grace(env->ref.kind, stored, options->grace_s);
    /* Who is being given time keeps the finalizers with which that began. */
    if (!meta_is_deleting(stored) || grace_s == 0)
        set_collecting(next, collecting_finalizer(env->ref.kind, stored, options->propagation));
    if (grace_s > 0 || meta_has_finalizers(next))
        delete_later(env, stored, next, grace_s, ret);
    else
        change_conclude(ret, CHANGE_REMOVE, 200, next);
}
