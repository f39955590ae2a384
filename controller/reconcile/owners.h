#pragma once
/* Who owns whom: an index by uid of the objects that name owners, of their owners, and of objects
 * that garbage collection holds while they are deleted. Others take no room. Pure. */

#include "common/data/value.h"
#include "common/schema/schema.h"

struct owned;

/* One of an object's owners. */
struct owned_ref {
    struct owned *owner;
    uint32_t slot; /* in owner->deps */
    bool blocks;   /* its owner, deleted in the foreground, waits for this object */
};

struct owned_dep {
    struct owned *object;
    uint32_t ref; /* in object->refs */
};

/* How garbage collection holds a deleted object: until its dependents are gone, or are let go of.
 */
enum owned_hold { OWNED_FREE, OWNED_FOREGROUND, OWNED_ORPHAN };

struct owned {
    const struct schema_kind *kind; /* NULL: only known as the owner of others */
    char *ns, *name;
    struct owned_ref *refs;
    struct owned_dep *deps;
    uint32_t ref_count, dep_count, dep_cap;
    uint32_t blocking; /* how many of deps block */
    uint8_t hold;      /* enum owned_hold */
    uint64_t seen;     /* by the latest search that came by */
    char uid[];
};

struct owners;
struct owners *owners_new(void);
void owners_free(struct owners *owners);
size_t owners_count(const struct owners *owners);

struct owned *owners_find(const struct owners *owners, const char *uid); /* NULL: no interest */
/* i = 0; while ((object = owners_next(owners, &i))): all, in no order. The index must not change.
 */
struct owned *owners_next(const struct owners *owners, size_t *i);

/* An object as it stands now. Returns whether it must be looked at (its owners or its hold are
 * others than before); *ret is its entry, NULL if it is of no interest. */
bool owners_see(struct owners *owners, const struct schema_kind *kind, const struct value *object,
                struct owned **ret);
/* It is gone: its entry goes, or stays as the owner of what it leaves behind. */
void owners_drop(struct owners *owners, struct owned *object);

/* Whether it waits for itself: it is owned, over others that wait for their dependents, by what it
 * owns, and all of them block. A search ends after OWNERS_SEARCH_MAX objects. */
#define OWNERS_SEARCH_MAX 10000
bool owners_cycle(struct owners *owners, struct owned *object);

enum owned_hold owned_hold_of(const struct value *object);
