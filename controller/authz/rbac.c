#include "controller/authz/rbac.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <stdlib.h>

#define COVER_STEPS 1000000 /* comparisons of rules, at most, to find out what covers what */

/* ---- reading ---- */

static char **texts_of(const struct value *list)
{
    size_t count = 0;
    char **texts = xcalloc(value_len(list) + 1, sizeof(*texts));
    for (size_t i = 0; value_type(list) == VALUE_LIST && i < value_len(list); i++) {
        const char *text = value_str(value_at(list, i));
        if (text)
            texts[count++] = xstrdup(text);
    }
    return texts;
}

static void texts_free(char **texts)
{
    for (char **text = texts; text && *text; text++)
        free(*text);
    free(texts);
}

struct rbac_rules *rbac_rules_new(const struct value *rules)
{
    struct rbac_rules *out = xcalloc(1, sizeof(*out));
    size_t len = value_type(rules) == VALUE_LIST ? value_len(rules) : 0;
    out->items = xcalloc(len + 1, sizeof(*out->items));
    for (size_t i = 0; i < len; i++) {
        const struct value *rule = value_at(rules, i);
        out->items[out->count++] = (struct rbac_rule){
            texts_of(value_get(rule, "verbs")),
            texts_of(value_get(rule, "apiGroups")),
            texts_of(value_get(rule, "resources")),
            texts_of(value_get(rule, "resourceNames")),
            texts_of(value_get(rule, "nonResourceURLs")),
        };
    }
    return out;
}

void rbac_rules_free(struct rbac_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->count; i++) {
        texts_free(rules->items[i].verbs);
        texts_free(rules->items[i].groups);
        texts_free(rules->items[i].resources);
        texts_free(rules->items[i].names);
        texts_free(rules->items[i].urls);
    }
    free(rules->items);
    free(rules);
}

/* ---- one rule ---- */

static bool has(char *const *list, const char *text)
{
    for (; *list; list++)
        if (str_eq(*list, text))
            return true;
    return false;
}

static bool has_or_all(char *const *list, const char *text)
{
    for (; *list; list++)
        if (str_eq(*list, "*") || str_eq(*list, text))
            return true;
    return false;
}

/* Whether a word of a rule ("pods", "pods/log", "*"; a star before a slash is any resource) means
 * that. */
static bool is_resource(const char *word, const char *resource, const char *sub)
{
    if (str_eq(word, "*"))
        return true;
    size_t len = strlen(resource);
    if (str_empty(sub))
        return str_eq(word, resource);
    if (str_has_prefix(word, "*/"))
        return str_eq(word + 2, sub);
    return strncmp(word, resource, len) == 0 && word[len] == '/' && str_eq(word + len + 1, sub);
}

static bool resources_allow(char *const *words, const struct rbac_ask *ask)
{
    for (; *words; words++)
        if (is_resource(*words, ask->resource, ask->subresource))
            return true;
    return false;
}

static bool names_allow(char *const *names, const char *name)
{
    if (!*names)
        return true;
    return (!str_empty(name) && has(names, name)) || WEAKENED(RBAC_NAMES);
}

/* "*" at the end of a rule's URL stands for whatever follows. */
static bool is_url(const char *url, const char *path)
{
    size_t len = strlen(url);
    if (len == 0 || url[len - 1] != '*')
        return str_eq(url, path);
    return strncmp(url, path, len - 1) == 0;
}

static bool urls_allow(char *const *urls, const char *path)
{
    for (; *urls; urls++)
        if (is_url(*urls, path))
            return true;
    return false;
}

bool rbac_rule_allows(const struct rbac_rule *rule, const struct rbac_ask *ask)
{
    if (!has_or_all(rule->verbs, ask->verb) && !WEAKENED(RBAC_VERB))
        return false;
    if (ask->path)
        return urls_allow(rule->urls, ask->path);
    return (has_or_all(rule->groups, ask->group) || WEAKENED(RBAC_GROUP)) &&
           (resources_allow(rule->resources, ask) || WEAKENED(RBAC_RESOURCE)) &&
           names_allow(rule->names, ask->name);
}

/* ---- whether some rules cover another ---- */

/* A resource as rules have it covers another: "*" all; a star before a slash all with that
 * subresource. */
static bool covers_resource(char *const *own, const char *resource)
{
    const char *slash = strchr(resource, '/');
    for (; *own; own++) {
        if (str_eq(*own, "*") || str_eq(*own, resource))
            return true;
        if (slash && str_has_prefix(*own, "*/") && str_eq(*own + 1, slash))
            return true;
    }
    return false;
}

