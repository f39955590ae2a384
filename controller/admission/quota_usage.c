#include "controller/admission/quota_usage.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_needs.h"
#include "common/kinds/pod_qos.h"
#include "controller/admission/findings.h"

#include <stdio.h>
#include <stdlib.h>

#define STORAGE_CLASS ".storageclass.storage.k8s.io/"

/* ---- which resource is of which kind ---- */

bool quota_counts(const struct schema_kind *kind)
{
    return kind->namespaced && !kind->keep && !(kind->stored && kind->stored->keep);
}

/* Names without "count/" from before there was that. */
static const struct {
    const char *resource;
    const struct schema_kind *kind;
} plain[] = {
    {"services", &kind_service},
    {"services.nodeports", &kind_service},
    {"services.loadbalancers", &kind_service},
    {"secrets", &kind_secret},
    {"configmaps", &kind_config_map},
    {"persistentvolumeclaims", &kind_persistent_volume_claim},
    {"requests.storage", &kind_persistent_volume_claim},
    {"replicationcontrollers", &kind_replication_controller},
    {"resourcequotas", &kind_resource_quota},
};

static const struct schema_kind *stored_kind(const struct schema_kind *kind)
{
    return kind->stored ? kind->stored : kind;
}

/* "count/deployments.apps", "count/pods" */
static void count_name(const struct schema_kind *kind, char *ret, size_t size)
{
    snprintf(ret, size, "count/%s%s%s", kind->plural, *kind->group ? "." : "", kind->group);
}

bool quota_concerns(const char *resource, const struct schema_kind *shown)
{
    const struct schema_kind *kind = stored_kind(shown);
    char name[384];
    if (!quota_counts(kind))
        return false;
    count_name(kind, name, sizeof(name));
    if (str_has_prefix(resource, "count/"))
        return str_eq(resource, name);
    if (strstr(resource, STORAGE_CLASS))
        return kind == &kind_persistent_volume_claim;
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (str_eq(resource, plain[i].resource))
            return kind == plain[i].kind;
    return kind == &kind_pod; /* all others are of what pods need */
}

/* ---- what an object takes ---- */

static void count(struct amounts *amounts, const char *name, int64_t number)
{
    const struct quantity quantity = {.units = number};
    amounts_add(amounts, name, &quantity, 1);
}

/* requests.<name> and limits.<name>; cpu, memory, ephemeral-storage and hugepages under their own
 * names too. */
static void add_needs(const struct value *pod, const char *which, struct amounts *ret)
{
    cleanup(amounts_done) struct amounts needs = {0};
    const char *name;
    const struct quantity *quantity;
    pod_needs_now(pod, which, &needs);
    for (size_t i = 0; amounts_next(&needs, &i, &name, &quantity);) {
        autofree char *full = xasprintf("%s.%s", which, name);
        amounts_add(ret, full, quantity, 1);
        if (str_eq(which, "requests") && !strchr(name, '/'))
            amounts_add(ret, name, quantity, 1);
    }
}

static bool crosses_namespaces(const struct value *terms, const char *below)
{
    for (size_t i = 0; i < value_len(terms); i++) {
        const struct value *term = value_at(terms, i);
        term = below ? value_get(term, below) : term;
        if (value_len(value_get(term, "namespaces")) > 0 || value_get(term, "namespaceSelector"))
            return true;
    }
    return false;
}

static bool pod_crosses(const struct value *spec)
{
    static const char *const sorts[] = {"podAffinity", "podAntiAffinity"};
    for (size_t i = 0; i < ARRAY_LEN(sorts); i++) {
        const struct value *sort = value_path(spec, "affinity", sorts[i], NULL);
        if (crosses_namespaces(value_get(sort, "requiredDuringSchedulingIgnoredDuringExecution"),
                               NULL) ||
            crosses_namespaces(value_get(sort, "preferredDuringSchedulingIgnoredDuringExecution"),
                               "podAffinityTerm"))
            return true;
    }
    return false;
}

static void pod_usage(const struct value *pod, struct quota_usage *ret)
{
    const struct value *spec = value_get(pod, "spec");
    const char *phase = value_get_str(value_get(pod, "status"), "phase");
    const char *class = value_get_str(spec, "priorityClassName");
    ret->pod = true;
    ret->terminating = value_get_int(spec, "activeDeadlineSeconds", -1) >= 0;
    ret->best_effort = pod_qos(spec) == POD_QOS_BEST_EFFORT;
    ret->crosses = pod_crosses(spec);
    ret->priority_class = str_empty(class) ? NULL : xstrdup(class);
    /* One that has ended needs nothing any more. */
    if (str_eq(phase, "Succeeded") || str_eq(phase, "Failed"))
        return;
    count(&ret->amounts, "pods", 1);
    add_needs(pod, "requests", &ret->amounts);
    add_needs(pod, "limits", &ret->amounts);
}

static void service_usage(const struct value *service, struct quota_usage *ret)
{
    const struct value *spec = value_get(service, "spec"), *ports = value_get(spec, "ports");
    const char *type = value_get_str(spec, "type");
    bool balanced = str_eq(type, "LoadBalancer");
    bool allocated = value_get_bool(spec, "allocateLoadBalancerNodePorts", true);
    int64_t node_ports = 0;
    for (size_t i = 0; i < value_len(ports); i++)
        node_ports += str_eq(type, "NodePort") ||
                      (balanced && (allocated || value_get_int(value_at(ports, i), "nodePort", 0)));
    count(&ret->amounts, "services", 1);
    count(&ret->amounts, "services.nodeports", node_ports);
    count(&ret->amounts, "services.loadbalancers", balanced);
}

