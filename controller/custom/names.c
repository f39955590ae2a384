#include "controller/custom/names.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <stdio.h>

/* ---- conflicts ---- */

static bool conflicts(struct names_conflict *ret, const char *reason, const char *name)
{
    ret->reason = reason;
    snprintf(ret->text, sizeof(ret->text), "\"%.100s\" is already in use", name);
    ret->message = ret->text;
    return true;
}

static bool is_resource_name(const struct schema_kind *kind, const char *name)
{
    if (str_empty(name))
        return false;
    if (str_eq(kind->plural, name) || str_eq(kind->singular, name))
        return true;
    for (const char *const *s = kind->short_names; s && *s; s++)
        if (str_eq(*s, name))
            return true;
    return false;
}

static bool is_kind_name(const struct schema_kind *kind, const char *name)
{
    char list[128];
    snprintf(list, sizeof(list), "%s%s", kind->kind, "List");
    return str_eq(kind->kind, name) || str_eq(list, name);
}

static bool conflicts_with(const struct schema_kind *kind, const struct value *names,
                           struct names_conflict *ret)
{
    static const struct {
        const char *field, *reason;
        bool (*taken)(const struct schema_kind *kind, const char *name);
    } fields[] = {
        {"plural", "PluralConflict", is_resource_name},
        {"singular", "SingularConflict", is_resource_name},
        {"kind", "KindConflict", is_kind_name},
        {"listKind", "ListKindConflict", is_kind_name},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *name = value_get_str(names, fields[i].field);
        if (name && fields[i].taken(kind, name))
            return conflicts(ret, fields[i].reason, name);
    }
    const struct value *shorts = value_get(names, "shortNames");
    for (size_t i = 0; i < value_len(shorts); i++) {
        const char *name = value_str(value_at(shorts, i));
        if (is_resource_name(kind, name))
            return conflicts(ret, "ShortNamesConflict", name);
    }
    return false;
}

bool names_conflict(const struct kinds *kinds, const char *group, const struct value *names,
                    struct names_conflict *ret)
{
    const char *plural = value_get_str(names, "plural");
    const struct schema_kind *kind;
    for (size_t i = 0; (kind = kinds_at(kinds, i)); i++) {
        bool own = (kind->flags & SCHEMA_KIND_CUSTOM) && str_eq(kind->plural, plural);
        if (str_eq(kind->group, group) && !own && conflicts_with(kind, names, ret))
            return true;
    }
    return false;
}

/* ---- the status ---- */

static struct value *find_condition(const struct value *definition, const char *type)
{
    struct value *list = value_path(definition, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "type"), type))
            return value_at(list, i);
    return NULL;
}

static bool is_true(const struct value *definition, const char *type)
{
    return str_eq(value_get_str(find_condition(definition, type), "status"), "True");
}

bool names_are_established(const struct value *definition)
{
    return is_true(definition, "Established");
}

static bool set_condition(struct value *definition, const char *type, bool holds,
                          const char *reason, const char *message, int64_t now_wall_ns)
{
    struct value *condition = find_condition(definition, type);
    const char *status = holds ? "True" : "False";
    if (condition && str_eq(value_get_str(condition, "status"), status) &&
        str_eq(value_get_str(condition, "reason"), reason) &&
        str_eq(value_get_str(condition, "message"), message))
        return false;
    if (!condition) {
        struct value *map = value_make_map(definition, "status", NULL);
        struct value *list = value_get(map, "conditions");
        if (value_type(list) != VALUE_LIST)
            list = value_set(map, "conditions", value_new_list());
        condition = value_new_map();
        value_append(list, condition);
        value_set_str(condition, "type", type);
    }
    if (!str_eq(value_get_str(condition, "status"), status)) {
        char now[CLOCK_RFC3339_LEN];
        clock_format(now_wall_ns, 0, now);
        value_set_str(condition, "lastTransitionTime", now);
    }
    value_set_str(condition, "status", status);
    value_set_str(condition, "reason", reason);
    value_set_str(condition, "message", message);
    return true;
}

static bool accept_names(struct value *definition)
{
    const struct value *names = value_path(definition, "spec", "names", NULL);
    struct value *status = value_make_map(definition, "status", NULL);
    if (value_equal(value_get(status, "acceptedNames"), names))
        return false;
    value_set(status, "acceptedNames", value_copy(names));
    return true;
}

/* Versions that were stored once stay in the list until somebody has seen to the objects. */
static bool remember_version(struct value *definition)
{
    const struct value *versions = value_path(definition, "spec", "versions", NULL);
    const char *stored = NULL;
    for (size_t i = 0; i < value_len(versions); i++)
        if (value_get_bool(value_at(versions, i), "storage", false))
            stored = value_get_str(value_at(versions, i), "name");
    struct value *status = value_make_map(definition, "status", NULL);
    struct value *list = value_get(status, "storedVersions");
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_str(value_at(list, i)), stored))
            return false;
    if (!stored)
        return false;
    if (value_type(list) != VALUE_LIST)
        list = value_set(status, "storedVersions", value_new_list());
    value_append(list, value_new_str(stored));
    return true;
}

bool names_settle(struct value *definition, const struct names_conflict *conflict, bool full,
                  int64_t now_wall_ns)
{
    bool changed = remember_version(definition);
    if (conflict) {
        changed |= set_condition(definition, "NamesAccepted", false, conflict->reason,
                                 conflict->message, now_wall_ns);
    } else {
        changed |= accept_names(definition);
        changed |= set_condition(definition, "NamesAccepted", true, "NoConflicts",
                                 "no conflicts found", now_wall_ns);
    }
    if (names_are_established(definition))
        return changed; /* what is served once goes on */
    if (full)
        changed |= set_condition(definition, "Established", false, "TooManyDefinitions",
                                 "there are 1000 definitions already", now_wall_ns);
    else if (conflict)
        changed |= set_condition(definition, "Established", false, "NotAccepted",
                                 "not all names are accepted", now_wall_ns);
    else
        changed |= set_condition(definition, "Established", true, "InitialNamesAccepted",
                                 "the initial names have been accepted", now_wall_ns);
    return changed;
}
