/* PodSpec, which pods and the templates of workloads share. */

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_place.h"
#include "common/kinds/pod_rules.h"
#include "common/kinds/types.h"

#include <stdio.h>

/* A pod of so many containers is refused before they are compared each with each. */
enum { CONTAINERS_MAX = 500 };

static size_t count_containers(const struct value *spec)
{
    size_t count = 0;
    for (size_t i = 0; i < CONTAINER_LISTS; i++)
        count += value_len(value_get(spec, container_lists[i]));
    return count;
}

/* Names are unique over all lists; within one the table has seen to it. */
static void check_names(const struct value *spec, struct schema_walk *walk)
{
    struct place place = {0}, other;
    char sub[160];
    while (place_next(spec, &place)) {
        const struct value *name = value_get(place.container, "name");
        for (other = (struct place){0}; place_next(spec, &other) && other.list < place.list;) {
            if (!value_str(name) || !value_equal(name, value_get(other.container, "name")))
                continue;
            place_path(&place, ".name", sub);
            schema_mistake(walk, name, sub, CAUSE_DUPLICATE, "\"%.63s\": comes twice (first in %s)",
                           value_str(name), container_lists[other.list]);
        }
    }
}

static void check_host_ports(const struct value *spec, const struct place *place,
                             struct schema_walk *walk)
{
    const struct value *ports = value_get(place->container, "ports");
    if (!value_get_bool(spec, "hostNetwork", false))
        return;
    for (size_t i = 0; i < value_len(ports); i++) {
        const struct value *host = value_get(value_at(ports, i), "hostPort");
        int64_t port = value_get_int(value_at(ports, i), "containerPort", 0);
        if (value_int(host, 0) == 0 || value_int(host, 0) == port)
            continue;
        char below[64], sub[160];
        snprintf(below, sizeof(below), ".ports[%zu].hostPort", i);
        place_path(place, below, sub);
        schema_mistake(walk, host, sub, CAUSE_INVALID,
                       "must be the containerPort (%lld) with hostNetwork", (long long)port);
    }
}

/* What a container for a look into a running pod does not have: it is neither kept up nor reached,
 * and lives of what the pod was given. */
static void check_ephemeral(const struct place *place, struct schema_walk *walk)
{
    static const char *const never[] = {"ports",          "resources",    "livenessProbe",
                                        "readinessProbe", "startupProbe", "lifecycle",
                                        "resizePolicy",   "restartPolicy"};
    char below[64], sub[160];
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        const struct value *value = value_get(place->container, never[i]);
        bool empty = value_type(value) == VALUE_STRING ? !*value_str(value) : value_len(value) == 0;
        if (empty || WEAKENED(POD_EPHEMERAL))
            continue;
        snprintf(below, sizeof(below), ".%s", never[i]);
        place_path(place, below, sub);
        schema_mistake(walk, value, sub, CAUSE_FORBIDDEN,
                       "cannot be set for an ephemeral container");
    }
}

/* What only some sorts of containers may have. */
static void check_sort(const struct place *place, struct schema_walk *walk)
{
    static const char *const running[] = {"livenessProbe", "readinessProbe", "startupProbe",
                                          "lifecycle"};
    const struct value *policy = value_get(place->container, "restartPolicy");
    char below[64], sub[160];
    if (place->list == EPHEMERAL_CONTAINERS)
        check_ephemeral(place, walk);
    if (place->list == CONTAINERS && value_type(policy) != VALUE_NULL) {
        place_path(place, ".restartPolicy", sub);
        schema_mistake(walk, policy, sub, CAUSE_FORBIDDEN, "only for init containers");
    }
    bool sidecar = str_eq(value_str(policy), "Always");
    for (size_t i = 0; i < ARRAY_LEN(running) && place->list == INIT_CONTAINERS && !sidecar; i++) {
        const struct value *value = value_get(place->container, running[i]);
        if (value_type(value) == VALUE_NULL)
            continue;
        snprintf(below, sizeof(below), ".%s", running[i]);
        place_path(place, below, sub);
        schema_mistake(walk, value, sub, CAUSE_FORBIDDEN,
                       "not for an init container without restartPolicy: Always");
    }
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    size_t count = count_containers(spec);
    if (count > CONTAINERS_MAX) {
        schema_mistake(walk, spec, "containers", CAUSE_INVALID, "%zu: must be at most %d in all",
                       count, CONTAINERS_MAX);
        return;
    }
    check_names(spec, walk);
    void (*const more)(const struct value *, struct schema_walk *) = GATEWAY_ONLY(pod_rules);
    if (more)
        more(spec, walk);
    for (struct place place = {0}; place_next(spec, &place);) {
        check_host_ports(spec, &place, walk);
        check_sort(&place, walk);
    }
    const struct value *policy = value_get(spec, "dnsPolicy");
    if (str_eq(value_str(policy), "None") &&
        value_len(value_path(spec, "dnsConfig", "nameservers", NULL)) == 0)
        schema_mistake(walk, policy, "dnsConfig.nameservers", CAUSE_REQUIRED,
                       "required with dnsPolicy None");
}

