#include "controller/admission/service_account.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_mirror.h"
#include "controller/api/meta.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_ACCOUNT "default"
#define MOUNT_PATH "/var/run/secrets/kubernetes.io/serviceaccount"
#define VOLUME_BASE "kube-api-access-"
/* ---- the token ---- */

static const char token_volume[] =
    "{\"projected\":{\"defaultMode\":420,\"sources\":["
    "{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},"
    "{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\",\"path\":"
    "\"ca.crt\"}]}},"
    "{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\",\"fieldRef\":{\"apiVersion\":\"v1\","
    "\"fieldPath\":\"metadata.namespace\"}}]}}]}}";

static bool wants_token(const struct value *pod, const struct value *account)
{
    static const char field[] = "automountServiceAccountToken";
    bool usual = value_get_bool(account, field, true);
    return value_get_bool(value_get(pod, "spec"), field, usual);
}

static bool has_mount(const struct value *container)
{
    const struct value *mounts = value_get(container, "volumeMounts");
    for (size_t i = 0; i < value_len(mounts); i++)
        if (str_eq(value_get_str(value_at(mounts, i), "mountPath"), MOUNT_PATH))
            return true;
    return false;
}

static struct value *list_in(struct value *map, const char *key)
{
    struct value *list = value_get(map, key);
    return value_type(list) == VALUE_LIST ? list : value_set(map, key, value_new_list());
}

/* Into those that have nothing there yet; whether there was one. */
static bool mount_into(struct value *containers, const char *volume)
{
    bool any = false;
    for (size_t i = 0; i < value_len(containers); i++) {
        struct value *container = value_at(containers, i);
        if (has_mount(container))
            continue;
        struct value *mount = value_new_map();
        value_set_str(mount, "name", volume);
        value_set_bool(mount, "readOnly", true);
        value_set_str(mount, "mountPath", MOUNT_PATH);
        value_append(list_in(container, "volumeMounts"), mount);
        any = true;
    }
    return any;
}

static void mount_token(struct value *spec, struct rng *rng)
{
    struct err err = {0};
    struct value *volume = NULL;
    autofree char *name = meta_generate_name(VOLUME_BASE, rng);
    bool any = mount_into(value_get(spec, "initContainers"), name);
    any = mount_into(value_get(spec, "containers"), name) || any;
    if (!any || json_parse(token_volume, strlen(token_volume), &volume, &err) != 0)
        return;
    value_set_str(volume, "name", name);
    value_append(list_in(spec, "volumes"), volume);
}

/* ---- the account ---- */

struct value *service_account_complete(const struct admission_env *env,
                                       const struct gate_request *request)
{
    struct value *spec = value_make_map(request->object, "spec", NULL);
    const char *name = value_get_str(spec, "serviceAccountName");
    if (!spec ||
        object_annotation(request->object, POD_MIRROR)) /* what runs was decided elsewhere */
        return NULL;
    if (str_empty(name)) {
        value_set_str(spec, "serviceAccountName", DEFAULT_ACCOUNT);
        name = value_get_str(spec, "serviceAccountName");
    }
    const struct value *account = rule_see(request, &kind_service_account, name);
    /* A namespace is given its default account a moment after it was made. */
    bool may_miss = str_eq(name, DEFAULT_ACCOUNT) || WEAKENED(POD_SERVICE_ACCOUNT);
    if (!account && !may_miss)
        return rule_refusal(request,
                            "error looking up service account %s/%s: serviceaccount \"%s\" not "
                            "found",
                            request->ref.ns, name, name);
    const struct value *secrets = value_get(account, "imagePullSecrets");
    if (value_len(value_get(spec, "imagePullSecrets")) == 0 && value_len(secrets) > 0)
        value_set(spec, "imagePullSecrets", value_copy(secrets));
    if (env->config.mount_tokens && wants_token(request->object, account))
        mount_token(spec, request->rng);
    return NULL;
}
