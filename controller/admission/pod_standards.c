#include "controller/admission/pod_standards.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/safe_sysctl.h"
#include "controller/admission/findings.h"

#include <inttypes.h>
#include <stdio.h>

struct subject {
    const struct value *meta, *spec;
    int minor;
};

/* ---- walking ---- */

/* Containers of all sorts, in the order in which messages name them. */
struct each {
    size_t list, i;
};

static const struct value *each_next(const struct value *spec, struct each *each)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    for (; each->list < ARRAY_LEN(lists); each->list++, each->i = 0) {
        const struct value *found = value_at(value_get(spec, lists[each->list]), each->i);
        if (found) {
            each->i++;
            return found;
        }
    }
    return NULL;
}

/* A field of a security context: "privileged", or "windowsOptions", "hostProcess". */
struct field {
    const char *name, *below; /* below: NULL if that is all */
};

static const struct value *field_of(const struct value *owner, struct field field)
{
    const struct value *value = value_path(owner, "securityContext", field.name, NULL);
    return field.below ? value_get(value, field.below) : value;
}

static bool is_set(const struct value *value)
{
    return value_type(value) != VALUE_NULL;
}

typedef bool bad_fn(const struct value *value, int minor);

static bool any(const struct findings *findings)
{
    return findings->pod || map_len(findings->containers) > 0;
}

/* Who sets the field to something bad, and to what. */
static void gather(const struct subject *subject, struct field field, bool of_pod, bad_fn *bad,
                   struct findings *ret)
{
    const struct value *container, *value = field_of(subject->spec, field);
    if (of_pod && is_set(value) && bad(value, subject->minor)) {
        ret->pod = true;
        findings_value(ret, value_str(value));
    }
    for (struct each each = {0}; (container = each_next(subject->spec, &each));) {
        value = field_of(container, field);
        if (!is_set(value) || !bad(value, subject->minor))
            continue;
        findings_container(ret, container);
        findings_value(ret, value_str(value));
    }
}

/* The containers that do not say it, where the pod does not say it for them. */
static void gather_silent(const struct subject *subject, struct field field, bool of_pod,
                          struct findings *ret)
{
    const struct value *container;
    if (of_pod && is_set(field_of(subject->spec, field)))
        return;
    for (struct each each = {0}; (container = each_next(subject->spec, &each));)
        if (!is_set(field_of(container, field)))
            findings_container(ret, container);
}

static bool is_true(const struct value *value, int minor)
{
    (void)minor;
    return value_bool(value, false);
}

static bool is_no_false(const struct value *value, int minor)
{
    (void)minor;
    return value_bool(value, true);
}

static bool is_false(const struct value *value, int minor)
{
    (void)minor;
    return !value_bool(value, true);
}

/* ---- the checks; each prints what is wrong, or nothing ---- */

/* The end of most of them: <who> must not set <what>. */
static void say_must_not(const struct findings *findings, const char *what, bool with_values,
                         struct buf *ret)
{
    if (!any(findings))
        return;
    findings_print_setters(findings, ret);
    (void)buf_addf(ret, " must not set %s", what);
    if (with_values)
        findings_print_set(findings->values, true, true, ret);
}

static bool is_other_profile(const struct value *value, int minor)
{
    (void)minor;
    const char *text = value_str(value);
    return !str_eq(text, "RuntimeDefault") && !str_eq(text, "Localhost");
}

static void check_app_armor(const struct subject *subject, struct buf *ret)
{
    static const char prefix[] = "container.apparmor.security.beta.kubernetes.io/";
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    gather(subject, (struct field){"appArmorProfile", "type"}, true, is_other_profile, &findings);
    say_must_not(&findings, "AppArmor profile type to ", true, ret);
    const struct value *notes = value_get(subject->meta, "annotations");
    for (size_t i = 0; i < value_len(notes); i++) {
        const char *key = value_key_at(notes, i), *text = value_str(value_at(notes, i));
        if (key && str_has_prefix(key, prefix) && !str_empty(text) &&
            !str_eq(text, "runtime/default") && !str_has_prefix(text, "localhost/"))
            (void)buf_addf(ret, "%s%s=\"%s\"", ret->len ? ", " : "", key, text);
    }
}

