#include "controller/admission/pod_standards.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A pod that violates nothing, and pieces of such. */
#define GOOD_POD "securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}"
#define GOOD_CONTEXT "allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}"
#define GOOD "name: a, image: i, securityContext: {" GOOD_CONTEXT "}"
#define POD(more) "{spec: {" GOOD_POD ", containers: [{" GOOD "}]" more "}}"
/* With one field of a container's security context more. */
#define SETS(more)                                                                                 \
    "{spec: {" GOOD_POD ", containers: [{name: a, image: i, securityContext: {" GOOD_CONTEXT       \
    ", " more "}}]}}"
/* With a field of the container. */
#define HAS(more) "{spec: {" GOOD_POD ", containers: [{" GOOD ", " more "}]}}"
/* With a field of the pod's security context more. */
#define POD_SETS(more)                                                                             \
    "{spec: {securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, " more  \
    "}, containers: [{" GOOD "}]}}"

static const struct {
    const char *pod;
    enum pod_level level; /* the lowest that refuses it */
    const char *details;
    int since; /* the first version that refuses it; 0: all */
} cases[] = {
    {"{metadata: {annotations: {container.apparmor.security.beta.kubernetes.io/a: unconfined}}, "
     "spec: {" GOOD_POD ", containers: [{" GOOD "}]}}",
     POD_BASELINE,
     "forbidden AppArmor profile (container.apparmor.security.beta.kubernetes.io/a=\"unconfined\")",
     0},
    {POD_SETS("appArmorProfile: {type: Unconfined}"), POD_BASELINE,
     "forbidden AppArmor profile (pod must not set AppArmor profile type to \"Unconfined\")", 0},
    {POD(", hostNetwork: true, hostIPC: true"), POD_BASELINE,
     "host namespaces (hostIPC=true, hostNetwork=true)", 0},
    {POD(", hostPID: true"), POD_BASELINE, "host namespaces (hostPID=true)", 0},
    {HAS("ports: [{containerPort: 80, hostPort: 80}, {containerPort: 81, hostPort: 81}]"),
     POD_BASELINE, "hostPort (container \"a\" uses hostPorts 80, 81)", 0},
    {HAS("livenessProbe: {httpGet: {host: h, port: 1}}"), POD_BASELINE,
     "probe or lifecycle host (container \"a\" uses probe or lifecycle host \"h\")", 34},
    {HAS("lifecycle: {preStop: {tcpSocket: {host: h, port: 1}}}"), POD_BASELINE,
     "probe or lifecycle host (container \"a\" uses probe or lifecycle host \"h\")", 34},
    {SETS("privileged: true"), POD_BASELINE,
     "privileged (container \"a\" must not set securityContext.privileged=true)", 0},
    {SETS("procMount: Unmasked"), POD_BASELINE,
     "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")", 0},
    {SETS("seLinuxOptions: {type: spc_t, role: r}"), POD_BASELINE,
     "seLinuxOptions (container \"a\" set forbidden securityContext.seLinuxOptions: type "
     "\"spc_t\"; role may not be set)",
     0},
    {POD_SETS("seLinuxOptions: {user: u}"), POD_BASELINE,
     "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: user may not be set)", 0},
    {POD_SETS("sysctls: [{name: kernel.msgmax, value: '1'}, {name: net.ipv4.tcp_syncookies, value: "
              "'1'}]"),
     POD_BASELINE, "forbidden sysctls (kernel.msgmax)", 0},
    {SETS("windowsOptions: {hostProcess: true}"), POD_BASELINE,
     "hostProcess (container \"a\" must not set securityContext.windowsOptions.hostProcess=true)",
     0},
    {POD(", volumes: [{name: v, hostPath: {path: /}}]"), POD_BASELINE,
     "hostPath volumes (volume \"v\")", 0},
    {POD(", initContainers: [{name: b, securityContext: {allowPrivilegeEscalation: true, "
         "capabilities: {drop: [ALL]}}}]"),
     POD_RESTRICTED,
     "allowPrivilegeEscalation != false (container \"b\" must set "
     "securityContext.allowPrivilegeEscalation=false)",
     8},
    {"{spec: {" GOOD_POD ", containers: [{name: a, securityContext: {allowPrivilegeEscalation: "
     "false}}, {name: b, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: "
     "[ALL], add: [CHOWN]}}}]}}",
     POD_RESTRICTED,
     "unrestricted capabilities (container \"a\" must set "
     "securityContext.capabilities.drop=[\"ALL\"]; container \"b\" must not include \"CHOWN\" in "
     "securityContext.capabilities.add)",
     22},
    {POD(", volumes: [{name: v, nfs: {server: s, path: /}}, {name: w, emptyDir: {}}]"),
     POD_RESTRICTED, "restricted volume types (volume \"v\" uses restricted volume type \"nfs\")",
     0},
    {"{spec: {securityContext: {seccompProfile: {type: Localhost}}, containers: [{" GOOD
     "}, {name: b, securityContext: {" GOOD_CONTEXT ", runAsNonRoot: true}}, {name: c, "
     "securityContext: {" GOOD_CONTEXT "}}]}}",
     POD_RESTRICTED,
     "runAsNonRoot != true (pod or containers \"a\", \"c\" must set "
     "securityContext.runAsNonRoot=true)",
     0},
    {SETS("runAsNonRoot: false"), POD_RESTRICTED,
     "runAsNonRoot != true (container \"a\" must not set securityContext.runAsNonRoot=false)", 0},
    {POD_SETS("runAsUser: 0"), POD_RESTRICTED, "runAsUser=0 (pod must not set runAsUser=0)", 23},
    {"{spec: {securityContext: {runAsNonRoot: true}, containers: [{" GOOD "}]}}", POD_RESTRICTED,
     "seccompProfile (pod or container \"a\" must set securityContext.seccompProfile.type to "
     "\"RuntimeDefault\" or \"Localhost\")",
     19},
    /* Checks that both levels have, each in its own words. */
    {SETS("seccompProfile: {type: Unconfined}"), POD_BASELINE,
     "seccompProfile (container \"a\" must not set securityContext.seccompProfile.type to "
     "\"Unconfined\")",
     0},
    {"{spec: {" GOOD_POD ", containers: [{name: a, securityContext: {allowPrivilegeEscalation: "
     "false, capabilities: {drop: [ALL], add: [SYS_ADMIN, NET_RAW, CHOWN]}}}]}}",
     POD_BASELINE,
     "non-default capabilities (container \"a\" must not include \"NET_RAW\", \"SYS_ADMIN\" in "
     "securityContext.capabilities.add)",
     0},
    /* What every level lets in. */
    {POD(""), POD_RESTRICTED, "", 0},
    {POD(", volumes: [{name: v, configMap: {name: c}}, {name: w, csi: {driver: d}}]"),
     POD_RESTRICTED, "", 0},
    {SETS("capabilities2: {}, runAsUser: 1, seLinuxOptions: {type: container_t, level: l}"),
     POD_RESTRICTED, "", 0},
    {HAS("ports: [{containerPort: 80, hostPort: 0}]"), POD_RESTRICTED, "", 0},
};

