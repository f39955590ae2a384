#include "controller/reconcile/bootstrap.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

#define CONFLICT 409 /* it is there already */

static const char *const namespaces[] = {"default", "kube-system", "kube-public",
                                         "kube-node-lease"};

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

static struct value *namespace_of(const char *name)
{
    struct value *object = value_new_map();
    value_set_str(object, "apiVersion", "v1");
    value_set_str(object, "kind", "Namespace");
    value_set_str(value_make_map(object, "metadata", NULL), "name", name);
    return object;
}

struct bootstrap *bootstrap_new(struct api *api, bootstrap_done_fn *done, void *ctx)
{
    static const struct api_user user = {.name = "system:limpet:bootstrap"};
    struct bootstrap *bootstrap = xcalloc(1, sizeof(*bootstrap));
    bootstrap->done = done;
    bootstrap->ctx = ctx;
    bootstrap->left = ARRAY_LEN(namespaces);
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        cleanup(value_free) struct value *object = namespace_of(namespaces[i]);
        struct api_ref ref = {&kind_namespace, "", namespaces[i]};
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