static void check_host_namespaces(const struct subject *subject, struct buf *ret)
{
    static const char *const fields[] = {"hostIPC", "hostNetwork", "hostPID"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (value_get_bool(subject->spec, fields[i], false))
            (void)buf_addf(ret, "%s%s=true", ret->len ? ", " : "", fields[i]);
}

/* <containers> use(s) <what>(s) <values> */
static void say_uses(const struct findings *findings, const char *what, bool quoted,
                     struct buf *ret)
{
    if (!any(findings))
        return;
    findings_print_containers(findings, ret);
    (void)buf_addf(ret, " %s %s%s ", map_len(findings->containers) == 1 ? "uses" : "use", what,
                   map_len(findings->values) == 1 ? "" : "s");
    findings_print_set(findings->values, true, quoted, ret);
}

static void check_host_ports(const struct subject *subject, struct buf *ret)
{
    const struct value *container;
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    for (struct each each = {0}; (container = each_next(subject->spec, &each));) {
        const struct value *ports = value_get(container, "ports");
        for (size_t i = 0; i < value_len(ports); i++) {
            char text[24];
            int64_t port = value_get_int(value_at(ports, i), "hostPort", 0);
            if (port == 0)
                continue;
            snprintf(text, sizeof(text), "%" PRId64, port);
            findings_container(&findings, container);
            findings_value(&findings, text);
        }
    }
    say_uses(&findings, "hostPort", false, ret);
}

/* Handlers of probes and of lifecycles have the same two forms that name a host. */
static void gather_hosts(const struct value *container, const struct value *handler,
                         struct findings *ret)
{
    static const char *const forms[] = {"httpGet", "tcpSocket"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const char *host = value_get_str(value_get(handler, forms[i]), "host");
        if (str_empty(host))
            continue;
        findings_container(ret, container);
        findings_value(ret, host);
    }
}

static void check_probe_hosts(const struct subject *subject, struct buf *ret)
{
    const struct value *container;
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    for (struct each each = {0}; (container = each_next(subject->spec, &each));) {
        gather_hosts(container, value_get(container, "livenessProbe"), &findings);
        gather_hosts(container, value_get(container, "readinessProbe"), &findings);
        gather_hosts(container, value_get(container, "startupProbe"), &findings);
        gather_hosts(container, value_path(container, "lifecycle", "postStart", NULL), &findings);
        gather_hosts(container, value_path(container, "lifecycle", "preStop", NULL), &findings);
    }
    say_uses(&findings, "probe or lifecycle host", true, ret);
}

static void check_privileged(const struct subject *subject, struct buf *ret)
{
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    gather(subject, (struct field){"privileged", NULL}, false, is_true, &findings);
    say_must_not(&findings, "securityContext.privileged=true", false, ret);
}

static bool is_other_mount(const struct value *value, int minor)
{
    (void)minor;
    return !str_eq(value_str(value), "Default");
}

static void check_proc_mount(const struct subject *subject, struct buf *ret)
{
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    gather(subject, (struct field){"procMount", NULL}, false, is_other_mount, &findings);
    say_must_not(&findings, "securityContext.procMount to ", true, ret);
}

static bool is_other_label(const struct value *value, int minor)
{
    static const struct {
        const char *type;
        int since;
    } types[] = {{"container_t", 0},
                 {"container_init_t", 0},
                 {"container_kvm_t", 0},
                 {"container_engine_t", 31}};
    bool good = str_empty(value_str(value));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        good = good || (minor >= types[i].since && str_eq(value_str(value), types[i].type));
    return !good;
}

static bool is_text(const struct value *value, int minor)
{
    (void)minor;
    return !str_empty(value_str(value));
}

static void check_se_linux(const struct subject *subject, struct buf *ret)
{
    static const char option[] = "seLinuxOptions";
    cleanup(findings_done) struct findings types, users, roles;
    findings_init(&types);
    findings_init(&users);
    findings_init(&roles);
    gather(subject, (struct field){option, "type"}, true, is_other_label, &types);
    gather(subject, (struct field){option, "user"}, true, is_text, &users);
    gather(subject, (struct field){option, "role"}, true, is_text, &roles);
    size_t count = map_len(types.values);
    bool user = any(&users), role = any(&roles);
    /* Named once for all three. */
    gather(subject, (struct field){option, "user"}, true, is_text, &types);
    gather(subject, (struct field){option, "role"}, true, is_text, &types);
    if (!any(&types))
        return;
    findings_print_setters(&types, ret);
    (void)buf_addstr(ret, " set forbidden securityContext.seLinuxOptions: ");
    if (count) {
        cleanup(findings_done) struct findings bad;
        findings_init(&bad);
        gather(subject, (struct field){option, "type"}, true, is_other_label, &bad);
        (void)buf_addstr(ret, count == 1 ? "type " : "types ");
        findings_print_set(bad.values, true, true, ret);
    }
    if (user)
        (void)buf_addf(ret, "%suser may not be set", count ? "; " : "");
    if (role)
        (void)buf_addf(ret, "%srole may not be set", count || user ? "; " : "");
}

static void check_sysctls(const struct subject *subject, struct buf *ret)
{
    const struct value *list = value_path(subject->spec, "securityContext", "sysctls", NULL);
    for (size_t i = 0; i < value_len(list); i++) {
        const char *name = value_get_str(value_at(list, i), "name");
        if (name && !safe_sysctl(name, subject->minor))
            (void)buf_addf(ret, "%s%s", ret->len ? ", " : "", name);
    }
}

static void check_host_process(const struct subject *subject, struct buf *ret)
{
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    gather(subject, (struct field){"windowsOptions", "hostProcess"}, true, is_true, &findings);
    say_must_not(&findings, "securityContext.windowsOptions.hostProcess=true", false, ret);
}

/* ---- capabilities ---- */

static const char *const usual_capabilities[] = {
    "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",       "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT", NULL};
static const char *const restricted_capabilities[] = {"NET_BIND_SERVICE", NULL};

static bool is_one_of(const char *text, const char *const *texts)
{
    for (; *texts; texts++)
        if (str_eq(text, *texts))
            return true;
    return false;
}

static const struct value *capabilities(const struct value *container, const char *which)
{
    return value_path(container, "securityContext", "capabilities", which, NULL);
}

static void say_added(const struct subject *subject, const char *const *allowed, struct buf *ret)
{
    const struct value *container;
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    for (struct each each = {0}; (container = each_next(subject->spec, &each));) {
        const struct value *added = capabilities(container, "add");
        for (size_t i = 0; i < value_len(added); i++) {
            const char *name = value_str(value_at(added, i));
            if (is_one_of(name, allowed))
                continue;
            findings_container(&findings, container);
            findings_value(&findings, name);
        }
    }
    if (!any(&findings))
        return;
    if (ret->len)
        (void)buf_addstr(ret, "; ");
    findings_print_containers(&findings, ret);
    (void)buf_addstr(ret, " must not include ");
    findings_print_set(findings.values, true, true, ret);
    (void)buf_addstr(ret, " in securityContext.capabilities.add");
}

static void check_capabilities(const struct subject *subject, struct buf *ret)
{
    say_added(subject, usual_capabilities, ret);
}

static void check_capabilities_restricted(const struct subject *subject, struct buf *ret)
{
    const struct value *container;
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    for (struct each each = {0}; (container = each_next(subject->spec, &each));)
        if (!value_has_str(capabilities(container, "drop"), "ALL"))
            findings_container(&findings, container);
    if (any(&findings)) {
        findings_print_containers(&findings, ret);
        (void)buf_addstr(ret, " must set securityContext.capabilities.drop=[\"ALL\"]");
    }
    say_added(subject, restricted_capabilities, ret);
}

/* ---- volumes ---- */

static void check_host_path(const struct subject *subject, struct buf *ret)
{
    const struct value *volumes = value_get(subject->spec, "volumes");
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    for (size_t i = 0; i < value_len(volumes); i++)
        if (is_set(value_get(value_at(volumes, i), "hostPath")))
            findings_value(&findings, value_get_str(value_at(volumes, i), "name"));
    if (map_len(findings.values) == 0)
        return;
    (void)buf_addstr(ret, map_len(findings.values) == 1 ? "volume " : "volumes ");
    findings_print_set(findings.values, false, true, ret);
}

/* The name of a volume's source; NULL where it is one that everybody may use. */
static const char *restricted_type(const struct value *volume)
{
    static const char *const allowed[] = {"configMap", "csi",       "downwardAPI",
                                          "emptyDir",  "ephemeral", "persistentVolumeClaim",
                                          "projected", "secret",    NULL};
    const char *found = "unknown";
    for (size_t i = 0; i < value_len(volume); i++) {
        const char *key = value_key_at(volume, i);
        if (!is_set(value_at(volume, i)) || str_eq(key, "name"))
            continue;
        if (is_one_of(key, allowed))
            return NULL;
        found = key;
    }
    return found;
}

static void check_volumes(const struct subject *subject, struct buf *ret)
{
    const struct value *volumes = value_get(subject->spec, "volumes");
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    for (size_t i = 0; i < value_len(volumes); i++) {
        const char *type = restricted_type(value_at(volumes, i));
        if (!type)
            continue;
        findings_put(findings.containers, value_get_str(value_at(volumes, i), "name"));
        findings_value(&findings, type);
    }
    bool one = map_len(findings.containers) == 1;
    if (!any(&findings))
        return;
    (void)buf_addstr(ret, one ? "volume " : "volumes ");
    findings_print_set(findings.containers, false, true, ret);
    (void)buf_addf(ret, " %s restricted volume type%s ", one ? "uses" : "use",
                   map_len(findings.values) == 1 ? "" : "s");
    findings_print_set(findings.values, true, true, ret);
}

/* ---- users, privileges, system calls ---- */

/* Not of pods of Windows, which have none of it, since their system can be told. */
static bool is_windows(const struct subject *subject)
{
    const char *os = value_get_str(value_get(subject->spec, "os"), "name");
    return subject->minor >= 25 && str_eq(os, "windows");
}

static void check_escalation(const struct subject *subject, struct buf *ret)
{
    static const struct field field = {"allowPrivilegeEscalation", NULL};
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    if (is_windows(subject))
        return;
    gather_silent(subject, field, false, &findings);
    gather(subject, field, false, is_no_false, &findings);
    if (!any(&findings))
        return;
    findings_print_containers(&findings, ret);
    (void)buf_addstr(ret, " must set securityContext.allowPrivilegeEscalation=false");
}

static void say_must(const struct findings *findings, const char *what, struct buf *ret)
{
    if (!any(findings))
        return;
    (void)buf_addstr(ret, "pod or ");
    findings_print_containers(findings, ret);
    (void)buf_addf(ret, " must set %s", what);
}

static void check_non_root(const struct subject *subject, struct buf *ret)
{
    static const struct field field = {"runAsNonRoot", NULL};
    cleanup(findings_done) struct findings bad, silent;
    findings_init(&bad);
    findings_init(&silent);
    gather(subject, field, true, is_false, &bad);
    gather_silent(subject, field, true, &silent);
    say_must_not(&bad, "securityContext.runAsNonRoot=false", false, ret);
    if (!any(&bad))
        say_must(&silent, "securityContext.runAsNonRoot=true", ret);
}

static bool is_root(const struct value *value, int minor)
{
    (void)minor;
    return value_int(value, 1) == 0;
}

static void check_user(const struct subject *subject, struct buf *ret)
{
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    gather(subject, (struct field){"runAsUser", NULL}, true, is_root, &findings);
    say_must_not(&findings, "runAsUser=0", false, ret);
}

static void check_seccomp(const struct subject *subject, struct buf *ret)
{
    cleanup(findings_done) struct findings findings;
    findings_init(&findings);
    gather(subject, (struct field){"seccompProfile", "type"}, true, is_other_profile, &findings);
    say_must_not(&findings, "securityContext.seccompProfile.type to ", true, ret);
}

static void check_seccomp_restricted(const struct subject *subject, struct buf *ret)
{
    cleanup(findings_done) struct findings silent;
    findings_init(&silent);
    if (is_windows(subject))
        return;
    check_seccomp(subject, ret);
    gather_silent(subject, (struct field){"seccompProfile", "type"}, true, &silent);
    if (ret->len == 0)
        say_must(&silent,
                 "securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"", ret);
}

/* In the order in which messages tell them. A check of baseline that says less than one of
 * restricted gives way to it, where there is one (`until`). */
static const struct {
    const char *reason;
    enum pod_level level;
    int since, until;
    void (*check)(const struct subject *subject, struct buf *ret);
} checks[] = {
    {"forbidden AppArmor profile", POD_BASELINE, 0, 0, check_app_armor},
    {"host namespaces", POD_BASELINE, 0, 0, check_host_namespaces},
    {"hostPort", POD_BASELINE, 0, 0, check_host_ports},
    {"probe or lifecycle host", POD_BASELINE, 34, 0, check_probe_hosts},
    {"privileged", POD_BASELINE, 0, 0, check_privileged},
    {"procMount", POD_BASELINE, 0, 0, check_proc_mount},
    {"seLinuxOptions", POD_BASELINE, 0, 0, check_se_linux},
    {"forbidden sysctls", POD_BASELINE, 0, 0, check_sysctls},
    {"hostProcess", POD_BASELINE, 0, 0, check_host_process},
    {"non-default capabilities", POD_BASELINE, 0, 22, check_capabilities},
    {"hostPath volumes", POD_BASELINE, 0, 1, check_host_path},
    {"seccompProfile", POD_BASELINE, 0, 19, check_seccomp},
    {"allowPrivilegeEscalation != false", POD_RESTRICTED, 8, 0, check_escalation},
    {"unrestricted capabilities", POD_RESTRICTED, 22, 0, check_capabilities_restricted},
    {"restricted volume types", POD_RESTRICTED, 0, 0, check_volumes},
    {"runAsNonRoot != true", POD_RESTRICTED, 0, 0, check_non_root},
    {"runAsUser=0", POD_RESTRICTED, 23, 0, check_user},
    {"seccompProfile", POD_RESTRICTED, 19, 0, check_seccomp_restricted},
};

static bool applies(size_t i, enum pod_level level, int minor)
{
    bool superseded = level == POD_RESTRICTED && checks[i].until && minor >= checks[i].until;
    return checks[i].level <= level && minor >= checks[i].since && !superseded;
}

bool pod_standards_violated(enum pod_level level, int minor, const struct value *meta,
                            const struct value *spec, struct buf *ret_reasons,
                            struct buf *ret_details)
{
    const struct subject subject = {meta, spec, minor};
    for (size_t i = 0; i < ARRAY_LEN(checks) && !WEAKENED(POD_STANDARDS); i++) {
        cleanup(buf_done) struct buf detail;
        buf_init(&detail, 0);
        if (applies(i, level, minor))
            checks[i].check(&subject, &detail);
        if (detail.len == 0)
            continue;
        const char *comma = ret_reasons->len ? ", " : "";
        (void)buf_addf(ret_reasons, "%s%s", comma, checks[i].reason);
        (void)buf_addf(ret_details, "%s%s (%s)", comma, checks[i].reason, buf_str(&detail));
    }
    return ret_reasons->len > 0;
}
