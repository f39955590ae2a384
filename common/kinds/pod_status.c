/* PodStatus: what a node tells of a pod. Nodes write it and never look into one. */

#include "common/kinds/types.h"

static const struct schema_type type_pod_condition = {
    .name = "PodCondition",
    DOC("One thing that holds of a pod or does not."),
    FIELDS(F(1, "type", STRING, REQUIRED,
             DOC("What: PodScheduled, Initialized, ContainersReady, Ready, or a readiness gate.")),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),
             DOC("True, False or Unknown.")),
           F(3, "lastProbeTime", TIME, DOC("When it was last looked at.")),
           F(4, "lastTransitionTime", TIME, DOC("When status last changed.")),
           F(5, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(6, "message", STRING, DOC("Why, for people.")),
           F(7, "observedGeneration", INT64, OMIT_ZERO,
             DOC("The generation of the pod that it holds for."))),
};

static const struct schema_type type_pod_ip = {
    .name = "PodIP",
    DOC("An address of a pod."),
    FIELDS(F(1, "ip", STRING, REQUIRED, RULE(ip), DOC("The address."))),
};

static const struct schema_type type_host_ip = {
    .name = "HostIP",
    DOC("An address of a pod's node."),
    FIELDS(F(1, "ip", STRING, REQUIRED, RULE(ip), DOC("The address."))),
};

static const struct schema_type type_waiting = {
    .name = "ContainerStateWaiting",
    DOC("A container that does not run yet."),
    FIELDS(F(1, "reason", STRING, DOC("Why, in one word: ContainerCreating, ImagePullBackOff.")),
           F(2, "message", STRING, DOC("Why, for people."))),
};

static const struct schema_type type_running = {
    .name = "ContainerStateRunning",
    DOC("A container that runs."),
    FIELDS(F(1, "startedAt", TIME, DOC("Since when."))),
};

static const struct schema_type type_terminated = {
    .name = "ContainerStateTerminated",
    DOC("A container that has ended."),
    FIELDS(F(1, "exitCode", INT32, REQUIRED,
             DOC("What it ended with; 128 and the signal if it was "
                 "killed.")),
           F(2, "signal", INT32, OMIT_ZERO, DOC("The signal that ended it.")),
           F(3, "reason", STRING, DOC("Why, in one word: Completed, Error, OOMKilled.")),
           F(4, "message", STRING, DOC("Its last words: see terminationMessagePath.")),
           F(5, "startedAt", TIME, DOC("When it had started.")),
           F(6, "finishedAt", TIME, DOC("When it ended.")),
           F(7, "containerID", STRING, DOC("Its id: <runtime>://<id>."))),
};

static const struct schema_type type_container_state = {
    .name = "ContainerState",
    DOC("Waiting, running or terminated; waiting if nothing is said."),
    .union_of = "state",
    FIELDS(F(1, "waiting", OBJECT(type_waiting), DOC("It does not run yet.")),
           F(2, "running", OBJECT(type_running), DOC("It runs.")),
           F(3, "terminated", OBJECT(type_terminated), DOC("It has ended."))),
};

static const struct schema_type type_volume_mount_status = {
    .name = "VolumeMountStatus",
    DOC("How a volume came to be mounted."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The mount's name in the container.")),
           F(2, "mountPath", STRING, REQUIRED, DOC("The mount's path in the container.")),
           F(3, "readOnly", BOOL, OMIT_ZERO, DOC("Whether it is for reading only.")),
           F(4, "recursiveReadOnly", STRING,
             DOC("Enabled if what is mounted below is for reading only too, else Disabled."))),
};

static const struct schema_type type_linux_user = {
    .name = "LinuxContainerUser",
    DOC("Who the first process of a container is to Linux."),
    FIELDS(F(1, "uid", INT64, REQUIRED, DOC("Its user id.")),
           F(2, "gid", INT64, REQUIRED, DOC("Its first group id.")),
           F(3, "supplementalGroups", LIST(INT64), DOC("Its other group ids."))),
};

static const struct schema_type type_container_user = {
    .name = "ContainerUser",
    DOC("Who the first process of a container is."),
    FIELDS(F(1, "linux", OBJECT(type_linux_user), DOC("To Linux."))),
};

static const struct schema_type type_resource_health = {
    .name = "ResourceHealth",
    DOC("How one device is."),
    FIELDS(F(1, "resourceID", STRING, REQUIRED, DOC("The device's id on its node.")),
           F(2, "health", STRING, DOC("Healthy, Unhealthy or Unknown."))),
};

