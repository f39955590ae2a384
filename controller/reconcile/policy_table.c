#include "controller/reconcile/policy_table.h"

#include "common/base/str.h"

#define READ "get list watch"
#define WRITE "create delete deletecollection patch update"
#define ALL "create delete deletecollection get list patch update watch"
#define RBAC "rbac.authorization.k8s.io"
#define RULES(...)                                                                                 \
    (const struct policy_rule[])                                                                   \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .verbs = NULL                                                                          \
        }                                                                                          \
    }
#define EVENTS                                                                                     \
    {                                                                                              \
        "create patch update", "core events.k8s.io", "events"                                      \
    }
#define REVIEWS                                                                                    \
    {"create", "authentication.k8s.io", "tokenreviews"},                                           \
    {                                                                                              \
        "create", "authorization.k8s.io", "subjectaccessreviews"                                   \
    }
#define APPROVER(name_, signer_)                                                                   \
    {                                                                                              \
        .name = "system:certificates.k8s.io:" name_,                                               \
        .rules = RULES({"approve", "certificates.k8s.io", "signers", signer_})                     \
    }
#define LEADER(name_)                                                                              \
    {"create", "coordination.k8s.io", "leases"},                                                   \
    {                                                                                              \
        "get update", "coordination.k8s.io", "leases", name_                                       \
    }

