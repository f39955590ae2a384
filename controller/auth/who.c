#include "controller/auth/who.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

/* struct api_user borrows; what it points to is ours, and is freed as what it is. */
static void release(const void *p)
{
    free((void *)(uintptr_t)p);
}

struct who *who_new(const char *name)
{
    struct who *who = xcalloc(1, sizeof(*who));
    who->user.name = xstrdup(name);
    who->user.groups = xcalloc(1, sizeof(char *));
    return who;
}

struct who *who_copy(const struct api_user *user)
{
    struct who *who = who_new(user->name);
    for (const char *const *g = user->groups; g && *g; g++)
        who_add_group(who, *g);
    who_set_uid(who, user->uid);
    who->user.extra = user->extra ? value_copy(user->extra) : NULL;
    return who;
}

void who_free(struct who *who)
{
    if (!who)
        return;
    for (size_t i = 0; i < who->group_count; i++)
        release(who->user.groups[i]);
    release(who->user.groups);
    release(who->user.name);
    release(who->user.uid);
    value_free((struct value *)(uintptr_t)who->user.extra);
    who_free(who->real);
    free(who);
}

bool who_has_group(const struct api_user *user, const char *group)
{
    for (const char *const *g = user ? user->groups : NULL; g && *g; g++)
        if (str_eq(*g, group))
            return true;
    return false;
}

void who_add_group(struct who *who, const char *group)
{
    if (who_has_group(&who->user, group))
        return;
    const char **groups = (const char **)(uintptr_t)who->user.groups;
    groups = xreallocarray(groups, who->group_count + 2, sizeof(*groups));
    groups[who->group_count++] = xstrdup(group);
    groups[who->group_count] = NULL;
    who->user.groups = groups;
}

void who_set_uid(struct who *who, const char *uid)
{
    release(who->user.uid);
    who->user.uid = str_empty(uid) ? NULL : xstrdup(uid);
}

void who_add_extra(struct who *who, const char *key, const char *text)
{
    struct value *extra = (struct value *)(uintptr_t)who->user.extra;
    if (!extra)
        who->user.extra = extra = value_new_map();
    struct value *list = value_get(extra, key);
    if (!list)
        list = value_set(extra, key, value_new_list());
    value_append(list, value_new_str(text));
}
