#include "controller/reconcile/bootstrap.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

#define CONFLICT 409 /* it is there already */

/* The admin's certificate is made with the gateway's keys; this is who he is. */
static const struct {
    const struct schema_kind *kind;
    const char *name, *group;
} objects[] = {
    {&kind_namespace, "default", NULL},      {&kind_namespace, "kube-system", NULL},
    {&kind_namespace, "kube-public", NULL},  {&kind_namespace, "kube-node-lease", NULL},
    {&kind_user, "admin", "system:masters"},
};

struct bootstrap {
    bootstrap_done_fn *done;
    void *ctx;
    size_t left;
    int code;
    char *message;
};

static void on_created(void *ctx, const struct api_answer *answer)
{
    struct bootstrap *bootstrap = ctx;
    if (answer->code >= 300 && answer->code != CONFLICT && bootstrap->code == 0) {
        const char *message = value_get_str(answer->object, "message");
        bootstrap->code = -answer->code;
        bootstrap->message = xstrdup(message ? message : "unknown reason");
    }
    if (--bootstrap->left == 0 && bootstrap->done)
        bootstrap->done(bootstrap->ctx, bootstrap->code,
                        bootstrap->message ? bootstrap->message : "");
}

static struct value *object_at(size_t i)
{
    char version[128];
    struct value *object = value_new_map();
    value_set_str(object, "apiVersion", schema_api_version(objects[i].kind, version));
    value_set_str(object, "kind", objects[i].kind->kind);
    value_set_str(value_make_map(object, "metadata", NULL), "name", objects[i].name);
    if (!objects[i].group)
        return object;
    struct value *groups = value_new_list();
    value_append(groups, value_new_str(objects[i].group));
    value_set(value_make_map(object, "spec", NULL), "groups", groups);
    return object;
}

struct bootstrap *bootstrap_new(struct api *api, bootstrap_done_fn *done, void *ctx)
{
    static const struct api_user user = {.name = "system:limpet:bootstrap"};
    struct bootstrap *bootstrap = xcalloc(1, sizeof(*bootstrap));
    bootstrap->done = done;
    bootstrap->ctx = ctx;
    bootstrap->left = ARRAY_LEN(objects);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        cleanup(value_free) struct value *object = object_at(i);
        struct api_ref ref = {objects[i].kind, "", objects[i].name};
        api_create(api, &user, &ref, object, 0, on_created, bootstrap);
    }
    return bootstrap;
}

void bootstrap_free(struct bootstrap *bootstrap)
{
    if (!bootstrap)
        return;
    free(bootstrap->message);
    free(bootstrap);
}
