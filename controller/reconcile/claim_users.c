#include "controller/reconcile/claim_users.h"

#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_claims.h"

#include <stdlib.h>

/* A claim's. */
struct users {
    struct list waiting; /* of struct use */
    size_t placed;
};

/* A pod and one of its claims. */
struct use {
    struct list link; /* of users->waiting, while its pod has no node */
    char *claim;      /* "namespace/name" */
    const char *pod;  /* its name: borrowed from struct user */
};

struct user {
    char *name;
    bool placed;
    struct use *uses;
    size_t count;
};

struct claim_users {
    struct map *pods;   /* "namespace/name" -> struct user */
    struct map *claims; /* "namespace/name" -> struct users */
};

struct claim_users *claim_users_new(void)
{
    struct claim_users *users = xcalloc(1, sizeof(*users));
    *users = (struct claim_users){map_new(), map_new()};
    return users;
}

static void user_free(void *p)
{
    struct user *user = p;
    for (size_t i = 0; user && i < user->count; i++)
        free(user->uses[i].claim);
    if (!user)
        return;
    free(user->uses);
    free(user->name);
    free(user);
}

void claim_users_free(struct claim_users *users)
{
    if (!users)
        return;
    map_free(users->pods, user_free);
    map_free(users->claims, free);
    free(users);
}

struct reading {
    struct user *user;
    const char *ns;
};

static void add_use(void *ctx, const char *claim, const struct value *volume, bool own)
{
    const struct reading *reading = ctx;
    struct user *user = reading->user;
    (void)volume;
    (void)own;
    if ((user->count & (user->count - 1)) == 0) /* full at powers of two */
        user->uses =
            xreallocarray(user->uses, user->count ? 2 * user->count : 1, sizeof(*user->uses));
    user->uses[user->count++] = (struct use){
        .claim = xasprintf("%s/%s", reading->ns ? reading->ns : "", claim), .pod = user->name};
}

/* NULL: it uses none. */
static struct user *user_of(const struct value *pod)
{
    const char *node = value_str(value_path(pod, "spec", "nodeName", NULL));
    const char *name = object_name(pod);
    struct user *user = xcalloc(1, sizeof(*user));
    const struct reading reading = {user, object_namespace(pod)};
    *user = (struct user){.name = xstrdup(name ? name : ""), .placed = !str_empty(node)};
    pod_claims_each(pod, add_use, (void *)(uintptr_t)&reading);
    if (user->count)
        return user;
    user_free(user);
    return NULL;
}

static bool same(const struct user *a, const struct user *b)
{
    if (!a || !b || a->placed != b->placed || a->count != b->count)
        return a == b;
    for (size_t i = 0; i < a->count; i++)
        if (!str_eq(a->uses[i].claim, b->uses[i].claim))
            return false;
    return true;
}

static void enter(struct claim_users *users, struct user *user)
{
    for (size_t i = 0; user && i < user->count; i++) {
        struct users *of = map_get(users->claims, user->uses[i].claim);
        if (!of) {
            of = xcalloc(1, sizeof(*of));
            list_init(&of->waiting);
            (void)map_put(users->claims, user->uses[i].claim, of);
        }
        if (user->placed)
            of->placed++;
        else
            list_append(&of->waiting, &user->uses[i].link);
    }
}

static void leave(struct claim_users *users, struct user *user)
{
    for (size_t i = 0; user && i < user->count; i++) {
        struct users *of = map_get(users->claims, user->uses[i].claim);
        if (user->placed)
            of->placed--;
        else
            list_remove(&user->uses[i].link);
        if (of->placed == 0 && list_empty(&of->waiting))
            free(map_del(users->claims, user->uses[i].claim));
    }
}

void claim_users_see(struct claim_users *users, const struct value *pod, bool gone,
                     claim_users_fn *fn, void *ctx)
{
    const char *ns = object_namespace(pod), *name = object_name(pod);
    autofree char *key = xasprintf("%s/%s", ns ? ns : "", name ? name : "");
    struct user *before = map_get(users->pods, key), *now = gone ? NULL : user_of(pod);
    if (same(before, now)) {
        user_free(now);
        return;
    }
    (void)map_del(users->pods, key);
    leave(users, before);
    enter(users, now);
    if (now)
        (void)map_put(users->pods, key, now);
    for (size_t i = 0; before && i < before->count; i++)
        fn(ctx, before->uses[i].claim);
    for (size_t i = 0; now && i < now->count; i++)
        fn(ctx, now->uses[i].claim);
    user_free(before);
}

bool claim_users_placed(const struct claim_users *users, const char *claim)
{
    const struct users *of = map_get(users->claims, claim);
    return of && of->placed > 0;
}

const char *claim_users_waiting(const struct claim_users *users, const char *claim)
{
    const struct users *of = map_get(users->claims, claim);
    if (!of || list_empty(&of->waiting))
        return NULL;
    return container_of(of->waiting.next, struct use, link)->pod;
}
