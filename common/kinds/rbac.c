#include "common/kinds/rbac.h"

#include "common/base/str.h"
#include "common/kinds/types.h"

const char *format_rbac_name(const char *s)
{
    if (strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
        return "may not be '.' or '..'";
    return strpbrk(s, "/%") ? "may not contain '/' or '%'" : NULL;
}

/* ---- rules ---- */

static void require(const struct value *rule, const char *key, const char *what,
                    struct schema_walk *walk)
{
    if (value_len(value_get(rule, key)) == 0)
        schema_mistake(walk, value_get(rule, key), key, CAUSE_REQUIRED, "%s", what);
}

static void check_resources(const struct value *rule, struct schema_walk *walk)
{
    require(rule, "apiGroups", "resource rules must supply at least one api group", walk);
    require(rule, "resources", "resource rules must supply at least one resource", walk);
}

/* "*" stands at the end or not at all. */
static void check_urls(const struct value *urls, struct schema_walk *walk)
{
    for (size_t i = 0; i < value_len(urls); i++) {
        const char *url = value_str(value_at(urls, i));
        const char *star = url ? strchr(url, '*') : NULL;
        if (star && star[1])
            schema_mistake(walk, value_at(urls, i), "nonResourceURLs", CAUSE_INVALID,
                           "\"%.64s\": must have '*' at its end only", url);
    }
}

static void check_rule(const struct value *rule, struct schema_walk *walk)
{
    static const char *const of_resources[] = {"apiGroups", "resources", "resourceNames"};
    const struct value *urls = value_get(rule, "nonResourceURLs");
    bool both = false;
    if (value_len(urls) == 0) {
        check_resources(rule, walk);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(of_resources); i++)
        both |= value_len(value_get(rule, of_resources[i])) > 0;
    if (both)
        schema_mistake(walk, urls, "nonResourceURLs", CAUSE_INVALID,
                       "rules cannot apply to both regular resources and non-resource URLs");
    check_urls(urls, walk);
}

const struct schema_type type_policy_rule = {
    .name = "PolicyRule",
    DOC("What may be done with what."),
    .check = check_rule,
    FIELDS(F(1, "verbs", LIST(STRING), REQUIRED,
             DOC("What may be done: get, list, watch, create...; \"*\" is all.")),
           F(2, "apiGroups", LIST(STRING),
             DOC("Groups of the resources; \"\" is core, \"*\" is all.")),
           F(3, "resources", LIST(STRING), DOC("\"pods\", \"pods/log\"; \"*\" is all.")),
           F(4, "resourceNames", LIST(STRING), DOC("Only objects of these names.")),
           F(5, "nonResourceURLs", LIST(STRING),
             DOC("URLs that are no resources: \"/metrics\", \"/healthz/*\"."))),
};

/* ---- subjects ---- */

static void check_group(const struct value *of, const char *want, struct schema_walk *walk)
{
    const struct value *group = value_get(of, "apiGroup");
    if (!str_empty(value_str(group)) && !str_eq(value_str(group), want))
        schema_mistake(walk, group, "apiGroup", CAUSE_NOT_SUPPORTED,
                       "\"%.64s\": supported values: \"%s\"", value_str(group), want);
}

static void check_subject(const struct value *subject, struct schema_walk *walk)
{
    const char *kind = value_get_str(subject, "kind");
    const struct value *ns = value_get(subject, "namespace");
    if (!str_eq(kind, "ServiceAccount")) {
        check_group(subject, RBAC_GROUP, walk);
        return;
    }
    const char *wrong = format_dns1123_subdomain(
        value_get_str(subject, "name") ? value_get_str(subject, "name") : "a");
    if (wrong && !str_empty(value_get_str(subject, "name")))
        schema_mistake(walk, value_get(subject, "name"), "name", CAUSE_INVALID, "\"%.64s\": %s",
                       value_get_str(subject, "name"), wrong);
    check_group(subject, "", walk);
    if (str_empty(value_str(ns)))
        schema_mistake(walk, ns, "namespace", CAUSE_REQUIRED, "required");
}

static void fill_subject(struct value *subject)
{
    if (str_empty(value_get_str(subject, "apiGroup")) &&
        !str_eq(value_get_str(subject, "kind"), "ServiceAccount"))
        value_set_str(subject, "apiGroup", RBAC_GROUP);
}

const struct schema_type type_subject = {
    .name = "Subject",
    .whole = true,
    DOC("Who is given a role."),
    .check = check_subject,
    .fill = fill_subject,
    FIELDS(F(1, "kind", STRING, REQUIRED, ONE_OF("User", "Group", "ServiceAccount"),
             DOC("User, Group or ServiceAccount.")),
           F(2, "apiGroup", STRING, DOC(RBAC_GROUP "; none of a ServiceAccount.")),
           F(3, "name", STRING, REQUIRED, DOC("Its name.")),
           F(4, "namespace", STRING, DOC("Of a ServiceAccount: where it is."))),
};

static void check_role_ref(const struct value *ref, struct schema_walk *walk)
{
    const char *name = value_get_str(ref, "name");
    const char *wrong = str_empty(name) ? NULL : format_rbac_name(name);
    check_group(ref, RBAC_GROUP, walk);
    if (wrong)
        schema_mistake(walk, value_get(ref, "name"), "name", CAUSE_INVALID, "\"%.64s\": %s", name,
                       wrong);
}

const struct schema_type type_role_ref = {
    .name = "RoleRef",
    .whole = true,
    DOC("The role that is given."),
    .check = check_role_ref,
    FIELDS(F(1, "apiGroup", STRING, DEF(RBAC_GROUP), DOC(RBAC_GROUP ".")),
           F(2, "kind", STRING, REQUIRED, ONE_OF("Role", "ClusterRole"),
             DOC("Role, of the same namespace, or ClusterRole.")),
           F(3, "name", STRING, REQUIRED, DOC("Its name."))),
};

/* ---- columns ---- */

void rbac_print_role(const struct value *binding, struct buf *ret)
{
    const struct value *ref = value_get(binding, "roleRef");
    const char *kind = value_get_str(ref, "kind"), *name = value_get_str(ref, "name");
    buf_addf(ret, "%s/%s", kind ? kind : "", name ? name : "");
}

void rbac_print_subjects(const struct value *binding, const char *kind, struct buf *ret)
{
    const struct value *subjects = value_get(binding, "subjects");
    size_t start = ret->len;
    for (size_t i = 0; i < value_len(subjects); i++) {
        const struct value *subject = value_at(subjects, i);
        const char *name = value_get_str(subject, "name");
        const char *ns = value_get_str(subject, "namespace");
        if (!str_eq(value_get_str(subject, "kind"), kind) || !name)
            continue;
        buf_addstr(ret, ret->len > start ? ", " : "");
        if (str_eq(kind, "ServiceAccount"))
            buf_addf(ret, "%s/", ns ? ns : "");
        buf_addstr(ret, name);
    }
}
