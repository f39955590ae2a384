#include "common/kinds/kinds.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/schema/near.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* A line a kind, so that two who add one do not meet. */
/* clang-format off */
static const struct schema_kind *const built_in[] = {
    &kind_pod,
    &kind_node,
    &kind_namespace,
    &kind_config_map,
    &kind_secret,
    &kind_persistent_volume_claim,
    &kind_persistent_volume,
#ifdef LIMPET_SCHEMA_FULL /* kinds that no node is ever sent */
    &kind_event,
    &kind_pod_template,
    &kind_replication_controller,
    &kind_deployment,
    &kind_replica_set,
    &kind_daemon_set,
    &kind_stateful_set,
    &kind_controller_revision,
    &kind_job,
    &kind_cron_job,
    &kind_cron_job_v1beta1,
    &kind_horizontal_pod_autoscaler,
    &kind_horizontal_pod_autoscaler_v1,
    &kind_role,
    &kind_cluster_role,
    &kind_role_binding,
    &kind_cluster_role_binding,
    &kind_pod_disruption_budget,
    &kind_pod_disruption_budget_v1beta1,
    &kind_ingress,
    &kind_ingress_class,
    &kind_network_policy,
    &kind_service,
    &kind_endpoints,
    &kind_endpoint_slice,
    &kind_service_account,
    &kind_limit_range,
    &kind_resource_quota,
    &kind_storage_class,
    &kind_priority_class,
    &kind_runtime_class,
    &kind_lease,
    &kind_certificate_signing_request,
    &kind_custom_resource_definition,
    &kind_new_event,
    &kind_user,
    &kind_self_subject_review,
    &kind_token_review,
    &kind_subject_access_review,
    &kind_local_subject_access_review,
    &kind_self_subject_access_review,
    &kind_self_subject_rules_review,
    &kind_node_metrics,
    &kind_pod_metrics,
#endif
};
/* clang-format on */

struct observer {
    kinds_change_fn *fn;
    void *ctx;
};

/* A kind that somebody holds. */
struct held {
    const struct schema_kind *kind;
    size_t count;
    void (*unused)(void *ctx); /* NULL: it has not retired */
    void *ctx;
};

struct kinds {
    const struct schema_kind **added;
    size_t count;
    struct held *held;
    size_t held_count;
    struct observer *observers;
    size_t observer_count;
};

struct kinds *kinds_new(void)
{
    return xcalloc(1, sizeof(struct kinds));
}

void kinds_free(struct kinds *kinds)
{
    if (!kinds)
        return;
    for (size_t i = 0; i < kinds->held_count; i++)
        if (kinds->held[i].unused)
            kinds->held[i].unused(kinds->held[i].ctx);
    free(kinds->held);
    free(kinds->added);
    free(kinds->observers);
    free(kinds);
}

const struct schema_kind *kinds_at(const struct kinds *kinds, size_t i)
{
    if (i < ARRAY_LEN(built_in))
        return built_in[i];
    i -= ARRAY_LEN(built_in);
    return kinds && i < kinds->count ? kinds->added[i] : NULL;
}

void kinds_observe(struct kinds *kinds, kinds_change_fn *fn, void *ctx)
{
    kinds->observers =
        xreallocarray(kinds->observers, kinds->observer_count + 1, sizeof(*kinds->observers));
    kinds->observers[kinds->observer_count++] = (struct observer){fn, ctx};
}

void kinds_unobserve(struct kinds *kinds, void *ctx)
{
    size_t kept = 0;
    for (size_t i = 0; i < kinds->observer_count; i++)
        if (kinds->observers[i].ctx != ctx)
            kinds->observers[kept++] = kinds->observers[i];
    kinds->observer_count = kept;
}

static void tell(const struct kinds *kinds, const struct schema_kind *kind, bool added)
{
    for (size_t i = 0; i < kinds->observer_count; i++)
        kinds->observers[i].fn(kinds->observers[i].ctx, kind, added);
}

