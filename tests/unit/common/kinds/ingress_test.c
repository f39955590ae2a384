/* Ingresses and their classes. */

#include "load.h"

#define INGRESS(spec_)                                                                             \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec:\n  " spec_ "\n"
#define SERVICE "{service: {name: s, port: {number: 80}}}"
#define PATH(path_) INGRESS("rules: [{http: {paths: [{" path_ ", backend: " SERVICE "}]}}]")
#define AT "line 5: spec.rules[0].http.paths[0]"
#define BACKEND(backend_) INGRESS("defaultBackend: " backend_)

static void test_ingress__is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {INGRESS("{}"), "line 5: spec: either `defaultBackend` or `rules` must be specified\n"},
        {BACKEND(SERVICE), ""},
        {BACKEND("{}"), "line 5: spec.defaultBackend: resource or service backend is required\n"},
        {BACKEND("{service: {name: s, port: {name: p}}, resource: {kind: k, name: n}}"),
         "line 5: spec.defaultBackend: cannot set both resource and service backends\n"},
        {BACKEND("{service: {name: s, port: {name: p, number: 8}}}"),
         "line 5: spec.defaultBackend.service.port: cannot set both port name & port number\n"},
        {BACKEND("{service: {name: s, port: {}}}"),
         "line 5: spec.defaultBackend.service.port: port name or number is required\n"},
        {BACKEND("{service: {name: s, port: {number: 0}}}"),
         "line 5: spec.defaultBackend.service.port: port name or number is required\n"},
        {BACKEND("{service: {name: s, port: {name: p, number: 0}}}"), ""},
        {BACKEND("{service: {name: s, port: {number: 65536}}}"),
         "line 5: spec.defaultBackend.service.port.number: 65536: must be 1-65535\n"},
        {PATH("pathType: Prefix, path: /a"), ""},
        {PATH("pathType: ImplementationSpecific"), ""},
        {PATH("path: /a"), AT ".pathType: required\n"},
        {PATH("pathType: Exact"), AT ".path: \"\": must be an absolute path\n"},
        {PATH("pathType: ImplementationSpecific, path: a"),
         AT ".path: \"a\": must be an absolute path\n"},
        {PATH("pathType: Prefix, path: /a//b"), AT ".path: \"/a//b\": must not contain '//'\n"},
        {PATH("pathType: Prefix, path: /a%2Fb"), AT ".path: \"/a%2Fb\": must not contain '%2f'\n"},
        {PATH("pathType: Prefix, path: /a/.."), AT ".path: \"/a/..\": must not contain '/..'\n"},
        {PATH("pathType: ImplementationSpecific, path: /a//b"), ""},
        {INGRESS("rules: [{host: 10.0.0.1}]"),
         "line 5: spec.rules[0].host: \"10.0.0.1\": must be a DNS name, not an IP address\n"},
        {INGRESS("rules: [{host: '*.a.io'}, {host: 'a.*'}]"),
         "line 5: spec.rules[1].host: \"a.*\": must be a-z, 0-9, '-' and '.', each part beginning "
         "and ending with a letter or digit\n"},
        {INGRESS("rules: [{http: {}}]"), "line 5: spec.rules[0].http.paths: required\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
}

static void test_ingress__columns(void **state)
{
    (void)state;
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Class", "{spec: {ingressClassName: c}}", "c"},
        {"Class", "{}", "<none>"},
        {"Hosts", "{}", "*"},
        {"Hosts", "{spec: {rules: [{http: {}}]}}", "*"},
        {"Hosts", "{spec: {rules: [{host: a}, {host: b}, {host: c}]}}", "a,b,c"},
        {"Hosts", "{spec: {rules: [{host: a}, {host: b}, {host: c}, {host: d}, {host: e}]}}",
         "a,b,c + 2 more..."},
        {"Address", "{}", ""},
        {"Address",
         "{status: {loadBalancer: {ingress: [{ip: 10.0.0.2}, {hostname: a.io}, {ip: 10.0.0.1}, "
         "{ip: 10.0.0.2}]}}}",
         "10.0.0.1,10.0.0.2,a.io"},
        {"Ports", "{}", "80"},
        {"Ports", "{spec: {tls: [{}]}}", "80, 443"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_ingress, cases[i].column, cases[i].object, 0, cases[i].want);
}

#define CLASS(spec_)                                                                               \
    "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: a}\nspec: {" spec_ "}\n"

static void test_ingress__class(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object =
        load_whole(CLASS("controller: a.io/b, parameters: {kind: k, name: n}"));
    assert_string_equal(value_str(value_path(object, "spec", "parameters", "scope", NULL)),
                        "Cluster");
    expect_mistakes(CLASS("controller: b"), "line 4: spec.controller: \"b\": must be a "
                                            "domain-prefixed path (such as \"acme.io/foo\")\n");
    expect_mistakes(CLASS("controller: a.io/b, parameters: {kind: k, name: n, namespace: x}"),
                    "line 4: spec.parameters.namespace: `parameters.scope` is set to 'Cluster'\n");
    expect_mistakes(CLASS("controller: a.io/b, parameters: {kind: k, name: n, scope: Namespace}"),
                    "line 4: spec.parameters.namespace: required: `parameters.scope` is set to "
                    "'Namespace'\n");
    expect_update(CLASS("controller: a.io/b"), CLASS("controller: a.io/c"),
                  "spec.controller: field is immutable\n");
    expect_cell(&kind_ingress_class, "Parameters",
                "{spec: {parameters: {apiGroup: a.io, kind: K, name: n}}}", 0, "K.a.io/n");
    expect_cell(&kind_ingress_class, "Parameters", "{}", 0, "<none>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingress__is_checked),
        cmocka_unit_test(test_ingress__columns),
        cmocka_unit_test(test_ingress__class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
