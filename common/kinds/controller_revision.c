/* apps/v1 ControllerRevision. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

#include <ctype.h>

static const struct schema_type type_controller_revision = {
    .name = "ControllerRevision",
    DOC("What a DaemonSet or StatefulSet once was, to go back to. Never changes."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "data", ANY, .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
          DOC("What it was, as its controller writes it. Stays as it is.")),
        F(3, "revision", INT64, RULE(not_negative), DOC("The later, the greater."))),
};

/* "daemonset.apps/agent": what the object is a revision of. */
CELL(cell_controller)
{
    (void)now_wall_ns;
    const struct value *owners = value_path(object, "metadata", "ownerReferences", NULL);
    for (size_t i = 0; i < value_len(owners); i++) {
        const struct value *owner = value_at(owners, i);
        const char *kind = value_get_str(owner, "kind"), *name = value_get_str(owner, "name");
        const char *api_version = value_get_str(owner, "apiVersion");
        if (!value_get_bool(owner, "controller", false) || !kind || !name || !api_version)
            continue;
        for (; *kind; kind++)
            buf_addc(ret, (char)tolower((unsigned char)*kind));
        if (strchr(api_version, '/'))
            buf_addf(ret, ".%.*s", (int)strcspn(api_version, "/"), api_version);
        buf_addf(ret, "/%s", name);
        return;
    }
    buf_addstr(ret, "<none>");
}

const struct schema_kind kind_controller_revision = {
    .group = "apps",
    .version = "v1",
    .kind = "ControllerRevision",
    .plural = "controllerrevisions",
    .singular = "controllerrevision",
    .namespaced = true,
    .flags = SCHEMA_KIND_INERT,
    .type = &type_controller_revision,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.apps.v1.ControllerRevision"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Controller", "string", .cell = cell_controller},
            {"Revision", "string", .path = "revision", .none = "0"},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
