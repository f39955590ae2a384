/* networking.k8s.io/v1 Ingress. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

#include <stdlib.h>
#include <strings.h>

static const struct schema_type type_object_of_namespace = {
    .name = "TypedLocalObjectReference",
    .whole = true,
    DOC("An object of the same namespace, by group, kind and name."),
    FIELDS(F(1, "apiGroup", STRING, RULE(dns1123_subdomain), DOC("Its API group; none is core.")),
           F(2, "kind", STRING, REQUIRED, DOC("Its kind.")),
           F(3, "name", STRING, REQUIRED, DOC("Its name."))),
};

/* To Kubernetes a number of 0 is none. */
static void check_port(const struct value *port, struct schema_walk *walk)
{
    const struct value *number = value_get(port, "number");
    bool named = !str_empty(value_get_str(port, "name"));
    int64_t n = value_int(number, 0);
    if (named && n != 0)
        schema_mistake(walk, port, "", CAUSE_INVALID, "cannot set both port name & port number");
    else if (!named && n == 0)
        schema_mistake(walk, port, "", CAUSE_REQUIRED, "port name or number is required");
    else if (n < 0 || n > 65535)
        schema_mistake(walk, number, "number", CAUSE_INVALID, "%lld: must be 1-65535",
                       (long long)n);
}

static const struct schema_type type_service_backend_port = {
    .name = "ServiceBackendPort",
    DOC("A port of a service, by name or number."),
    .check = check_port,
    FIELDS(F(1, "name", STRING, RULE(port_name), DOC("The name that the service gives it.")),
           F(2, "number", INT32, OMIT_ZERO, DOC("Its number."))),
};

static const struct schema_type type_ingress_service_backend = {
    .name = "IngressServiceBackend",
    DOC("A service that requests go to."),
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1035_label),
             DOC("The service, of the same namespace.")),
           F(2, "port", OBJECT(type_service_backend_port), REQUIRED, DOC("Its port."))),
};

static void check_backend(const struct value *backend, struct schema_walk *walk)
{
    bool service = value_type(value_get(backend, "service")) != VALUE_NULL;
    bool resource = value_type(value_get(backend, "resource")) != VALUE_NULL;
    if (service == resource)
        schema_mistake(walk, backend, "", CAUSE_INVALID,
                       service ? "cannot set both resource and service backends"
                               : "resource or service backend is required");
}

static const struct schema_type type_ingress_backend = {
    .name = "IngressBackend",
    DOC("Where requests go: a service, or an object that a controller knows."),
    .check = check_backend,
    FIELDS(F(4, "service", OBJECT(type_ingress_service_backend), DOC("A service.")),
           F(3, "resource", OBJECT(type_object_of_namespace),
             DOC("An object that the ingress controller knows."))),
};

/* What a path of type Exact or Prefix may not hold, and not end with. */
static const char *find_bad_part(const char *path)
{
    static const char *const within[] = {"//", "/./", "/../", "%2f"};
    static const char *const at_end[] = {"/..", "/."};
    for (size_t i = 0; i < ARRAY_LEN(within); i++)
        if (strcasestr(path, within[i]))
            return within[i];
    for (size_t i = 0; i < ARRAY_LEN(at_end); i++)
        if (str_has_suffix(path, at_end[i]))
            return at_end[i];
    return NULL;
}

static void check_path(const struct value *path, struct schema_walk *walk)
{
    const struct value *text = value_get(path, "path");
    const char *type = value_get_str(path, "pathType");
    const char *s = value_str(text) ? value_str(text) : "";
    bool exact = str_eq(type, "Exact") || str_eq(type, "Prefix");
    const char *bad = exact ? find_bad_part(s) : NULL;
    if (*s != '/' && (exact || *s))
        schema_mistake(walk, text, "path", CAUSE_INVALID, "\"%.64s\": must be an absolute path", s);
    else if (bad)
        schema_mistake(walk, text, "path", CAUSE_INVALID, "\"%.64s\": must not contain '%s'", s,
                       bad);
}

static const struct schema_type type_http_ingress_path = {
    .name = "HTTPIngressPath",
    DOC("Requests for a path, and where they go."),
    .check = check_path,
    FIELDS(F(1, "path", STRING, DOC("The path that is asked for.")),
           F(3, "pathType", STRING, REQUIRED, ONE_OF("Exact", "Prefix", "ImplementationSpecific"),
             DOC("Exact: that path; Prefix: and what is below it; or as the controller has it.")),
           F(2, "backend", OBJECT(type_ingress_backend), REQUIRED, DOC("Where they go."))),
};

static const struct schema_type type_http_ingress_rule_value = {
    .name = "HTTPIngressRuleValue",
    DOC("Where the requests of one host go."),
    FIELDS(F(1, "paths", LIST(OBJECT(type_http_ingress_path)), REQUIRED,
             DOC("By path; the longest that fits holds."))),
};

static const char *format_host(const char *s)
{
    if (!format_ip(s))
        return "must be a DNS name, not an IP address";
    return format_dns1123_subdomain(str_has_prefix(s, "*.") ? s + 2 : s);
}

static const struct schema_type type_ingress_rule_value = {
    .name = "IngressRuleValue",
    DOC("What is done with requests; there is HTTP alone."),
    FIELDS(F(1, "http", OBJECT(type_http_ingress_rule_value), DOC("By path."))),
};

