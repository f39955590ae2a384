/* Security contexts of pods and containers. */

#include "common/base/str.h"
#include "common/kinds/types.h"

static const struct schema_type type_capabilities = {
    .name = "Capabilities",
    DOC("Changes to what the runtime gives, by names without CAP_."),
    FIELDS(F(1, "add", LIST(STRING), RULE(not_empty), DOC("Given besides.")),
           F(2, "drop", LIST(STRING), RULE(not_empty), DOC("Taken away; ALL for all of them."))),
};

static const struct schema_type type_se_linux_options = {
    .name = "SELinuxOptions",
    DOC("Labels of SELinux."),
    FIELDS(F(1, "user", STRING, DOC("The user label.")),
           F(2, "role", STRING, DOC("The role label.")),
           F(3, "type", STRING, DOC("The type label.")),
           F(4, "level", STRING, DOC("The level label."))),
};

static const struct schema_type type_windows_options = {
    .name = "WindowsSecurityContextOptions",
    DOC("What holds for containers of Windows."),
    FIELDS(
        F(1, "gmsaCredentialSpecName", STRING, DOC("The GMSA credential specification, by name.")),
        F(2, "gmsaCredentialSpec", STRING, DOC("The GMSA credential specification itself.")),
        F(3, "runAsUserName", STRING, DOC("The user that it runs as.")),
        F(4, "hostProcess", BOOL, DOC("Whether it runs on the host itself."))),
};

static void check_profile(const struct value *profile, struct schema_walk *walk)
{
    bool local = str_eq(value_get_str(profile, "type"), "Localhost");
    const struct value *path = value_get(profile, "localhostProfile");
    if (local && str_empty(value_str(path)))
        schema_mistake(walk, path, "localhostProfile", CAUSE_REQUIRED,
                       "required with type Localhost");
    else if (!local && value_type(path) != VALUE_NULL)
        schema_mistake(walk, path, "localhostProfile", CAUSE_FORBIDDEN, "only with type Localhost");
}

#define PROFILE_TYPES ONE_OF("RuntimeDefault", "Unconfined", "Localhost")

static const struct schema_type type_seccomp_profile = {
    .name = "SeccompProfile",
    DOC("Which system calls are let through."),
    .check = check_profile,
    FIELDS(F(1, "type", STRING, REQUIRED, PROFILE_TYPES,
             DOC("RuntimeDefault, Unconfined or Localhost.")),
           F(2, "localhostProfile", STRING, RULE(path_relative),
             DOC("The profile's file on the node, with type Localhost."))),
};

static const struct schema_type type_app_armor_profile = {
    .name = "AppArmorProfile",
    DOC("What AppArmor lets through."),
    .check = check_profile,
    FIELDS(F(1, "type", STRING, REQUIRED, PROFILE_TYPES,
             DOC("RuntimeDefault, Unconfined or Localhost.")),
           F(2, "localhostProfile", STRING,
             DOC("The profile's name on the node, with type Localhost."))),
};

static void check_security_context(const struct value *context, struct schema_walk *walk)
{
    const struct value *escalation = value_get(context, "allowPrivilegeEscalation");
    if (!value_bool(escalation, true) && value_get_bool(context, "privileged", false))
        schema_mistake(walk, escalation, "allowPrivilegeEscalation", CAUSE_INVALID,
                       "cannot be false in a privileged container");
    const struct value *added = value_path(context, "capabilities", "add", NULL);
    for (size_t i = 0; i < value_len(added) && !value_bool(escalation, true); i++)
        if (str_eq(value_str(value_at(added, i)), "CAP_SYS_ADMIN") ||
            str_eq(value_str(value_at(added, i)), "SYS_ADMIN"))
            schema_mistake(walk, escalation, "allowPrivilegeEscalation", CAUSE_INVALID,
                           "cannot be false with capabilities.add SYS_ADMIN");
}

const struct schema_type type_security_context = {
    .name = "SecurityContext",
    DOC("What a container may do. What it does not say, the pod's says."),
    .check = check_security_context,
    FIELDS(F(1, "capabilities", OBJECT(type_capabilities), DOC("Capabilities given and taken.")),
           F(2, "privileged", BOOL, DOC("Whether it may do what root on the node may.")),
           F(3, "seLinuxOptions", OBJECT(type_se_linux_options), DOC("Labels of SELinux.")),
           F(4, "runAsUser", INT64, RULE(id),
             DOC("The user id that it runs as; the image's if not given.")),
           F(5, "runAsNonRoot", BOOL, DOC("Whether running as user 0 is refused.")),
           F(6, "readOnlyRootFilesystem", BOOL,
             DOC("Whether the image's files are for reading only.")),
           F(7, "allowPrivilegeEscalation", BOOL,
             DOC("Whether a program may gain more rights than its parent has.")),
           F(8, "runAsGroup", INT64, RULE(id),
             DOC("The group id that it runs as; the image's if not given.")),
           F(9, "procMount", STRING, ONE_OF("Default", "Unmasked"),
             DOC("Default, or Unmasked for all of /proc.")),
           F(10, "windowsOptions", OBJECT(type_windows_options), INERT,
             DOC("What holds for containers of Windows.")),
           F(11, "seccompProfile", OBJECT(type_seccomp_profile),
             DOC("Which system calls are let through.")),
           F(12, "appArmorProfile", OBJECT(type_app_armor_profile),
             DOC("What AppArmor lets through."))),
};

static const struct schema_type type_sysctl = {
    .name = "Sysctl",
    DOC("A setting of the kernel that is the pod's own."),
    FIELDS(
        F(1, "name", STRING, REQUIRED, DOC("Its name: net.core.somaxconn.")),
        F(2, "value", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY, DOC("Its value."))),
};

const struct schema_type type_pod_security_context = {
    .name = "PodSecurityContext",
    DOC("What holds for all containers of a pod."),
    FIELDS(F(1, "seLinuxOptions", OBJECT(type_se_linux_options), DOC("Labels of SELinux.")),
           F(2, "runAsUser", INT64, RULE(id), DOC("The user id that containers run as.")),
           F(3, "runAsNonRoot", BOOL, DOC("Whether running as user 0 is refused.")),
           F(4, "supplementalGroups", LIST(INT64), RULE(id),
             DOC("Further group ids of the containers' processes.")),
           F(5, "fsGroup", INT64, RULE(id),
             DOC("A group id of the containers' processes that volumes are made to belong to.")),
           F(6, "runAsGroup", INT64, RULE(id), DOC("The group id that containers run as.")),
           F(7, "sysctls", LIST(OBJECT(type_sysctl)), DISTINCT_BY("name"),
             DOC("Settings of the kernel.")),
           F(8, "windowsOptions", OBJECT(type_windows_options), INERT,
             DOC("What holds for containers of Windows.")),
           F(9, "fsGroupChangePolicy", STRING, ONE_OF("Always", "OnRootMismatch"),
             DOC("When volumes are given to fsGroup: Always or OnRootMismatch.")),
           F(10, "seccompProfile", OBJECT(type_seccomp_profile),
             DOC("Which system calls are let through.")),
           F(11, "appArmorProfile", OBJECT(type_app_armor_profile),
             DOC("What AppArmor lets through.")),
           F(12, "supplementalGroupsPolicy", STRING, ONE_OF("Merge", "Strict"),
             DOC("Whether the groups of the image's /etc/group count too: Merge or Strict.")),
           F(13, "seLinuxChangePolicy", STRING, ONE_OF("MountOption", "Recursive"),
             DOC("How volumes get their label: MountOption or Recursive."))),
};
