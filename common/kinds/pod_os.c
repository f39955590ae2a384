/* What pods of one operating system may not say: a table after the published validation. */

#include "common/base/str.h"
#include "common/kinds/pod_place.h"
#include "common/kinds/pod_rules.h"

#include <stdio.h>

/* Of the spec, and of its securityContext. */
static const char *const windows_pod[] = {"hostPID", "hostIPC", "hostUsers",
                                          "shareProcessNamespace", NULL};
static const char *const windows_context[] = {"seLinuxOptions",
                                              "seccompProfile",
                                              "appArmorProfile",
                                              "fsGroup",
                                              "fsGroupChangePolicy",
                                              "sysctls",
                                              "runAsUser",
                                              "runAsGroup",
                                              "supplementalGroups",
                                              "supplementalGroupsPolicy",
                                              NULL};
/* Of each container's securityContext. */
static const char *const windows_container[] = {"seLinuxOptions",
                                                "seccompProfile",
                                                "appArmorProfile",
                                                "capabilities",
                                                "readOnlyRootFilesystem",
                                                "privileged",
                                                "allowPrivilegeEscalation",
                                                "procMount",
                                                "runAsUser",
                                                "runAsGroup",
                                                NULL};
static const char *const linux_context[] = {"windowsOptions", NULL};

static const struct {
    const char *os, *says;
    const char *const *pod, *const *context, *const *container; /* NULL: nothing */
} systems[] = {
    {"windows", "cannot be set for a windows pod", windows_pod, windows_context, windows_container},
    {"linux", "windows options cannot be set for a linux pod", NULL, linux_context, linux_context},
};

static void forbid(const struct value *object, const char *const *fields, const char *at,
                   const char *says, struct schema_walk *walk)
{
    char sub[256];
    for (; fields && *fields; fields++) {
        const struct value *value = value_get(object, *fields);
        if (value_type(value) == VALUE_NULL)
            continue;
        snprintf(sub, sizeof(sub), "%s%s%s", at, *at ? "." : "", *fields);
        schema_mistake(walk, value, sub, CAUSE_FORBIDDEN, "%s", says);
    }
}

void pod_os_rules(const struct value *spec, struct schema_walk *walk)
{
    static const char context[] = "securityContext";
    const char *os = value_str(value_path(spec, "os", "name", NULL));
    for (size_t i = 0; i < ARRAY_LEN(systems); i++) {
        if (!str_eq(os, systems[i].os))
            continue;
        forbid(spec, systems[i].pod, "", systems[i].says, walk);
        forbid(value_get(spec, context), systems[i].context, context, systems[i].says, walk);
        for (struct place place = {0}; place_next(spec, &place);) {
            char at[160];
            place_path(&place, ".securityContext", at);
            forbid(value_get(place.container, context), systems[i].container, at, systems[i].says,
                   walk);
        }
    }
}