/* In the host's network a container's port is the host's. */
static void fill_host_ports(struct value *spec)
{
    for (struct place place = {0}; place_next(spec, &place);) {
        const struct value *ports = value_get(place.container, "ports");
        for (size_t i = 0; i < value_len(ports); i++) {
            struct value *port = value_at(ports, i);
            if (value_get_int(port, "hostPort", 0) == 0)
                value_set_int(port, "hostPort", value_get_int(port, "containerPort", 0));
        }
    }
}

static void fill_spec(struct value *spec)
{
    static const char now[] = "serviceAccountName", once[] = "serviceAccount";
    if (value_get_bool(spec, "hostNetwork", false))
        fill_host_ports(spec);
    if (str_empty(value_get_str(spec, now)) && !str_empty(value_get_str(spec, once)))
        value_set(spec, now, value_copy(value_get(spec, once)));
    else if (!str_empty(value_get_str(spec, now)))
        value_set(spec, once, value_copy(value_get(spec, now)));
}

static const struct schema_type type_pod_readiness_gate = {
    .name = "PodReadinessGate",
    DOC("A condition that must be True before the pod is ready."),
    FIELDS(F(1, "conditionType", STRING, REQUIRED, RULE(qualified_name),
             DOC("The condition's type."))),
};

static const struct schema_type type_pod_os = {
    .name = "PodOS",
    DOC("A system."),
    FIELDS(F(1, "name", STRING, REQUIRED, ONE_OF("linux", "windows"), DOC("linux or windows."))),
};

static const struct schema_type type_pod_scheduling_gate = {
    .name = "PodSchedulingGate",
    DOC("Who must agree before a node is looked for."),
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(qualified_name), DOC("The gate's name."))),
};

GATEWAY_CHECK(check_resource_claim)
{
    bool claim = !str_empty(value_get_str(object, "resourceClaimName"));
    bool template = !str_empty(value_get_str(object, "resourceClaimTemplateName"));
    if (claim == template)
        schema_mistake(walk, object, NULL, claim ? CAUSE_INVALID : CAUSE_REQUIRED,
                       "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
}

static const struct schema_type type_pod_resource_claim = {
    .name = "PodResourceClaim",
    .check = GATEWAY_ONLY(check_resource_claim),
    DOC("A claim of devices, by name or made after a template."),
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1123_label), DOC("By which containers use it.")),
           F(3, "resourceClaimName", STRING, DOC("A ResourceClaim of the namespace.")),
           F(4, "resourceClaimTemplateName", STRING,
             DOC("A ResourceClaimTemplate, after which one is made for the pod."))),
};

#define UNIQUE_AND_REQUIRED .flags = SCHEMA_REQUIRED | SCHEMA_UNIQUE
#define UNIQUE_AND_RETAIN_KEYS .flags = SCHEMA_UNIQUE | SCHEMA_RETAIN_KEYS

