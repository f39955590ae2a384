#include "controller/admission/pod_security.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/admission/pod_standards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "pod-security.kubernetes.io/"
#define CAUSE_PODS "PodSecurity"
#define NOTE PREFIX "audit-violations" /* in the audit trail */
#define PODS_MAX 3000  /* that are looked at when a namespace is labelled, as in Kubernetes */
#define REASONS_MAX 50 /* that one warning of these names each */

/* ---- the policy of a namespace ---- */

enum mode { ENFORCE, AUDIT, WARN, MODES };
static const char *const modes[MODES] = {"enforce", "audit", "warn"};

struct policy {
    struct {
        enum pod_level level;
        int minor;
    } of[MODES];
};

static const char *const levels[] = {"privileged", "baseline", "restricted"};

/* An unknown level counts as the strictest. */
static bool level_read(const char *text, enum pod_level *ret)
{
    *ret = POD_RESTRICTED;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eq(text, levels[i])) {
            *ret = (enum pod_level)i;
            return true;
        }
    return false;
}

static bool minor_read(const char *text, int *ret)
{
    uint64_t minor;
    *ret = POD_STANDARDS_LATEST;
    if (str_eq(text, "latest"))
        return true;
    if (!str_has_prefix(text, "v1.") || (text[3] == '0' && text[4]) ||
        str_to_u64(text + 3, &minor) < 0 || minor >= POD_STANDARDS_LATEST)
        return false;
    *ret = (int)minor;
    return true;
}

static void label_mistake(struct diags *diags, const char *label, const char *text,
                          const char *what)
{
    autofree char *path = xasprintf("metadata.labels[%s]", label);
    diags_add(diags, 0, path, CAUSE_INVALID, "Invalid value: \"%s\": %s", text, what);
}

/* diags: NULL, or gets what is wrong with the labels. */
static void policy_read(const struct value *ns, struct policy *ret, struct diags *diags)
{
    bool given[MODES] = {false};
    for (size_t i = 0; i < MODES; i++) {
        char label[64], version_label[64];
        snprintf(label, sizeof(label), PREFIX "%s", modes[i]);
        snprintf(version_label, sizeof(version_label), PREFIX "%s-version", modes[i]);
        const char *level = object_label(ns, label), *version = object_label(ns, version_label);
        ret->of[i].level = POD_PRIVILEGED;
        ret->of[i].minor = POD_STANDARDS_LATEST;
        given[i] = level;
        if (level && !level_read(level, &ret->of[i].level) && diags)
            label_mistake(diags, label, level, "must be one of privileged, baseline, restricted");
        if (version && !minor_read(version, &ret->of[i].minor) && diags)
            label_mistake(diags, version_label, version, "must be \"latest\" or \"v1.x\"");
    }
    /* Who is refused pods is warned of workloads that would make them. */
    for (size_t i = AUDIT; i < MODES && given[ENFORCE]; i++)
        if (!given[i] && ret->of[ENFORCE].level > ret->of[i].level)
            ret->of[i] = ret->of[ENFORCE];
}

/* "restricted:latest", "baseline:v1.24" */
static void print_level(const struct policy *policy, enum mode mode, char ret[static 64])
{
    const char *level = levels[policy->of[mode].level];
    if (policy->of[mode].minor == POD_STANDARDS_LATEST)
        snprintf(ret, 64, "%s:latest", level);
    else
        snprintf(ret, 64, "%s:v1.%d", level, policy->of[mode].minor);
}

/* ---- pods and workloads ---- */

/* The details of what violates it; "" if nothing. Caller frees. */
static char *violations(const struct policy *policy, enum mode mode, const struct value *pod)
{
    cleanup(buf_done) struct buf reasons, details;
    buf_init(&reasons, 0);
    buf_init(&details, 0);
    (void)pod_standards_violated(policy->of[mode].level, policy->of[mode].minor,
                                 value_get(pod, "metadata"), value_get(pod, "spec"), &reasons,
                                 &details);
    return xstrdup(buf_str(&details));
}

/* pod: a pod, or the template of some. */
static struct value *judge(const struct gate_request *request, const struct value *pod,
                           bool enforced)
{
    struct policy policy;
    char level[64];
    policy_read(rule_see(request, &kind_namespace, request->ref.ns), &policy, NULL);
    autofree char *refused = enforced ? violations(&policy, ENFORCE, pod) : xstrdup("");
    print_level(&policy, ENFORCE, level);
    if (*refused)
        return rule_refusal(request, "violates PodSecurity \"%s\": %s", level, refused);
    autofree char *noted = violations(&policy, AUDIT, pod);
    print_level(&policy, AUDIT, level);
    if (*noted)
        diags_add(request->warnings, 0, NOTE, CAUSE_AUDIT_NOTE,
                  "would violate PodSecurity \"%s\": %.3000s", level, noted);
    autofree char *warned = violations(&policy, WARN, pod);
    print_level(&policy, WARN, level);
    if (*warned)
        diags_add(request->warnings, 0, "", CAUSE_PODS, "would violate PodSecurity \"%s\": %.3000s",
                  level, warned);
    return NULL;
}

