#include "controller/api/change_impl.h"

#include "common/base/str.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/kinds/kinds.h"
#include "controller/merge/apply.h"
#include "controller/api/asker.h"
#include "controller/api/deletion.h"
#include "controller/api/fit.h"
#include "controller/api/form.h"
#include "controller/api/inert.h"
#include "controller/api/managed.h"
#include "controller/api/meta.h"
#include "controller/api/part.h"
#include "controller/merge/prune.h"
#include "controller/api/status.h"
#include "controller/api/strategy.h"

void change_done(struct change *change)
{
    value_free(steal(change->object));
    diags_done(&change->warnings);
}

void change_conclude(struct change *ret, enum change_action action, int code, struct value *object)
{
    value_free(ret->object);
    ret->action = action;
    ret->code = code;
    ret->object = object;
}

int change_refuse(struct change *ret, struct value *status)
{
    change_conclude(ret, CHANGE_REFUSE, status_code(status), status);
    return -1;
}

void change_begin(struct change *ret)
{
    *ret = (struct change){0};
    diags_init(&ret->warnings);
}

char *change_name(const struct value *input, struct rng *rng)
{
    const struct value *meta = value_get(input, "metadata");
    const char *name = value_get_str(meta, "name");
    const char *base = value_get_str(meta, "generateName");
    if (!str_empty(name))
        return xstrdup(name);
    return str_empty(base) ? NULL : meta_generate_name(base, rng);
}

enum change_namespace change_namespace_of(const struct value *object, const char *name)
{
    if (object)
        return meta_is_deleting(object) ? CHANGE_NS_TERMINATING : CHANGE_NS_ACTIVE;
    /* There from the beginning, written or not. */
    bool born = str_eq(name, "default") || str_eq(name, "kube-system");
    return born ? CHANGE_NS_ACTIVE : CHANGE_NS_MISSING;
}

struct value *change_encode(const struct api_ref *ref, struct change *change, unsigned flags,
                            bool removal, struct buf *ret)
{
    buf_init(ret, 0);
    meta_strip_revision(change->object);
    cleanup(value_free) struct value *copy = ref->kind->stored ? value_copy(change->object) : NULL;
    form_write(ref->kind, copy);
    (void)json_write(copy ? copy : change->object, ret);
    if (removal && ret->len <= DATA_MAX_BYTES)
        return NULL;
    return fit_refusal(ref->kind, change->object, flags, ret->len);
}

/* ---- the shape of what was sent ---- */

/* What a client may leave out: it is filled from the request. wanted: what that says. */
static bool fits(struct value *map, const char *key, const char *wanted)
{
    const struct value *have = value_get(map, key);
    const char *text = value_str(have);
    bool left_out = !have || value_type(have) == VALUE_NULL || (text && !*text);
    if (left_out && *wanted)
        value_set_str(map, key, wanted);
    return left_out || str_eq(text, wanted);
}

static const char *told(const struct value *map, const char *key)
{
    const char *text = value_get_str(map, key);
    return text ? text : "?";
}

/* A condition that is not understood must not count as none. */
static const char *mistyped(const struct value *meta)
{
    static const char *const texts[] = {"resourceVersion", "uid"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        enum value_type type = value_type(value_get(meta, texts[i]));
        if (type != VALUE_NULL && type != VALUE_STRING && value_get(meta, texts[i]))
            return texts[i];
    }
    return NULL;
}

/* NULL, or the refusal (in Kubernetes' words) of an object that contradicts the request. */
static struct value *misfit(const struct change_env *env, struct value *object, struct value *meta)
{
    const struct schema_kind *kind = part_kind(env->ref.kind, env->flags);
    const char *name = env->ref.name;
    char version[128];
    schema_api_version(kind, version);
    if (!fits(object, "kind", kind->kind))
        return status_of(400, kind, name, "%.63s in version \"%.63s\" cannot be handled as a %s",
                         told(object, "kind"), version, kind->kind);
    if (!fits(object, "apiVersion", version))
        return status_of(400, kind, name,
                         "the API version in the data (%.63s) does not match the expected API "
                         "version (%s)",
                         told(object, "apiVersion"), version);
    if (!str_empty(name) && !fits(meta, "name", name))
        return status_of(400, kind, name,
                         "the name of the object (%.253s) does not match the name on the URL (%s)",
                         told(meta, "name"), name);
    /* Manifests say one of what has none; Kubernetes takes no notice of it either. */
    if (!env->ref.kind->namespaced)
        value_del(meta, "namespace");
    else if (!fits(meta, "namespace", env->ref.ns))
        return status_of(400, kind, name,
                         "the namespace of the provided object does not match the namespace sent "
                         "on the request (%.63s and %s)",
                         told(meta, "namespace"), env->ref.ns);
    return NULL;
}

