#include "controller/reconcile/priority_classes.h"

#include "common/base/log.h"
#include "common/base/str.h"

#define CONFLICT 409 /* it is there already */

static const struct {
    const char *name, *description;
    int64_t value;
} classes[] = {
    {"system-cluster-critical",
     "For what the cluster cannot do without, wherever it runs: moved rather than left out.",
     2000000000},
    {"system-node-critical",
     "For what a node cannot do without: nothing of others comes before it, nor does it move.",
     2000001000},
};

static void on_created(void *ctx, const struct api_answer *answer)
{
    (void)ctx;
    if (answer->code >= 400 && answer->code != CONFLICT)
        log_error("cannot create a priority class message=%s",
                  log_quote(value_get_str(answer->object, "message")));
}

void priority_classes_create(struct api *api)
{
    static const char *const masters[] = {"system:masters", NULL};
    static const struct api_user user = {"system:limpet:bootstrap", masters};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        const struct api_ref ref = {&kind_priority_class, "", classes[i].name};
        cleanup(value_free) struct value *object = value_new_map();
        value_set_int(object, "value", classes[i].value);
        value_set_str(object, "description", classes[i].description);
        api_create(api, &user, &ref, object, 0, on_created, NULL);
    }
}
