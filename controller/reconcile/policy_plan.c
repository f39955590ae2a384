#include "controller/reconcile/policy_plan.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/rbac.h"
#include "controller/authz/rbac.h"

#include <stdlib.h>

#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"
#define JOINS "rbac.authorization.k8s.io/aggregate-to-"

/* ---- objects ---- */

static int add_word(void *ctx, const char *word, size_t len)
{
    autofree char *text = xstrndup(word, len);
    value_append(ctx, value_new_str(str_eq(text, "core") ? "" : text));
    return 0;
}

static void set_words(struct value *map, const char *key, const char *words)
{
    struct value *list = words ? value_set(map, key, value_new_list()) : NULL;
    if (list)
        (void)str_split(words, ' ', add_word, list);
}

static struct value *object_of(const char *kind, const char *name)
{
    struct value *object = value_new_map();
    value_set_str(object, "apiVersion", RBAC_GROUP "/v1");
    value_set_str(object, "kind", kind);
    struct value *meta = value_make_map(object, "metadata", NULL);
    value_set_str(meta, "name", name);
    value_set_str(value_make_map(meta, "annotations", NULL), AUTOUPDATE, "true");
    value_set_str(value_make_map(meta, "labels", NULL), "kubernetes.io/bootstrapping",
                  "rbac-defaults");
    return object;
}

static struct value *append_map(struct value *list)
{
    struct value *map = value_new_map();
    value_append(list, map);
    return map;
}

static int add_join(void *ctx, const char *word, size_t len)
{
    autofree char *key = xasprintf(JOINS "%.*s", (int)len, word);
    value_set_str(ctx, key, "true");
    return 0;
}

static void set_gathers(struct value *object, const char *what)
{
    autofree char *key = xasprintf(JOINS "%s", what);
    struct value *selectors = value_set(value_make_map(object, "aggregationRule", NULL),
                                        "clusterRoleSelectors", value_new_list());
    struct value *selector = append_map(selectors);
    value_set_str(value_make_map(selector, "matchLabels", NULL), key, "true");
}

struct value *policy_role_object(const struct policy_role *role)
{
    struct value *object = object_of("ClusterRole", role->name);
    if (role->joins)
        (void)str_split(role->joins, ' ', add_join,
                        value_make_map(object, "metadata", "labels", NULL));
    if (role->gathers)
        set_gathers(object, role->gathers);
    struct value *rules = role->rules ? value_set(object, "rules", value_new_list()) : NULL;
    for (const struct policy_rule *at = role->rules; at && at->verbs; at++) {
        struct value *rule = append_map(rules);
        set_words(rule, "verbs", at->verbs);
        set_words(rule, "apiGroups", at->groups);
        set_words(rule, "resources", at->resources);
        set_words(rule, "resourceNames", at->names);
        set_words(rule, "nonResourceURLs", at->urls);
    }
    return object;
}

struct subjects {
    struct value *list;
    const char *kind;
};

static int add_subject(void *ctx, const char *word, size_t len)
{
    const struct subjects *subjects = ctx;
    autofree char *name = xstrndup(word, len);
    struct value *subject = append_map(subjects->list);
    value_set_str(subject, "kind", subjects->kind);
    value_set_str(subject, "apiGroup", RBAC_GROUP);
    value_set_str(subject, "name", name);
    return 0;
}

static void add_account(struct value *list, const char *account)
{
    const char *slash = strchr(account, '/');
    autofree char *ns = xstrndup(account, (size_t)(slash - account));
    struct value *subject = append_map(list);
    value_set_str(subject, "kind", "ServiceAccount");
    value_set_str(subject, "name", slash + 1);
    value_set_str(subject, "namespace", ns);
}

struct value *policy_binding_object(const struct policy_binding *binding)
{
    struct value *object = object_of("ClusterRoleBinding", binding->name);
    struct value *ref = value_make_map(object, "roleRef", NULL);
    value_set_str(ref, "apiGroup", RBAC_GROUP);
    value_set_str(ref, "kind", "ClusterRole");
    value_set_str(ref, "name", binding->role);
    struct value *list = value_new_list();
    struct subjects groups = {list, "Group"}, users = {list, "User"};
    if (binding->groups)
        (void)str_split(binding->groups, ' ', add_subject, &groups);
    if (binding->users)
        (void)str_split(binding->users, ' ', add_subject, &users);
    if (binding->account)
        add_account(list, binding->account);
    if (value_len(list) > 0)
        value_set(object, "subjects", list);
    else
        value_free(list);
    return object;
}

/* ---- what is there already ---- */

static bool complete_words(struct value *meta, const struct value *wanted, const char *key)
{
    const struct value *want = value_get(wanted, key);
    bool changed = false;
    for (size_t i = 0; i < value_len(want); i++) {
        const char *word = value_key_at(want, i);
        if (value_get(value_get(meta, key), word))
            continue;
        value_set(value_make_map(meta, key, NULL), word, value_copy(value_at(want, i)));
        changed = true;
    }
    return changed;
}

/* The list under that key, made if it is none. */
static struct value *list_in(struct value *object, const char *key)
{
    struct value *list = value_get(object, key);
    return value_type(list) == VALUE_LIST ? list : value_set(object, key, value_new_list());
}

/* Rules that those which are there do not cover. */
static bool complete_rules(struct value *stored, const struct value *wanted)
{
    const struct value *want = value_get(wanted, "rules");
    cleanup(rbac_rules_free) struct rbac_rules *have = rbac_rules_new(value_get(stored, "rules"));
    cleanup(rbac_rules_free) struct rbac_rules *must = rbac_rules_new(want);
    autofree const struct rbac_rule **own = xcalloc(have->count + 1, sizeof(*own));
    bool changed = false;
    for (size_t i = 0; i < have->count; i++)
        own[i] = &have->items[i];
    for (size_t i = 0; i < must->count; i++) {
        if (rbac_covers(own, have->count, &must->items[i]))
            continue;
        value_append(list_in(stored, "rules"), value_copy(value_at(want, i)));
        changed = true;
    }
    return changed;
}

static bool is_same_subject(const struct value *a, const struct value *b)
{
    static const char *const keys[] = {"kind", "name", "namespace"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (!str_eq(value_get_str(a, keys[i]), value_get_str(b, keys[i])))
            return false;
    return true;
}

static bool complete_subjects(struct value *stored, const struct value *wanted)
{
    const struct value *want = value_get(wanted, "subjects");
    bool changed = false;
    for (size_t i = 0; i < value_len(want); i++) {
        const struct value *have = value_get(stored, "subjects");
        bool there = false;
        for (size_t n = 0; n < value_len(have); n++)
            there |= is_same_subject(value_at(have, n), value_at(want, i));
        if (there)
            continue;
        value_append(list_in(stored, "subjects"), value_copy(value_at(want, i)));
        changed = true;
    }
    return changed;
}

bool policy_complete(struct value *stored, const struct value *wanted)
{
    struct value *meta = value_make_map(stored, "metadata", NULL);
    const struct value *want_meta = value_get(wanted, "metadata");
    if (str_eq(object_annotation(stored, AUTOUPDATE), "false"))
        return false;
    bool changed = complete_words(meta, want_meta, "labels");
    changed |= complete_words(meta, want_meta, "annotations");
    const struct value *gather = value_get(wanted, "aggregationRule");
    if (gather && !value_get(stored, "aggregationRule")) {
        value_set(stored, "aggregationRule", value_copy(gather));
        changed = true;
    }
    changed |= complete_rules(stored, wanted);
    changed |= complete_subjects(stored, wanted);
    return changed;
}