/* Fills from the request what a client may leave out, refuses what contradicts it. */
static int fit_to_ref(const struct change_env *env, struct value *object, struct change *ret)
{
    if (value_type(object) != VALUE_MAP)
        return change_refuse(ret, status_failure(400, "the body is not an object"));
    struct value *meta = meta_of(object);
    if (!meta)
        return change_refuse(
            ret, status_of(400, env->ref.kind, env->ref.name, "metadata is not an object"));
    const char *wrong = mistyped(meta);
    struct value *status = wrong ? status_of(400, env->ref.kind, env->ref.name,
                                             "metadata.%s must be a string, not a %s", wrong,
                                             value_type_name(value_type(value_get(meta, wrong))))
                                 : misfit(env, object, meta);
    return status ? change_refuse(ret, status) : 0;
}

/* Moves unknown fields to the warnings where the request wants that. */
static void drop_unknown(const struct change_env *env, const struct schema_kind *kind,
                         struct value *object, struct change *ret)
{
    if (env->flags & (API_DROP_UNKNOWN | API_WARN_UNKNOWN))
        prune(kind->type, object, env->flags & API_WARN_UNKNOWN ? &ret->warnings : NULL);
}

void change_warn_inert(const struct change_env *env, const struct value *stored,
                       const struct value *object, struct change *ret)
{
    bool aside = env->flags & (API_STATUS | API_SCALE | API_FINALIZERS | API_RESIZE);
    if ((env->flags & API_WARN_INERT) && !aside)
        inert_warn(env->ref.kind, stored, object, &ret->warnings);
}

static int check(const struct change_env *env, const struct schema_kind *kind,
                 const struct value *object, bool with_status, struct change *ret)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    unsigned flags = with_status && !WEAKENED(API_BORN_STATUS) ? SCHEMA_CHECK_STATUS : 0;
    int r = schema_check(kind, object, flags, &diags);
    if (r == 0)
        deletion_check(NULL, object, &diags);
    if ((r == 0 && diags.count == 0) || WEAKENED(API_SCHEMA_CHECK))
        return 0;
    return change_refuse(ret, status_invalid(kind, env->ref.name, &diags));
}

/* ---- admission ---- */

static struct gate_request gate_request(const struct change_env *env, const struct value *stored,
                                        struct value *object, struct change *ret)
{
    return (struct gate_request){.ref = env->ref,
                                 .verb = stored ? GATE_UPDATE : GATE_CREATE,
                                 .flags = env->flags,
                                 .old = stored,
                                 .object = object,
                                 .warnings = &ret->warnings,
                                 .rng = env->rng,
                                 .reader = env->reader};
}

/* What it is made into is an object like what a client may send. */
static int admit(const struct change_env *env, const struct value *stored, struct value *object,
                 bool with_status, struct change *ret)
{
    const struct gate_request request = gate_request(env, stored, object, ret);
    bool ran = false;
    struct value *status = env->gate ? env->gate->mutate(env->gate->ctx, &request, &ran) : NULL;
    if (status)
        return change_refuse(ret, status);
    if (!ran)
        return 0;
    if (check(env, env->ref.kind, object, with_status, ret) != 0)
        return -1;
    schema_default(env->ref.kind, object);
    return 0;
}

static int validate(const struct change_env *env, const struct value *stored, struct value *object,
                    struct change *ret)
{
    const struct gate_request request = gate_request(env, stored, object, ret);
    struct value *status = env->gate ? env->gate->validate(env->gate->ctx, &request) : NULL;
    return status ? change_refuse(ret, status) : 0;
}