int kinds_add(struct kinds *kinds, const struct schema_kind *kind)
{
    const struct schema_kind *other;
    for (size_t i = 0; (other = kinds_at(kinds, i)); i++)
        if (str_eq(other->group, kind->group) && str_eq(other->version, kind->version) &&
            (str_eq(other->plural, kind->plural) || str_eq(other->kind, kind->kind)))
            return -EEXIST;
    kinds->added = xreallocarray(kinds->added, kinds->count + 1, sizeof(*kinds->added));
    kinds->added[kinds->count++] = kind;
    tell(kinds, kind, true);
    return 0;
}

void kinds_remove(struct kinds *kinds, const struct schema_kind *kind)
{
    size_t kept = 0;
    tell(kinds, kind, false);
    for (size_t i = 0; i < kinds->count; i++)
        if (kinds->added[i] != kind)
            kinds->added[kept++] = kinds->added[i];
    kinds->count = kept;
}

static struct held *find_held(struct kinds *kinds, const struct schema_kind *kind)
{
    for (size_t i = 0; i < kinds->held_count; i++)
        if (kinds->held[i].kind == kind)
            return &kinds->held[i];
    return NULL;
}

void kinds_retire(struct kinds *kinds, const struct schema_kind *kind, void (*unused)(void *ctx),
                  void *ctx)
{
    kinds_remove(kinds, kind);
    struct held *held = find_held(kinds, kind);
    if (!held) {
        unused(ctx);
        return;
    }
    held->unused = unused;
    held->ctx = ctx;
}

void kinds_hold(struct kinds *kinds, const struct schema_kind *kind)
{
    if (!(kind->flags & SCHEMA_KIND_CUSTOM))
        return;
    struct held *held = find_held(kinds, kind);
    if (!held) {
        kinds->held = xreallocarray(kinds->held, kinds->held_count + 1, sizeof(*kinds->held));
        held = &kinds->held[kinds->held_count++];
        *held = (struct held){.kind = kind};
    }
    held->count++;
}

void kinds_release(struct kinds *kinds, const struct schema_kind *kind)
{
    struct held *held = kind->flags & SCHEMA_KIND_CUSTOM ? find_held(kinds, kind) : NULL;
    if (!held || --held->count > 0)
        return;
    struct held last = *held;
    *held = kinds->held[--kinds->held_count];
    if (last.unused)
        last.unused(last.ctx);
}

const struct schema_kind *kinds_current(const struct kinds *kinds, const struct schema_kind *kind)
{
    if (!(kind->flags & SCHEMA_KIND_CUSTOM))
        return kind;
    return kinds_find_resource(kinds, kind->group, kind->version, kind->plural);
}

static bool has_api_version(const struct schema_kind *kind, const char *api_version)
{
    char own[128];
    return str_eq(schema_api_version(kind, own), api_version);
}

const struct schema_kind *kinds_find(const struct kinds *kinds, const char *api_version,
                                     const char *kind)
{
    const struct schema_kind *known;
    for (size_t i = 0; (known = kinds_at(kinds, i)); i++)
        if (str_eq(known->kind, kind) && has_api_version(known, api_version))
            return known;
    return NULL;
}

const struct schema_kind *kinds_find_resource(const struct kinds *kinds, const char *group,
                                              const char *version, const char *plural)
{
    const struct schema_kind *known;
    for (size_t i = 0; (known = kinds_at(kinds, i)); i++)
        if (str_eq(known->plural, plural) && str_eq(known->group, group) &&
            str_eq(known->version, version))
            return known;
    return NULL;
}

static bool same_word(const char *word, const char *text, size_t len)
{
    return strlen(word) == len && strncasecmp(word, text, len) == 0;
}

static bool is_called(const struct schema_kind *kind, const char *text, size_t len)
{
    if (same_word(kind->kind, text, len) || same_word(kind->plural, text, len) ||
        same_word(kind->singular, text, len))
        return true;
    for (const char *const *name = kind->short_names; name && *name; name++)
        if (same_word(*name, text, len))
            return true;
    return false;
}

