#include "agent/pod/apparmor_ask.h"

#include "agent/pod/containers.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <stdlib.h>
#include <string.h>

#define ANNOTATION "container.apparmor.security.beta.kubernetes.io/"
#define LOCAL "localhost/"

static const char *of_default(const struct value *container)
{
    const struct value *privileged = value_path(container, "securityContext", "privileged", NULL);
    return value_bool(privileged, false) ? NULL : APPARMOR_RUNTIME_DEFAULT;
}

static const char *of_annotation(const struct value *pod, const struct value *container)
{
    const char *name = value_get_str(container, "name");
    autofree char *key = xasprintf(ANNOTATION "%s", name ? name : "");
    const char *text = value_str(value_path(pod, "metadata", "annotations", key, NULL));
    if (str_eq(text, "runtime/default"))
        return of_default(container);
    return text && str_has_prefix(text, LOCAL) ? text + strlen(LOCAL) : NULL;
}

const char *apparmor_asked(const struct value *pod, const struct value *container)
{
    const struct value *own = value_path(container, "securityContext", "appArmorProfile", NULL);
    if (!own)
        own = value_path(pod, "spec", "securityContext", "appArmorProfile", NULL);
    const char *type = value_get_str(own, "type");
    if (!own)
        return of_annotation(pod, container);
    if (str_eq(type, "RuntimeDefault"))
        return of_default(container);
    return str_eq(type, "Localhost") ? value_get_str(own, "localhostProfile") : NULL;
}

static bool is_loaded(const char *profiles, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = profiles; line && *line; line += *line == '\n') {
        size_t all = strcspn(line, "\n");
        if (all > len && strncmp(line, name, len) == 0 && strncmp(line + len, " (", 2) == 0)
            return true;
        line += all;
    }
    return false;
}

static bool has(const struct apparmor_node *node, const char *profile, struct buf *ret_message)
{
    if (!profile || WEAKENED(APPARMOR_ASKED))
        return true;
    if (!node->enabled)
        (void)buf_addstr(ret_message,
                         "Cannot enforce AppArmor: AppArmor is not enabled on the host");
    else if (!is_loaded(node->profiles, profile))
        (void)buf_addf(ret_message, "Cannot enforce AppArmor: profile \"%.200s\" is not loaded",
                       profile);
    else
        return true;
    return false;
}

bool apparmor_allowed(const struct apparmor_node *node, const struct value *pod,
                      struct buf *ret_message)
{
    const struct value *spec = value_get(pod, "spec");
    for (size_t i = 0; i < containers_count(spec); i++)
        if (!has(node, apparmor_asked(pod, containers_at(spec, i, NULL)), ret_message))
            return false;
    return true;
}
