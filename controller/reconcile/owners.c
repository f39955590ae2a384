#include "controller/reconcile/owners.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/api/deletion.h"
#include "controller/api/meta.h"

#include <stdlib.h>
#include <string.h>

struct owners {
    struct map *by_uid; /* struct owned */
    uint64_t searches;
};

struct owners *owners_new(void)
{
    struct owners *owners = xcalloc(1, sizeof(*owners));
    owners->by_uid = map_new();
    return owners;
}

static void entry_free(void *p)
{
    struct owned *object = p;
    free(object->ns);
    free(object->name);
    free(object->refs);
    free(object->deps);
    free(object);
}

void owners_free(struct owners *owners)
{
    if (!owners)
        return;
    map_free(owners->by_uid, entry_free);
    free(owners);
}

size_t owners_count(const struct owners *owners)
{
    return map_len(owners->by_uid);
}

struct owned *owners_find(const struct owners *owners, const char *uid)
{
    return uid ? map_get(owners->by_uid, uid) : NULL;
}

struct owned *owners_next(const struct owners *owners, size_t *i)
{
    void *value = NULL;
    return map_next(owners->by_uid, i, NULL, &value) ? value : NULL;
}

static struct owned *entry_of(struct owners *owners, const char *uid)
{
    struct owned *object = map_get(owners->by_uid, uid);
    if (object)
        return object;
    size_t len = strlen(uid) + 1;
    object = xcalloc(1, sizeof(*object) + len);
    memcpy(object->uid, uid, len);
    (void)map_put(owners->by_uid, uid, object);
    return object;
}

/* An entry that nothing needs any more goes. */
static void release(struct owners *owners, struct owned *object)
{
    if (object->kind || object->dep_count)
        return;
    (void)map_del(owners->by_uid, object->uid);
    entry_free(object);
}

/* ---- links ---- */

static void link_ref(struct owned *object, uint32_t i, struct owned *owner, bool blocks)
{
    if (owner->dep_count == owner->dep_cap) {
        owner->dep_cap = owner->dep_cap ? owner->dep_cap * 2 : 2;
        owner->deps = xreallocarray(owner->deps, owner->dep_cap, sizeof(*owner->deps));
    }
    object->refs[i] = (struct owned_ref){owner, owner->dep_count, blocks};
    owner->deps[owner->dep_count++] = (struct owned_dep){object, i};
    owner->blocking += blocks;
}

static void unlink_ref(struct owners *owners, struct owned_ref *ref)
{
    struct owned *owner = ref->owner;
    owner->blocking -= ref->blocks;
    struct owned_dep last = owner->deps[--owner->dep_count];
    if (ref->slot != owner->dep_count) {
        owner->deps[ref->slot] = last;
        last.object->refs[last.ref].slot = ref->slot;
    }
    release(owners, owner);
}

static void unlink_all(struct owners *owners, struct owned *object)
{
    /* It may be among its own owners: it has a kind, so that this does not release it. */
    for (uint32_t i = 0; i < object->ref_count; i++)
        unlink_ref(owners, &object->refs[i]);
    free(object->refs);
    object->refs = NULL;
    object->ref_count = 0;
}

static bool blocks(const struct value *ref)
{
    return value_get_bool(ref, "blockOwnerDeletion", false);
}

static bool same_refs(const struct owned *object, const struct value *list)
{
    if (value_len(list) != object->ref_count)
        return false;
    for (uint32_t i = 0; i < object->ref_count; i++) {
        const struct value *ref = value_at(list, i);
        if (!str_eq(object->refs[i].owner->uid, value_get_str(ref, "uid")) ||
            object->refs[i].blocks != blocks(ref))
            return false;
    }
    return true;
}

static void set_refs(struct owners *owners, struct owned *object, const struct value *list)
{
    unlink_all(owners, object);
    size_t count = value_len(list);
    object->refs = count ? xcalloc(count, sizeof(*object->refs)) : NULL;
    for (size_t i = 0; i < count; i++) {
        const struct value *ref = value_at(list, i);
        const char *uid = value_get_str(ref, "uid");
        link_ref(object, (uint32_t)i, entry_of(owners, uid ? uid : ""), blocks(ref));
        object->ref_count++;
    }
}

/* ---- objects ---- */

enum owned_hold owned_hold_of(const struct value *object)
{
    const struct value *list = value_path(object, "metadata", "finalizers", NULL);
    if (!meta_is_deleting(object))
        return OWNED_FREE;
    for (size_t i = 0; i < value_len(list); i++) {
        const char *text = value_str(value_at(list, i));
        if (str_eq(text, DELETION_FOREGROUND))
            return OWNED_FOREGROUND;
        if (str_eq(text, DELETION_ORPHAN))
            return OWNED_ORPHAN;
    }
    return OWNED_FREE;
}

static void name_it(struct owned *object, const struct schema_kind *kind, const struct value *value)
{
    const char *ns = object_namespace(value), *name = object_name(value);
    if (object->kind)
        return;
    object->kind = kind;
    object->ns = xstrdup(kind->namespaced && ns ? ns : "");
    object->name = xstrdup(name ? name : "");
}

static void forget(struct owners *owners, struct owned *object)
{
    unlink_all(owners, object);
    object->kind = NULL;
    object->hold = OWNED_FREE;
    free(steal(object->ns));
    free(steal(object->name));
    release(owners, object);
}

bool owners_see(struct owners *owners, const struct schema_kind *kind, const struct value *object,
                struct owned **ret)
{
    const char *uid = object_uid(object);
    const struct value *list = value_path(object, "metadata", "ownerReferences", NULL);
    enum owned_hold hold = owned_hold_of(object);
    struct owned *entry = owners_find(owners, uid);
    *ret = NULL;
    if (!uid || (!value_len(list) && hold == OWNED_FREE)) {
        if (entry && entry->kind)
            forget(owners, entry);
        return false;
    }
    entry = entry_of(owners, uid);
    bool known = entry->kind;
    name_it(entry, kind, object);
    bool same = known && entry->hold == hold && same_refs(entry, list);
    if (!same)
        set_refs(owners, entry, list);
    entry->hold = (uint8_t)hold;
    *ret = entry;
    return !same;
}

void owners_drop(struct owners *owners, struct owned *object)
{
    forget(owners, object);
}

/* ---- cycles ---- */

struct search {
    struct owned **stack;
    size_t count, cap, left;
    uint64_t stamp;
};

static void push(struct search *search, struct owned *object)
{
    if (object->seen == search->stamp || search->left == 0)
        return;
    object->seen = search->stamp;
    search->left--;
    if (search->count == search->cap) {
        search->cap = search->cap ? search->cap * 2 : 16;
        search->stack = xreallocarray(search->stack, search->cap, sizeof(struct owned *));
    }
    search->stack[search->count++] = object;
}

bool owners_cycle(struct owners *owners, struct owned *object)
{
    struct search search = {.left = OWNERS_SEARCH_MAX, .stamp = ++owners->searches};
    bool found = false;
    push(&search, object);
    while (search.count && !found) {
        const struct owned *at = search.stack[--search.count];
        for (uint32_t i = 0; i < at->dep_count && !found; i++) {
            struct owned *dep = at->deps[i].object;
            if (!dep->refs[at->deps[i].ref].blocks)
                continue;
            found = dep == object;
            if (dep->hold == OWNED_FOREGROUND)
                push(&search, dep);
        }
    }
    free(search.stack);
    return found;
}
