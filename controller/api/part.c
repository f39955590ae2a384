#include "controller/api/part.h"

#include "common/base/str.h"
#include "controller/merge/keyed.h"
#include "controller/api/resize.h"
#include "controller/api/meta.h"
#include "controller/api/scale.h"
#include "controller/api/status.h"

typedef struct value *part_fn(const struct schema_kind *kind, struct value *object,
                              const struct value *sent);

static void set_or_del(struct value *map, const char *key, const struct value *item)
{
    if (item)
        value_set(map, key, value_copy(item));
    else
        value_del(map, key);
}

static struct value *put_status(const struct schema_kind *kind, struct value *object,
                                const struct value *sent)
{
    (void)kind;
    set_or_del(object, "status", value_get(sent, "status"));
    return NULL;
}

static struct value *put_scale(const struct schema_kind *kind, struct value *object,
                               const struct value *sent)
{
    if (scale_put(kind, object, sent) == 0)
        return NULL;
    return status_of(422, kind, object_name(object), "the object has no place for %s",
                     kind->scale->spec_replicas);
}

static struct value *put_finalizers(const struct schema_kind *kind, struct value *object,
                                    const struct value *sent)
{
    (void)kind;
    struct value *spec = value_make_map(object, "spec", NULL);
    if (spec)
        set_or_del(spec, "finalizers", value_path(sent, "spec", "finalizers", NULL));
    return NULL;
}

/* Those that there are stay as they are; others may come. */
static struct value *put_ephemeral(const struct schema_kind *kind, struct value *object,
                                   const struct value *sent)
{
    const struct value *old = value_path(object, "spec", "ephemeralContainers", NULL);
    const struct value *list = value_path(sent, "spec", "ephemeralContainers", NULL);
    cleanup(keyed_free) struct keyed *places = keyed_new(list, "name");
    for (size_t i = 0; i < value_len(old); i++) {
        const struct value *item = value_at(old, i);
        size_t at = keyed_find(places, item);
        if (at != KEYED_NONE && value_equal(value_at(list, at), item))
            continue;
        return status_of(422, kind, object_name(object),
                         "Pod \"%s\" is invalid: spec.ephemeralContainers: Forbidden: existing "
                         "ephemeral containers \"%s\" may not be %s",
                         object_name(object), value_get_str(item, "name"),
                         at == KEYED_NONE ? "removed" : "changed");
    }
    struct value *spec = value_make_map(object, "spec", NULL);
    if (spec)
        set_or_del(spec, "ephemeralContainers", list);
    return NULL;
}

static bool same_names(const struct value *a, const struct value *b)
{
    bool same = value_len(a) == value_len(b);
    for (size_t i = 0; i < value_len(a) && same; i++)
        same = str_eq(value_get_str(value_at(a, i), "name"), value_get_str(value_at(b, i), "name"));
    return same;
}

static struct value *put_resources(const struct schema_kind *kind, struct value *object,
                                   const struct value *sent)
{
    static const char *const lists[] = {"containers", "initContainers"};
    static const char *const keys[] = {"resources", "resizePolicy"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *from = value_path(sent, "spec", lists[l], NULL);
        struct value *to = value_path(object, "spec", lists[l], NULL);
        if (!same_names(from, to))
            return status_of(422, kind, object_name(object),
                             "Pod \"%s\" is invalid: spec.%s: Forbidden: containers may not be "
                             "added, removed, renamed or reordered on resize",
                             object_name(object), lists[l]);
        for (size_t i = 0; i < value_len(to); i++)
            for (size_t k = 0; k < ARRAY_LEN(keys); k++)
                set_or_del(value_at(to, i), keys[k], value_get(value_at(from, i), keys[k]));
    }
    return NULL;
}

static bool is_verdict(const struct value *condition)
{
    const char *type = value_get_str(condition, "type");
    return str_eq(type, "Approved") || str_eq(type, "Denied");
}

/* The verdicts alone; one that was given stays. */
static struct value *put_approval(const struct schema_kind *kind, struct value *object,
                                  const struct value *sent)
{
    const struct value *old = value_path(object, "status", "conditions", NULL);
    const struct value *given = value_path(sent, "status", "conditions", NULL);
    struct value *conditions = value_new_list();
    for (size_t i = 0; i < value_len(old); i++)
        value_append(conditions, value_copy(value_at(old, i)));
    for (size_t i = 0; i < value_len(given); i++) {
        bool known = false;
        for (size_t n = 0; n < value_len(old); n++)
            known = known || str_eq(value_get_str(value_at(old, n), "type"),
                                    value_get_str(value_at(given, i), "type"));
        if (!known && is_verdict(value_at(given, i)))
            value_append(conditions, value_copy(value_at(given, i)));
    }
    struct value *status = value_make_map(object, "status", NULL);
    (void)kind;
    if (!status || value_len(conditions) == 0)
        value_free(conditions);
    else
        value_set(status, "conditions", conditions);
    return NULL;
}

static const struct {
    unsigned flag;
    part_fn *put;
    void (*check)(const struct value *stored, const struct value *next, struct diags *diags);
    bool free; /* what updates of the object may not change, its writes may */
} parts[] = {
    {API_STATUS, put_status, NULL, false},           {API_SCALE, put_scale, NULL, false},
    {API_FINALIZERS, put_finalizers, NULL, true},    {API_EPHEMERAL, put_ephemeral, NULL, true},
    {API_RESIZE, put_resources, resize_check, true}, {API_APPROVAL, put_approval, NULL, false},
};

const struct schema_kind *part_kind(const struct schema_kind *kind, unsigned flags)
{
    return flags & API_SCALE ? &kind_scale : kind;
}

struct value *part_of(const struct schema_kind *kind, const struct value *object, unsigned flags)
{
    return flags & API_SCALE ? scale_of(kind, object) : value_copy(object);
}

struct value *part_put(const struct schema_kind *kind, const struct value *stored,
                       const struct value *sent, unsigned flags, struct value **ret)
{
    cleanup(value_free) struct value *object = value_copy(stored);
    struct value *status = NULL;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (flags & parts[i].flag)
            status = parts[i].put(kind, object, sent);
    if (!status)
        *ret = steal(object);
    return status;
}

void part_check(const struct value *stored, const struct value *next, unsigned flags,
                struct diags *diags)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if ((flags & parts[i].flag) && parts[i].check)
            parts[i].check(stored, next, diags);
}

bool part_obeys_update(unsigned flags)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if ((flags & parts[i].flag) && parts[i].free)
            return false;
    return true;
}
