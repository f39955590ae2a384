#include "controller/authz/rbac_index.h"

#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>

struct binding;

/* Somebody that a binding names: in the list of all bindings of that somebody there. */
struct subject {
    struct list link;
    struct binding *binding;
    char *key; /* "<namespace>/U:<name>", "/G:<name>" */
};

struct binding {
    char *ns, *name;
    const char *role_kind;
    char *role_key, *role;
    struct subject *subjects;
    size_t count;
};

struct rbac_index {
    struct map *roles;    /* "<ns>/<name>" -> struct rbac_rules */
    struct map *bindings; /* likewise -> struct binding */
    struct map *subjects; /* key of a subject -> struct list */
};

struct rbac_index *rbac_index_new(void)
{
    struct rbac_index *index = xcalloc(1, sizeof(*index));
    index->roles = map_new();
    index->bindings = map_new();
    index->subjects = map_new();
    return index;
}

/* ---- roles ---- */

static char *key_of(const char *ns, const char *name)
{
    return xasprintf("%s/%s", ns, name);
}

static void free_rules(void *rules)
{
    rbac_rules_free(rules);
}

void rbac_index_put_role(struct rbac_index *index, const char *ns, const char *name,
                         const struct value *role)
{
    autofree char *key = key_of(ns, name);
    if (role)
        free_rules(map_put(index->roles, key, rbac_rules_new(value_get(role, "rules"))));
    else
        free_rules(map_del(index->roles, key));
}

const struct rbac_rules *rbac_index_role(const struct rbac_index *index, const char *ns,
                                         const char *name)
{
    autofree char *key = key_of(ns, name);
    return map_get(index->roles, key);
}

/* ---- bindings ---- */

static void unlink_subject(struct rbac_index *index, struct subject *subject)
{
    list_remove(&subject->link);
    struct list *all = map_get(index->subjects, subject->key);
    if (all && list_empty(all))
        free(map_del(index->subjects, subject->key));
    free(subject->key);
}

static void binding_free(struct rbac_index *index, struct binding *binding)
{
    if (!binding)
        return;
    for (size_t i = 0; i < binding->count; i++)
        unlink_subject(index, &binding->subjects[i]);
    free(binding->subjects);
    free(binding->ns);
    free(binding->name);
    free(binding->role);
    free(binding->role_key);
    free(binding);
}

/* NULL for what names nobody. */
static char *subject_key(const char *ns, const struct value *subject)
{
    const char *kind = value_get_str(subject, "kind"), *name = value_get_str(subject, "name");
    const char *account_ns = value_get_str(subject, "namespace");
    if (str_empty(name))
        return NULL;
    if (str_eq(kind, "User"))
        return xasprintf("%s/U:%s", ns, name);
    if (str_eq(kind, "Group"))
        return xasprintf("%s/G:%s", ns, name);
    if (!str_eq(kind, "ServiceAccount"))
        return NULL;
    account_ns = str_empty(account_ns) ? ns : account_ns;
    return str_empty(account_ns)
               ? NULL
               : xasprintf("%s/U:system:serviceaccount:%s:%s", ns, account_ns, name);
}

static void link_subject(struct rbac_index *index, struct binding *binding, char *key)
{
    struct subject *subject = &binding->subjects[binding->count++];
    struct list *all = map_get(index->subjects, key);
    if (!all) {
        all = xmalloc(sizeof(*all));
        list_init(all);
        map_put(index->subjects, key, all);
    }
    *subject = (struct subject){.binding = binding, .key = key};
    list_append(all, &subject->link);
}

static struct binding *binding_new(struct rbac_index *index, const char *ns, const char *name,
                                   const struct value *object)
{
    const struct value *ref = value_get(object, "roleRef"), *list = value_get(object, "subjects");
    const char *role = value_get_str(ref, "name");
    bool cluster = str_eq(value_get_str(ref, "kind"), "ClusterRole");
    struct binding *binding = xcalloc(1, sizeof(*binding));
    binding->ns = xstrdup(ns);
    binding->name = xstrdup(name);
    binding->role = xstrdup(role ? role : "");
    binding->role_kind = cluster ? "ClusterRole" : "Role";
    binding->role_key = key_of(cluster ? "" : ns, binding->role);
    size_t len = value_type(list) == VALUE_LIST ? value_len(list) : 0;
    binding->subjects = xcalloc(len + 1, sizeof(*binding->subjects));
    for (size_t i = 0; i < len; i++) {
        char *key = subject_key(ns, value_at(list, i));
        if (key)
            link_subject(index, binding, key);
    }
    return binding;
}

void rbac_index_put_binding(struct rbac_index *index, const char *ns, const char *name,
                            const struct value *object)
{
    autofree char *key = key_of(ns, name);
    binding_free(index, map_del(index->bindings, key));
    if (object)
        map_put(index->bindings, key, binding_new(index, ns, name, object));
}

void rbac_index_free(struct rbac_index *index)
{
    void *binding;
    if (!index)
        return;
    for (size_t i = 0; map_next(index->bindings, &i, NULL, &binding);)
        binding_free(index, binding);
    map_free(index->bindings, NULL);
    map_free(index->subjects, free);
    map_free(index->roles, free_rules);
    free(index);
}

/* ---- asking ---- */

struct walk {
    const struct rbac_index *index;
    rbac_each_fn *fn, *missing;
    void *ctx;
};

static int each_rule(const struct walk *walk, struct rbac_grant *grant, const char *role_key)
{
    const struct rbac_rules *rules = map_get(walk->index->roles, role_key);
    int r = 0;
    if (!rules)
        return walk->missing ? walk->missing(walk->ctx, grant) : 0;
    for (size_t i = 0; r == 0 && i < rules->count; i++) {
        grant->rule = &rules->items[i];
        r = walk->fn(walk->ctx, grant);
    }
    return r;
}

static int each_of(const struct walk *walk, const char *ns, char kind, const char *name)
{
    autofree char *key = xasprintf("%s/%c:%s", ns, kind, name);
    const struct list *all = map_get(walk->index->subjects, key);
    int r = 0;
    for (const struct list *it = all ? all->next : NULL; r == 0 && it && it != all; it = it->next) {
        const struct subject *subject = (const struct subject *)(const void *)it;
        const struct binding *binding = subject->binding;
        struct rbac_grant grant = {NULL,          binding->ns, binding->name, binding->role_kind,
                                   binding->role, kind,        name};
        r = each_rule(walk, &grant, binding->role_key);
    }
    return r;
}

static int each_in(const struct walk *walk, const struct rbac_user *user, const char *ns)
{
    int r = each_of(walk, ns, 'U', user->name);
    for (const char *const *group = user->groups; r == 0 && group && *group; group++)
        r = each_of(walk, ns, 'G', *group);
    return r;
}

int rbac_index_each(const struct rbac_index *index, const struct rbac_user *user, const char *ns,
                    rbac_each_fn *fn, rbac_each_fn *missing, void *ctx)
{
    const struct walk walk = {index, fn, missing, ctx};
    int r = each_in(&walk, user, "");
    return r == 0 && !str_empty(ns) ? each_in(&walk, user, ns) : r;
}