static bool covers_url(char *const *own, const char *url)
{
    for (; *own; own++) {
        size_t len = strlen(*own);
        if (str_eq(*own, "*") || str_eq(*own, url))
            return true;
        if (len > 0 && (*own)[len - 1] == '*' && strncmp(*own, url, len - 1) == 0)
            return true;
    }
    return false;
}

/* One word of each list of a rule; of lists that are empty NULL. */
struct single {
    const char *verb, *group, *resource, *name, *url;
};

static bool covers_single(const struct rbac_rule *own, const struct single *want)
{
    if (!has_or_all(own->verbs, want->verb))
        return false;
    if (want->url)
        return covers_url(own->urls, want->url);
    bool named = !*own->names || (want->name && has(own->names, want->name));
    return named && has_or_all(own->groups, want->group) &&
           covers_resource(own->resources, want->resource);
}

static bool any_covers(const struct rbac_rule *const *own, size_t count, const struct single *want,
                       size_t *steps)
{
    for (size_t i = 0; i < count; i++) {
        if (++*steps > COVER_STEPS)
            return false;
        if (covers_single(own[i], want))
            return true;
    }
    return false;
}

static bool all_have(char *const *own, char *const *wanted)
{
    for (; *wanted; wanted++)
        if (!has_or_all(own, *wanted))
            return false;
    return true;
}

/* One rule that has it all, which is the usual case: no list has to be combined with another. */
static bool covers_whole(const struct rbac_rule *own, const struct rbac_rule *rule)
{
    if (!all_have(own->verbs, rule->verbs))
        return false;
    for (char **url = rule->urls; *url; url++)
        if (!covers_url(own->urls, *url))
            return false;
    for (char **resource = rule->resources; *resource; resource++)
        if (!covers_resource(own->resources, *resource))
            return false;
    bool named = !*own->names || *rule->names;
    for (char **name = rule->names; *own->names && *name; name++)
        named &= has(own->names, *name);
    return named && all_have(own->groups, rule->groups);
}

/* The words of a list, or one NULL where it is empty. */
static char *const *words(char *const *list)
{
    static char *const none[] = {NULL, NULL};
    return *list ? list : none;
}

#define EACH(word, list) /* NULL comes once */                                                     \
    for (char *const *word = words(list), *const *word##_first = word;                             \
         word == word##_first || *word; word++)

static bool covers_resources(const struct rbac_rule *const *own, size_t count,
                             const struct rbac_rule *rule, const char *verb, size_t *steps)
{
    if (!*rule->resources || !*rule->groups)
        return true;
    EACH(group, rule->groups)
    EACH(resource, rule->resources)
    EACH(name, rule->names)
    {
        const struct single want = {verb, *group, *resource, *name, NULL};
        if (!any_covers(own, count, &want, steps))
            return false;
    }
    return true;
}

bool rbac_covers(const struct rbac_rule *const *own, size_t count, const struct rbac_rule *rule)
{
    size_t steps = 0;
    for (size_t i = 0; i < count; i++)
        if (covers_whole(own[i], rule))
            return true;
    for (char *const *verb = rule->verbs; *verb; verb++) {
        if (!covers_resources(own, count, rule, *verb, &steps))
            return false;
        for (char *const *url = rule->urls; *url; url++) {
            const struct single want = {.verb = *verb, .url = *url};
            if (!any_covers(own, count, &want, &steps))
                return false;
        }
    }
    return true;
}

/* ---- telling ---- */

static void print_list(const char *word, char *const *list, struct buf *ret)
{
    if (!*list)
        return;
    buf_addf(ret, "%s%s:[", ret->len && buf_str(ret)[ret->len - 1] != '{' ? ", " : "", word);
    for (size_t i = 0; list[i]; i++)
        buf_addf(ret, "%s\"%.253s\"", i ? " " : "", list[i]);
    buf_addstr(ret, "]");
}

void rbac_rule_print(const struct rbac_rule *rule, struct buf *ret)
{
    buf_addstr(ret, "{");
    print_list("APIGroups", rule->groups, ret);
    print_list("Resources", rule->resources, ret);
    print_list("NonResourceURLs", rule->urls, ret);
    print_list("ResourceNames", rule->names, ret);
    print_list("Verbs", rule->verbs, ret);
    buf_addstr(ret, "}");
}
