#include "controller/reconcile/accounts.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/kinds/kinds.h"
#include "controller/reconcile/accounts_plan.h"

#include <errno.h>
#include <stdlib.h>

#define AGAIN_NS (5 * NS_PER_S) /* when a write was refused */

struct accounts {
    struct accounts_spec spec;
    struct map *namespaces; /* to be looked at; values are of no meaning */
    struct map *secrets;    /* "ns/name", likewise */
    struct api_watch *watches[4];
    struct loop_defer *soon;
    struct loop_timer *again;
};

static const struct api_user user = {.name = "system:limpet:accounts"};

/* ---- what is to be looked at ---- */

static void look(void *ctx);

static void look_soon(struct accounts *a)
{
    if (!a->soon)
        a->soon = loop_defer(a->spec.loop, look, a);
}

static void is_due(struct accounts *a, struct map *map, const char *key)
{
    (void)map_put(map, key, a);
    look_soon(a);
}

static void on_namespace(void *ctx, enum api_event_type type, const struct value *object)
{
    struct accounts *a = ctx;
    if (type != API_DELETED)
        is_due(a, a->namespaces, object_name(object));
}

/* An account or a ConfigMap of ours: whatever has become of it, its namespace is looked at. */
static void on_part(void *ctx, enum api_event_type type, const struct value *object)
{
    struct accounts *a = ctx;
    (void)type;
    is_due(a, a->namespaces, object_namespace(object));
}

static void on_secret(void *ctx, enum api_event_type type, const struct value *object);

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
        on_secret(a, API_MODIFIED, value_at(items, i));
}

static void on_secret(void *ctx, enum api_event_type type, const struct value *object)
{
    struct accounts *a = ctx;
    autofree char *key = xasprintf("%s/%s", object_namespace(object), object_name(object));
    if (type != API_DELETED)
        is_due(a, a->secrets, key);
}

/* ---- what is done ---- */

/* Refusals are looked into again after a while: what is there then decides. */
static void on_written(void *ctx, const struct api_answer *answer)
{
    struct accounts *a = ctx;
    if (answer->code < 300 || answer->code == 409 || answer->code == 404)
        return;
    const char *message = value_get_str(answer->object, "message");
    log_debug("not written for ServiceAccounts: reason=%s", log_quote(message ? message : ""));
    if (!loop_timer_armed(a->again))
        loop_timer_after(a->again, AGAIN_NS);
}

/* The caller's; NULL: there is none. */
static struct value *get(const struct accounts *a, const struct schema_kind *kind, const char *ns,
                         const char *name)
{
    const struct api_ref ref = {kind, ns, name};
    struct value *object = NULL;
    if (api_get(a->spec.api, &user, &ref, &object) == 0)
        return object;
    value_free(object);
    return NULL;
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
    set_ca(ctx, object);
    return 0;
}

static void look_at_namespace(struct accounts *a, const char *name)
{
    cleanup(value_free) struct value *ns = get(a, &kind_namespace, "", name);
    cleanup(value_free) struct value *account =
        get(a, &kind_service_account, name, ACCOUNTS_DEFAULT);
    cleanup(value_free) struct value *map = get(a, &kind_config_map, name, ACCOUNTS_CA);
    unsigned actions = accounts_plan(ns, account, map, a->spec.ca_pem);
    const struct api_ref account_ref = {&kind_service_account, name, ACCOUNTS_DEFAULT};
    const struct api_ref map_ref = {&kind_config_map, name, ACCOUNTS_CA};
    if (actions & ACCOUNTS_MAKE_ACCOUNT) {
        cleanup(value_free) struct value *object = named(ACCOUNTS_DEFAULT, name);
        api_create(a->spec.api, &user, &account_ref, object, 0, on_written, a);
    }
    if (actions & ACCOUNTS_MAKE_CA) {
        cleanup(value_free) struct value *object = named(ACCOUNTS_CA, name);
        set_ca(a, object);
        value_set_str(value_make_map(object, "metadata", "annotations", NULL),
                      "kubernetes.io/description",
                      "Contains a CA bundle that can be used to verify the API server.");
        api_create(a->spec.api, &user, &map_ref, object, 0, on_written, a);
    }
    if (actions & ACCOUNTS_MEND_CA)
        api_patch_with(a->spec.api, &user, &map_ref, 0, mend_ca, on_written, a);
}

