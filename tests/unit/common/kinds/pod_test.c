#include "load.h"

#include "common/base/clock.h"

#define POD "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n" /* 4 lines */
#define APP "  containers: [{name: app, image: 'x:1'}]\n"

static void test_pod__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load(POD "  containers:\n  - name: app\n    image: web\n    ports: [{containerPort: 80}]\n"
                 "    resources: {limits: {cpu: 1000m}, requests: {memory: 1Mi}}\n"
                 "    livenessProbe: {httpGet: {port: web}}\n"
                 "  volumes: [{name: a}, {name: b, secret: {secretName: s}}, {name: c, hostPath: "
                 "{path: /x}}]\n");
    cleanup(buf_done) struct buf got = {0};
    json_write_canonical(value_get(value_at(objects, 0), "spec"), &got);
    assert_string_equal(
        buf_str(&got),
        "{\"containers\":[{\"image\":\"web\",\"imagePullPolicy\":\"Always\",\"livenessProbe\":{"
        "\"failureThreshold\":3,\"httpGet\":{\"path\":\"/\",\"port\":\"web\",\"scheme\":\"HTTP\"},"
        "\"periodSeconds\":10,\"successThreshold\":1,\"timeoutSeconds\":1},\"name\":\"app\","
        "\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}],\"resources\":{\"limits\":{\"cpu\":"
        "\"1\"},\"requests\":{\"cpu\":\"1\",\"memory\":\"1Mi\"}},\"terminationMessagePath\":"
        "\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\"}],\"dnsPolicy\":"
        "\"ClusterFirst\",\"enableServiceLinks\":true,\"restartPolicy\":\"Always\","
        "\"schedulerName\":\"default-scheduler\",\"securityContext\":{},"
        "\"terminationGracePeriodSeconds\":30,\"volumes\":[{\"emptyDir\":{},\"name\":\"a\"},{"
        "\"name\":\"b\",\"secret\":{\"defaultMode\":420,\"secretName\":\"s\"}},{\"hostPath\":{"
        "\"path\":\"/x\",\"type\":\"\"},\"name\":\"c\"}]}");
}

static void test_pod__pull_policy_by_tag(void **state)
{
    (void)state;
    static const struct {
        const char *image, *policy;
    } cases[] = {
        {"a", "Always"},
        {"a:latest", "Always"},
        {"a:1", "IfNotPresent"},
        {"r:5000/a", "Always"},
        {"r:5000/a:1", "IfNotPresent"},
        {"a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "IfNotPresent"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        snprintf(text, sizeof(text), POD "  containers: [{name: app, image: '%s'}]\n",
                 cases[i].image);
        cleanup(value_free) struct value *objects = load(text);
        const struct value *container =
            value_at(value_path(value_at(objects, 0), "spec", "containers", NULL), 0);
        assert_string_equal(value_get_str(container, "imagePullPolicy"), cases[i].policy);
    }
}

static void test_pod__host_network(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects = load(
        POD "  hostNetwork: true\n  containers: [{name: app, image: x, ports: [{containerPort: "
            "80}]}]\n");
    const struct value *ports = value_get(
        value_at(value_path(value_at(objects, 0), "spec", "containers", NULL), 0), "ports");
    assert_int_equal(value_get_int(value_at(ports, 0), "hostPort", 0), 80);
    expect_mistakes(POD
                    "  hostNetwork: true\n  containers:\n  - name: app\n    image: x\n    ports: "
                    "[{containerPort: 80, hostPort: 81}]\n",
                    "line 9: spec.containers[0].ports[0].hostPort: must be the containerPort (80) "
                    "with hostNetwork\n");
}