/* clang-format off */
const struct policy_role policy_roles[] = {
    {"cluster-admin", .rules = RULES(
        {"*", "*", "*"},
        {"*", .urls = "*"})},
    {"system:discovery", .rules = RULES(
        {"get", .urls = "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz "
                        "/version /version/"})},
    {"system:public-info-viewer", .rules = RULES(
        {"get", .urls = "/healthz /livez /readyz /version /version/"})},
    {"system:monitoring", .rules = RULES(
        {"get", .urls = "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz "
                        "/readyz/*"})},
    {"system:service-account-issuer-discovery", .rules = RULES(
        {"get", .urls = "/.well-known/openid-configuration /openid/v1/jwks"})},
    {"system:basic-user", .rules = RULES(
        {"create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"},
        {"create", "authentication.k8s.io", "selfsubjectreviews"})},
    {"system:image-puller", .rules = RULES({"get list", "limpet.io", "images"})},
    {"system:image-pusher", .rules = RULES({"get list create delete", "limpet.io", "images"})},
    {"system:auth-delegator", .rules = RULES(REVIEWS)},

    {"admin", .gathers = "admin"},
    {"edit", .gathers = "edit", .joins = "admin"},
    {"view", .gathers = "view", .joins = "edit"},
    {"system:aggregate-to-admin", .joins = "admin", .rules = RULES(
        {"create", "authorization.k8s.io", "localsubjectaccessreviews"},
        {ALL, RBAC, "rolebindings roles"})},
    {"system:aggregate-to-edit", .joins = "edit", .rules = RULES(
        {READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"},
        {"impersonate", "core", "serviceaccounts"},
        {WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"},
        {"create", "core", "pods/eviction"},
        {WRITE, "core", "configmaps events persistentvolumeclaims replicationcontrollers "
                        "replicationcontrollers/scale secrets serviceaccounts services "
                        "services/proxy"},
        {"create", "core", "serviceaccounts/token"},
        {WRITE, "apps", "daemonsets deployments deployments/rollback deployments/scale replicasets "
                        "replicasets/scale statefulsets statefulsets/scale"},
        {WRITE, "autoscaling", "horizontalpodautoscalers"},
        {WRITE, "batch", "cronjobs jobs"},
        {WRITE, "policy", "poddisruptionbudgets"},
        {WRITE, "networking.k8s.io", "ingresses networkpolicies"},
        {ALL, "coordination.k8s.io", "leases"})},
    {"system:aggregate-to-view", .joins = "view", .rules = RULES(
        {READ, "core", "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status "
                       "pods replicationcontrollers replicationcontrollers/scale serviceaccounts "
                       "services services/status"},
        {READ, "core", "bindings events limitranges namespaces/status pods/log pods/status pods/why "
                       "replicationcontrollers/status resourcequotas resourcequotas/status"},
        {READ, "core", "namespaces"},
        {READ, "discovery.k8s.io", "endpointslices"},
        {READ, "apps", "controllerrevisions daemonsets daemonsets/status deployments "
                       "deployments/scale deployments/status replicasets replicasets/scale "
                       "replicasets/status statefulsets statefulsets/scale statefulsets/status"},
        {READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"},
        {READ, "batch", "cronjobs cronjobs/status jobs jobs/status"},
        {READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"},
        {READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"})},
    /* Elsewhere it comes with the metrics server. */
    {"system:aggregated-metrics-reader", .joins = "view edit admin", .rules = RULES(
        {READ, "metrics.k8s.io", "pods nodes"})},

    {"system:node", .rules = RULES(
        {"create", "authentication.k8s.io", "tokenreviews"},
        {"create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"},
        {READ, "core", "services"},
        {"create get list watch", "core", "nodes"},
        {"patch update", "core", "nodes/status"},
        {"patch update", "core", "nodes"},
        EVENTS,
        {READ, "core", "pods"},
        {"create delete", "core", "pods"},
        {"patch update", "core", "pods/status"},
        {"create", "core", "pods/eviction"},
        {READ, "core", "configmaps secrets"},
        {"get", "core", "persistentvolumeclaims persistentvolumes"},
        {"get", "core", "endpoints"},
        {"create get list watch", "certificates.k8s.io", "certificatesigningrequests"},
        {"create delete get patch update", "coordination.k8s.io", "leases"},
        {"create", "core", "serviceaccounts/token"},
        {"get patch update", "core", "persistentvolumeclaims/status"},
        {READ, "node.k8s.io", "runtimeclasses"})},
    {"system:node-bootstrapper", .rules = RULES(
        {"create get list watch", "certificates.k8s.io", "certificatesigningrequests"})},
    {"system:node-problem-detector", .rules = RULES(
        {"get", "core", "nodes"},
        {"patch", "core", "nodes/status"},
        EVENTS)},
    {"system:node-proxier", .rules = RULES(
        {"list watch", "core", "endpoints services"},
        {READ, "core", "nodes"},
        EVENTS,
        {"list watch", "discovery.k8s.io", "endpointslices"})},
    {"system:kubelet-api-admin", .rules = RULES(
        {READ, "core", "nodes"},
        {"proxy", "core", "nodes"},
        {"*", "core", "nodes/log nodes/metrics nodes/proxy nodes/stats"})},
    {"system:kube-dns", .rules = RULES({"list watch", "core", "endpoints services"})},
    {"system:kube-scheduler", .rules = RULES(
        EVENTS,
        LEADER("kube-scheduler"),
        {READ, "core", "nodes"},
        {"delete get list watch", "core", "pods"},
        {"create", "core", "bindings pods/binding"},
        {"patch update", "core", "pods/status"},
        {READ, "core", "namespaces persistentvolumeclaims persistentvolumes replicationcontrollers "
                       "services"},
        {READ, "apps", "replicasets statefulsets"},
        {READ, "policy", "poddisruptionbudgets"},
        REVIEWS)},
    {"system:volume-scheduler", .rules = RULES(
        {"get list patch update watch", "core", "persistentvolumeclaims persistentvolumes"},
        {READ, "storage.k8s.io", "storageclasses"})},
    {"system:persistent-volume-provisioner", .rules = RULES(
        {"create delete get list watch", "core", "persistentvolumes"},
        {"get list update watch", "core", "persistentvolumeclaims"},
        {READ, "storage.k8s.io", "storageclasses"},
        {"watch", "core", "events"},
        EVENTS)},
    {"system:kube-controller-manager", .rules = RULES(
        EVENTS,
        LEADER("kube-controller-manager"),
        {"create get update", "core", "secrets serviceaccounts"},
        {"delete", "core", "secrets"},
        {"get", "core", "configmaps namespaces"},
        REVIEWS,
        {"list watch", "*", "*"},
        {"create", "core", "serviceaccounts/token"})},

    {"system:certificates.k8s.io:certificatesigningrequests:nodeclient", .rules = RULES(
        {"create", "certificates.k8s.io", "certificatesigningrequests/nodeclient"})},
    {"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", .rules = RULES(
        {"create", "certificates.k8s.io", "certificatesigningrequests/selfnodeclient"})},
    APPROVER("kube-apiserver-client-approver", "kubernetes.io/kube-apiserver-client"),
    APPROVER("kube-apiserver-client-kubelet-approver",
             "kubernetes.io/kube-apiserver-client-kubelet"),
    APPROVER("kubelet-serving-approver", "kubernetes.io/kubelet-serving"),
    APPROVER("legacy-unknown-approver", "kubernetes.io/legacy-unknown"),
};
const size_t policy_role_count = ARRAY_LEN(policy_roles);

/* Nodes get what they may from the node authorizer, not from system:node. */
const struct policy_binding policy_bindings[] = {
    {"cluster-admin", "cluster-admin", .groups = "system:masters"},
    {"system:discovery", "system:discovery", .groups = "system:authenticated"},
    {"system:basic-user", "system:basic-user", .groups = "system:authenticated"},
    {"system:public-info-viewer", "system:public-info-viewer",
     .groups = "system:authenticated system:unauthenticated"},
    {"system:monitoring", "system:monitoring", .groups = "system:monitoring"},
    {"system:service-account-issuer-discovery", "system:service-account-issuer-discovery",
     .groups = "system:serviceaccounts"},
    {"system:node", "system:node"},
    {"system:node-proxier", "system:node-proxier", .users = "system:kube-proxy"},
    {"system:kube-controller-manager", "system:kube-controller-manager",
     .users = "system:kube-controller-manager"},
    {"system:kube-scheduler", "system:kube-scheduler", .users = "system:kube-scheduler"},
    {"system:volume-scheduler", "system:volume-scheduler", .users = "system:kube-scheduler"},
    {"system:kube-dns", "system:kube-dns", .account = "kube-system/kube-dns"},
};
const size_t policy_binding_count = ARRAY_LEN(policy_bindings);
/* clang-format on */
