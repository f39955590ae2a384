/* core/v1 PodTemplate, and PodTemplateSpec, which all workloads have. */

#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"

/* Ephemeral containers are added to a pod that runs. */
void pod_template_check(const struct value *template, struct schema_walk *walk)
{
    const struct value *containers = value_path(template, "spec", "ephemeralContainers", NULL);
    if (value_len(containers) > 0)
        schema_mistake(walk, containers, "spec.ephemeralContainers", CAUSE_FORBIDDEN,
                       "ephemeral containers not allowed in pod template");
}

static void check_template(const struct value *template, struct schema_walk *walk)
{
    pod_template_check(template, walk);
    pod_check_mounts(template, "", NULL, walk);
}

const struct schema_type type_pod_template_spec = {
    .name = "PodTemplateSpec",
    DOC("What the pods that are made of it look like."),
    .check = check_template,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta),
             DOC("The labels and annotations that the pods get.")),
           F(2, "spec", OBJECT(type_pod_spec), REQUIRED, DOC("What the pods are to be."))),
};

static const struct schema_type type_pod_template = {
    .name = "PodTemplate",
    DOC("A pod to be copied, kept for programs that make pods."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "template", OBJECT(type_pod_template_spec), REQUIRED, DOC("The pods to be made."))),
};

TEMPLATE_CELLS("template")

CELL(cell_labels)
{
    (void)now_wall_ns;
    labels_print(value_path(object, "template", "metadata", "labels", NULL), ret);
}

const struct schema_kind kind_pod_template = {
    .group = "",
    .version = "v1",
    .kind = "PodTemplate",
    .plural = "podtemplates",
    .singular = "podtemplate",
    .namespaced = true,
    .flags = SCHEMA_KIND_INERT,
    .type = &type_pod_template,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.core.v1.PodTemplate"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Containers", "string", .cell = cell_containers},
            {"Images", "string", .cell = cell_images},
            {"Pod Labels", "string", .cell = cell_labels}),
};
