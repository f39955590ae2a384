/* Security contexts of pods and containers. */

#include "common/base/str.h"
#include "common/kinds/types.h"

static const struct schema_type type_capabilities = {
    .name = "Capabilities",
    FIELDS(F(1, "add", LIST(STRING), RULE(not_empty)), F(2, "drop", LIST(STRING), RULE(not_empty))),
};

static const struct schema_type type_se_linux_options = {
    .name = "SELinuxOptions",
    FIELDS(F(1, "user", STRING), F(2, "role", STRING), F(3, "type", STRING), F(4, "level", STRING)),
};

static const struct schema_type type_windows_options = {
    .name = "WindowsSecurityContextOptions",
    FIELDS(F(1, "gmsaCredentialSpecName", STRING), F(2, "gmsaCredentialSpec", STRING),
           F(3, "runAsUserName", STRING), F(4, "hostProcess", BOOL)),
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
    .check = check_profile,
    FIELDS(F(1, "type", STRING, REQUIRED, PROFILE_TYPES),
           F(2, "localhostProfile", STRING, RULE(path_relative))),
};

static const struct schema_type type_app_armor_profile = {
    .name = "AppArmorProfile",
    .check = check_profile,
    FIELDS(F(1, "type", STRING, REQUIRED, PROFILE_TYPES), F(2, "localhostProfile", STRING)),
};

static void check_security_context(const struct value *context, struct schema_walk *walk)
{
    const struct value *escalation = value_get(context, "allowPrivilegeEscalation");
    if (!value_bool(escalation, true) && value_get_bool(context, "privileged", false))
        schema_mistake(walk, escalation, "allowPrivilegeEscalation", CAUSE_INVALID,
                       "cannot be false in a privileged container");
}

const struct schema_type type_security_context = {
    .name = "SecurityContext",
    DOC("What a container may do. What it does not say, the pod's says."),
    .check = check_security_context,
    FIELDS(F(1, "capabilities", OBJECT(type_capabilities)), F(2, "privileged", BOOL),
           F(3, "seLinuxOptions", OBJECT(type_se_linux_options)),
           F(4, "runAsUser", INT64, RULE(id)), F(5, "runAsNonRoot", BOOL),
           F(6, "readOnlyRootFilesystem", BOOL), F(7, "allowPrivilegeEscalation", BOOL),
           F(8, "runAsGroup", INT64, RULE(id)),
           F(9, "procMount", STRING, ONE_OF("Default", "Unmasked")),
           F(10, "windowsOptions", OBJECT(type_windows_options)),
           F(11, "seccompProfile", OBJECT(type_seccomp_profile)),
           F(12, "appArmorProfile", OBJECT(type_app_armor_profile))),
};

static const struct schema_type type_sysctl = {
    .name = "Sysctl",
    FIELDS(F(1, "name", STRING, REQUIRED),
           F(2, "value", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY)),
};

const struct schema_type type_pod_security_context = {
    .name = "PodSecurityContext",
    DOC("What holds for all containers of a pod."),
    FIELDS(F(1, "seLinuxOptions", OBJECT(type_se_linux_options)),
           F(2, "runAsUser", INT64, RULE(id)), F(3, "runAsNonRoot", BOOL),
           F(4, "supplementalGroups", LIST(INT64), RULE(id)), F(5, "fsGroup", INT64, RULE(id)),
           F(6, "runAsGroup", INT64, RULE(id)),
           F(7, "sysctls", LIST(OBJECT(type_sysctl)), DISTINCT_BY("name")),
           F(8, "windowsOptions", OBJECT(type_windows_options)),
           F(9, "fsGroupChangePolicy", STRING, ONE_OF("Always", "OnRootMismatch")),
           F(10, "seccompProfile", OBJECT(type_seccomp_profile)),
           F(11, "appArmorProfile", OBJECT(type_app_armor_profile)),
           F(12, "supplementalGroupsPolicy", STRING, ONE_OF("Merge", "Strict")),
           F(13, "seLinuxChangePolicy", STRING, ONE_OF("MountOption", "Recursive"))),
};