const struct schema_type type_pod_spec = {
    .name = "PodSpec",
    DOC("What a pod is to be."),
    .check = check_spec,
    .fill = fill_spec,
    FIELDS(
        F(1, "volumes", LIST(OBJECT(type_volume)), BY("name"), UNIQUE_AND_RETAIN_KEYS,
          DOC("Storage that the containers can mount.")),
        F(20, "initContainers", LIST(OBJECT(type_container)), UNIQUE_BY("name"),
          DOC("Run one after the other, to their end, before the containers.")),
        F(2, "containers", LIST(OBJECT(type_container)), BY("name"), UNIQUE_AND_REQUIRED,
          DOC("Run together, in one network and beside the same volumes.")),
        F(34, "ephemeralContainers", LIST(OBJECT(type_ephemeral_container)), UNIQUE_BY("name"),
          DOC("Added to a running pod, to look into it.")),
        F(3, "restartPolicy", STRING, DEF("Always"), ONE_OF("Always", "OnFailure", "Never"),
          DOC("What happens when a container has ended.")),
        F(4, "terminationGracePeriodSeconds", INT64, DEF("30"), RANGE(0, INT32_MAX),
          DOC("From SIGTERM to SIGKILL.")),
        F(5, "activeDeadlineSeconds", INT64, RANGE(1, INT32_MAX),
          DOC("How long the pod may be active before it is ended as failed.")),
        F(6, "dnsPolicy", STRING, DEF("ClusterFirst"),
          ONE_OF("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
          DOC("Where its containers look up names: ClusterFirst, ClusterFirstWithHostNet, "
              "Default or None.")),
        F(7, "nodeSelector", MAP(STRING), WHOLE, RULE(label_value), KEYS(format_qualified_name),
          DOC("Labels that the node must have.")),
        F(8, "serviceAccountName", STRING, RULE(dns1123_subdomain),
          DOC("The service account that it runs as.")),
        F(9, "serviceAccount", STRING, DOC("The old name of serviceAccountName.")),
        F(21, "automountServiceAccountToken", BOOL,
          DOC("Whether its containers find the account's token mounted.")),
        F(10, "nodeName", STRING, RULE(dns1123_subdomain),
          DOC("Where the pod runs; given by the scheduler.")),
        F(11, "hostNetwork", BOOL, OMIT_ZERO,
          DOC("Whether it uses the node's network and addresses.")),
        F(12, "hostPID", BOOL, OMIT_ZERO, DOC("Whether it sees the node's processes.")),
        F(13, "hostIPC", BOOL, OMIT_ZERO, DOC("Whether it shares the node's IPC.")),
        F(27, "shareProcessNamespace", BOOL,
          DOC("Whether its containers see each other's processes.")),
        F(14, "securityContext", OBJECT(type_pod_security_context), DEF("{}"),
          DOC("What holds for all containers, where they say nothing else.")),
        F(15, "imagePullSecrets", LIST(OBJECT(type_local_object_reference)), BY("name"),
          DOC("Secrets with the passwords of registries.")),
        F(16, "hostname", STRING, RULE(dns1123_label),
          DOC("Its host name; its own name if not given.")),
        F(17, "subdomain", STRING, RULE(dns1123_label),
          DOC("Makes the full name hostname.subdomain.namespace.svc.cluster.local.")),
        F(18, "affinity", OBJECT(type_affinity),
          DOC("Which nodes, and which pods' neighbourhood, it must have or would like.")),
        F(19, "schedulerName", STRING, DEF("default-scheduler"), DOC("Who finds a node for it.")),
        F(22, "tolerations", LIST(OBJECT(type_toleration)),
          DOC("Taints of nodes that it does not mind.")),
        F(23, "hostAliases", LIST(OBJECT(type_host_alias)), BY("ip"),
          DOC("Further lines of the containers' /etc/hosts.")),
        F(24, "priorityClassName", STRING, RULE(dns1123_subdomain),
          DOC("The PriorityClass that says how important it is.")),
        F(25, "priority", INT32,
          DOC("How important it is; the greater the more. Taken from the class.")),
        F(26, "dnsConfig", OBJECT(type_pod_dns_config), DOC("Added to what dnsPolicy gives.")),
        F(28, "readinessGates", LIST(OBJECT(type_pod_readiness_gate)),
          DOC("Further conditions that must be True before it is ready.")),
        F(29, "runtimeClassName", STRING, RULE(dns1123_subdomain),
          DOC("The RuntimeClass that says what runs its containers.")),
        F(30, "enableServiceLinks", BOOL, DEF("true"),
          DOC("Whether its containers get a variable for each Service.")),
        F(31, "preemptionPolicy", STRING, ONE_OF("PreemptLowerPriority", "Never"), INERT,
          DOC("Whether less important pods may be ended to make room: PreemptLowerPriority or "
              "Never.")),
        F(32, "overhead", RESOURCE_LIST, DOC("What it takes beside what its containers request.")),
        F(33, "topologySpreadConstraints", LIST(OBJECT(type_topology_spread_constraint)),
          BY("topologyKey"), INERT,
          DOC("How evenly its like must be spread over zones and nodes.")),
        F(35, "setHostnameAsFQDN", BOOL, DOC("The full name is the containers' host name.")),
        F(36, "os", OBJECT(type_pod_os), DOC("The system that its containers are made for.")),
        F(37, "hostUsers", BOOL,
          DOC("Whether it uses the node's user ids; false for a user namespace of its own.")),
        F(38, "schedulingGates", LIST(OBJECT(type_pod_scheduling_gate)), UNIQUE_BY("name"),
          DOC("Who must agree before a node is looked for.")),
        F(39, "resourceClaims", LIST(OBJECT(type_pod_resource_claim)), BY("name"),
          .flags = SCHEMA_UNIQUE | SCHEMA_RETAIN_KEYS | SCHEMA_INERT,
          DOC("Devices that it is given, by claim.")),
        F(40, "resources", OBJECT(type_resource_requirements), INERT,
          DOC("Limits and requests of the pod as a whole."))),
};
