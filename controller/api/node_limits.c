#include "controller/api/node_limits.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_mirror.h"
#include "controller/api/status.h"
#include "controller/authz/node_graph.h"

#include <stdarg.h>
#include <stdio.h>

static struct value *forbid(const struct api_ref *ref, const char *fmt, ...) printf_like(2, 3);
static struct value *forbid(const struct api_ref *ref, const char *fmt, ...)
{
    char why[512];
    autofree char *resource = status_resource(ref->kind);
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    return status_of(403, ref->kind, ref->name, "%s \"%s\" is forbidden: %s", resource, ref->name,
                     why);
}

/* ---- its own node ---- */

static bool is_in_domain(const char *key, const char *domain)
{
    size_t len = strcspn(key, "/"), want = strlen(domain);
    if (!key[len] || len < want || strncmp(key + len - want, domain, want) != 0)
        return false;
    return len == want || key[len - want - 1] == '.';
}

/* Labels of Kubernetes' own domains that a node may give itself; all of others, too. */
static bool is_free_label(const char *key)
{
    static const char *const names[] = {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
    };
    static const char *const domains[] = {"kubelet.kubernetes.io", "node.kubernetes.io"};
    if (is_in_domain(key, "node-restriction.kubernetes.io"))
        return false;
    if (!is_in_domain(key, "kubernetes.io") && !is_in_domain(key, "k8s.io"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(key, names[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (is_in_domain(key, domains[i]))
            return true;
    return false;
}

static const struct value *labels_of(const struct value *object)
{
    return value_get(value_get(object, "metadata"), "labels");
}

/* A label of one object that the other has not, or has otherwise, and that a node may not give
 * itself. NULL: there is none. */
static const char *changed_label(const struct value *from, const struct value *to)
{
    const struct value *labels = labels_of(from), *others = labels_of(to);
    for (size_t i = 0; i < value_len(labels); i++) {
        const char *key = value_key_at(labels, i);
        if (!value_equal(value_at(labels, i), value_get(others, key)) && !is_free_label(key))
            return key;
    }
    return NULL;
}

static struct value *check_node(const char *node, const struct api_ref *ref,
                                const struct value *stored, const struct value *object)
{
    if (!str_eq(ref->name, node))
        return forbid(ref, "node \"%s\" is not allowed to modify node \"%.253s\"", node, ref->name);
    const char *label = changed_label(object, stored);
    if (!label && stored)
        label = changed_label(stored, object);
    if (label && !WEAKENED(NODE_LABELS))
        return forbid(ref, "node \"%s\" is not allowed to %s labels: %.317s", node,
                      stored ? "modify" : "set the following", label);
    if (!stored)
        return NULL;
    const struct value *before = value_get(stored, "spec"), *after = value_get(object, "spec");
    if (!value_equal(value_get(before, "taints"), value_get(after, "taints")))
        return forbid(ref, "node \"%s\" is not allowed to modify taints", node);
    if (!value_equal(value_get(before, "configSource"), value_get(after, "configSource")))
        return forbid(ref, "node \"%s\" is not allowed to update configSource", node);
    /* With an owner that is not there the garbage collector would take it away, and it could come
     * back with other labels and taints. */
    if (!value_equal(value_path(stored, "metadata", "ownerReferences", NULL),
                     value_path(object, "metadata", "ownerReferences", NULL)) &&
        !WEAKENED(NODE_OWNERS))
        return forbid(ref, "node \"%s\" is not allowed to modify ownerReferences", node);
    return NULL;
}

/* ---- pods ---- */

static void note_ref(void *ctx, const char *resource, const char *name)
{
    const char **found = ctx;
    (void)name;
    *found = *found ? *found : resource;
}

static struct value *check_owner(const char *node, const struct api_ref *ref,
                                 const struct value *owners)
{
    const struct value *owner = value_at(owners, 0);
    bool own = value_len(owners) == 1 && str_eq(value_get_str(owner, "apiVersion"), "v1") &&
               str_eq(value_get_str(owner, "kind"), "Node") &&
               str_eq(value_get_str(owner, "name"), node);
    if (value_len(owners) == 0 || own)
        return NULL;
    return forbid(ref, "node \"%s\" can only create pods with an owner reference set to itself",
                  node);
}

static struct value *check_mirror(const char *node, const struct api_ref *ref,
                                  const struct value *pod)
{
    const struct value *spec = value_get(pod, "spec");
    const char *found = NULL;
    if (!object_annotation(pod, POD_MIRROR))
        return forbid(ref,
                      "pod does not have \"%s\" annotation, node \"%s\" can only create mirror "
                      "pods",
                      POD_MIRROR, node);
    if (!str_eq(value_get_str(spec, "nodeName"), node))
        return forbid(ref, "node \"%s\" can only create pods with spec.nodeName set to itself",
                      node);
    struct value *refusal =
        check_owner(node, ref, value_get(value_get(pod, "metadata"), "ownerReferences"));
    if (refusal)
        return refusal;
    /* Else it could make itself need anything, and then be given that. */
    node_graph_refs(pod, note_ref, &found);
    if (!found && (value_len(value_get(spec, "resourceClaims")) > 0 ||
                   value_len(value_path(pod, "status", "resourceClaimStatuses", NULL)) > 0))
        found = "resourceclaims";
    if (found && !WEAKENED(NODE_MIRRORS))
        return forbid(ref, "node \"%s\" can not create pods that reference %s", node, found);
    return NULL;
}

struct value *node_limits_refusal(const char *node, const struct api_ref *ref,
                                  const struct value *stored, const struct value *object)
{
    if (ref->kind == &kind_node)
        return check_node(node, ref, stored, object);
    if (ref->kind == &kind_pod && !stored)
        return check_mirror(node, ref, object);
    if (ref->kind == &kind_lease && !str_eq(ref->name, node))
        return forbid(ref, "can only access node lease with the same name as the requesting node");
    return NULL;
}
