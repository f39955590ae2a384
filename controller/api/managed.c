#include "controller/api/managed.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/merge/fieldset.h"
#include "controller/api/meta.h"
#include "controller/api/status.h"

#define CAUSE_CONFLICT "FieldManagerConflict"
#define CONFLICTS_MAX 100 /* that are named */

static struct value *entries_of(const struct value *object)
{
    return value_path(object, "metadata", "managedFields", NULL);
}

static bool is_of(const struct value *entry, const struct manager *manager)
{
    const char *subresource = value_get_str(entry, "subresource");
    return str_eq(value_get_str(entry, "manager"), manager->name) &&
           str_eq(value_get_str(entry, "operation"), manager->operation) &&
           str_eq(subresource ? subresource : "", manager->subresource);
}

static struct value *find(const struct value *object, const struct manager *manager)
{
    const struct value *entries = entries_of(object);
    for (size_t i = 0; i < value_len(entries); i++)
        if (is_of(value_at(entries, i), manager))
            return value_at(entries, i);
    return NULL;
}

bool managed_is_full(const struct value *object, const struct manager *manager)
{
    return value_len(entries_of(object)) >= MANAGED_MAX && !find(object, manager);
}

const struct value *managed_fields(const struct value *object, const struct manager *manager)
{
    return value_get(find(object, manager), "fieldsV1");
}

struct value *managed_by_others(const struct value *object, const struct manager *manager)
{
    const struct value *entries = entries_of(object);
    struct value *all = value_new_map();
    for (size_t i = 0; i < value_len(entries); i++) {
        const struct value *entry = value_at(entries, i);
        if (is_of(entry, manager))
            continue;
        struct value *more = fieldset_unite(all, value_get(entry, "fieldsV1"));
        value_free(all);
        all = more;
    }
    return all;
}

/* Entries without fields go, and with the last of them the list. */
static void tidy(struct value *object)
{
    struct value *entries = entries_of(object);
    for (size_t i = value_len(entries); i-- > 0;)
        if (fieldset_is_empty(value_get(value_at(entries, i), "fieldsV1")))
            value_remove_at(entries, i);
    if (value_len(entries) == 0)
        value_del(value_get(object, "metadata"), "managedFields");
}

static struct value *new_entry(struct value *object, const struct manager *manager)
{
    struct value *entries = entries_of(object);
    if (value_type(entries) != VALUE_LIST)
        entries = value_set(meta_of(object), "managedFields", value_new_list());
    struct value *entry = value_new_map();
    value_set_str(entry, "manager", manager->name);
    value_set_str(entry, "operation", manager->operation);
    value_append(entries, entry);
    return entry;
}

void managed_set(const struct schema_kind *kind, struct value *object,
                 const struct manager *manager, const struct value *fields, int64_t now_wall_ns,
                 bool touch)
{
    char version[128], now[CLOCK_RFC3339_LEN];
    struct value *entry = find(object, manager);
    if (!entry)
        entry = new_entry(object, manager);
    if (touch || !value_equal(value_get(entry, "fieldsV1"), fields)) {
        clock_format(now_wall_ns, 0, now);
        value_set_str(entry, "apiVersion", schema_api_version(kind, version));
        value_set_str(entry, "time", now);
        value_set_str(entry, "fieldsType", "FieldsV1");
        value_set(entry, "fieldsV1", fields ? value_copy(fields) : value_new_map());
        value_set_str(entry, "subresource", *manager->subresource ? manager->subresource : NULL);
    }
    tidy(object);
}

void managed_take(struct value *object, const struct manager *manager, const struct value *fields)
{
    struct value *entries = entries_of(object);
    for (size_t i = 0; i < value_len(entries); i++) {
        struct value *entry = value_at(entries, i);
        if (!is_of(entry, manager))
            value_set(entry, "fieldsV1", fieldset_subtract(value_get(entry, "fieldsV1"), fields));
    }
    tidy(object);
}