const struct schema_kind *kinds_find_name(const struct kinds *kinds, const char *name)
{
    const struct schema_kind *known;
    size_t len = strcspn(name, ".");
    const char *group = name[len] ? name + len + 1 : NULL;
    for (size_t i = 0; (known = kinds_at(kinds, i)); i++)
        if (is_called(known, name, len) && (!group || str_eq(known->group, group)))
            return known;
    return NULL;
}

/* Whether an earlier kind has that apiVersion too. */
static bool is_named(const struct kinds *kinds, size_t i)
{
    char api_version[128];
    schema_api_version(kinds_at(kinds, i), api_version);
    for (size_t j = 0; j < i; j++)
        if (has_api_version(kinds_at(kinds, j), api_version))
            return true;
    return false;
}

enum { NAMED_MAX = 5 }; /* a hint, not a list: there are dozens */

static void name_one(const char *name, const char *intro, size_t count, struct buf *ret)
{
    if (count < NAMED_MAX)
        buf_addf(ret, "%s%s", count ? ", " : intro, name);
    else if (count == NAMED_MAX)
        buf_addstr(ret, ", ...");
}

/* "; it has Deployment, ReplicaSet", or of an apiVersion that is unknown too: "; known are v1,
 * apps/v1". */
static void name_known(const struct kinds *kinds, const char *api_version, struct buf *ret)
{
    const struct schema_kind *known;
    char own[128];
    size_t count = 0;
    for (size_t i = 0; (known = kinds_at(kinds, i)); i++)
        if (has_api_version(known, api_version))
            name_one(known->kind, "; it has ", count++, ret);
    if (count > 0)
        return;
    for (size_t i = 0; (known = kinds_at(kinds, i)); i++)
        if (!is_named(kinds, i))
            name_one(schema_api_version(known, own), "; known are ", count++, ret);
}

static void tell_unknown(const struct kinds *kinds, const struct value *object, struct diags *diags)
{
    const struct schema_kind *known;
    const struct value *api_version = value_get(object, "apiVersion");
    const struct value *kind = value_get(object, "kind");
    struct near near = {.wanted = value_str(kind)};
    char right[128];
    for (size_t i = 0; (known = kinds_at(kinds, i)); i++) {
        near_try(&near, known->kind);
        if (!str_eq(known->kind, near.wanted))
            continue;
        diags_add(diags, value_line(api_version), "apiVersion", CAUSE_NOT_SUPPORTED,
                  "\"%.64s\": a %s is of %s", value_str(api_version), near.wanted,
                  schema_api_version(known, right));
        return;
    }
    if (near.best) {
        diags_add(diags, value_line(kind), "kind", CAUSE_NOT_SUPPORTED,
                  "\"%.64s\": unknown kind; did you mean %s?", near.wanted, near.best);
        return;
    }
    cleanup(buf_done) struct buf names = {0};
    name_known(kinds, value_str(api_version), &names);
    diags_add(diags, value_line(kind), "kind", CAUSE_NOT_SUPPORTED,
              "\"%.64s\": unknown kind in %.64s%s", near.wanted, value_str(api_version),
              buf_str(&names));
}

const struct schema_kind *kinds_of(const struct kinds *kinds, const struct value *object,
                                   struct diags *diags)
{
    static const char *const keys[] = {"apiVersion", "kind"};
    bool missing = false;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!str_empty(value_get_str(object, keys[i])))
            continue;
        missing = true;
        if (diags)
            diags_add(diags, value_line(object), keys[i], CAUSE_REQUIRED, "required");
    }
    if (missing)
        return NULL;
    const struct schema_kind *kind =
        kinds_find(kinds, value_get_str(object, "apiVersion"), value_get_str(object, "kind"));
    if (!kind && diags)
        tell_unknown(kinds, object, diags);
    return kind;
}
