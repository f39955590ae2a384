#include "controller/api/remains.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

#define TEXT_MAX 2048 /* bytes of a condition's message, about */

struct tally {
    size_t count;
};

void remains_init(struct remains *remains)
{
    *remains = (struct remains){map_new(), map_new()};
}

void remains_done(struct remains *remains)
{
    map_free(remains->kinds, free);
    map_free(remains->finalizers, free);
    *remains = (struct remains){0};
}

void remains_clear(struct remains *remains)
{
    remains_done(remains);
    remains_init(remains);
}

static void count(struct map *map, const char *key)
{
    struct tally *tally = map_get(map, key);
    if (!tally) {
        tally = xcalloc(1, sizeof(*tally));
        (void)map_put(map, key, tally);
    }
    tally->count++;
}

void remains_add(struct remains *remains, const struct schema_kind *kind,
                 const struct value *object)
{
    const struct value *list = value_path(object, "metadata", "finalizers", NULL);
    autofree char *key = xasprintf("%s.%s", kind->plural, kind->group);
    count(remains->kinds, key);
    for (size_t i = 0; i < value_len(list); i++)
        if (value_str(value_at(list, i)))
            count(remains->finalizers, value_str(value_at(list, i)));
}

bool remains_any(const struct remains *remains)
{
    return map_len(remains->kinds) > 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "pods. has 2 resource instances, ...", in the order of the names. */
static void tell(const struct map *map, const char *fmt, struct buf *ret)
{
    autofree const char **names = xcalloc(map_len(map) + 1, sizeof(*names));
    size_t names_count = 0;
    for (size_t i = 0; map_next(map, &i, &names[names_count], NULL);)
        names_count++;
    qsort(names, names_count, sizeof(*names), by_name);
    for (size_t i = 0; i < names_count && ret->len < TEXT_MAX; i++) {
        const struct tally *tally = map_get(map, names[i]);
        buf_addstr(ret, i ? ", " : "");
        buf_addf(ret, "%.253s %s %zu resource instances", names[i], fmt, tally->count);
    }
}

struct line {
    const char *type, *status, *reason, *message;
};

static struct value *find(struct value *list, const char *type)
{
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "type"), type))
            return value_at(list, i);
    struct value *condition = value_new_map();
    value_set_str(condition, "type", type);
    value_append(list, condition);
    return condition;
}

static bool set_line(struct value *list, const struct line *line, const char *now)
{
    struct value *condition = find(list, line->type);
    bool turned = !str_eq(value_get_str(condition, "status"), line->status);
    if (!turned && str_eq(value_get_str(condition, "reason"), line->reason) &&
        str_eq(value_get_str(condition, "message"), line->message))
        return false;
    value_set_str(condition, "status", line->status);
    if (turned)
        value_set_str(condition, "lastTransitionTime", now);
    value_set_str(condition, "reason", line->reason);
    value_set_str(condition, "message", line->message);
    return true;
}

bool remains_tell(const struct remains *remains, struct value *ns, int64_t now_wall_ns)
{
    cleanup(buf_done) struct buf content = {0}, finalizers = {0};
    char now[CLOCK_RFC3339_LEN];
    bool held = map_len(remains->finalizers) > 0, any = remains_any(remains), changed = false;
    buf_addstr(&content, "Some resources are remaining: ");
    tell(remains->kinds, "has", &content);
    buf_addstr(&finalizers, "Some content in the namespace has finalizers remaining: ");
    tell(remains->finalizers, "in", &finalizers);
    clock_format(now_wall_ns, 0, now);
    const struct line lines[] = {
        {"NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered",
         "All resources successfully discovered"},
        {"NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions",
         "All legacy kube types successfully parsed"},
        {"NamespaceDeletionContentFailure", "False", "ContentDeleted",
         "All content successfully deleted, may be waiting on finalization"},
        {"NamespaceContentRemaining", any ? "True" : "False",
         any ? "SomeResourcesRemain" : "ContentRemoved",
         any ? buf_str(&content) : "All content successfully removed"},
        {"NamespaceFinalizersRemaining", held ? "True" : "False",
         held ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
         held ? buf_str(&finalizers) : "All content-preserving finalizers finished"},
    };
    struct value *status = value_make_map(ns, "status", NULL);
    struct value *list = value_get(status, "conditions");
    if (value_type(list) != VALUE_LIST)
        list = value_set(status, "conditions", value_new_list());
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        changed |= set_line(list, &lines[i], now);
    return changed;
}
