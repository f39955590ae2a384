#include "common/kinds/workload.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/label_selector.h"

#include <stdio.h>
#include <stdlib.h>

static const char *format_share(const char *s)
{
    size_t digits = strspn(s, "0123456789");
    return digits > 0 && str_eq(s + digits, "%") ? NULL
                                                 : "must be an integer or percentage (e.g '5%')";
}

static const char *format_share_of_all(const char *s)
{
    const char *wrong = format_share(s);
    if (wrong)
        return wrong;
    s += strspn(s, "0");
    size_t digits = strcspn(s, "%");
    return digits > 3 || strtol(s, NULL, 10) > 100 ? "must not be greater than 100%" : NULL;
}

const struct schema_rule rule_share = {
    .ranged = true, .min = 0, .max = INT32_MAX, .format = format_share};
const struct schema_rule rule_share_of_all = {
    .ranged = true, .min = 0, .max = INT32_MAX, .format = format_share_of_all};

bool workload_is_zero(const struct value *share, bool def)
{
    const char *text = value_str(share);
    if (text)
        return *text == '0' && text[strspn(text, "0")] == '%';
    return value_type(share) == VALUE_INT ? value_int(share, 1) == 0 : def;
}

void workload_check_template(const struct value *spec, const char *what, struct schema_walk *walk)
{
    const struct value *pod = value_path(spec, "template", "spec", NULL);
    const struct value *policy = value_get(pod, "restartPolicy");
    const struct value *deadline = value_get(pod, "activeDeadlineSeconds");
    if (!str_empty(value_str(policy)) && !str_eq(value_str(policy), "Always"))
        schema_mistake(walk, policy, "template.spec.restartPolicy", CAUSE_NOT_SUPPORTED,
                       "\"%.64s\": supported values: \"Always\"", value_str(policy));
    if (value_type(deadline) != VALUE_NULL)
        schema_mistake(walk, deadline, "template.spec.activeDeadlineSeconds", CAUSE_FORBIDDEN,
                       "activeDeadlineSeconds in %s is not supported", what);
}

void workload_check(const struct value *spec, const char *what, struct schema_walk *walk)
{
    const struct value *selector = value_get(spec, "selector");
    const struct value *template = value_get(spec, "template");
    const struct value *labels = value_path(template, "metadata", "labels", NULL);
    if (value_type(selector) == VALUE_MAP && label_selector_is_empty(selector))
        schema_mistake(walk, selector, "selector", CAUSE_INVALID,
                       "empty selector is invalid for %s", what);
    else if (value_type(selector) == VALUE_MAP && value_type(template) == VALUE_MAP &&
             !label_selector_matches(selector, labels) && !WEAKENED(WORKLOAD_SELECTOR))
        schema_mistake(walk, labels ? labels : template, "template.metadata.labels", CAUSE_INVALID,
                       "`selector` does not match template `labels`");
    workload_check_template(spec, what, walk);
}

void workload_check_counts(const struct value *status, const char *const (*pairs)[2],
                           struct schema_walk *walk)
{
    for (; (*pairs)[0]; pairs++) {
        const struct value *less = value_get(status, (*pairs)[0]);
        if (value_int(less, 0) > value_get_int(status, (*pairs)[1], 0))
            schema_mistake(walk, less, (*pairs)[0], CAUSE_INVALID,
                           "cannot be greater than status.%s", (*pairs)[1]);
    }
}

void workload_print_containers(const struct value *template, const char *key, struct buf *ret)
{
    const struct value *containers = value_path(template, "spec", "containers", NULL);
    for (size_t i = 0; i < value_len(containers); i++) {
        const char *text = value_get_str(value_at(containers, i), key);
        buf_addf(ret, "%s%s", i ? "," : "", text ? text : "");
    }
}

void workload_print_ready(const struct value *object, struct buf *ret)
{
    buf_addf(ret, "%lld/%lld",
             (long long)value_int(value_path(object, "status", "readyReplicas", NULL), 0),
             (long long)value_int(value_path(object, "spec", "replicas", NULL), 0));
}