/* ---- create ---- */

/* Controllers know the cause by its reason. */
static struct value *terminating(const struct change_env *env)
{
    autofree char *resource = status_resource(env->ref.kind);
    struct value *status = status_of(403, env->ref.kind, env->ref.name,
                                     "%s \"%s\" is forbidden: unable to create new content in "
                                     "namespace %s because it is being terminated",
                                     resource, env->ref.name, env->ref.ns);
    struct value *cause = value_new_map();
    autofree char *message = xasprintf("namespace %s is being terminated", env->ref.ns);
    value_set_str(cause, "reason", "NamespaceTerminating");
    value_set_str(cause, "message", message);
    value_set_str(cause, "field", "metadata.namespace");
    value_append(value_set(value_get(status, "details"), "causes", value_new_list()), cause);
    return status;
}

static int check_namespace(const struct change_env *env, struct change *ret)
{
    if (!env->ref.kind->namespaced || env->ns_state == CHANGE_NS_ACTIVE)
        return 0;
    if (str_empty(env->ref.ns))
        return change_refuse(ret, status_of(400, env->ref.kind, env->ref.name,
                                            "an empty namespace may not be set during creation"));
    if (env->ns_state == CHANGE_NS_MISSING) {
        struct value *status = status_failure(404, "namespaces \"%s\" not found", env->ref.ns);
        return change_refuse(ret, status);
    }
    return change_refuse(ret, terminating(env));
}

static int check_unborn(const struct change_env *env, const struct value *object,
                        struct change *ret)
{
    const struct value *meta = value_get(object, "metadata");
    if (env->ref.kind->flags & SCHEMA_KIND_CLOSED)
        return change_refuse(ret, status_of(405, env->ref.kind, env->ref.name,
                                            "create not allowed while custom resource definition "
                                            "is terminating"));
    if (str_empty(value_get_str(meta, "name")))
        return change_refuse(ret,
                             status_of(422, env->ref.kind, "",
                                       "%s \"\" is invalid: metadata.name: Required value: name or "
                                       "generateName is required",
                                       env->ref.kind->kind));
    if (!str_empty(value_get_str(meta, "resourceVersion")))
        return change_refuse(
            ret, status_of(400, env->ref.kind, env->ref.name,
                           "resourceVersion should not be set on objects to be created"));
    return 0;
}

void change_create_from(const struct change_env *env, struct value *object, struct change *ret)
{
    if (fit_to_ref(env, object, ret) != 0 || check_namespace(env, ret) != 0 ||
        check_unborn(env, object, ret) != 0) {
        value_free(object);
        return;
    }
    drop_unknown(env, env->ref.kind, object, ret);
    if (check(env, env->ref.kind, object, strategy_keeps_status(env->ref.kind), ret) != 0) {
        value_free(object);
        return;
    }
    change_warn_inert(env, NULL, object, ret);
    schema_default(env->ref.kind, object);
    if (admit(env, NULL, object, strategy_keeps_status(env->ref.kind), ret) != 0) {
        value_free(object);
        return;
    }
    meta_born(object, env->rng, env->now_wall_ns);
    strategy_born(env->ref.kind, object);
    struct value *refusal = asker_born(env->ref.kind, env->asker, object);
    if (refusal) {
        value_free(object);
        change_refuse(ret, refusal);
        return;
    }
    if (validate(env, NULL, object, ret) != 0)
        value_free(object);
    else
        change_conclude(ret, CHANGE_PUT, 201, object);
}

void change_create(const struct change_env *env, const struct value *stored,
                   const struct value *input, struct change *ret)
{
    change_begin(ret);
    change_create_from(env, value_copy(input), ret);
    /* What is wrong with it is told first: no second one of its name would help. */
    if (stored && ret->action != CHANGE_REFUSE)
        change_refuse(ret, status_already_exists(env->ref.kind, env->ref.name));
}

