#include "controller/reconcile/accounts.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/kinds/kinds.h"
#include "controller/reconcile/accounts_plan.h"
#include "controller/reconcile/reconciler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct accounts {
    struct accounts_spec spec;
    struct reconciler *frame; /* keys: a namespace, and "namespace/name" of a Secret */
};

static const struct api_user user = {.name = "system:limpet:accounts"};

/* ---- what is to be looked at ---- */

static void on_namespace(void *ctx, enum api_event_type type, const struct value *object)
{
    struct accounts *a = ctx;
    if (type != API_DELETED)
        reconciler_put_object(a->frame, object);
}

/* An account or a ConfigMap of ours: whatever has become of it, its namespace is looked at. */
static void on_part(void *ctx, enum api_event_type type, const struct value *object)
{
    struct accounts *a = ctx;
    (void)type;
    reconciler_put(a->frame, object_namespace(object));
}

/* The Secrets of an account that is gone are to go too. */
static void on_account(void *ctx, enum api_event_type type, const struct value *object)
{
    struct accounts *a = ctx;
    const struct api_ref ref = {&kind_secret, object_namespace(object), ""};
    const struct api_list_query query = {.field_selector = "type=" ACCOUNTS_SECRET_TYPE};
    cleanup(value_free) struct value *list = NULL;
    on_part(ctx, type, object);
    if (type == API_MODIFIED || api_list(a->spec.api, &user, &ref, &query, &list) != 0)
        return;
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++)
        reconciler_put_object(a->frame, value_at(items, i));
}

static void on_secret(void *ctx, enum api_event_type type, const struct value *object)
{
    struct accounts *a = ctx;
    if (type != API_DELETED)
        reconciler_put_object(a->frame, object);
}

/* ---- what is done ---- */

/* The caller's; NULL: there is none. */
static struct value *get(const struct accounts *a, const struct schema_kind *kind, const char *ns,
                         const char *name)
{
    autofree char *key = reconciler_key(ns, name);
    return reconciler_get(a->frame, kind, key);
}

static struct value *named(const char *name, const char *ns)
{
    struct value *object = value_new_map();
    struct value *meta = value_make_map(object, "metadata", NULL);
    value_set_str(meta, "name", name);
    value_set_str(meta, "namespace", ns);
    return object;
}

static void set_ca(const struct accounts *a, struct value *object)
{
    value_set(object, "data", value_new_map());
    value_set_str(value_get(object, "data"), ACCOUNTS_CA_KEY, a->spec.ca_pem);
}

static int mend_ca(void *ctx, struct value *object)
{
    set_ca(reconciler_ctx(ctx), object);
    return 0;
}

static void look_at_namespace(struct accounts *a, const char *name)
{
    cleanup(value_free) struct value *ns = reconciler_get(a->frame, &kind_namespace, name);
    cleanup(value_free) struct value *account =
        get(a, &kind_service_account, name, ACCOUNTS_DEFAULT);
    cleanup(value_free) struct value *map = get(a, &kind_config_map, name, ACCOUNTS_CA);
    unsigned actions = accounts_plan(ns, account, map, a->spec.ca_pem);
    const struct api_ref account_ref = {&kind_service_account, name, ACCOUNTS_DEFAULT};
    const struct api_ref map_ref = {&kind_config_map, name, ACCOUNTS_CA};
    if (actions & ACCOUNTS_MAKE_ACCOUNT) {
        cleanup(value_free) struct value *object = named(ACCOUNTS_DEFAULT, name);
        api_create(a->spec.api, &user, &account_ref, object, 0, reconciler_written,
                   reconciler_begin(a->frame, name, &reconciler_shared));
    }
    if (actions & ACCOUNTS_MAKE_CA) {
        cleanup(value_free) struct value *object = named(ACCOUNTS_CA, name);
        set_ca(a, object);
        value_set_str(value_make_map(object, "metadata", "annotations", NULL),
                      "kubernetes.io/description",
                      "Contains a CA bundle that can be used to verify the API server.");
        api_create(a->spec.api, &user, &map_ref, object, 0, reconciler_written,
                   reconciler_begin(a->frame, name, &reconciler_shared));
    }
    if (actions & ACCOUNTS_MEND_CA)
        api_patch_with(a->spec.api, &user, &map_ref, 0, mend_ca, reconciler_written,
                       reconciler_begin(a->frame, name, &reconciler_shared));
}