static char *judge(const char *pod_text, enum pod_level level, int minor)
{
    cleanup(value_free) struct value *pod = parse(pod_text);
    cleanup(buf_done) struct buf reasons, details;
    buf_init(&reasons, 0);
    buf_init(&details, 0);
    bool violated = pod_standards_violated(level, minor, value_get(pod, "metadata"),
                                           value_get(pod, "spec"), &reasons, &details);
    assert_int_equal(violated, details.len > 0);
    assert_int_equal(violated, reasons.len > 0);
    return xstrdup(buf_str(&details));
}

static void test_pod_standards__each_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *details = judge(cases[i].pod, cases[i].level, POD_STANDARDS_LATEST);
        assert_string_equal(details, cases[i].details);
        /* A lower level lets it in, a higher one does not. */
        autofree char *below = judge(cases[i].pod, cases[i].level - 1, POD_STANDARDS_LATEST);
        assert_string_equal(below, "");
        autofree char *above = judge(cases[i].pod, POD_RESTRICTED, POD_STANDARDS_LATEST);
        assert_int_equal(*above != '\0', *cases[i].details != '\0');
    }
}

static void test_pod_standards__versions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!cases[i].since)
            continue;
        autofree char *before = judge(cases[i].pod, cases[i].level, cases[i].since - 1);
        autofree char *then = judge(cases[i].pod, cases[i].level, cases[i].since);
        assert_string_equal(before, "");
        assert_string_equal(then, cases[i].details);
    }
    static const char reserved[] =
        "{spec: {securityContext: {sysctls: [{name: net.ipv4.ip_local_reserved_ports}]}}}";
    autofree char *old = judge(reserved, POD_BASELINE, 26),
                  *now = judge(reserved, POD_BASELINE, 27);
    assert_string_equal(old, "forbidden sysctls (net.ipv4.ip_local_reserved_ports)");
    assert_string_equal(now, "");
}

/* What is wrong in several ways is told at once, in the order that people know. */
static void test_pod_standards__all_at_once(void **state)
{
    (void)state;
    autofree char *details = judge("{spec: {hostPID: true, containers: [{name: a}, {name: b}], "
                                   "ephemeralContainers: [{name: c, securityContext: {privileged: "
                                   "true}}], volumes: [{name: v, hostPath: {path: /}}]}}",
                                   POD_RESTRICTED, POD_STANDARDS_LATEST);
    assert_string_equal(
        details,
        "host namespaces (hostPID=true), privileged (container \"c\" must not set "
        "securityContext.privileged=true), allowPrivilegeEscalation != false (containers \"a\", "
        "\"b\", \"c\" must set securityContext.allowPrivilegeEscalation=false), unrestricted "
        "capabilities (containers \"a\", \"b\", \"c\" must set "
        "securityContext.capabilities.drop=[\"ALL\"]), restricted volume types (volume \"v\" uses "
        "restricted volume type \"hostPath\"), runAsNonRoot != true (pod or containers \"a\", "
        "\"b\", \"c\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or "
        "containers \"a\", \"b\", \"c\" must set securityContext.seccompProfile.type to "
        "\"RuntimeDefault\" or \"Localhost\")");
}

static void test_pod_standards__windows(void **state)
{
    (void)state;
    static const char pod[] =
        "{spec: {os: {name: windows}, securityContext: {runAsNonRoot: true}, containers: [{name: "
        "a, securityContext: {capabilities: {drop: [ALL]}}}]}}";
    autofree char *now = judge(pod, POD_RESTRICTED, POD_STANDARDS_LATEST);
    autofree char *old = judge(pod, POD_RESTRICTED, 24);
    assert_string_equal(now, "");
    assert_string_not_equal(old, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_standards__each_check),
        cmocka_unit_test(test_pod_standards__versions),
        cmocka_unit_test(test_pod_standards__all_at_once),
        cmocka_unit_test(test_pod_standards__windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
