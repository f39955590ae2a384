#include "controller/link/denials.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/topic.h"
#include "controller/auth/users.h"
#include "controller/reconcile/reconciler.h"

#include <stdlib.h>

struct denials {
    denials_set_fn *set;
    void *ctx;
    struct map *names;        /* of those who are denied -> the map itself */
    char *failure;            /* that was told last; NULL: none since the list was set */
    struct reconciler *frame; /* one key: the whole list */
};

static const struct api_user self = {.name = "system:limpet:denials"};

/* why: NULL if the list was set. */
static void tell(struct denials *denials, const char *why)
{
    if (str_eq(denials->failure, why))
        return;
    if (why)
        log_error("revoked users keep their rights at the broker for now: error=%s",
                  log_quote(why));
    else
        log_info("revoked users have lost their rights at the broker");
    free(denials->failure);
    denials->failure = why ? xstrdup(why) : NULL;
}

static void look(void *ctx, const char *key)
{
    struct denials *denials = ctx;
    struct err err = {0};
    size_t count = 0;
    autofree const char **names = xcalloc(map_len(denials->names) + 1, sizeof(*names));
    for (size_t i = 0; map_next(denials->names, &i, &names[count], NULL);)
        count++;
    int r = denials->set(denials->ctx, names, count, &err);
    if (r < 0)
        reconciler_fail(denials->frame, key);
    tell(denials, r < 0 ? err.msg : NULL);
}

/* A name that no topic can have has no rights to lose. */
static void on_user(void *ctx, enum api_event_type type, const struct value *object)
{
    struct denials *denials = ctx;
    const char *name = object_name(object);
    bool denied = type != API_DELETED && user_is_revoked(object) && topic_user_valid(name);
    if (denied == (map_get(denials->names, name) != NULL))
        return;
    if (denied)
        (void)map_put(denials->names, name, denials);
    else
        (void)map_del(denials->names, name);
    reconciler_put(denials->frame, RECONCILER_ALL);
}

int denials_new(struct loop *loop, struct api *api, denials_set_fn *set, void *ctx,
                struct denials **ret, struct err *err)
{
    static const struct reconciler_watch watches[] = {{&kind_user, on_user}};
    struct denials *denials = xcalloc(1, sizeof(*denials));
    const struct reconciler_spec spec = {.name = "denials",
                                         .loop = loop,
                                         .api = api,
                                         .user = &self,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = look,
                                         .ctx = denials};
    *denials = (struct denials){.set = set, .ctx = ctx, .names = map_new()};
    int r = reconciler_new(&spec, &denials->frame, err);
    if (r < 0) {
        denials_free(denials);
        return r;
    }
    reconciler_put(denials->frame, RECONCILER_ALL); /* an earlier gateway's list may be another */
    *ret = denials;
    return 0;
}

void denials_free(struct denials *denials)
{
    if (!denials)
        return;
    reconciler_free(denials->frame);
    map_free(denials->names, NULL);
    free(denials->failure);
    free(denials);
}
