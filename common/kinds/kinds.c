#include "common/kinds/kinds.h"

#include "common/base/str.h"
#include "common/schema/near.h"

#include <strings.h>

static const struct schema_kind *const kinds[] = {
    &kind_pod,   &kind_node, &kind_namespace, &kind_config_map, &kind_secret,
#ifdef LIMPET_SCHEMA_FULL /* kinds that no node is ever sent */
    &kind_event,
#endif
};

const struct schema_kind *kinds_at(size_t i)
{
    return i < ARRAY_LEN(kinds) ? kinds[i] : NULL;
}

static bool has_api_version(const struct schema_kind *kind, const char *api_version)
{
    char own[128];
    return str_eq(schema_api_version(kind, own), api_version);
}

const struct schema_kind *kinds_find(const char *api_version, const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i]->kind, kind) && has_api_version(kinds[i], api_version))
            return kinds[i];
    return NULL;
}

const struct schema_kind *kinds_find_resource(const char *group, const char *version,
                                              const char *plural)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i]->plural, plural) && str_eq(kinds[i]->group, group) &&
            str_eq(kinds[i]->version, version))
            return kinds[i];
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

const struct schema_kind *kinds_find_name(const char *name)
{
    size_t len = strcspn(name, ".");
    const char *group = name[len] ? name + len + 1 : NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (is_called(kinds[i], name, len) && (!group || str_eq(kinds[i]->group, group)))
            return kinds[i];
    return NULL;
}

/* "v1 Pod, v1 Node, apps/v1 Deployment" */
static void name_known(struct buf *ret)
{
    char api_version[128];
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        buf_addf(ret, "%s%s %s", i ? ", " : "", schema_api_version(kinds[i], api_version),
                 kinds[i]->kind);
}

static void tell_unknown(const struct value *object, struct diags *diags)
{
    const struct value *api_version = value_get(object, "apiVersion");
    const struct value *kind = value_get(object, "kind");
    struct near near = {.wanted = value_str(kind)};
    char right[128];
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        near_try(&near, kinds[i]->kind);
        if (!str_eq(kinds[i]->kind, near.wanted))
            continue;
        diags_add(diags, value_line(api_version), "apiVersion", CAUSE_NOT_SUPPORTED,
                  "\"%.64s\": a %s is of %s", value_str(api_version), near.wanted,
                  schema_api_version(kinds[i], right));
        return;
    }
    if (near.best) {
        diags_add(diags, value_line(kind), "kind", CAUSE_NOT_SUPPORTED,
                  "\"%.64s\": unknown kind; did you mean %s?", near.wanted, near.best);
        return;
    }
    cleanup(buf_done) struct buf known = {0};
    name_known(&known);
    diags_add(diags, value_line(kind), "kind", CAUSE_NOT_SUPPORTED,
              "\"%.64s\": unknown kind in %.64s; known are %s", near.wanted, value_str(api_version),
              buf_str(&known));
}

const struct schema_kind *kinds_of(const struct value *object, struct diags *diags)
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
        kinds_find(value_get_str(object, "apiVersion"), value_get_str(object, "kind"));
    if (!kind && diags)
        tell_unknown(object, diags);
    return kind;
}