static void set_data(struct value *object, const char *key, const char *text)
{
    autofree char *coded = base64_encode(text, strlen(text));
    value_set_str(value_make_map(object, "data", NULL), key, coded);
}

static int fill_secret(void *ctx, struct value *secret)
{
    struct accounts *a = reconciler_ctx(ctx);
    const char *ns = object_namespace(secret);
    const char *name = object_annotation(secret, ACCOUNTS_SECRET_NAME);
    cleanup(value_free) struct value *account =
        name ? get(a, &kind_service_account, ns, name) : NULL;
    if (accounts_plan_secret(secret, account) != ACCOUNTS_SECRET_FILL)
        return 1;
    const struct sa_request request = {
        .ns = ns,
        .name = name,
        .bound = {"Secret", object_name(secret), object_uid(secret)},
    };
    cleanup(buf_done) struct buf token;
    int64_t end;
    buf_init(&token, 0);
    struct value *status = sa_tokens_issue(a->spec.tokens, &request, &token, &end);
    if (status) {
        value_free(status);
        return -EINVAL;
    }
    set_data(secret, "ca.crt", a->spec.ca_pem);
    set_data(secret, "namespace", ns);
    set_data(secret, "token", buf_str(&token));
    crypto_wipe(token.data, token.len);
    value_set_str(value_make_map(secret, "metadata", "annotations", NULL), ACCOUNTS_SECRET_UID,
                  object_uid(account));
    return 0;
}

static void look_at_secret(struct accounts *a, const char *key)
{
    autofree char *ns = NULL;
    const char *name = reconciler_split(key, &ns);
    const struct api_ref ref = {&kind_secret, ns, name};
    cleanup(value_free) struct value *secret = reconciler_get(a->frame, &kind_secret, key);
    const char *of = secret ? object_annotation(secret, ACCOUNTS_SECRET_NAME) : NULL;
    cleanup(value_free) struct value *account = of ? get(a, &kind_service_account, ns, of) : NULL;
    enum accounts_secret action =
        secret ? accounts_plan_secret(secret, account) : ACCOUNTS_SECRET_KEEP;
    if (action == ACCOUNTS_SECRET_FILL) {
        api_patch_with(a->spec.api, &user, &ref, 0, fill_secret, reconciler_written,
                       reconciler_begin(a->frame, key, &reconciler_shared));
    } else if (action == ACCOUNTS_SECRET_DELETE) {
        const struct api_delete_options options = {.grace_s = -1, .uid = object_uid(secret)};
        log_info("token of a ServiceAccount that is gone is deleted secret=%s", key);
        api_delete(a->spec.api, &user, &ref, &options, 0, reconciler_written,
                   reconciler_begin(a->frame, key, &reconciler_shared));
    }
}

static void look(void *ctx, const char *key)
{
    if (strchr(key, '/'))
        look_at_secret(ctx, key);
    else
        look_at_namespace(ctx, key);
}

int accounts_new(const struct accounts_spec *spec, struct accounts **ret, struct err *err)
{
    static const struct reconciler_watch watches[] = {
        {&kind_namespace, on_namespace},
        {&kind_service_account, on_account},
        {&kind_config_map, on_part, .field_selector = "metadata.name=" ACCOUNTS_CA},
        {&kind_secret, on_secret, .field_selector = "type=" ACCOUNTS_SECRET_TYPE},
    };
    struct accounts *a = xcalloc(1, sizeof(*a));
    const struct reconciler_spec frame = {.name = "accounts",
                                          .loop = spec->loop,
                                          .api = spec->api,
                                          .user = &user,
                                          .watches = watches,
                                          .watch_count = ARRAY_LEN(watches),
                                          .look = look,
                                          .ctx = a};
    a->spec = *spec;
    int r = reconciler_new(&frame, &a->frame, err);
    if (r < 0) {
        accounts_free(a);
        return r;
    }
    *ret = a;
    return 0;
}

void accounts_free(struct accounts *a)
{
    if (!a)
        return;
    reconciler_free(a->frame);
    free(a);
}
