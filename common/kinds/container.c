/* Containers of all sorts. */

#include "common/base/str.h"
#include "common/kinds/types.h"

#include <stdio.h>

static const struct schema_type type_container_port = {
    .name = "ContainerPort",
    DOC("A port that a container listens on."),
    FIELDS(F(1, "name", STRING, RULE(port_name), DOC("Its name, for probes and Services.")),
           F(2, "hostPort", INT32, RANGE(0, 65535), OMIT_ZERO,
             DOC("The same port of the node leads here.")),
           F(3, "containerPort", INT32, REQUIRED, RULE(port), DOC("The port's number in the pod.")),
           F(4, "protocol", STRING, DEF("TCP"), ONE_OF("TCP", "UDP", "SCTP"),
             DOC("TCP, UDP or SCTP.")),
           F(5, "hostIP", STRING, RULE(ip),
             DOC("The node's address that hostPort is for; all if not given."))),
};

static void check_volume_mount(const struct value *mount, struct schema_walk *walk)
{
    const struct value *expr = value_get(mount, "subPathExpr");
    if (!str_empty(value_get_str(mount, "subPath")) && !str_empty(value_str(expr)))
        schema_mistake(walk, expr, "subPathExpr", CAUSE_INVALID, "not beside subPath");
}

static const struct schema_type type_volume_mount = {
    .name = "VolumeMount",
    DOC("Where a volume of the pod is seen in the container."),
    .check = check_volume_mount,
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The volume's name in the pod.")),
           F(2, "readOnly", BOOL, OMIT_ZERO, DOC("Whether it is for reading only.")),
           F(3, "mountPath", STRING, REQUIRED, RULE(mount_path), DOC("Where in the container.")),
           F(4, "subPath", STRING, RULE(path_relative),
             DOC("A path in the volume, to be mounted in place of the whole.")),
           F(5, "mountPropagation", STRING, ONE_OF("None", "HostToContainer", "Bidirectional"),
             DOC("Whether later mounts are seen: None, HostToContainer or Bidirectional.")),
           F(6, "subPathExpr", STRING, RULE(path_relative),
             DOC("As subPath, with $(NAME) for variables of the container.")),
           F(7, "recursiveReadOnly", STRING, ONE_OF("Disabled", "IfPossible", "Enabled"),
             DOC("Whether what is mounted below is for reading only too: Disabled, IfPossible or "
                 "Enabled."))),
};

static const struct schema_type type_volume_device = {
    .name = "VolumeDevice",
    DOC("A volume that the container sees as a block device."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The volume's name in the pod.")),
           F(2, "devicePath", STRING, REQUIRED, RULE(path_absolute),
             DOC("The device's path in the container."))),
};

static const struct schema_type type_container_resize_policy = {
    .name = "ContainerResizePolicy",
    DOC("What a change of a resource asks of the container."),
    FIELDS(F(1, "resourceName", STRING, REQUIRED, ONE_OF("cpu", "memory"), DOC("cpu or memory.")),
           F(2, "restartPolicy", STRING, REQUIRED, ONE_OF("NotRequired", "RestartContainer"),
             DOC("NotRequired, or RestartContainer."))),
};

static void check_ports(const struct value *ports, struct schema_walk *walk)
{
    for (size_t i = 0; i < value_len(ports); i++) {
        const char *name = value_get_str(value_at(ports, i), "name");
        char sub[48];
        for (size_t j = 0; j < i && !str_empty(name); j++) {
            if (!str_eq(name, value_get_str(value_at(ports, j), "name")))
                continue;
            snprintf(sub, sizeof(sub), "ports[%zu].name", i);
            schema_mistake(walk, value_get(value_at(ports, i), "name"), sub, CAUSE_DUPLICATE,
                           "\"%.15s\": comes twice (first at [%zu])", name, j);
            break;
        }
        if (i == 1000) /* enough to compare each with each */
            return;
    }
}

static void check_container(const struct value *container, struct schema_walk *walk)
{
    check_ports(value_get(container, "ports"), walk);
}

const char *image_pull_policy(const char *image)
{
    if (!image || strchr(image, '@'))
        return "IfNotPresent";
    const char *slash = strrchr(image, '/');
    const char *colon = strchr(slash ? slash : image, ':');
    return !colon || strcmp(colon, ":latest") == 0 ? "Always" : "IfNotPresent";
}

static void fill_container(struct value *container)
{
    if (str_empty(value_get_str(container, "imagePullPolicy")))
        value_set_str(container, "imagePullPolicy",
                      image_pull_policy(value_get_str(container, "image")));
}