void change_review(const struct change_env *env, const struct value *input, struct change *ret)
{
    struct value *object = value_copy(input);
    change_begin(ret);
    int r = fit_to_ref(env, object, ret);
    if (r == 0) {
        value_del(object, "status");
        drop_unknown(env, env->ref.kind, object, ret);
        r = check(env, env->ref.kind, object, false, ret);
    }
    if (r != 0) {
        value_free(object);
        return;
    }
    schema_default(env->ref.kind, object);
    change_conclude(ret, CHANGE_KEEP, 201, object);
}

/* ---- update ---- */

int change_check_preconditions(const struct change_env *env, const struct value *stored,
                               const char *uid, const char *revision, struct change *ret)
{
    const struct value *meta = value_get(stored, "metadata");
    const char *stored_uid = value_get_str(meta, "uid");
    if (!str_empty(uid) && !str_eq(uid, stored_uid)) {
        autofree char *why =
            xasprintf("Precondition failed: UID in precondition: %s, UID in object meta: %s", uid,
                      stored_uid);
        return change_refuse(ret, status_conflict(env->ref.kind, env->ref.name, why));
    }
    /* "0" is unconditional, as in Kubernetes. */
    if (!str_empty(revision) && !str_eq(revision, "0") &&
        !str_eq(revision, value_get_str(meta, "resourceVersion")) && !WEAKENED(API_CONFLICT))
        return change_refuse(
            ret, status_conflict(env->ref.kind, env->ref.name,
                                 "the object has been modified; please apply your changes to "
                                 "the latest version and try again"));
    return 0;
}

static int check_change(const struct change_env *env, const struct value *stored,
                        const struct value *next, struct change *ret)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    int r = 0;
    part_check(stored, next, env->flags, &diags);
    if (part_obeys_update(env->flags)) {
        r = schema_check_update(env->ref.kind, stored, next, &diags);
        deletion_check(stored, next, &diags);
    }
    if (r == 0 && diags.count == 0)
        return 0;
    return change_refuse(ret, status_invalid(env->ref.kind, env->ref.name, &diags));
}

/* A part of another kind than the object's is checked by itself. */
static int check_sent(const struct change_env *env, struct value *sent, struct change *ret)
{
    const struct schema_kind *kind = part_kind(env->ref.kind, env->flags);
    if (kind == env->ref.kind)
        return 0;
    drop_unknown(env, kind, sent, ret);
    if (check(env, kind, sent, false, ret) != 0)
        return -1;
    schema_default(kind, sent);
    return 0;
}

/* The object as it would stand: for a write of a part the stored one with that part, otherwise the
 * new one with the stored status. Takes object. NULL: refused. */
static struct value *compose(const struct change_env *env, const struct value *stored,
                             struct value *object, struct change *ret)
{
    cleanup(value_free) struct value *sent = object;
    struct value *next = NULL;
    if (env->flags & PART_FLAGS) {
        if (check_sent(env, sent, ret) != 0)
            return NULL;
        struct value *status = part_put(env->ref.kind, stored, sent, env->flags, &next);
        if (status)
            change_refuse(ret, status);
        return next;
    }
    const struct value *status = value_get(stored, "status");
    if (env->ref.kind->flags & SCHEMA_KIND_STATUS) {
        value_del(sent, "status");
        if (status)
            value_set(sent, "status", value_copy(status));
    }
    meta_carry(stored, sent);
    deletion_carry(env->ref.kind, stored, sent);
    return steal(sent);
}

/* The last of what kept a deleted namespace is gone. */
static bool is_finalized(const struct change_env *env, const struct value *next)
{
    return (env->flags & API_FINALIZERS) && meta_is_deleting(next) && !meta_has_finalizers(next) &&
           value_len(value_path(next, "spec", "finalizers", NULL)) == 0;
}

