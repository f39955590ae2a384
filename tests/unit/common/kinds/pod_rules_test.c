#include "load.h"

#define POD "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n" /* 4 lines */
#define APP "  containers: [{name: app, image: 'x:1'}]\n"
/* A container and more of it, on line 5. */
#define WITH(more_) "  containers: [{name: app, image: 'x:1', " more_ "}]\n"

struct rule_case {
    const char *spec, *want;
};

static void expect_all(const struct rule_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cleanup(buf_done) struct buf text = {0};
        buf_addf(&text, "%s%s", POD, cases[i].spec);
        expect_mistakes(buf_str(&text), cases[i].want);
    }
}

static void test_pod_rules__probes_and_hooks(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        {WITH("livenessProbe: {exec: {command: [a]}, successThreshold: 2}"),
         "line 5: spec.containers[0].livenessProbe.successThreshold: 2: must be 1\n"},
        {WITH("startupProbe: {exec: {command: [a]}, successThreshold: 2}"),
         "line 5: spec.containers[0].startupProbe.successThreshold: 2: must be 1\n"},
        {WITH("readinessProbe: {exec: {command: [a]}, successThreshold: 2}"), ""},
        {WITH("livenessProbe: {exec: {command: [a]}, successThreshold: 0}"), ""},
        {WITH("readinessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 2}"),
         "line 5: spec.containers[0].readinessProbe.terminationGracePeriodSeconds: must not be set "
         "for readinessProbes\n"},
        {WITH("lifecycle: {preStop: {sleep: {seconds: 31}}}"),
         "line 5: spec.containers[0].lifecycle.preStop.sleep.seconds: 31: must be non-negative and "
         "less than terminationGracePeriodSeconds (30)\n"},
        {WITH(
             "lifecycle: {preStop: {sleep: {seconds: 31}}}") "  terminationGracePeriodSeconds: 31\n",
         ""},
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void test_pod_rules__zeros_of_a_probe_are_its_defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load(POD WITH("livenessProbe: {tcpSocket: {port: 1}, timeoutSeconds: 0, periodSeconds: 0, "
                      "successThreshold: 0, failureThreshold: 0}"));
    cleanup(buf_done) struct buf got = {0};
    const struct value *containers = value_path(value_at(objects, 0), "spec", "containers", NULL);
    json_write_canonical(value_get(value_at(containers, 0), "livenessProbe"), &got);
    assert_string_equal(buf_str(&got),
                        "{\"failureThreshold\":3,\"periodSeconds\":10,\"successThreshold\":1,"
                        "\"tcpSocket\":{\"port\":1},\"timeoutSeconds\":1}");
}

