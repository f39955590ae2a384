#include "controller/monitor/audit_policy.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/yaml.h"
#include "common/kinds/types.h"

#include <errno.h>
#include <string.h>

const char *const audit_levels[] = {"None", "Metadata", "Request", "RequestResponse", NULL};
const char *const audit_stages[] = {"RequestReceived", "ResponseStarted", "ResponseComplete",
                                    "Panic", NULL};

struct audit_policy {
    struct value *document; /* checked */
};

/* ---- the document ---- */

static void check_path(const struct value *rule, size_t i, struct schema_walk *walk)
{
    const struct value *item = value_at(value_get(rule, "nonResourceURLs"), i);
    const char *text = value_str(item), *star = text ? strchr(text, '*') : NULL;
    autofree char *sub = xasprintf("nonResourceURLs[%zu]", i);
    if (!text || str_eq(text, "*"))
        return;
    if (*text != '/')
        schema_mistake(walk, item, sub, CAUSE_INVALID,
                       "non-resource URL rules must begin with a '/' character");
    else if (star && star[1])
        schema_mistake(walk, item, sub, CAUSE_INVALID,
                       "non-resource URL wildcards '*' must be the final character of the rule");
}

static void check_rule(const struct value *rule, struct schema_walk *walk)
{
    const struct value *paths = value_get(rule, "nonResourceURLs");
    const struct value *resources = value_get(rule, "resources");
    for (size_t i = 0; i < value_len(paths); i++)
        check_path(rule, i, walk);
    if (value_len(paths) && (value_len(resources) || value_len(value_get(rule, "namespaces"))))
        schema_mistake(walk, paths, "nonResourceURLs", CAUSE_INVALID,
                       "rules cannot apply to both regular resources and non-resource URLs");
    for (size_t i = 0; i < value_len(resources); i++) {
        const struct value *item = value_at(resources, i);
        autofree char *sub = xasprintf("resources[%zu].resourceNames", i);
        if (value_len(value_get(item, "resourceNames")) && !value_len(value_get(item, "resources")))
            schema_mistake(walk, item, sub, CAUSE_INVALID,
                           "using resourceNames requires at least one resource");
    }
}

#define STAGES ONE_OF("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")

static const struct schema_type type_group_resources = {
    .name = "GroupResources",
    FIELDS(F(1, "group", STRING), F(2, "resources", LIST(STRING), RULE(not_empty)),
           F(3, "resourceNames", LIST(STRING))),
};

static const struct schema_type type_policy_rule = {
    .name = "PolicyRule",
    .check = check_rule,
    FIELDS(
        F(1, "level", STRING, REQUIRED, ONE_OF("None", "Metadata", "Request", "RequestResponse")),
        F(2, "users", LIST(STRING)), F(3, "userGroups", LIST(STRING)), F(4, "verbs", LIST(STRING)),
        F(5, "resources", LIST(OBJECT(type_group_resources))), F(6, "namespaces", LIST(STRING)),
        F(7, "nonResourceURLs", LIST(STRING)), F(8, "omitStages", LIST(STRING), STAGES),
        F(9, "omitManagedFields", BOOL)),
};

static const struct schema_type type_policy = {
    .name = "Policy",
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)),
           F(2, "rules", LIST(OBJECT(type_policy_rule)), REQUIRED),
           F(3, "omitStages", LIST(STRING), STAGES), F(4, "omitManagedFields", BOOL)),
};

/* Not served: it is read from a file alone. */
static const struct schema_kind kind_policy = {
    .group = "audit.k8s.io",
    .version = "v1",
    .kind = "Policy",
    .plural = "policies",
    .singular = "policy",
    .type = &type_policy,
};

static int refuse(const char *file, const struct diags *diags, struct err *err)
{
    const struct diag *first = &diags->items[0];
    const char *colon = str_empty(first->path) ? "" : ": ";
    return err_set(err, -EINVAL, "%s:%d: %s%s%s", file, first->line, first->path, colon,
                   first->reason);
}

int audit_policy_parse(const char *file, const char *text, size_t len, struct audit_policy **ret,
                       struct err *err)
{
    cleanup(diags_done) struct diags diags;
    cleanup(value_free) struct value *document = NULL;
    diags_init(&diags);
    if (len > AUDIT_POLICY_MAX)
        return err_set(err, -E2BIG, "%s: larger than %d bytes", file, AUDIT_POLICY_MAX);
    int r = yaml_parse(text, len, &document, &diags);
    /* It is nobody's object, and mostly has no name. */
    bool map = value_type(document) == VALUE_MAP;
    struct value *meta = map ? value_make_map(document, "metadata", NULL) : NULL;
    if (meta && !value_get(meta, "name"))
        value_set_str(meta, "name", "policy");
    if (r == 0)
        r = schema_check(&kind_policy, document, 0, &diags);
    diags_sort(&diags);
    if (r < 0)
        return diags.count ? refuse(file, &diags, err) : err_set(err, r, "%s: no policy", file);
    struct audit_policy *policy = xcalloc(1, sizeof(*policy));
    policy->document = steal(document);
    *ret = policy;
    return 0;
}

void audit_policy_free(struct audit_policy *policy)
{
    if (!policy)
        return;
    value_free(policy->document);
    free(policy);
}

/* ---- the rules ---- */

static bool has_group(const struct value *list, const struct audit_subject *subject)
{
    for (const char *const *group = subject->groups; group && *group; group++)
        if (value_has_str(list, *group))
            return true;
    return value_has_str(list, subject->user ? "system:authenticated" : "system:unauthenticated");
}