static void settle_update(const struct change_env *env, const struct value *stored,
                          struct value *next, struct change *ret)
{
    cleanup(value_free) struct value *before = value_copy(stored);
    meta_strip_revision(before);
    meta_strip_revision(next);
    if (deletion_ends(env->ref.kind, stored, next) || is_finalized(env, next)) {
        change_conclude(ret, CHANGE_REMOVE, 200, next);
        return;
    }
    if (value_equal(before, next)) {
        value_free(next);
        change_conclude(ret, CHANGE_KEEP, 200, value_copy(stored));
        return;
    }
    if (validate(env, stored, next, ret) != 0) {
        value_free(next);
        return;
    }
    if (meta_spec_differs(before, next) && !(env->flags & API_STATUS))
        meta_bump_generation(next);
    const struct manager manager = {env->manager ? env->manager : "unknown", MANAGED_UPDATE,
                                    env->flags & API_STATUS ? "status" : ""};
    if (!env->applying)
        managed_update(env->ref.kind, before, next, &manager, env->now_wall_ns);
    change_conclude(ret, CHANGE_PUT, 200, next);
}

static int fit_update(const struct change_env *env, const struct value *stored,
                      struct value *object, struct change *ret)
{
    if (fit_to_ref(env, object, ret) != 0)
        return -1;
    const struct value *meta = value_get(object, "metadata");
    return change_check_preconditions(env, stored, value_get_str(meta, "uid"),
                                      value_get_str(meta, "resourceVersion"), ret);
}

void change_update_from(const struct change_env *env, const struct value *stored,
                        struct value *object, struct change *ret)
{
    if (fit_update(env, stored, object, ret) != 0) {
        value_free(object);
        return;
    }
    struct value *next = compose(env, stored, object, ret);
    if (!next)
        return;
    drop_unknown(env, env->ref.kind, next, ret);
    if (check(env, env->ref.kind, next, env->flags & (API_STATUS | API_APPROVAL), ret) != 0) {
        value_free(next);
        return;
    }
    change_warn_inert(env, stored, next, ret);
    schema_default(env->ref.kind, next);
    strategy_keep(env->ref.kind, stored, next);
    if (admit(env, stored, next, env->flags & API_STATUS, ret) != 0 ||
        check_change(env, stored, next, ret) != 0) {
        value_free(next);
        return;
    }
    settle_update(env, stored, next, ret);
}

void change_update(const struct change_env *env, const struct value *stored,
                   const struct value *input, struct change *ret)
{
    change_begin(ret);
    if (!stored) {
        change_refuse(ret, status_not_found(env->ref.kind, env->ref.name));
        return;
    }
    change_update_from(env, stored, value_copy(input), ret);
}

/* What only the server gives stays as it is; fit_to_ref and meta_carry see to the rest. */
static int check_patched(const struct change_env *env, const struct value *stored,
                         const struct value *object, struct change *ret)
{
    const char *uid = object_uid(object);
    if (str_empty(uid) || str_eq(uid, object_uid(stored)))
        return 0;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    diags_add(&diags, 0, "metadata.uid", CAUSE_INVALID, "Invalid value: \"%.64s\": %s", uid,
              "field is immutable");
    return change_refuse(ret, status_invalid(env->ref.kind, env->ref.name, &diags));
}

void change_patch(const struct change_env *env, const struct value *stored, enum patch_type type,
                  const struct value *patch, struct change *ret)
{
    const struct schema_kind *kind = env->ref.kind;
    struct value *object = NULL;
    change_begin(ret);
    struct value *status = patch_type_fits(type, kind) ? NULL : patch_type_refusal(kind);
    if (!status && !stored)
        status = status_not_found(kind, env->ref.name);
    cleanup(value_free) struct value *part = status ? NULL : part_of(kind, stored, env->flags);
    if (!status)
        status = patch_object(part_kind(kind, env->flags), type, part, patch, &object);
    if (status)
        change_refuse(ret, status);
    else if (check_patched(env, stored, object, ret) != 0)
        value_free(object);
    else
        change_update_from(env, stored, object, ret);
}

void change_apply(const struct change_env *env, const struct value *stored,
                  const struct value *input, struct change *ret)
{
    change_begin(ret);
    if (value_type(input) != VALUE_MAP) {
        change_refuse(ret, status_failure(400, "the body is not an object"));
        return;
    }
    struct value *object = apply_merge(env->ref.kind, stored, input);
    if (stored)
        change_update_from(env, stored, object, ret);
    else
        change_create_from(env, object, ret);
    if (ret->action != CHANGE_REFUSE)
        change_warn_inert(env, NULL, input, ret);
}