void managed_update(const struct schema_kind *kind, const struct value *before,
                    struct value *object, const struct manager *manager, int64_t now_wall_ns)
{
    if (value_len(entries_of(object)) == 0 || WEAKENED(MANAGED_UPDATE))
        return;
    cleanup(value_free) struct value *others = managed_by_others(object, manager);
    cleanup(value_free) struct value *gone =
        fieldset_changed(kind->type, others, before, object, false);
    if (fieldset_is_empty(gone))
        return;
    cleanup(value_free) struct value *taken =
        fieldset_changed(kind->type, others, before, object, true);
    cleanup(value_free) struct value *mine = fieldset_unite(managed_fields(object, manager), taken);
    managed_take(object, manager, gone);
    if (!managed_is_full(object, manager))
        managed_set(kind, object, manager, mine, now_wall_ns, true);
}

/* ---- conflicts ---- */

struct conflicts {
    struct value *causes;
    struct buf lines; /* of the message */
    size_t count;
    char *who; /* the manager whose fields are told now */
};

static void tell(void *ctx, const char *path)
{
    struct conflicts *c = ctx;
    if (c->count++ >= CONFLICTS_MAX)
        return;
    struct value *cause = value_new_map();
    autofree char *message = xasprintf("conflict with %s", c->who);
    value_set_str(cause, "reason", CAUSE_CONFLICT);
    value_set_str(cause, "message", message);
    value_set_str(cause, "field", path);
    value_append(c->causes, cause);
    (void)buf_addf(&c->lines, "\n- %s", path);
}

/* As Kubernetes names managers: "kubectl" using apps/v1 at 2026-01-02T03:04:05Z. */
static char *name_of(const struct value *entry)
{
    cleanup(buf_done) struct buf text = {0};
    const char *subresource = value_get_str(entry, "subresource");
    const char *time = value_get_str(entry, "time");
    (void)buf_addf(&text, "\"%s\"", value_get_str(entry, "manager"));
    if (subresource)
        (void)buf_addf(&text, " with subresource \"%s\"", subresource);
    if (str_eq(value_get_str(entry, "operation"), MANAGED_UPDATE))
        (void)buf_addf(&text, " using %s%s%s", value_get_str(entry, "apiVersion"),
                       time ? " at " : "", time ? time : "");
    return buf_steal(&text, NULL);
}

static struct value *refusal(const struct conflicts *c)
{
    const struct value *first = value_at(c->causes, 0);
    struct value *status =
        c->count == 1
            ? status_failure(409, "Apply failed with 1 conflict: %s: %s",
                             value_get_str(first, "message"), value_get_str(first, "field"))
            : status_failure(409, "Apply failed with %zu conflicts:%s", c->count,
                             buf_str(&c->lines));
    value_set(value_set(status, "details", value_new_map()), "causes", value_copy(c->causes));
    return status;
}

struct value *managed_conflict(const struct schema_kind *kind, const struct value *before,
                               const struct value *object, const struct manager *manager,
                               const struct value *mine, struct value **ret_fields)
{
    const struct value *entries = entries_of(before);
    struct conflicts c = {.causes = value_new_list()};
    struct value *all = value_new_map();
    for (size_t i = 0; i < value_len(entries); i++) {
        const struct value *entry = value_at(entries, i);
        if (is_of(entry, manager))
            continue;
        cleanup(value_free) struct value *both =
            fieldset_intersect(mine, value_get(entry, "fieldsV1"));
        cleanup(value_free) struct value *fields =
            fieldset_changed(kind->type, both, before, object, false);
        if (fieldset_is_empty(fields))
            continue;
        c.who = name_of(entry);
        (void)buf_addf(&c.lines, "%s conflicts with %s:", c.count ? "\n" : "", c.who);
        fieldset_paths(fields, tell, &c);
        free(steal(c.who));
        struct value *more = fieldset_unite(all, fields);
        value_free(all);
        all = more;
    }
    struct value *status = c.count > 0 && !WEAKENED(APPLY_CONFLICT) ? refusal(&c) : NULL;
    value_free(c.causes);
    buf_done(&c.lines);
    *ret_fields = all;
    return status;
}
