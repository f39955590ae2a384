/* networking.k8s.io/v1 IngressClass. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static void check_parameters(const struct value *parameters, struct schema_walk *walk)
{
    const struct value *ns = value_get(parameters, "namespace");
    bool namespaced = str_eq(value_get_str(parameters, "scope"), "Namespace");
    if (namespaced && str_empty(value_str(ns)))
        schema_mistake(walk, ns, "namespace", CAUSE_REQUIRED,
                       "required: `parameters.scope` is set to 'Namespace'");
    if (!namespaced && !str_empty(value_str(ns)))
        schema_mistake(walk, ns, "namespace", CAUSE_FORBIDDEN,
                       "`parameters.scope` is set to 'Cluster'");
}

static const struct schema_type type_ingress_class_parameters = {
    .name = "IngressClassParametersReference",
    DOC("An object that says more to the controller."),
    .check = check_parameters,
    FIELDS(F(1, "apiGroup", STRING, RULE(dns1123_subdomain), DOC("Its API group; none is core.")),
           F(2, "kind", STRING, REQUIRED, DOC("Its kind.")),
           F(3, "name", STRING, REQUIRED, DOC("Its name.")),
           F(4, "scope", STRING, DEF("Cluster"), ONE_OF("Cluster", "Namespace"),
             DOC("Cluster, or Namespace if it is in one.")),
           F(5, "namespace", STRING, RULE(dns1123_label), DOC("Its namespace, if it is in one."))),
};

static const char *format_controller(const char *s)
{
    return strlen(s) > 250 ? "must be at most 250 characters" : format_domain_path(s);
}

static const struct schema_type type_ingress_class_spec = {
    .name = "IngressClassSpec",
    DOC("Who sees to the Ingresses of a class."),
    FIELDS(F(1, "controller", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
             FORMAT(format_controller),
             DOC("Who sees to them: \"example.com/proxy\". Stays as it is.")),
           F(2, "parameters", OBJECT(type_ingress_class_parameters),
             DOC("An object that says more to the controller."))),
};

static const struct schema_type type_ingress_class = {
    .name = "IngressClass",
    DOC("A sort of Ingress, which names the controller that sees to it."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_ingress_class_spec), REQUIRED, DOC("Who sees to them."))),
};

CELL(cell_parameters)
{
    (void)now_wall_ns;
    const struct value *parameters = value_path(object, "spec", "parameters", NULL);
    const char *kind = value_get_str(parameters, "kind"), *name = value_get_str(parameters, "name");
    const char *group = value_get_str(parameters, "apiGroup");
    if (kind && name)
        buf_addf(ret, "%s%s%s/%s", kind, group ? "." : "", group ? group : "", name);
    else
        buf_addstr(ret, "<none>");
}

const struct schema_kind kind_ingress_class = {
    .group = "networking.k8s.io",
    .version = "v1",
    .kind = "IngressClass",
    .plural = "ingressclasses",
    .singular = "ingressclass",
    .flags = SCHEMA_KIND_INERT,
    .type = &type_ingress_class,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.networking.v1.IngressClass"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Controller", "string", .path = "spec.controller"},
            {"Parameters", "string", .cell = cell_parameters},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
