#include "controller/auth/users.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"

#include <errno.h>
#include <stdlib.h>

struct users_watch {
    users_fn *fn;
    void *ctx;
    struct map *specs; /* name -> struct value: what a user was when it was last told of */
    struct api_watch *watch;
};

static const struct api_user self = {.name = "system:limpet:authn"};

bool user_is_revoked(const struct value *user)
{
    if (!user || WEAKENED(USER_REVOKED))
        return false;
    return value_get(value_get(user, "metadata"), "deletionTimestamp") ||
           value_get_bool(value_get(user, "spec"), "disabled", false);
}

bool user_groups(const struct value *user, struct who *ret)
{
    const struct value *groups = value_path(user, "spec", "groups", NULL);
    for (size_t i = 0; i < value_len(groups); i++)
        if (!str_empty(value_str(value_at(groups, i))))
            who_add_group(ret, value_str(value_at(groups, i)));
    return user;
}

static void free_spec(void *spec)
{
    value_free(spec);
}

static void on_user(void *ctx, enum api_event_type type, const struct value *object)
{
    struct users_watch *watch = ctx;
    const char *name = object_name(object);
    bool gone = type == API_DELETED;
    struct value *spec = value_new_map();
    const struct value *said = value_get(object, "spec");
    value_set(spec, "spec", said ? value_copy(said) : value_new_map());
    value_set_bool(spec, "revoked", gone || user_is_revoked(object));
    struct value *before = gone ? map_del(watch->specs, name) : map_put(watch->specs, name, spec);
    /* One that appears may take over a name that certificates have been used under. */
    if (!before || !value_equal(before, spec))
        watch->fn(watch->ctx, name);
    value_free(before);
    if (gone)
        value_free(spec);
}

int users_watch_new(struct api *api, users_fn *fn, void *ctx, struct users_watch **ret,
                    struct err *err)
{
    struct users_watch *watch = xcalloc(1, sizeof(*watch));
    const struct api_ref ref = {&kind_user, "", ""};
    watch->fn = fn;
    watch->ctx = ctx;
    watch->specs = map_new();
    int rc = api_watch(api, &self, &ref, NULL, 0, on_user, watch, &watch->watch);
    if (rc < 0) {
        users_watch_free(watch);
        return err_set(err, -EIO, "cannot watch users (%d)", rc);
    }
    *ret = watch;
    return 0;
}

void users_watch_free(struct users_watch *watch)
{
    if (!watch)
        return;
    api_watch_free(watch->watch);
    map_free(watch->specs, free_spec);
    free(watch);
}
