/* NodeStatus: what a node tells of itself. */

#include "common/kinds/types.h"

static const struct schema_type type_node_condition = {
    .name = "NodeCondition",
    DOC("One thing that holds of a node or does not."),
    FIELDS(F(1, "type", STRING, REQUIRED,
             DOC("What: Ready, MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable.")),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),
             DOC("True, False, or Unknown if the node is not heard of.")),
           F(3, "lastHeartbeatTime", TIME, DOC("When the node last said so.")),
           F(4, "lastTransitionTime", TIME, DOC("When status last changed.")),
           F(5, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(6, "message", STRING, DOC("Why, for people."))),
};

static const struct schema_type type_node_address = {
    .name = "NodeAddress",
    DOC("A name or address by which a node is reached."),
    FIELDS(F(1, "type", STRING, REQUIRED,
             DOC("Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.")),
           F(2, "address", STRING, REQUIRED, DOC("The name or address."))),
};

static const struct schema_type type_daemon_endpoint = {
    .name = "DaemonEndpoint",
    DOC("A port of a node."),
    FIELDS(F(1, "Port", INT32, REQUIRED, DOC("Its number."))),
};

static const struct schema_type type_node_daemon_endpoints = {
    .name = "NodeDaemonEndpoints",
    DOC("Ports that programs of a node listen on."),
    FIELDS(F(1, "kubeletEndpoint", OBJECT(type_daemon_endpoint), DOC("That of the node agent."))),
};

static const struct schema_type type_node_swap_status = {
    .name = "NodeSwapStatus",
    DOC("A node's swap."),
    FIELDS(F(1, "capacity", INT64, DOC("How much there is, in bytes."))),
};

static const struct schema_type type_node_system_info = {
    .name = "NodeSystemInfo",
    DOC("What a node is and runs."),
    FIELDS(
        F(1, "machineID", STRING, DOC("The installation's id: /etc/machine-id.")),
        F(2, "systemUUID", STRING, DOC("The hardware's id.")),
        F(3, "bootID", STRING, DOC("An id that is new with each boot.")),
        F(4, "kernelVersion", STRING, DOC("The kernel's version, as of uname -r.")),
        F(5, "osImage", STRING, DOC("The system's name and version.")),
        F(6, "containerRuntimeVersion", STRING, DOC("What runs containers: <name>://<version>.")),
        F(7, "kubeletVersion", STRING, DOC("The node agent's version.")),
        F(8, "kubeProxyVersion", STRING, DOC("Of no use any more.")),
        F(9, "operatingSystem", STRING, DOC("linux.")),
        F(10, "architecture", STRING, DOC("The processor, in Go's words: amd64, arm64, arm.")),
        F(11, "swap", OBJECT(type_node_swap_status), DOC("Its swap."))),
};

static const struct schema_type type_container_image = {
    .name = "ContainerImage",
    DOC("An image that a node holds."),
    FIELDS(F(1, "names", LIST(STRING), DOC("Its names, with tags and digests.")),
           F(2, "sizeBytes", INT64, OMIT_ZERO, DOC("What it takes, in bytes."))),
};

static const struct schema_type type_attached_volume = {
    .name = "AttachedVolume",
    DOC("A volume that is attached to a node."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The volume.")),
           F(2, "devicePath", STRING, DOC("Its device on the node."))),
};

static const struct schema_type type_runtime_handler_features = {
    .name = "NodeRuntimeHandlerFeatures",
    DOC("What a runtime can do."),
    FIELDS(F(1, "recursiveReadOnlyMounts", BOOL,
             DOC("Whether volumeMounts may have recursiveReadOnly.")),
           F(2, "userNamespaces", BOOL, DOC("Whether pods may have hostUsers: false."))),
};

static const struct schema_type type_runtime_handler = {
    .name = "NodeRuntimeHandler",
    DOC("A runtime of a node."),
    FIELDS(F(1, "name", STRING, DOC("The handler that a RuntimeClass names; \"\" is the default.")),
           F(2, "features", OBJECT(type_runtime_handler_features), DOC("What it can do."))),
};

static const struct schema_type type_node_features = {
    .name = "NodeFeatures",
    DOC("What a node can do with any runtime."),
    FIELDS(
        F(1, "supplementalGroupsPolicy", BOOL, DOC("Whether it heeds supplementalGroupsPolicy."))),
};

const struct schema_type type_node_status = {
    .name = "NodeStatus",
    DOC("What a node has told of itself, and whether it is heard of."),
    FIELDS(
        F(0, "id", STRING, DOC("Limpet's: <name>.<hash of its key>, which never changes.")),
        F(1, "capacity", RESOURCE_LIST, DOC("What it has.")),
        F(2, "allocatable", RESOURCE_LIST, DOC("What of it pods may use.")),
        F(3, "phase", STRING, DOC("Of no use any more.")),
        F(4, "conditions", LIST(OBJECT(type_node_condition)), BY("type"),
          DOC("What holds of it: whether it is ready, short of memory, disk or processes.")),
        F(5, "addresses", LIST(OBJECT(type_node_address)), BY("type"), DOC("How it is reached.")),
        F(6, "daemonEndpoints", OBJECT(type_node_daemon_endpoints), DOC("Ports of its programs.")),
        F(7, "nodeInfo", OBJECT(type_node_system_info), DOC("What it is and runs.")),
        F(8, "images", LIST(OBJECT(type_container_image)), DOC("The images that it holds.")),
        F(9, "volumesInUse", LIST(STRING), DOC("Attached volumes that pods use.")),
        F(10, "volumesAttached", LIST(OBJECT(type_attached_volume)),
          DOC("Volumes that are attached to it.")),
        F(11, "config", OBJECT(type_node_config_status), DOC("Of no use any more.")),
        F(12, "runtimeHandlers", LIST(OBJECT(type_runtime_handler)), DOC("Its runtimes.")),
        F(13, "features", OBJECT(type_node_features), DOC("What it can do with any runtime."))),
};