static void test_pod_rules__volumes_and_devices(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        {"  volumes: [{name: v}]\n" WITH(
             "volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]"),
         "line 6: spec.containers[0].volumeMounts[0].mountPropagation: Bidirectional mount "
         "propagation is available only to privileged containers\n"},
        {"  volumes: [{name: v}]\n" WITH(
             "securityContext: {privileged: true}, "
             "volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]"),
         ""},
        {"  volumes: [{name: v}]\n" WITH(
             "volumeMounts: [{name: v, mountPath: /v, recursiveReadOnly: Enabled}]"),
         "line 6: spec.containers[0].volumeMounts[0].recursiveReadOnly: may only be specified when "
         "readOnly is true\n"},
        {"  volumes: [{name: v}]\n" WITH(
             "volumeMounts: [{name: v, mountPath: /v, readOnly: true, recursiveReadOnly: Enabled, "
             "mountPropagation: HostToContainer}]"),
         "line 6: spec.containers[0].volumeMounts[0].recursiveReadOnly: may only be specified when "
         "mountPropagation is None or not specified\n"},
        {WITH("volumeDevices: [{name: v, devicePath: /dev/v}]"),
         "line 5: spec.containers[0].volumeDevices[0].name: \"v\": the pod has no such volume\n"},
        {"  volumes: [{name: v}]\n" WITH("volumeDevices: [{name: v, devicePath: /dev/v}]"),
         "line 6: spec.containers[0].volumeDevices[0].name: \"v\": can only use volume source type "
         "of PersistentVolumeClaim or Ephemeral for block mode\n"},
        {"  volumes: [{name: v, downwardAPI: {items: [{path: a}]}}]\n" APP,
         "line 5: spec.volumes[0].downwardAPI.items[0]: must have one of fieldRef and "
         "resourceFieldRef\n"},
        {"  volumes: [{name: v, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: "
         "status.podIP}}]}}]\n" APP,
         "line 5: spec.volumes[0].downwardAPI.items[0].fieldRef.fieldPath: \"status.podIP\": not a "
         "field that a file can tell\n"},
        {"  volumes: [{name: v, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: "
         "\"metadata.labels['a.b/c']\"}}]}}]\n" APP,
         ""},
        {"  volumes: [{name: v, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: "
         "\"metadata.labels['a\"}}]}}]\n" APP,
         "line 5: spec.volumes[0].downwardAPI.items[0].fieldRef.fieldPath: \"metadata.labels['a\": "
         "must end with ']\n"},
        {"  volumes: [{name: v, downwardAPI: {items: [{path: a, resourceFieldRef: {resource: "
         "limits.cpu}}]}}]\n" APP,
         "line 5: spec.volumes[0].downwardAPI.items[0].resourceFieldRef.containerName: required\n"},
        {"  volumes: [{name: v, projected: {sources: [{configMap: {name: c, items: [{key: k, path: "
         "p}]}}, {secret: {name: s, items: [{key: k, path: q}]}}, {serviceAccountToken: {path: "
         "p}}]}}]\n" APP,
         "line 5: spec.volumes[0].projected.sources[2].serviceAccountToken.path: \"p\": conflicting "
         "duplicate paths\n"},
        {"  volumes: [{name: v, projected: {sources: [{downwardAPI: {items: [{path: p, fieldRef: "
         "{fieldPath: metadata.name}}, {path: p, fieldRef: {fieldPath: metadata.uid}}]}}]}}]\n" APP,
         "line 5: spec.volumes[0].projected.sources[0].downwardAPI.items[1].path: \"p\": conflicting "
         "duplicate paths\n"},
        {"  volumes: [{name: v, projected: {sources: [{clusterTrustBundle: {path: a}}]}}]\n" APP,
         "line 5: spec.volumes[0].projected.sources[0].clusterTrustBundle: must have one of name "
         "and signerName\n"},
        {"  volumes: [{name: v, image: {}}]\n" APP,
         "line 5: spec.volumes[0].image.reference: required\n"},
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void test_pod_rules__ports_and_resources(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        {WITH("ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}]"),
         "line 5: spec.containers[0].ports[1].hostPort: TCP//80: comes twice\n"},
        {WITH("ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80, "
              "protocol: UDP}, {containerPort: 3, hostPort: 80, hostIP: 127.0.0.1}]"),
         ""},
        {WITH("resources: {requests: {example.com/gpu: 1}}"),
         "line 5: spec.containers[0].resources.limits: Required value: Limit must be set for non "
         "overcommitable resources\n"},
        {WITH("resources: {requests: {example.com/gpu: 1}, limits: {example.com/gpu: 2}}"),
         "line 5: spec.containers[0].resources.requests: Invalid value: \"1\": must be equal to "
         "example.com/gpu limit of 2\n"},
        {WITH("resources: {requests: {hugepages-2Mi: 4Mi}, limits: {hugepages-2Mi: 2Mi}}"),
         "line 5: spec.containers[0].resources.requests: Invalid value: \"4Mi\": must be equal to "
         "hugepages-2Mi limit of 2Mi\n"},
        {WITH("resources: {requests: {memory: 2000Mi, cpu: 1}, limits: {memory: 1Gi, cpu: 1}}"),
         "line 5: spec.containers[0].resources.requests: Invalid value: \"2000Mi\": must be less "
         "than or equal to memory limit of 1Gi\n"},
        {WITH("resources: {limits: {example.com/gpu: 1500m}}"),
         "line 5: spec.containers[0].resources.limits[\"example.com/gpu\"]: must be an integer\n"},
        {WITH("resources: {requests: {example.com/gpu: 2}, limits: {example.com/gpu: 2}}"), ""},
        {WITH("resources: {limits: {example.com/gpu: 2}}"), ""},
        {WITH("resources: {claims: [{name: c}]}"),
         "line 5: spec.containers[0].resources.claims[0].name: \"c\": must be one of the names in "
         "pod.spec.resourceClaims\n"},
        {WITH("resources: {claims: [{name: c}]}") "  resourceClaims: [{name: c}]\n",
         "line 6: spec.resourceClaims[0]: must specify one of: `resourceClaimName`, "
         "`resourceClaimTemplateName`\n"},
        {WITH(
             "resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]") "  restartPolicy: Never\n",
         "line 5: spec.containers[0].resizePolicy[0].restartPolicy: must be 'NotRequired' when "
         "`restartPolicy` is 'Never'\n"},
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void test_pod_rules__scheduling(void **state)
{
    (void)state;
#define TERM(text_)                                                                                \
    "  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "                 \
    "{nodeSelectorTerms: [{" text_ "}]}}}\n"
#define AT                                                                                         \
    "line 6: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."           \
    "nodeSelectorTerms[0]."
    static const struct rule_case cases[] = {
        {APP TERM("matchExpressions: [{key: a, operator: In}]"),
         AT "matchExpressions[0].values: must be specified when `operator` is 'In' or 'NotIn'\n"},
        {APP TERM("matchExpressions: [{key: a, operator: Exists, values: [b]}]"),
         AT "matchExpressions[0].values: may not be specified when `operator` is 'Exists' or "
            "'DoesNotExist'\n"},
        {APP TERM("matchExpressions: [{key: a, operator: Gt, values: ['1', '2']}]"),
         AT "matchExpressions[0].values: must be specified single value when `operator` is 'Lt' or "
            "'Gt'\n"},
        {APP TERM("matchFields: [{key: a, operator: In, values: [b]}]"),
         AT "matchFields[0].key: \"a\": not a valid field selector key\n"},
        {APP TERM("matchFields: [{key: metadata.name, operator: In, values: [b]}]"), ""},
        {APP "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: "
             "ScheduleAnyway, minDomains: 2}]\n",
         "line 6: spec.topologySpreadConstraints[0].minDomains: can only use minDomains if "
         "whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway\n"},
        {APP "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: "
             "DoNotSchedule}, {maxSkew: 2, topologyKey: a, whenUnsatisfiable: DoNotSchedule}, "
             "{maxSkew: 2, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}]\n",
         "line 6: spec.topologySpreadConstraints[1]: the same topologyKey and whenUnsatisfiable "
         "come twice\n"},
        {APP "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: "
             "DoNotSchedule, matchLabelKeys: [b]}]\n",
         "line 6: spec.topologySpreadConstraints[0].matchLabelKeys: must not be specified when "
         "labelSelector is not set\n"},
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void test_pod_rules__systems_and_namespaces(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        {WITH(
             "securityContext: {privileged: true}") "  os: {name: windows}\n  hostPID: true\n  securityContext: {fsGroup: 1}\n",
         "line 5: spec.containers[0].securityContext.privileged: cannot be set for a windows pod\n"
         "line 7: spec.hostPID: cannot be set for a windows pod\n"
         "line 8: spec.securityContext.fsGroup: cannot be set for a windows pod\n"},
        {WITH("securityContext: {windowsOptions: {runAsUserName: a}}") "  os: {name: linux}\n",
         "line 5: spec.containers[0].securityContext.windowsOptions: windows options cannot be set "
         "for a linux pod\n"},
        {APP "  hostUsers: false\n  hostNetwork: true\n",
         "line 7: spec.hostNetwork: when `hostUsers` is false\n"},
        {APP "  hostPID: true\n  shareProcessNamespace: true\n",
         "line 7: spec.shareProcessNamespace: ShareProcessNamespace and HostPID cannot both be "
         "enabled\n"},
        {APP "  hostNetwork: true\n  securityContext: {sysctls: [{name: net.core.somaxconn, value: "
             "'1'}, {name: kernel.shmmax, value: '1'}]}\n",
         "line 7: spec.securityContext.sysctls[0].name: may not be specified when 'hostNetwork' is "
         "true\n"},
        {WITH("securityContext: {allowPrivilegeEscalation: false, capabilities: {add: "
              "[SYS_ADMIN]}}"),
         "line 5: spec.containers[0].securityContext.allowPrivilegeEscalation: cannot be false with "
         "capabilities.add SYS_ADMIN\n"},
        {WITH("securityContext: {procMount: Unmasked}"),
         "line 5: spec.containers[0].securityContext.procMount: `hostUsers` must be false to use "
         "`Unmasked`\n"},
        {WITH("securityContext: {procMount: Unmasked}") "  hostUsers: false\n", ""},
        {WITH("securityContext: {procMount: Default}"), ""},
        {APP "  ephemeralContainers: [{name: e, image: x, targetContainerName: b}]\n",
         "line 6: spec.ephemeralContainers[0].targetContainerName: \"b\": the pod has no such "
         "container\n"},
        {"  volumes: [{name: v}]\n" APP
         "  ephemeralContainers: [{name: e, image: x, volumeMounts: [{name: v, mountPath: /v, "
         "subPath: a}]}]\n",
         "line 7: spec.ephemeralContainers[0].volumeMounts[0].subPath: cannot be set for an "
         "ephemeral container\n"},
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void test_pod_rules__taints_of_a_node(void **state)
{
    (void)state;
    expect_mistakes(
        "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec:\n"
        "  taints: [{key: a, effect: NoSchedule}, {key: a, effect: NoExecute}, {key: a, "
        "effect: NoSchedule, value: b}]\n",
        "line 5: spec.taints[2]: taints must be unique by key and effect pair\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_rules__probes_and_hooks),
        cmocka_unit_test(test_pod_rules__zeros_of_a_probe_are_its_defaults),
        cmocka_unit_test(test_pod_rules__volumes_and_devices),
        cmocka_unit_test(test_pod_rules__ports_and_resources),
        cmocka_unit_test(test_pod_rules__scheduling),
        cmocka_unit_test(test_pod_rules__systems_and_namespaces),
        cmocka_unit_test(test_pod_rules__taints_of_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