static const struct value *same_container(const struct value *list, const struct value *container)
{
    const char *name = value_get_str(container, "name");
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "name"), name))
            return value_at(list, i);
    return NULL;
}

/* What of a pod can change is its images, and ephemeral containers may come. */
static bool is_significant(const struct value *old, const struct value *pod)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *before = value_path(old, "spec", lists[l], NULL);
        const struct value *after = value_path(pod, "spec", lists[l], NULL);
        if (value_len(before) != value_len(after))
            return true;
        for (size_t i = 0; i < value_len(after); i++) {
            /* Mostly in the same place. */
            const struct value *now = value_at(after, i), *then = value_at(before, i);
            if (!str_eq(value_get_str(now, "name"), value_get_str(then, "name")))
                then = same_container(before, now);
            if (!str_eq(value_get_str(now, "image"), value_get_str(then, "image")))
                return true;
        }
    }
    return false;
}

struct value *pod_security_check(const struct admission_env *env,
                                 const struct gate_request *request)
{
    (void)env;
    if (request->old && !is_significant(request->old, request->object))
        return NULL;
    return judge(request, request->object, !WEAKENED(POD_SECURITY_ENFORCE));
}

struct value *pod_security_check_workload(const struct admission_env *env,
                                          const struct gate_request *request)
{
    (void)env;
    const struct value *spec = value_get(request->object, "spec");
    const struct value *template = value_get(spec, "template");
    if (!template)
        template = value_path(spec, "jobTemplate", "spec", "template", NULL);
    if (!template)
        template = value_get(request->object, "template");
    return template ? judge(request, template, false) : NULL;
}

/* ---- namespaces ---- */

/* Pods that violate it for the same reasons are told as one. */
struct group {
    char *pod;
    size_t count;
};

struct groups {
    struct policy policy;
    struct map *map; /* reasons -> struct group */
    size_t seen;
};

static void group_free(void *p)
{
    struct group *group = p;
    free(group->pod);
    free(group);
}

/* In the order of their names: the first of a group is the one that is told. */
static int add_pod(void *ctx, const struct value *pod)
{
    struct groups *groups = ctx;
    cleanup(buf_done) struct buf reasons, details;
    buf_init(&reasons, 0);
    buf_init(&details, 0);
    if (groups->seen++ == PODS_MAX)
        return 1;
    if (!pod_standards_violated(groups->policy.of[ENFORCE].level, groups->policy.of[ENFORCE].minor,
                                value_get(pod, "metadata"), value_get(pod, "spec"), &reasons,
                                &details))
        return 0;
    struct group *group = map_get(groups->map, buf_str(&reasons));
    if (!group && map_len(groups->map) < REASONS_MAX) {
        group = xcalloc(1, sizeof(*group));
        group->pod = xstrdup(object_name(pod) ? object_name(pod) : "");
        (void)map_put(groups->map, buf_str(&reasons), group);
    }
    if (group)
        group->count++;
    return 0;
}

static void tell_groups(const struct gate_request *request, const struct groups *groups)
{
    char level[64];
    const char *reasons;
    void *value;
    print_level(&groups->policy, ENFORCE, level);
    if (groups->seen > PODS_MAX)
        diags_add(request->warnings, 0, "", CAUSE_PODS,
                  "new PodSecurity enforce level only checked against the first %d existing pods",
                  PODS_MAX);
    if (map_len(groups->map) > 0)
        diags_add(request->warnings, 0, "", CAUSE_PODS,
                  "existing pods in namespace \"%s\" violate the new PodSecurity enforce level "
                  "\"%s\"",
                  request->ref.name, level);
    for (size_t i = 0; map_next(groups->map, &i, &reasons, &value);) {
        const struct group *group = value;
        char others[64] = "";
        if (group->count > 1)
            snprintf(others, sizeof(others), " (and %zu other pod%s)", group->count - 1,
                     group->count == 2 ? "" : "s");
        diags_add(request->warnings, 0, "", CAUSE_PODS, "%s%s: %s", group->pod, others, reasons);
    }
}

static void warn_of_pods(const struct gate_request *request, const struct policy *policy)
{
    struct groups groups = {*policy, map_new(), 0};
    const struct api_ref ref = {&kind_pod, request->ref.name, ""};
    request->reader->each(request->reader->ctx, &ref, add_pod, &groups);
    tell_groups(request, &groups);
    map_free(groups.map, group_free);
}

struct value *pod_security_check_namespace(const struct admission_env *env,
                                           const struct gate_request *request)
{
    (void)env;
    struct policy policy, before;
    cleanup(diags_done) struct diags diags, old_diags;
    diags_init(&diags);
    diags_init(&old_diags);
    policy_read(request->object, &policy, &diags);
    policy_read(request->old, &before, &old_diags);
    /* What was wrong already keeps nobody from changing something else. */
    if (diags.count > old_diags.count || (diags.count && !request->old))
        return status_invalid(&kind_namespace, request->ref.name, &diags);
    bool stricter = policy.of[ENFORCE].level > before.of[ENFORCE].level ||
                    policy.of[ENFORCE].minor != before.of[ENFORCE].minor;
    if (request->old && stricter && policy.of[ENFORCE].level != POD_PRIVILEGED)
        warn_of_pods(request, &policy);
    return NULL;
}
