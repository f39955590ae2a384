#include "agent/pod/spec.h"

#include "agent/pod/allocation.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/kinds/kinds.h"
#include "common/schema/schema.h"

#include <errno.h>
#include <stdio.h>

/* Fields of a running pod that may change without a new start: they are not in the hash. */
static const char *const not_compiled[] = {
    "activeDeadlineSeconds",
    "ephemeralContainers",
    "nodeName",
    "nodeSelector",
    "priority",
    "priorityClassName",
    "tolerations",
    "terminationGracePeriodSeconds",
};

/* So may cpu and memory, but not of a static pod: it becomes another. */
static void hash_spec(const struct value *object, bool is_static, char ret[POD_HASH_LEN + 1])
{
    cleanup(value_free) struct value *spec = value_copy(value_get(object, "spec"));
    for (size_t i = 0; i < ARRAY_LEN(not_compiled); i++)
        value_del(spec, not_compiled[i]);
    if (!is_static)
        allocation_put(spec, NULL);
    schema_hash(schema_field_find(kind_pod.type, "spec")->object, spec, ret);
}

/* The shape of a UUID, from a digest: the same static pod has the same uid after every restart. It
 * stays as it is: keepers of earlier releases are known by it. */
static void uid_of_content(const char *ns, const char *name, const char *hash,
                           char ret[POD_UID_LEN + 1])
{
    char hex[SHA256_HEX + 1];
    autofree char *text = xasprintf("static/%s/%s/%s", ns, name, hash);
    sha256_hex(text, strlen(text), hex);
    snprintf(ret, POD_UID_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}

bool pod_uid_is_static(const char *uid, const char *ns, const char *name, const char *hash)
{
    char own[POD_UID_LEN + 1];
    uid_of_content(ns, name, hash, own);
    return str_eq(uid, own);
}

/* A uid becomes part of paths: only what Kubernetes itself would write is taken. */
static bool uid_is_safe(const char *uid)
{
    size_t len = uid ? strspn(uid, "0123456789abcdefABCDEF-") : 0;
    return len > 0 && len <= POD_UID_LEN && uid[len] == '\0';
}

static int64_t grace_of(const struct value *object)
{
    const struct value *meta = value_get(object, "metadata");
    int64_t own = value_get_int(value_get(object, "spec"), "terminationGracePeriodSeconds", 30);
    return value_get_int(meta, "deletionGracePeriodSeconds", own);
}

int pod_spec_new(struct value *object, const char *static_node_name, struct pod_spec **ret,
                 struct err *err)
{
    cleanup(pod_spec_free) struct pod_spec *spec = xcalloc(1, sizeof(*spec));
    spec->object = object;
    struct value *meta = value_make_map(object, "metadata", NULL);
    const char *name = value_get_str(meta, "name");
    if (str_empty(name))
        return err_set(err, -EINVAL, "metadata.name: required");
    spec->is_static = static_node_name != NULL;
    if (spec->is_static) {
        autofree char *full = xasprintf("%s-%s", name, static_node_name);
        value_set_str(meta, "name", full);
    }
    if (str_empty(value_get_str(meta, "namespace")))
        value_set_str(meta, "namespace", "default");
    spec->ns = value_get_str(meta, "namespace");
    spec->name = value_get_str(meta, "name");
    hash_spec(object, spec->is_static, spec->hash);
    if (spec->is_static) {
        uid_of_content(spec->ns, spec->name, spec->hash, spec->uid);
        value_set_str(meta, "uid", spec->uid);
    } else {
        const char *uid = value_get_str(meta, "uid");
        if (!uid_is_safe(uid))
            return err_set(err, -EINVAL, "metadata.uid: missing or malformed");
        strcpy(spec->uid, uid);
    }
    spec->deleting = value_get_str(meta, "deletionTimestamp") != NULL;
    spec->grace_s = grace_of(object);
    const struct value *annotations = value_get(meta, "annotations");
    spec->paused = str_eq(value_get_str(annotations, POD_PAUSED), "true");
    spec->host_network = value_get_bool(value_get(object, "spec"), "hostNetwork", false);
    spec->user_namespace = !value_get_bool(value_get(object, "spec"), "hostUsers", true);
    spec->deadline_s =
        (uint32_t)value_get_int(value_get(object, "spec"), "activeDeadlineSeconds", 0);
    *ret = steal(spec);
    return 0;
}

void pod_spec_free(struct pod_spec *spec)
{
    if (!spec)
        return;
    value_free(spec->object);
    free(spec);
}

const struct value *pod_spec_containers(const struct pod_spec *spec)
{
    return value_path(spec->object, "spec", "containers", NULL);
}

int64_t pod_spec_user(const struct pod_spec *spec)
{
    static const char *const lists[] = {"initContainers", "containers"};
    const struct value *pod = value_get(spec->object, "spec");
    int64_t usual = value_int(value_path(pod, "securityContext", "runAsUser", NULL), -1);
    int64_t user = -1;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *list = value_get(pod, lists[l]);
        for (size_t i = 0; i < value_len(list); i++) {
            int64_t own = value_int(
                value_path(value_at(list, i), "securityContext", "runAsUser", NULL), usual);
            if (own < 0 || (user >= 0 && own != user))
                return -1;
            user = own;
        }
    }
    return user;
}