static const struct schema_type type_resource_status = {
    .name = "ResourceStatus",
    DOC("How the devices of one resource are that a container was given."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The resource, or claim:<name>/<request>.")),
           F(2, "resources", LIST(OBJECT(type_resource_health)), DISTINCT_BY("resourceID"),
             DOC("Its devices."))),
};

static const struct schema_type type_container_status = {
    .name = "ContainerStatus",
    DOC("What has become of a container."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The container's name in the pod.")),
           F(2, "state", OBJECT(type_container_state), DEF("{}"), DOC("What it does now.")),
           F(3, "lastState", OBJECT(type_container_state), DEF("{}"),
             DOC("How it ended the time before this.")),
           F(4, "ready", BOOL, DOC("Whether its readiness probe has it ready.")),
           F(5, "restartCount", INT32, DOC("How often it was started again.")),
           F(6, "image", STRING, DOC("The image that it runs, by name.")),
           F(7, "imageID", STRING, DOC("The image that it runs, by digest.")),
           F(8, "containerID", STRING, DOC("Its id: <runtime>://<id>.")),
           F(9, "started", BOOL, DOC("Whether it runs and its startup probe has passed.")),
           F(10, "allocatedResources", RESOURCE_LIST, DOC("What its node sets aside for it.")),
           F(11, "resources", OBJECT(type_resource_requirements),
             DOC("The limits and requests that hold for it now.")),
           F(12, "volumeMounts", LIST(OBJECT(type_volume_mount_status)), BY("mountPath"),
             DOC("How its volumes are mounted.")),
           F(13, "user", OBJECT(type_container_user), DOC("Who its first process is.")),
           F(14, "allocatedResourcesStatus", LIST(OBJECT(type_resource_status)), BY("name"),
             DOC("How the devices are that it was given.")),
           F(15, "stopSignal", STRING, DOC("The signal that asks it to end."))),
};

static const struct schema_type type_pod_resource_claim_status = {
    .name = "PodResourceClaimStatus",
    DOC("The claim that was made for an entry of spec.resourceClaims."),
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1123_label), DOC("The entry's name.")),
           F(2, "resourceClaimName", STRING, RULE(dns1123_subdomain), DOC("The claim's name."))),
};

const struct schema_type type_pod_status = {
    .name = "PodStatus",
    DOC("What the node knows of the pod."),
    FIELDS(F(1, "phase", STRING, ONE_OF("Pending", "Running", "Succeeded", "Failed", "Unknown"),
             DOC("Pending, Running, Succeeded, Failed, or Unknown if its node is not heard of.")),
           F(2, "conditions", LIST(OBJECT(type_pod_condition)), BY("type"),
             DOC("What holds of it: whether it is scheduled, initialized, ready.")),
           F(3, "message", STRING, DOC("Why it is as it is, for people.")),
           F(4, "reason", STRING, DOC("Why it is as it is, in one word: Evicted.")),
           F(5, "hostIP", STRING, RULE(ip), DOC("Its node's address.")),
           F(16, "hostIPs", LIST(OBJECT(type_host_ip)), BY("ip"), DOC("Its node's addresses.")),
           F(6, "podIP", STRING, RULE(ip), DOC("Its address.")),
           F(12, "podIPs", LIST(OBJECT(type_pod_ip)), BY("ip"), DOC("Its addresses.")),
           F(7, "startTime", TIME, DOC("When its node took it up.")),
           F(8, "containerStatuses", LIST(OBJECT(type_container_status)),
             DOC("What has become of its containers.")),
           F(9, "qosClass", STRING, ONE_OF("Guaranteed", "Burstable", "BestEffort"),
             DOC("What it is promised: Guaranteed, Burstable or BestEffort; see resources.")),
           F(10, "initContainerStatuses", LIST(OBJECT(type_container_status)),
             DOC("What has become of its init containers.")),
           F(11, "nominatedNodeName", STRING,
             DOC("The node where others were asked to make room for it.")),
           F(13, "ephemeralContainerStatuses", LIST(OBJECT(type_container_status)),
             DOC("What has become of its ephemeral containers.")),
           F(14, "resize", STRING, DOC("How far a change of its resources has come.")),
           F(15, "resourceClaimStatuses", LIST(OBJECT(type_pod_resource_claim_status)), BY("name"),
             .flags = SCHEMA_RETAIN_KEYS, DOC("The claims that were made for it.")),
           F(17, "observedGeneration", INT64, OMIT_ZERO,
             DOC("The generation of the pod that its node has seen."))),
};