static void set_data(struct value *object, const char *key, const char *text)
{
    autofree char *coded = base64_encode(text, strlen(text));
    value_set_str(value_make_map(object, "data", NULL), key, coded);
}

static int fill_secret(void *ctx, struct value *secret)
{
    struct accounts *a = ctx;
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
    size_t ns_len = strcspn(key, "/");
    autofree char *ns = xstrndup(key, ns_len);
    const char *name = key + ns_len + 1;
    const struct api_ref ref = {&kind_secret, ns, name};
    cleanup(value_free) struct value *secret = get(a, &kind_secret, ns, name);
    const char *of = secret ? object_annotation(secret, ACCOUNTS_SECRET_NAME) : NULL;
    cleanup(value_free) struct value *account = of ? get(a, &kind_service_account, ns, of) : NULL;
    enum accounts_secret action =
        secret ? accounts_plan_secret(secret, account) : ACCOUNTS_SECRET_KEEP;
    if (action == ACCOUNTS_SECRET_FILL) {
        api_patch_with(a->spec.api, &user, &ref, 0, fill_secret, on_written, a);
    } else if (action == ACCOUNTS_SECRET_DELETE) {
        const struct api_delete_options options = {.grace_s = -1, .uid = object_uid(secret)};
        log_info("token of a ServiceAccount that is gone is deleted secret=%s", key);
        api_delete(a->spec.api, &user, &ref, &options, 0, on_written, a);
    }
}

static void look(void *ctx)
{
    struct accounts *a = ctx;
    struct map *namespaces = a->namespaces, *secrets = a->secrets;
    const char *key;
    a->soon = NULL;
    a->namespaces = map_new();
    a->secrets = map_new();
    for (size_t i = 0; map_next(namespaces, &i, &key, NULL);)
        look_at_namespace(a, key);
    for (size_t i = 0; map_next(secrets, &i, &key, NULL);)
        look_at_secret(a, key);
    map_free(namespaces, NULL);
    map_free(secrets, NULL);
}

static void all_namespaces(void *ctx, const struct value *list)
{
    struct accounts *a = ctx;
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++)
        (void)map_put(a->namespaces, object_name(value_at(items, i)), a);
}

/* Something was refused: all is looked at again. */
static void on_again(void *ctx)
{
    struct accounts *a = ctx;
    const struct api_ref ref = {&kind_namespace, "", ""};
    cleanup(value_free) struct value *list = NULL;
    if (api_list(a->spec.api, &user, &ref, NULL, &list) == 0)
        all_namespaces(a, list);
    look_soon(a);
}

int accounts_new(const struct accounts_spec *spec, struct accounts **ret, struct err *err)
{
    static const struct {
        const struct schema_kind *kind;
        const char *selector;
        api_watch_fn *fn;
    } wanted[] = {
        {&kind_namespace, NULL, on_namespace},
        {&kind_service_account, NULL, on_account},
        {&kind_config_map, "metadata.name=" ACCOUNTS_CA, on_part},
        {&kind_secret, "type=" ACCOUNTS_SECRET_TYPE, on_secret},
    };
    struct accounts *a = xcalloc(1, sizeof(*a));
    a->spec = *spec;
    a->namespaces = map_new();
    a->secrets = map_new();
    a->again = loop_timer_new(spec->loop, on_again, a);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct api_ref ref = {wanted[i].kind, "", ""};
        const struct api_list_query query = {.field_selector = wanted[i].selector};
        int rc = api_watch(spec->api, &user, &ref, &query, 0, wanted[i].fn, a, &a->watches[i]);
        if (rc < 0) {
            accounts_free(a);
            return err_set(err, -EIO, "cannot watch %s (%d)", wanted[i].kind->plural, rc);
        }
    }
    *ret = a;
    return 0;
}

void accounts_free(struct accounts *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < ARRAY_LEN(a->watches); i++)
        api_watch_free(a->watches[i]);
    loop_defer_free(a->soon);
    loop_timer_free(a->again);
    map_free(a->namespaces, NULL);
    map_free(a->secrets, NULL);
    free(a);
}
