/* PodStatus: what a node tells of a pod. */

#include "common/kinds/types.h"

static const struct schema_type type_pod_condition = {
    .name = "PodCondition",
    FIELDS(F(1, "type", STRING, REQUIRED),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown")),
           F(3, "lastProbeTime", TIME), F(4, "lastTransitionTime", TIME), F(5, "reason", STRING),
           F(6, "message", STRING), F(7, "observedGeneration", INT64)),
};

static const struct schema_type type_ip = {
    .name = "PodIP",
    FIELDS(F(1, "ip", STRING, REQUIRED, RULE(ip))),
};

static const struct schema_type type_waiting = {
    .name = "ContainerStateWaiting",
    FIELDS(F(1, "reason", STRING), F(2, "message", STRING)),
};

static const struct schema_type type_running = {
    .name = "ContainerStateRunning",
    FIELDS(F(1, "startedAt", TIME)),
};

static const struct schema_type type_terminated = {
    .name = "ContainerStateTerminated",
    FIELDS(F(1, "exitCode", INT32, REQUIRED), F(2, "signal", INT32), F(3, "reason", STRING),
           F(4, "message", STRING), F(5, "startedAt", TIME), F(6, "finishedAt", TIME),
           F(7, "containerID", STRING)),
};

static const struct schema_type type_container_state = {
    .name = "ContainerState",
    .union_of = "state",
    FIELDS(F(1, "waiting", OBJECT(type_waiting)), F(2, "running", OBJECT(type_running)),
           F(3, "terminated", OBJECT(type_terminated))),
};

static const struct schema_type type_volume_mount_status = {
    .name = "VolumeMountStatus",
    FIELDS(F(1, "name", STRING, REQUIRED), F(2, "mountPath", STRING, REQUIRED),
           F(3, "readOnly", BOOL), F(4, "recursiveReadOnly", STRING)),
};

static const struct schema_type type_linux_user = {
    .name = "LinuxContainerUser",
    FIELDS(F(1, "uid", INT64), F(2, "gid", INT64), F(3, "supplementalGroups", LIST(INT64))),
};

static const struct schema_type type_container_user = {
    .name = "ContainerUser",
    FIELDS(F(1, "linux", OBJECT(type_linux_user))),
};

static const struct schema_type type_container_status = {
    .name = "ContainerStatus",
    FIELDS(F(1, "name", STRING, REQUIRED), F(2, "state", OBJECT(type_container_state), DEF("{}")),
           F(3, "lastState", OBJECT(type_container_state), DEF("{}")), F(4, "ready", BOOL),
           F(5, "restartCount", INT32), F(6, "image", STRING), F(7, "imageID", STRING),
           F(8, "containerID", STRING), F(9, "started", BOOL),
           F(10, "allocatedResources", RESOURCE_LIST),
           F(11, "resources", OBJECT(type_resource_requirements)),
           F(12, "volumeMounts", LIST(OBJECT(type_volume_mount_status)), BY("mountPath")),
           F(13, "user", OBJECT(type_container_user)), F(14, "allocatedResourcesStatus", LIST(ANY)),
           F(15, "stopSignal", STRING)),
};

const struct schema_type type_pod_status = {
    .name = "PodStatus",
    DOC("What the node knows of the pod."),
    FIELDS(F(1, "phase", STRING, ONE_OF("Pending", "Running", "Succeeded", "Failed", "Unknown")),
           F(2, "conditions", LIST(OBJECT(type_pod_condition)), BY("type")),
           F(3, "message", STRING), F(4, "reason", STRING), F(5, "hostIP", STRING, RULE(ip)),
           F(16, "hostIPs", LIST(OBJECT(type_ip))), F(6, "podIP", STRING, RULE(ip)),
           F(12, "podIPs", LIST(OBJECT(type_ip)), BY("ip")), F(7, "startTime", TIME),
           F(8, "containerStatuses", LIST(OBJECT(type_container_status))),
           F(9, "qosClass", STRING, ONE_OF("Guaranteed", "Burstable", "BestEffort")),
           F(10, "initContainerStatuses", LIST(OBJECT(type_container_status))),
           F(11, "nominatedNodeName", STRING),
           F(13, "ephemeralContainerStatuses", LIST(OBJECT(type_container_status))),
           F(14, "resize", STRING), F(15, "resourceClaimStatuses", LIST(ANY)),
           F(17, "observedGeneration", INT64)),
};
