#include "controller/reconcile/storage_class.h"

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/kinds/local_volume.h"

#define CONFLICT 409 /* it is there already */
#define IS_DEFAULT "storageclass.kubernetes.io/is-default-class"

static const char *const masters[] = {"system:masters", NULL};
static const struct api_user user = {"system:limpet:bootstrap", masters};
static const struct api_ref home = {&kind_namespace, "", "kube-system"};

static bool has_default(struct api *api)
{
    const struct api_ref ref = {&kind_storage_class, "", ""};
    cleanup(value_free) struct value *list = NULL;
    const struct value *items;
    if (api_list(api, &user, &ref, NULL, &list) != 0)
        return false;
    items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++)
        if (str_eq(object_annotation(value_at(items, i), IS_DEFAULT), "true"))
            return true;
    return false;
}

static int mark_made(void *ctx, struct value *object)
{
    (void)ctx;
    value_set_str(value_make_map(object, "metadata", "annotations", NULL), STORAGE_CLASS_MADE,
                  STORAGE_CLASS_NAME);
    return 0;
}

static void on_marked(void *ctx, const struct api_answer *answer)
{
    (void)ctx;
    if (answer->code >= 400)
        log_error("not noted that the storage class is made message=%s",
                  log_quote(value_get_str(answer->object, "message")));
}

/* The mark comes second: a start that ends in between is made good by the next. */
static void on_created(void *ctx, const struct api_answer *answer)
{
    if (answer->code >= 400 && answer->code != CONFLICT)
        log_error("cannot create the storage class message=%s",
                  log_quote(value_get_str(answer->object, "message")));
    else
        api_patch_with(ctx, &user, &home, 0, mark_made, on_marked, NULL);
}

void storage_class_create(struct api *api)
{
    const struct value *ns = NULL;
    const struct api_ref ref = {&kind_storage_class, "", STORAGE_CLASS_NAME};
    if (api_see(api, &user, &home, &ns) == 0 && object_annotation(ns, STORAGE_CLASS_MADE))
        return;
    cleanup(value_free) struct value *object = value_new_map();
    if (!has_default(api))
        value_set_str(value_make_map(object, "metadata", "annotations", NULL), IS_DEFAULT, "true");
    value_set_str(object, "provisioner", LOCAL_VOLUME_PROVISIONER);
    value_set_str(object, "reclaimPolicy", "Delete");
    value_set_str(object, "volumeBindingMode", "WaitForFirstConsumer");
    api_create(api, &user, &ref, object, 0, on_created, api);
}