/* pattern: all, a resource, a subresource of one or of all, all subresources of one. */
static bool names_resource(const char *pattern, const char *resource, const char *subresource)
{
    size_t len = strlen(resource);
    bool below = !str_empty(subresource);
    if (str_eq(pattern, "*"))
        return true;
    if (below && str_has_prefix(pattern, "*/"))
        return str_eq(pattern + 2, subresource);
    if (strncmp(pattern, resource, len) != 0)
        return false;
    if (str_eq(pattern + len, "/*"))
        return true;
    return below ? pattern[len] == '/' && str_eq(pattern + len + 1, subresource) : !pattern[len];
}

/* *ret_named: by its name, not by a pattern for all. */
static bool fits_resource(const struct value *item, const struct audit_subject *subject,
                          bool *ret_named)
{
    const struct value *resources = value_get(item, "resources");
    const struct value *names = value_get(item, "resourceNames");
    const char *group = value_get_str(item, "group");
    if (!str_eq(group ? group : "", subject->ref.kind->group))
        return false;
    for (size_t i = 0; i < value_len(resources); i++) {
        const char *pattern = value_str(value_at(resources, i));
        if (!pattern || !names_resource(pattern, subject->ref.kind->plural, subject->subresource) ||
            (value_len(names) > 0 && !value_has_str(names, subject->ref.name)))
            continue;
        *ret_named = !strchr(pattern, '*');
        return true;
    }
    return value_len(resources) == 0;
}

static bool fits_object(const struct value *rule, const struct audit_subject *subject,
                        bool *ret_named)
{
    const struct value *namespaces = value_get(rule, "namespaces");
    const struct value *resources = value_get(rule, "resources");
    if (!subject->ref.kind)
        return false;
    if (value_len(namespaces) > 0 &&
        !value_has_str(namespaces, subject->ref.ns ? subject->ref.ns : ""))
        return false;
    for (size_t i = 0; i < value_len(resources); i++)
        if (fits_resource(value_at(resources, i), subject, ret_named))
            return true;
    return value_len(resources) == 0;
}

static bool fits_path(const struct value *paths, const struct audit_subject *subject)
{
    const char *path = subject->path ? subject->path : "";
    for (size_t i = 0; i < value_len(paths) && !subject->ref.kind; i++) {
        const char *pattern = value_str(value_at(paths, i));
        size_t len = pattern ? strlen(pattern) : 0;
        if (len && pattern[len - 1] == '*' ? strncmp(path, pattern, len - 1) == 0
                                           : str_eq(path, pattern))
            return true;
    }
    return false;
}

static bool fits(const struct value *rule, const struct audit_subject *subject, bool *ret_named)
{
    const struct value *users = value_get(rule, "users"), *groups = value_get(rule, "userGroups");
    const struct value *verbs = value_get(rule, "verbs"),
                       *paths = value_get(rule, "nonResourceURLs");
    if (value_len(users) > 0 &&
        !value_has_str(users, subject->user ? subject->user : "system:anonymous"))
        return false;
    if (value_len(groups) > 0 && !has_group(groups, subject))
        return false;
    if (value_len(verbs) > 0 && !value_has_str(verbs, subject->verb))
        return false;
    if (value_len(value_get(rule, "namespaces")) || value_len(value_get(rule, "resources")))
        return fits_object(rule, subject, ret_named);
    return value_len(paths) == 0 || fits_path(paths, subject);
}

static bool holds_secrets(const struct audit_subject *subject)
{
    static const struct {
        const char *plural, *subresource;
    } table[] = {{"secrets", NULL}, {"serviceaccounts", "token"}, {"tokenreviews", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(table) && subject->ref.kind; i++)
        if (str_eq(subject->ref.kind->plural, table[i].plural) &&
            (!table[i].subresource || str_eq(subject->subresource, table[i].subresource)))
            return true;
    return false;
}

static unsigned stages_of(const struct value *list)
{
    unsigned bits = 0;
    for (unsigned i = 0; audit_stages[i]; i++)
        if (value_has_str(list, audit_stages[i]))
            bits |= 1u << i;
    return bits;
}

static enum audit_level level_of(const struct value *rule)
{
    unsigned level = 0;
    while (audit_levels[level] && !str_eq(audit_levels[level], value_get_str(rule, "level")))
        level++;
    return (enum audit_level)level;
}

struct audit_verdict audit_policy_decide(const struct audit_policy *policy,
                                         const struct audit_subject *subject)
{
    struct audit_verdict verdict = {subject->writes ? AUDIT_METADATA : AUDIT_NONE, false, 0};
    const struct value *document = policy ? policy->document : NULL;
    const struct value *rules = value_get(document, "rules");
    if (!policy)
        return verdict;
    verdict.level = AUDIT_NONE;
    for (size_t i = 0; i < value_len(rules); i++) {
        const struct value *rule = value_at(rules, i);
        bool named = false, omit = value_get_bool(document, "omitManagedFields", false);
        if (!fits(rule, subject, &named))
            continue;
        verdict.level = level_of(rule);
        verdict.omit_managed = value_get_bool(rule, "omitManagedFields", omit);
        verdict.omitted =
            stages_of(value_get(document, "omitStages")) | stages_of(value_get(rule, "omitStages"));
        if (holds_secrets(subject) && !named && verdict.level > AUDIT_METADATA &&
            !WEAKENED(AUDIT_SECRETS))
            verdict.level = AUDIT_METADATA;
        break;
    }
    return verdict;
}