static void test_pod__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *want;
    } cases[] = {
        {APP, ""},
        {"  {}\n", "line 5: spec.containers: required\n"},
        {"  containers: []\n", "line 5: spec.containers: required\n"},
        {"  containers: [{name: app}]\n", "line 5: spec.containers[0].image: required\n"},
        {APP "  restartPolicy: always\n", "line 6: spec.restartPolicy: \"always\": must be one of "
                                          "Always, OnFailure, Never\n"},
        {APP "  terminationGracePeriodSeconds: -1\n",
         "line 6: spec.terminationGracePeriodSeconds: -1: must be at least 0\n"},
        {APP "  initContainers: [{name: app, image: x}]\n",
         "line 5: spec.containers[0].name: \"app\": comes twice (first in initContainers)\n"},
        {APP "  initContainers: [{name: i, image: x, readinessProbe: {exec: {command: [a]}}}]\n",
         "line 6: spec.initContainers[0].readinessProbe: not for an init container without "
         "restartPolicy: Always\n"},
        {APP "  initContainers: [{name: i, image: x, restartPolicy: Always, readinessProbe: {exec: "
             "{command: [a]}}}]\n",
         ""},
        {APP
         "  ephemeralContainers: [{name: e, image: x, targetContainerName: app, resources: {}}]\n",
         ""},
        {APP "  ephemeralContainers: [{name: e, image: x, ports: [{containerPort: 1}], "
             "restartPolicy: Always, livenessProbe: {exec: {command: [a]}}}]\n",
         "line 6: spec.ephemeralContainers[0].livenessProbe: cannot be set for an ephemeral "
         "container\n"
         "line 6: spec.ephemeralContainers[0].ports: cannot be set for an ephemeral container\n"
         "line 6: spec.ephemeralContainers[0].restartPolicy: cannot be set for an ephemeral "
         "container\n"},
        {"  containers: [{name: a, image: x, restartPolicy: Always}]\n",
         "line 5: spec.containers[0].restartPolicy: only for init containers\n"},
        {"  containers: [{name: a, image: x, volumeMounts: [{name: v, mountPath: /v}]}]\n",
         "line 5: spec.containers[0].volumeMounts[0].name: \"v\": the pod has no such volume\n"},
        {"  volumes: [{name: v}]\n  containers: [{name: a, image: x, volumeMounts: [{name: v, "
         "mountPath: /v}, {name: v, mountPath: /v}]}]\n",
         "line 6: spec.containers[0].volumeMounts[1].mountPath: \"/v\": comes twice (first at "
         "[0])\n"},
        {"  volumes: [{name: v}, {name: v}]\n" APP,
         "line 5: spec.volumes[1].name: \"v\": comes twice (first at [0])\n"},
        {"  volumes: [{name: v, emptyDir: {}, hostPath: {path: /}}]\n" APP,
         "line 5: spec.volumes[0].emptyDir: not beside hostPath: there may be one volume type\n"},
        {"  volumes: [{name: v, hostPath: {path: /a/../b}}]\n" APP,
         "line 5: spec.volumes[0].hostPath.path: \"/a/../b\": must not hold '..'\n"},
        {"  volumes: [{name: v, configMap: {items: [{key: k, path: ../x}]}}]\n" APP,
         "line 5: spec.volumes[0].configMap.items[0].path: \"../x\": must not hold '..'\n"
         "line 5: spec.volumes[0].configMap.name: required\n"},
        {"  containers: [{name: a, image: x, env: [{name: A, value: b, valueFrom: {fieldRef: "
         "{fieldPath: metadata.name}}}]}]\n",
         "line 5: spec.containers[0].env[0].valueFrom: not beside a value\n"},
        {"  containers: [{name: a, image: x, env: [{name: A, valueFrom: {fieldRef: {fieldPath: "
         "spec.x}}}]}]\n",
         "line 5: spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: \"spec.x\": not a field "
         "that a container can be told\n"},
        {"  containers: [{name: a, image: x, env: [{name: A, valueFrom: {}}, {name: B, valueFrom: "
         "{secretKeyRef: {name: s}}}]}]\n",
         "line 5: spec.containers[0].env[0].valueFrom: must name a source\n"
         "line 5: spec.containers[0].env[1].valueFrom.secretKeyRef.key: required\n"},
        {"  containers: [{name: a, image: x, envFrom: [{}]}]\n",
         "line 5: spec.containers[0].envFrom[0]: must have one of configMapRef and secretRef\n"},
        {"  containers: [{name: a, image: x, envFrom: [{secretRef: {}}]}]\n",
         "line 5: spec.containers[0].envFrom[0].secretRef.name: required\n"},
        {"  containers: [{name: a, image: x, resources: {limits: {cpu: 1}, requests: {cpu: "
         "1001m}}}]\n",
         "line 5: spec.containers[0].resources.requests: Invalid value: \"1001m\": must be less "
         "than or equal to cpu limit of 1\n"},
        {"  containers: [{name: a, image: x, resources: {limits: {memory: -1}}}]\n",
         "line 5: spec.containers[0].resources.limits.memory: -1: must be at least 0\n"},
        {"  containers: [{name: a, image: x, securityContext: {privileged: true, "
         "allowPrivilegeEscalation: false}}]\n",
         "line 5: spec.containers[0].securityContext.allowPrivilegeEscalation: cannot be false in a "
         "privileged container\n"},
        {"  containers: [{name: a, image: x, securityContext: {runAsUser: 3000000000}}]\n",
         "line 5: spec.containers[0].securityContext.runAsUser: 3000000000: must be 0-2147483647\n"},
        {"  containers: [{name: a, image: x, ports: [{containerPort: 1, name: p}, {containerPort: 2, "
         "name: p}]}]\n",
         "line 5: spec.containers[0].ports[1].name: \"p\": comes twice (first at [0])\n"},
        {"  containers: [{name: a, image: x, livenessProbe: {httpGet: {port: 0}}}]\n",
         "line 5: spec.containers[0].livenessProbe.httpGet.port: 0: must be 1-65535\n"},
        {APP "  dnsPolicy: None\n",
         "line 6: spec.dnsConfig.nameservers: required with dnsPolicy None\n"},
        {APP "  tolerations: [{key: a, operator: Exists, value: b}, {operator: Equal}, {key: a, "
             "tolerationSeconds: 1}]\n",
         "line 6: spec.tolerations[0].value: not with operator Exists\n"
         "line 6: spec.tolerations[1].operator: must be Exists where there is no key\n"
         "line 6: spec.tolerations[2].effect: must be NoExecute with tolerationSeconds\n"},
        {APP "  nodeSelector: {a: 1}\n  hostname: a.b\n",
         "line 6: spec.nodeSelector.a: 1: must be a string (put it in quotes)\n"
         "line 7: spec.hostname: \"a.b\": must be a-z, 0-9 and '-', beginning and ending with a "
         "letter or digit\n"},
        {APP "  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {}}}\n",
         "line 6: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
         "nodeSelectorTerms: required\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "%s%s", POD, cases[i].spec);
        expect_mistakes(text, cases[i].want);
    }
    expect_mistakes("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "line 1: spec: required\n");
}

/* hostAliases, dnsConfig, subdomain, setHostnameAsFQDN. */
static void test_pod__names(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *want;
    } cases[] = {
        {"  hostAliases: [{ip: 10.0.0.1, hostnames: [a, b.c]}, {ip: 'fd00::1'}, {ip: 10.0.0.1, "
         "hostnames: [d]}]\n  subdomain: sub\n  setHostnameAsFQDN: true\n",
         ""},
        {"  hostAliases: [{hostnames: [a]}, {ip: x}, {ip: 10.0.0.1, hostnames: [A_b, 'a b']}]\n",
         "line 6: spec.hostAliases[0].ip: required\n"
         "line 6: spec.hostAliases[1].ip: \"x\": must be an IP address\n"
         "line 6: spec.hostAliases[2].hostnames[0]: \"A_b\": must be a-z, 0-9, '-' and '.', each "
         "part beginning and ending with a letter or digit\n"
         "line 6: spec.hostAliases[2].hostnames[1]: \"a b\": must be a-z, 0-9, '-' and '.', each "
         "part beginning and ending with a letter or digit\n"},
        {"  subdomain: a.b\n",
         "line 6: spec.subdomain: \"a.b\": must be a-z, 0-9 and '-', beginning and ending with a "
         "letter or digit\n"},
        {"  dnsPolicy: cluster\n", "line 6: spec.dnsPolicy: \"cluster\": must be one of "
                                   "ClusterFirst, ClusterFirstWithHostNet, Default, None\n"},
        {"  dnsPolicy: None\n  dnsConfig: {nameservers: [1.1.1.1, '::1'], searches: [a.b, c., ., "
         "_x.y_z], options: [{name: ndots, value: '2'}, {name: edns0}]}\n",
         ""},
        {"  dnsPolicy: None\n  dnsConfig: {searches: [a]}\n",
         "line 6: spec.dnsConfig.nameservers: required with dnsPolicy None\n"},
        {"  dnsConfig: {nameservers: [1.1.1.1, 2.2.2.2, 3.3.3.3, dns.example]}\n",
         "line 6: spec.dnsConfig.nameservers: 4: must be at most 3\n"
         "line 6: spec.dnsConfig.nameservers[3]: \"dns.example\": must be an IP address\n"},
        {"  dnsConfig: {searches: ['a b', a..b, -a, '', '..']}\n",
         "line 6: spec.dnsConfig.searches[0]: \"a b\": must be a domain of a-z, 0-9, '-', '_' and "
         "'.'\n"
         "line 6: spec.dnsConfig.searches[1]: \"a..b\": must be a domain of a-z, 0-9, '-', '_' and "
         "'.'\n"
         "line 6: spec.dnsConfig.searches[2]: \"-a\": must be a domain of a-z, 0-9, '-', '_' and "
         "'.'\n"
         "line 6: spec.dnsConfig.searches[3]: \"\": must be a domain of a-z, 0-9, '-', '_' and "
         "'.'\n"
         "line 6: spec.dnsConfig.searches[4]: \"..\": must be a domain of a-z, 0-9, '-', '_' and "
         "'.'\n"},
        {"  dnsConfig: {options: [{value: x}]}\n",
         "line 6: spec.dnsConfig.options[0].name: required\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "%s%s%s", POD, APP, cases[i].spec);
        expect_mistakes(text, cases[i].want);
    }
}

/* As many search domains, and as long ones, as a resolver takes. */
static void test_pod__search_limits(void **state)
{
    (void)state;
    static const struct {
        int count, len;
        const char *want;
    } cases[] = {
        {32, 5, ""},
        {33, 5, "line 6: spec.dnsConfig.searches: 33: must be at most 32\n"},
        {32, 63, ""}, /* 2047 characters */
        {8, 253, ""},
        {9, 253,
         "line 6: spec.dnsConfig.searches: 2285 characters, blanks between them included: must be at "
         "most 2048\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf text = {0};
        buf_addstr(&text, POD APP "  dnsConfig: {searches: [");
        for (int n = 0; n < cases[i].count; n++)
            buf_addf(&text, "%s'%0*d'", n ? ", " : "", cases[i].len, n);
        buf_addstr(&text, "]}\n");
        expect_mistakes(buf_str(&text), cases[i].want);
    }
}

static void test_pod__resource_fields(void **state)
{
    (void)state;
    static const struct {
        const char *ref, *want; /* below "line 5: spec.containers[0].env[0].valueFrom." */
    } cases[] = {
        {"resource: limits.cpu, divisor: 1m", NULL},
        {"resource: limits.cpu, divisor: 1000m, containerName: b", NULL},
        {"resource: requests.memory, divisor: 1Mi", NULL},
        {"resource: requests.memory, divisor: 1", NULL},
        {"resource: requests.memory, divisor: '0'", NULL},
        {"resource: limits.ephemeral-storage, divisor: 1000", NULL},
        {"resource: limits.hugepages-2Mi", NULL},
        {"resource: limits.cpu, divisor: 1k", "divisor: 1k: must be 1m or 1 for cpu"},
        {"resource: limits.memory, divisor: 1m", "divisor: 1m: must be 1, 1k to 1E or 1Ki to 1Ei"},
        {"resource: limits.memory, divisor: 2Ki",
         "divisor: 2Ki: must be 1, 1k to 1E or 1Ki to 1Ei"},
        {"divisor: 1", "resource: required"},
        {"resource: cpu", "resource: \"cpu\": must be limits or requests, a dot, and cpu, memory, "
                          "ephemeral-storage or hugepages-<size>"},
        {"resource: limits.pods",
         "resource: \"limits.pods\": must be limits or requests, a dot, and cpu, memory, "
         "ephemeral-storage or hugepages-<size>"},
        {"resource: limits.cpu, containerName: A_",
         "containerName: \"A_\": must be a-z, 0-9 and '-', beginning and ending with a letter or "
         "digit"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512], want[512] = "";
        snprintf(text, sizeof(text),
                 "%s  containers: [{name: a, image: x, env: [{name: A, valueFrom: "
                 "{resourceFieldRef: {%s}}}]}]\n",
                 POD, cases[i].ref);
        if (cases[i].want)
            snprintf(want, sizeof(want),
                     "line 5: spec.containers[0].env[0].valueFrom.resourceFieldRef.%s\n",
                     cases[i].want);
        expect_mistakes(text, want);
    }
}

static void test_pod__too_many_containers_are_not_compared(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    buf_addstr(&text, POD "  containers:\n");
    for (int i = 0; i < 501; i++)
        buf_addf(&text, "  - {name: c%d, image: x}\n", i);
    expect_mistakes(buf_str(&text), "line 5: spec.containers: 501: must be at most 500 in all\n");
}

#define ONE_OF_MANY                                                                                \
    "spec: pod updates may not change fields other than `spec.containers[*].image`,"               \
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "        \
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set " \
    "to 1 if it was previously negative)"
#define TOLERATION                                                                                 \
    "spec.tolerations: existing toleration can not be modified except its "                        \
    "tolerationSeconds"
#define COUNT "spec.containers: pod updates may not add or remove containers"

static void test_pod__update(void **state)
{
    (void)state;
    static const struct {
        const char *old, *object;
        const char *mistake; /* NULL: it is allowed */
    } cases[] = {
        {APP, APP, NULL},
        {APP, "  containers: [{name: app, image: 'x:2'}]\n", NULL},
        {APP, APP "  nodeName: n\n", NULL},
        {APP "  nodeName: n\n", APP "  nodeName: m\n", ONE_OF_MANY},
        {APP, APP "  restartPolicy: Always\n", NULL}, /* the default */
        {APP, APP "  restartPolicy: Never\n", ONE_OF_MANY},
        {APP, APP "  terminationGracePeriodSeconds: 30\n", NULL}, /* the default */
        {APP, APP "  terminationGracePeriodSeconds: 1\n", ONE_OF_MANY},
        {APP, "  containers: [{name: app, image: 'x:1', args: [a]}]\n", ONE_OF_MANY},
        {APP, "  containers: [{name: app, image: 'x:1'}, {name: b, image: x}]\n", COUNT},
        {APP, APP "  initContainers: [{name: b, image: x}]\n",
         "spec.initContainers: pod updates may not add or remove containers"},
        {APP, APP "  activeDeadlineSeconds: 5\n", NULL},
        {APP "  activeDeadlineSeconds: 5\n", APP "  activeDeadlineSeconds: 4\n", NULL},
        {APP "  activeDeadlineSeconds: 5\n", APP "  activeDeadlineSeconds: 6\n",
         "spec.activeDeadlineSeconds: 6: must be less than or equal to previous value"},
        {APP "  activeDeadlineSeconds: 5\n", APP,
         "spec.activeDeadlineSeconds: must not update from a positive integer to nil value"},
        {APP, APP "  tolerations: [{key: a, operator: Exists}]\n", NULL},
        {APP "  tolerations: [{key: a, operator: Exists, effect: NoExecute}]\n",
         APP "  tolerations: [{key: b, operator: Exists}, {key: a, operator: Exists, "
             "effect: NoExecute, tolerationSeconds: 5}]\n",
         NULL},
        {APP "  tolerations: [{key: a, operator: Exists}]\n", APP, TOLERATION},
        {APP "  tolerations: [{key: a, operator: Exists}]\n",
         APP "  tolerations: [{key: a, operator: Exists, effect: NoExecute}]\n", TOLERATION},
        {APP "  schedulingGates: [{name: a}, {name: b}]\n", APP "  schedulingGates: [{name: b}]\n",
         NULL},
        {APP "  schedulingGates: [{name: a}]\n", APP, NULL},
        {APP "  schedulingGates: [{name: a}]\n", APP "  schedulingGates: [{name: a}, {name: b}]\n",
         "spec.schedulingGates[1].name: only deletion is allowed, but found new scheduling gate 'b'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char old_text[512], text[512], got[512];
        snprintf(old_text, sizeof(old_text), "%s%s", POD, cases[i].old);
        snprintf(text, sizeof(text), "%s%s", POD, cases[i].object);
        cleanup(value_free) struct value *old = load(old_text);
        cleanup(value_free) struct value *object = load(text);
        cleanup(diags_done) struct diags diags = {0};
        int r = schema_check_update(&kind_pod, value_at(old, 0), value_at(object, 0), &diags);
        print_message("%s -> %s", cases[i].old, cases[i].object);
        assert_int_equal(r == 0, cases[i].mistake == NULL);
        if (r == 0)
            continue;
        snprintf(got, sizeof(got), "%s: %s", diags.items[0].path, diags.items[0].reason);
        assert_string_equal(got, cases[i].mistake);
    }
}

#define MIRRORED(value_)                                                                                  \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web, annotations: {kubernetes.io/config.mirror: " value_ \
    "}}\nspec:\n"
#define PLAIN "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"

static void test_pod__mirror(void **state)
{
    (void)state;
    static const struct {
        const char *old, *object, *mistake;
    } cases[] = {
        {PLAIN, MIRRORED("x"), "may not add mirror pod annotation"},
        {MIRRORED("x"), PLAIN, "may not remove or update mirror pod annotation"},
        {MIRRORED("x"), MIRRORED("y"), "may not remove or update mirror pod annotation"},
        {MIRRORED("x"), MIRRORED("x"), NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char old_text[512], text[512];
        snprintf(old_text, sizeof(old_text), "%s%s", cases[i].old, APP "  nodeName: n\n");
        snprintf(text, sizeof(text), "%s%s", cases[i].object, APP "  nodeName: n\n");
        cleanup(value_free) struct value *old = load(old_text);
        cleanup(value_free) struct value *object = load(text);
        cleanup(diags_done) struct diags diags = {0};
        int r = schema_check_update(&kind_pod, value_at(old, 0), value_at(object, 0), &diags);
        assert_int_equal(r == 0, cases[i].mistake == NULL);
        if (r == 0)
            continue;
        assert_string_equal(diags.items[0].path,
                            "metadata.annotations[kubernetes.io/config.mirror]");
        assert_string_equal(diags.items[0].reason, cases[i].mistake);
    }
    expect_mistakes(MIRRORED("x") APP,
                    "line 1: metadata.annotations[kubernetes.io/config.mirror]: \"x\": must set "
                    "spec.nodeName if mirror pod annotation is set\n");
}

static void test_pod__status_from_a_node(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects = load(POD APP);
    struct value *pod = value_at(objects, 0);
    static const struct {
        const char *status;
        bool right;
    } cases[] = {
        {"{phase: Running, podIP: 10.0.0.2, containerStatuses: [{name: app, ready: true, "
         "restartCount: 1, state: {running: {startedAt: '2026-01-01T00:00:00Z'}}}]}",
         true},
        {"{phase: Dancing}", false},
        {"{podIP: evil}", false},
        {"{containerStatuses: [{name: app, state: {running: {}, waiting: {}}}]}", false},
        {"{nope: 1}", false},
        {"[]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(diags_done) struct diags diags = {0};
        struct value *status = NULL;
        assert_int_equal(yaml_parse(cases[i].status, strlen(cases[i].status), &status, &diags), 0);
        value_set(pod, "status", status);
        if ((schema_check(&kind_pod, pod, SCHEMA_CHECK_STATUS, &diags) == 0) != cases[i].right)
            fail_msg("%s", cases[i].status);
    }
}

static void test_pod__columns(void **state)
{
    (void)state;
#define STATUSES                                                                                   \
    "spec: {containers: [{name: a}, {name: b}]}\nstatus:\n  phase: Running\n  containerStatuses:\n"
#define INITS                                                                                      \
    "spec: {containers: [{name: a}], initContainers: [{name: i}, {name: s, restartPolicy: "        \
    "Always}]}\nstatus:\n"
#define RUNNING_SIDECAR                                                                              \
    "  initContainerStatuses:\n  - {name: i, restartCount: 4, state: {terminated: {exitCode: 0}}}\n" \
    "  - {name: s, ready: true, started: true, restartCount: 2, state: {running: {}}}\n"
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Name", "metadata: {name: web}", "web"},
        {"Ready", "spec: {containers: [{name: a}]}", "0/1"},
        {"Ready", STATUSES "  - {ready: true}\n  - {ready: false}\n", "1/2"},
        {"Ready", INITS "  containerStatuses: [{ready: true}]\n" RUNNING_SIDECAR, "2/2"},
        {"Ready", INITS "  containerStatuses: [{ready: false}]\n" RUNNING_SIDECAR, "1/2"},
        {"Ready", INITS, "0/2"},
        {"Restarts", INITS "  containerStatuses: [{restartCount: 9}]\n" RUNNING_SIDECAR, "11"},
        {"Restarts",
         INITS "  containerStatuses: [{restartCount: 9}]\n"
               "  initContainerStatuses:\n  - {name: i, restartCount: 4, state: {running: {}}}\n",
         "4"},
        {"Status",
         INITS "  initContainerStatuses:\n  - {name: i, state: {terminated: {exitCode: 0}}}\n"
               "  - {name: s, state: {waiting: {reason: PodInitializing}}}\n",
         "Init:1/2"},
        {"Status",
         INITS "  initContainerStatuses: [{name: i, state: {terminated: {exitCode: 3}}}]\n",
         "Init:ExitCode:3"},
        {"Status",
         INITS "  phase: Succeeded\n  conditions: [{type: Initialized, status: 'True'}]\n"
               "  containerStatuses: [{state: {terminated: {reason: Completed}}}]\n"
               "  initContainerStatuses: [{name: s, state: {terminated: {exitCode: 3}}}]\n",
         "Completed"},
        {"Status", "{}", "Pending"},
        {"Status", "status: {phase: Succeeded}", "Succeeded"},
        {"Status", "status: {phase: Failed, reason: Evicted}", "Evicted"},
        {"Status",
         "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}\nstatus: {phase: Running}",
         "Terminating"},
        {"Status", STATUSES "  - {state: {running: {}}}\n", "Running"},
        {"Status",
         STATUSES "  - {state: {waiting: {reason: CrashLoopBackOff}}}\n  - {state: "
                  "{running: {}}}\n",
         "CrashLoopBackOff"},
        {"Status",
         STATUSES "  - {state: {terminated: {reason: Completed}}}\n  - {state: {running: "
                  "{}}}\n",
         "Running"},
        {"Status", STATUSES "  - {state: {terminated: {exitCode: 3}}}\n", "ExitCode:3"},
        {"Status", STATUSES "  - {state: {terminated: {exitCode: 137, signal: 9}}}\n", "Signal:9"},
        {"Status",
         "status: {phase: Pending, initContainerStatuses: [{state: {terminated: {exitCode: 0}}}, "
         "{state: {running: {}}}]}",
         "Init:1/2"},
        {"Status",
         "status: {phase: Pending, initContainerStatuses: [{state: {waiting: {reason: "
         "ErrImagePull}}}]}",
         "Init:ErrImagePull"},
        {"Status", STATUSES "  - {state: {waiting: {reason: Pulling, message: 25% of 9.0 MB}}}\n",
         "Pulling:25%"},
        {"Status", STATUSES "  - {state: {waiting: {reason: Pulling, message: 9999% x}}}\n",
         "Pulling"},
        {"Restarts", STATUSES "  - {restartCount: 0}\n", "0"},
        {"Restarts",
         STATUSES "  - {restartCount: 2, lastState: {terminated: {finishedAt: "
                  "'2026-01-01T00:00:00Z'}}}\n  - {restartCount: 1}\n",
         "3 (5m ago)"},
        {"Age", "metadata: {creationTimestamp: '2025-12-31T00:05:00Z'}", "24h"},
        {"IP", "status: {podIP: 10.0.0.1}", "10.0.0.1"},
        {"Node", "{}", "<none>"},
        {"Readiness Gates", "{}", "<none>"},
        {"Readiness Gates",
         "spec: {readinessGates: [{conditionType: a}, {conditionType: b}]}\nstatus: {conditions: "
         "[{type: a, status: 'True'}, {type: b, status: 'False'}]}",
         "1/2"},
    };
    int64_t now;
    assert_int_equal(clock_parse("2026-01-01T00:05:00Z", &now), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_pod, cases[i].column, cases[i].object, now, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod__defaults),
        cmocka_unit_test(test_pod__pull_policy_by_tag),
        cmocka_unit_test(test_pod__host_network),
        cmocka_unit_test(test_pod__mistakes),
        cmocka_unit_test(test_pod__names),
        cmocka_unit_test(test_pod__search_limits),
        cmocka_unit_test(test_pod__resource_fields),
        cmocka_unit_test(test_pod__too_many_containers_are_not_compared),
        cmocka_unit_test(test_pod__update),
        cmocka_unit_test(test_pod__mirror),
        cmocka_unit_test(test_pod__status_from_a_node),
        cmocka_unit_test(test_pod__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
