/* autoscaling/v1 Scale: what /scale of the kinds that have one shows. Never stored. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_scale_spec = {
    .name = "ScaleSpec",
    FIELDS(F(1, "replicas", INT32, DEF("0"), RULE(not_negative), DOC("How many there should be."))),
};

static const struct schema_type type_scale_status = {
    .name = "ScaleStatus",
    FIELDS(F(1, "replicas", INT32, DOC("How many there are.")),
           F(2, "selector", STRING, DOC("Which pods are counted, as labelSelector spells it."))),
};

static const struct schema_type type_scale = {
    .name = "Scale",
    DOC("How many replicas an object of any kind has."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)),
           F(2, "spec", OBJECT(type_scale_spec), DEF("{}")),
           F(3, "status", OBJECT(type_scale_status))),
};

const struct schema_kind kind_scale = {
    .group = "autoscaling",
    .version = "v1",
    .kind = "Scale",
    .plural = "scales",
    .singular = "scale",
    .namespaced = true,
    .type = &type_scale,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.autoscaling.v1.Scale"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Desired", "integer", .path = "spec.replicas"},
            {"Available", "integer", .path = "status.replicas"},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