/* Ordinary and ephemeral containers have the same fields under the same numbers. */
#define CONTAINER_FIELDS                                                                           \
    F(1, "name", STRING, REQUIRED, RULE(dns1123_label), DOC("Unique in the pod.")),                \
        F(2, "image", STRING, REQUIRED, RULE(image), DOC("[host[:port]/]path[:tag][@digest].")),   \
        F(3, "command", LIST(STRING), DOC("Replaces the image's entry point.")),                   \
        F(4, "args", LIST(STRING), DOC("Replaces the image's arguments.")),                        \
        F(5, "workingDir", STRING, DOC("Where it starts; as the image says if not given.")),       \
        F(6, "ports", LIST(OBJECT(type_container_port)), BY("containerPort"),                      \
          DOC("Ports that it listens on, for people and Services.")),                              \
        F(7, "env", LIST(OBJECT(type_env_var)), BY("name"), DOC("Variables that it gets.")),       \
        F(8, "resources", OBJECT(type_resource_requirements), DEF("{}"),                           \
          DOC("What it may use at most, and what is set aside for it.")),                          \
        F(9, "volumeMounts", LIST(OBJECT(type_volume_mount)), UNIQUE_BY("mountPath"),              \
          DOC("Where it sees which volumes.")),                                                    \
        F(10, "livenessProbe", OBJECT(type_probe), DOC("Started again when it fails.")),           \
        F(11, "readinessProbe", OBJECT(type_probe), DOC("Gets no traffic while it fails.")),       \
        F(12, "lifecycle", OBJECT(type_lifecycle),                                                 \
          DOC("What is done after its start and before its end.")),                                \
        F(13, "terminationMessagePath", STRING, DEF("/dev/termination-log"),                       \
          DOC("A file for its last words.")),                                                      \
        F(14, "imagePullPolicy", STRING, ONE_OF("Always", "IfNotPresent", "Never"),                \
          DOC("Always for the tag latest or none, else IfNotPresent.")),                           \
        F(15, "securityContext", OBJECT(type_security_context), DOC("What it may do.")),           \
        F(16, "stdin", BOOL, .flags = SCHEMA_OMIT_ZERO,                                            \
          DOC("Whether its standard input is kept open, for attach.")),                            \
        F(17, "stdinOnce", BOOL, .flags = SCHEMA_OMIT_ZERO,                                        \
          DOC("Whether standard input closes when the first who attached goes.")),                 \
        F(18, "tty", BOOL, .flags = SCHEMA_OMIT_ZERO,                                              \
          DOC("Whether it gets a terminal; wants stdin.")),                                        \
        F(19, "envFrom", LIST(OBJECT(type_env_from_source)),                                       \
          DOC("ConfigMaps and Secrets whose keys become variables; env wins.")),                   \
        F(20, "terminationMessagePolicy", STRING, DEF("File"),                                     \
          ONE_OF("File", "FallbackToLogsOnError"),                                                 \
          DOC("File, or FallbackToLogsOnError for the log's end if there are no last words.")),    \
        F(21, "volumeDevices", LIST(OBJECT(type_volume_device)), BY("devicePath"),                 \
          .flags = SCHEMA_UNIQUE | SCHEMA_INERT, DOC("Volumes that it sees as block devices.")),   \
        F(22, "startupProbe", OBJECT(type_probe), DOC("Other probes wait until it has passed.")),  \
        F(23, "resizePolicy", LIST(OBJECT(type_container_resize_policy)),                          \
          DOC("What a change of its resources asks of it.")),                                      \
        F(24, "restartPolicy", STRING, ONE_OF("Always"),                                           \
          DOC("Always makes an init container a sidecar."))

const struct schema_type type_container = {
    .name = "Container",
    DOC("A process tree with an image, limits and a name."),
    .check = check_container,
    .fill = fill_container,
    FIELDS(CONTAINER_FIELDS),
};

static const struct schema_type type_ephemeral_container_common = {
    .name = "EphemeralContainerCommon",
    DOC("What ephemeral containers have in common with others."),
    .check = check_container,
    .fill = fill_container,
    FIELDS(CONTAINER_FIELDS),
};

const struct schema_type type_ephemeral_container = {
    .name = "EphemeralContainer",
    DOC("Added to a running pod, for debugging."),
    FIELDS(INLINE(1, "ephemeralContainerCommon", type_ephemeral_container_common),
           F(2, "targetContainerName", STRING, DOC("The container whose processes it sees."))),
};