static void claim_usage(const struct value *claim, struct quota_usage *ret)
{
    const struct value *spec = value_get(claim, "spec");
    const char *old_class = object_annotation(claim, "volume.beta.kubernetes.io/storage-class");
    const char *class = old_class ? old_class : value_get_str(spec, "storageClassName");
    struct quantity storage = {0};
    int r = quantity_of(value_path(spec, "resources", "requests", "storage", NULL), &storage);
    count(&ret->amounts, "persistentvolumeclaims", 1);
    if (r == 0)
        amounts_add(&ret->amounts, "requests.storage", &storage, 1);
    if (str_empty(class))
        return;
    autofree char *claims = xasprintf("%s" STORAGE_CLASS "persistentvolumeclaims", class);
    autofree char *bytes = xasprintf("%s" STORAGE_CLASS "requests.storage", class);
    count(&ret->amounts, claims, 1);
    if (r == 0)
        amounts_add(&ret->amounts, bytes, &storage, 1);
}

void quota_usage_of(const struct schema_kind *shown, const struct value *object,
                    struct quota_usage *ret)
{
    const struct schema_kind *kind = stored_kind(shown);
    char name[384];
    *ret = (struct quota_usage){0};
    count_name(kind, name, sizeof(name));
    count(&ret->amounts, name, 1);
    if (kind == &kind_pod)
        pod_usage(object, ret);
    else if (kind == &kind_service)
        service_usage(object, ret);
    else if (kind == &kind_persistent_volume_claim)
        claim_usage(object, ret);
    else
        for (size_t i = 0; i < ARRAY_LEN(plain); i++)
            if (plain[i].kind == kind)
                count(&ret->amounts, plain[i].resource, 1);
}

void quota_usage_done(struct quota_usage *usage)
{
    amounts_done(&usage->amounts);
    free(usage->priority_class);
    *usage = (struct quota_usage){0};
}

/* ---- scopes ---- */

static bool class_matches(const struct value *requirement, const char *class)
{
    const char *op = value_get_str(requirement, "operator");
    bool listed = class && value_has_str(value_get(requirement, "values"), class);
    if (str_eq(op, "In"))
        return listed;
    if (str_eq(op, "NotIn"))
        return !listed;
    return str_eq(op, "DoesNotExist") ? !class : class != NULL;
}

/* requirement: NULL where the scope alone is given. */
static bool in_scope(const char *scope, const struct value *requirement,
                     const struct quota_usage *usage)
{
    if (!usage->pod)
        return false;
    if (str_eq(scope, "Terminating"))
        return usage->terminating;
    if (str_eq(scope, "NotTerminating"))
        return !usage->terminating;
    if (str_eq(scope, "BestEffort"))
        return usage->best_effort;
    if (str_eq(scope, "NotBestEffort"))
        return !usage->best_effort;
    if (str_eq(scope, "PriorityClass"))
        return class_matches(requirement, usage->priority_class);
    return str_eq(scope, "CrossNamespacePodAffinity") && usage->crosses;
}

bool quota_matches(const struct value *spec, const struct quota_usage *usage)
{
    const struct value *scopes = value_get(spec, "scopes");
    const struct value *more = value_path(spec, "scopeSelector", "matchExpressions", NULL);
    for (size_t i = 0; i < value_len(scopes); i++)
        if (!in_scope(value_str(value_at(scopes, i)), NULL, usage))
            return false;
    for (size_t i = 0; i < value_len(more); i++)
        if (!in_scope(value_get_str(value_at(more, i), "scopeName"), value_at(more, i), usage))
            return false;
    return true;
}

/* ---- what must be said ---- */

static const struct {
    const char *resource, *list, *name;
} said[] = {
    {"cpu", "requests", "cpu"},
    {"limits.cpu", "limits", "cpu"},
    {"limits.memory", "limits", "memory"},
    {"memory", "requests", "memory"},
    {"requests.cpu", "requests", "cpu"},
    {"requests.memory", "requests", "memory"},
};

static void find_silent(const struct value *pod, size_t which, struct map *ret)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *containers = value_path(pod, "spec", lists[l], NULL);
        for (size_t i = 0; i < value_len(containers); i++) {
            const struct value *container = value_at(containers, i);
            if (!value_path(container, "resources", said[which].list, said[which].name, NULL))
                findings_put(ret, value_get_str(container, "name"));
        }
    }
}

bool quota_is_said(const struct value *hard, const struct value *pod, struct buf *ret)
{
    bool all = true;
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        if (!value_get(hard, said[i].resource))
            continue;
        struct map *names = map_new();
        find_silent(pod, i, names);
        if (map_len(names) > 0) {
            (void)buf_addf(ret, "%s%s for: ", all ? "must specify " : "; ", said[i].resource);
            findings_print_joined(names, ret);
            all = false;
        }
        map_free(names, NULL);
    }
    return all;
}
