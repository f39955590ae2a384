#include "controller/store/pending.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>

struct pending_key {
    size_t writes;
    struct pending_state state;
};

void pending_init(struct pending *pending)
{
    pending->keys = map_new();
}

void pending_done(struct pending *pending)
{
    if (pending->keys)
        map_free(pending->keys, free);
    pending->keys = NULL;
}

struct pending_state pending_lookup(const struct pending *pending, const char *key,
                                    const struct item *item)
{
    const struct pending_key *found = map_get(pending->keys, key);
    if (found && !WEAKENED(STORE_PENDING))
        return found->state;
    if (!item)
        return (struct pending_state){0};
    return (struct pending_state){
        .exists = true,
        .create_revision = item->create_revision,
        .mod_revision = item->mod_revision,
        .row = item->row,
    };
}

void pending_add(struct pending *pending, const char *key, const struct pending_state *state)
{
    struct pending_key *found = map_get(pending->keys, key);
    if (!found) {
        found = xcalloc(1, sizeof(*found));
        map_put(pending->keys, key, found);
    }
    found->writes++;
    found->state = *state;
}

void pending_drop(struct pending *pending, const char *key)
{
    struct pending_key *found = map_get(pending->keys, key);
    if (found && --found->writes == 0)
        free(map_del(pending->keys, key));
}

void pending_clear(struct pending *pending)
{
    pending_done(pending);
    pending_init(pending);
}

int pending_check(const struct pending_state *state, int64_t expect)
{
    if (expect == STORE_ANY)
        return 0;
    if (expect == STORE_NONE)
        return state->exists ? -EEXIST : 0;
    if (!state->exists)
        return -ENOENT;
    return state->mod_revision == expect ? 0 : -ESTALE;
}