static const struct schema_type type_ingress_rule = {
    .name = "IngressRule",
    DOC("The requests for one host."),
    FIELDS(F(1, "host", STRING, FORMAT(format_host),
             DOC("The host: \"shop.example.com\" or \"*.example.com\"; all if not given.")),
           INLINE(2, "ingressRuleValue", type_ingress_rule_value)),
};

static const struct schema_type type_ingress_tls = {
    .name = "IngressTLS",
    DOC("A certificate, and the hosts that it is for."),
    FIELDS(F(1, "hosts", LIST(STRING), FORMAT(format_host), DOC("Hosts that it is for.")),
           F(2, "secretName", STRING, RULE(dns1123_subdomain),
             DOC("The Secret that holds certificate and key."))),
};

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    if (value_len(value_get(spec, "rules")) == 0 &&
        value_type(value_get(spec, "defaultBackend")) == VALUE_NULL)
        schema_mistake(walk, spec, "", CAUSE_INVALID,
                       "either `defaultBackend` or `rules` must be specified");
}

static const struct schema_type type_ingress_spec = {
    .name = "IngressSpec",
    DOC("Which requests from outside go where."),
    .check = check_spec,
    FIELDS(F(4, "ingressClassName", STRING, RULE(dns1123_subdomain),
             DOC("The IngressClass, which says who sees to it.")),
           F(1, "defaultBackend", OBJECT(type_ingress_backend),
             DOC("Where requests go that no rule is for.")),
           F(2, "tls", LIST(OBJECT(type_ingress_tls)), DOC("Certificates of hosts.")),
           F(3, "rules", LIST(OBJECT(type_ingress_rule)), DOC("By host and path."))),
};

static const struct schema_type type_ingress_port_status = {
    .name = "IngressPortStatus",
    DOC("A port that can be reached, or why it cannot."),
    FIELDS(
        F(1, "port", INT32, REQUIRED, RULE(port), DOC("The port.")),
        F(2, "protocol", STRING, REQUIRED, ONE_OF("TCP", "UDP", "SCTP"), DOC("TCP, UDP or SCTP.")),
        F(3, "error", STRING, RULE(qualified_name), DOC("Why it cannot, in one word."))),
};

static const struct schema_type type_ingress_load_balancer_ingress = {
    .name = "IngressLoadBalancerIngress",
    DOC("An address that requests can be sent to."),
    FIELDS(F(1, "ip", STRING, RULE(ip), DOC("The address.")),
           F(2, "hostname", STRING, RULE(dns1123_subdomain), DOC("Or its name.")),
           F(4, "ports", LIST(OBJECT(type_ingress_port_status)), DOC("Its ports."))),
};

static const struct schema_type type_ingress_load_balancer_status = {
    .name = "IngressLoadBalancerStatus",
    DOC("Where requests can be sent to."),
    FIELDS(
        F(1, "ingress", LIST(OBJECT(type_ingress_load_balancer_ingress)), DOC("The addresses."))),
};

static const struct schema_type type_ingress_status = {
    .name = "IngressStatus",
    DOC("How it can be reached."),
    FIELDS(F(1, "loadBalancer", OBJECT(type_ingress_load_balancer_status), DEF("{}"),
             DOC("Where requests can be sent to."))),
};

static const struct schema_type type_ingress = {
    .name = "Ingress",
    DOC("HTTP requests from outside, by host and path, to services."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_ingress_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_ingress_status), DOC("How it can be reached."))),
};

CELL(cell_hosts)
{
    enum { SHOWN = 3 };
    (void)now_wall_ns;
    const struct value *rules = value_path(object, "spec", "rules", NULL);
    size_t shown = 0, start = ret->len, i = 0;
    for (; i < value_len(rules) && shown < SHOWN; i++) {
        const char *host = value_get_str(value_at(rules, i), "host");
        if (!str_empty(host))
            buf_addf(ret, "%s%s", shown++ ? "," : "", host);
    }
    if (ret->len == start)
        buf_addc(ret, '*');
    else if (i < value_len(rules))
        buf_addf(ret, " + %zu more...", value_len(rules) - SHOWN);
}

static __attribute__((unused)) int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

CELL(cell_address)
{
    (void)now_wall_ns;
    const struct value *points = value_path(object, "status", "loadBalancer", "ingress", NULL);
    autofree const char **texts = xcalloc(value_len(points) + 1, sizeof(*texts));
    size_t count = 0;
    for (size_t i = 0; i < value_len(points); i++) {
        const char *ip = value_get_str(value_at(points, i), "ip");
        const char *name = value_get_str(value_at(points, i), "hostname");
        if (!str_empty(ip) || !str_empty(name))
            texts[count++] = str_empty(ip) ? name : ip;
    }
    qsort(texts, count, sizeof(*texts), by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_eq(texts[i], texts[i - 1]))
            buf_addf(ret, "%s%s", i ? "," : "", texts[i]);
}

CELL(cell_ports)
{
    (void)now_wall_ns;
    buf_addstr(ret, value_len(value_path(object, "spec", "tls", NULL)) > 0 ? "80, 443" : "80");
}

const struct schema_kind kind_ingress = {
    .group = "networking.k8s.io",
    .version = "v1",
    .kind = "Ingress",
    .plural = "ingresses",
    .singular = "ingress",
    .short_names = NAMES("ing"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT,
    .type = &type_ingress,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.networking.v1.Ingress"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Class", "string", .path = "spec.ingressClassName"},
            {"Hosts", "string", .cell = cell_hosts}, {"Address", "string", .cell = cell_address},
            {"Ports", "string", .cell = cell_ports},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
