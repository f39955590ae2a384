#include "controller/server/whoami.h"

#include "common/base/str.h"

static struct value *groups_of(const struct api_user *user)
{
    struct value *list = value_new_list();
    for (const char *const *group = user->groups; group && *group; group++)
        value_append(list, value_new_str(*group));
    return list;
}

struct value *whoami_info(const struct api_user *user)
{
    struct value *info = value_new_map();
    value_set_str(info, "username", user->name);
    if (!str_empty(user->uid))
        value_set_str(info, "uid", user->uid);
    value_set(info, "groups", groups_of(user));
    if (value_len(user->extra) > 0)
        value_set(info, "extra", value_copy(user->extra));
    return info;
}

void whoami_answer(const struct computed_ask *ask, api_done_fn *done, void *ctx)
{
    cleanup(value_free) struct value *review = value_copy(ask->object);
    struct value *status = value_make_map(review, "status", NULL);
    value_set(status, "userInfo", whoami_info(ask->user));
    const struct api_answer answer = {.code = 201, .object = review};
    done(ctx, &answer);
}
