/* JobSpec, which Jobs and the templates of CronJobs share. What a Job gets by default stands in
 * job.c: a CronJob's template is left as it is written. */

#include "common/base/str.h"
#include "common/kinds/job.h"
#include "common/kinds/types.h"

#include <stdio.h>

enum {
    RULES_MAX = 20,
    EXIT_CODES_MAX = 255,
    PARALLELISM_MAX = 100000, /* of an indexed job */
    INDEXES_MANY = 100000,    /* beyond so many, what is counted by index is bounded: */
    INDEXES_COUNTED_MAX = 10000,
    INDEXES_TEXT_MAX = 64 * 1024,
};

static void check_length(const struct value *list, const char *sub, size_t most,
                         struct schema_walk *walk)
{
    if (value_len(list) > most)
        schema_mistake(walk, list, sub, "FieldValueTooMany", "must have at most %zu items", most);
}

/* ---- pod failure policy ---- */

static void check_exit_codes(const struct value *requirement, struct schema_walk *walk)
{
    const struct value *values = value_get(requirement, "values");
    bool in = str_eq(value_get_str(requirement, "operator"), "In");
    check_length(values, "values", EXIT_CODES_MAX, walk);
    for (size_t i = 0; i < value_len(values); i++) {
        int64_t code = value_int(value_at(values, i), -1);
        int64_t before = i ? value_int(value_at(values, i - 1), INT64_MIN) : INT64_MIN;
        const char *wrong = in && code == 0  ? "must not be 0 for the In operator"
                            : code == before ? "must not come twice"
                            : code < before  ? "must be ordered"
                                             : NULL;
        if (wrong) {
            schema_mistake(walk, value_at(values, i), "values", CAUSE_INVALID, "%lld: %s",
                           (long long)code, wrong);
            return;
        }
    }
}

static const struct schema_type type_on_exit_codes = {
    .name = "PodFailurePolicyOnExitCodesRequirement",
    DOC("The exit codes of containers that a rule is for."),
    .check = check_exit_codes,
    FIELDS(F(1, "containerName", STRING, DOC("The container; any if not given.")),
           F(2, "operator", STRING, REQUIRED, ONE_OF("In", "NotIn"),
             DOC("In: one of the values; NotIn: none of them, and not 0.")),
           F(3, "values", LIST(INT32), .flags = SCHEMA_REQUIRED | SCHEMA_SET,
             DOC("Exit codes, in order."))),
};

static const struct schema_type type_on_pod_conditions = {
    .name = "PodFailurePolicyOnPodConditionsPattern",
    DOC("A condition of the pod that a rule is for."),
    FIELDS(F(1, "type", STRING, REQUIRED, RULE(qualified_name),
             DOC("The condition: DisruptionTarget.")),
           F(2, "status", STRING, DEF("True"), ONE_OF("True", "False", "Unknown"),
             DOC("How it must be: True, False or Unknown."))),
};

static void check_failure_rule(const struct value *rule, struct schema_walk *walk)
{
    const struct value *conditions = value_get(rule, "onPodConditions");
    bool by_codes = value_type(value_get(rule, "onExitCodes")) != VALUE_NULL;
    bool by_conditions = value_len(conditions) > 0;
    if (by_codes == by_conditions)
        schema_mistake(walk, rule, "", CAUSE_INVALID,
                       by_codes ? "specifying both OnExitCodes and OnPodConditions is not supported"
                                : "specifying one of OnExitCodes and OnPodConditions is required");
    check_length(conditions, "onPodConditions", RULES_MAX, walk);
}

static const struct schema_type type_failure_rule = {
    .name = "PodFailurePolicyRule",
    DOC("What to do about one sort of failure."),
    .check = check_failure_rule,
    FIELDS(F(1, "action", STRING, REQUIRED, ONE_OF("FailJob", "FailIndex", "Ignore", "Count"),
             DOC("FailJob, FailIndex, Ignore (try again without counting) or Count.")),
           F(2, "onExitCodes", OBJECT(type_on_exit_codes), DOC("Failures by exit code.")),
           F(3, "onPodConditions", LIST(OBJECT(type_on_pod_conditions)),
             DOC("Failures by a condition of the pod."))),
};

static void check_failure_policy(const struct value *policy, struct schema_walk *walk)
{
    check_length(value_get(policy, "rules"), "rules", RULES_MAX, walk);
}

static const struct schema_type type_failure_policy = {
    .name = "PodFailurePolicy",
    DOC("How failed pods are dealt with; the first rule that fits holds."),
    .check = check_failure_policy,
    FIELDS(F(1, "rules", LIST(OBJECT(type_failure_rule)),
             .flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY, DOC("Tried in order."))),
};

/* ---- success policy ---- */

static void check_success_rule(const struct value *rule, struct schema_walk *walk)
{
    if (value_type(value_get(rule, "succeededIndexes")) == VALUE_NULL &&
        value_type(value_get(rule, "succeededCount")) == VALUE_NULL)
        schema_mistake(walk, rule, "", CAUSE_REQUIRED,
                       "at least one of succeededCount or succeededIndexes must be specified");
}

static const struct schema_type type_success_rule = {
    .name = "SuccessPolicyRule",
    DOC("One way in which a job has succeeded."),
    .check = check_success_rule,
    FIELDS(F(1, "succeededIndexes", STRING, DOC("Indexes that must have succeeded: \"0,3-5\".")),
           F(2, "succeededCount", INT32, RULE(positive),
             DOC("How many indexes, of those or of all, must have succeeded."))),
};

static void check_success_policy(const struct value *policy, struct schema_walk *walk)
{
    check_length(value_get(policy, "rules"), "rules", RULES_MAX, walk);
}

static const struct schema_type type_success_policy = {
    .name = "SuccessPolicy",
    DOC("When an indexed job has succeeded before all of it has."),
    .check = check_success_policy,
    FIELDS(F(1, "rules", LIST(OBJECT(type_success_rule)), REQUIRED, DOC("Any of them will do."))),
};

/* Counts the indexes of a text such as "0,3-5": ascending, each below `completions`. */
static const char *count_indexes(const char *text, int64_t completions, int64_t *ret)
{
    static const char says[] =
        "must be ascending indexes and ranges such as 0,3-5, below completions";
    int64_t last = -1, count = 0;
    if (strlen(text) > INDEXES_TEXT_MAX)
        return "must be at most 65536 characters";
    for (;; text++) {
        int64_t ends[2];
        for (size_t i = 0; i < 2; i++) {
            size_t digits = strspn(text, "0123456789");
            if (digits == 0 || digits > 9)
                return says;
            for (ends[i] = 0; digits > 0; digits--, text++)
                ends[i] = ends[i] * 10 + (*text - '0');
            if (i == 0 && *text != '-') {
                ends[1] = ends[0];
                break;
            }
            text += i == 0;
        }
        if (ends[0] <= last || ends[1] < ends[0] || ends[1] >= completions)
            return says;
        last = ends[1];
        count += ends[1] - ends[0] + 1;
        if (!*text) {
            *ret = count;
            return NULL;
        }
        if (*text != ',')
            return says;
    }
}

static void check_indexes(const struct value *spec, struct schema_walk *walk)
{
    const struct value *rules = value_path(spec, "successPolicy", "rules", NULL);
    int64_t completions = value_get_int(spec, "completions", 1);
    for (size_t i = 0; i < value_len(rules) && i < RULES_MAX; i++) {
        const struct value *indexes = value_get(value_at(rules, i), "succeededIndexes");
        const struct value *wanted = value_get(value_at(rules, i), "succeededCount");
        int64_t count = completions;
        const char *wrong =
            value_str(indexes) ? count_indexes(value_str(indexes), completions, &count) : NULL;
        char sub[64];
        snprintf(sub, sizeof(sub), "successPolicy.rules[%zu].%s", i,
                 wrong ? "succeededIndexes" : "succeededCount");
        if (wrong)
            schema_mistake(walk, indexes, sub, CAUSE_INVALID, "%s", wrong);
        else if (value_int(wanted, 0) > count)
            schema_mistake(walk, wanted, sub, CAUSE_INVALID,
                           "must be less than or equal to %lld (the number of indexes)",
                           (long long)count);
    }
}

/* ---- the spec ---- */

static bool is_set(const struct value *spec, const char *key)
{
    return value_type(value_get(spec, key)) != VALUE_NULL;
}

static void check_restart_policy(const struct value *spec, struct schema_walk *walk)
{
    static const char sub[] = "template.spec.restartPolicy";
    static const char *const never[] = {"podFailurePolicy", "backoffLimitPerIndex"};
    const struct value *pod = value_path(spec, "template", "spec", NULL);
    const struct value *policy = value_get(pod, "restartPolicy");
    if (value_type(pod) != VALUE_MAP)
        return;
    if (!str_eq(value_str(policy), "OnFailure") && !str_eq(value_str(policy), "Never")) {
        schema_mistake(walk, policy ? policy : pod, sub, CAUSE_REQUIRED,
                       "required: valid values: \"OnFailure\", \"Never\"");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (is_set(spec, never[i]) && !str_eq(value_str(policy), "Never"))
            schema_mistake(walk, policy, sub, CAUSE_INVALID,
                           "\"OnFailure\": only \"Never\" is supported when %s is specified",
                           never[i]);
}

static void refuse(const struct value *spec, const char *key, const char *cause, const char *why,
                   struct schema_walk *walk)
{
    schema_mistake(walk, value_get(spec, key), key, cause, "%s", why);
}

static void check_completion_mode(const struct value *spec, struct schema_walk *walk)
{
    static const char *const indexed_only[] = {"backoffLimitPerIndex", "successPolicy"};
    if (!str_eq(value_get_str(spec, "completionMode"), "Indexed")) {
        for (size_t i = 0; i < ARRAY_LEN(indexed_only); i++)
            if (is_set(spec, indexed_only[i]))
                refuse(spec, indexed_only[i], CAUSE_INVALID, "requires indexed completion mode",
                       walk);
        return;
    }
    if (!is_set(spec, "completions") && is_set(spec, "parallelism")) /* without both it is 1 */
        refuse(spec, "completions", CAUSE_REQUIRED, "required when completion mode is Indexed",
               walk);
    if (value_get_int(spec, "parallelism", 0) > PARALLELISM_MAX)
        refuse(spec, "parallelism", CAUSE_INVALID,
               "must be less than or equal to 100000 when completion mode is Indexed", walk);
    check_indexes(spec, walk);
}

static void check_per_index(const struct value *spec, struct schema_walk *walk)
{
    static const char *const bounded[] = {"maxFailedIndexes", "parallelism"};
    int64_t completions = value_get_int(spec, "completions", INT64_MAX);
    if (is_set(spec, "maxFailedIndexes") && !is_set(spec, "backoffLimitPerIndex"))
        refuse(spec, "backoffLimitPerIndex", CAUSE_REQUIRED,
               "required when maxFailedIndexes is specified", walk);
    if (value_get_int(spec, "maxFailedIndexes", 0) > completions)
        refuse(spec, "maxFailedIndexes", CAUSE_INVALID, "must be less than or equal to completions",
               walk);
    if (!is_set(spec, "backoffLimitPerIndex") || completions <= INDEXES_MANY ||
        completions == INT64_MAX)
        return;
    if (!is_set(spec, "maxFailedIndexes"))
        refuse(spec, "maxFailedIndexes", CAUSE_REQUIRED,
               "must be specified when completions is above 100000", walk);
    for (size_t i = 0; i < ARRAY_LEN(bounded); i++)
        if (value_get_int(spec, bounded[i], 0) > INDEXES_COUNTED_MAX)
            refuse(spec, bounded[i], CAUSE_INVALID,
                   "must be less than or equal to 10000 when completions are above 100000 and used "
                   "with backoff limit per index",
                   walk);
}

static bool has_container(const struct value *spec, const char *name)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct value *list = value_path(spec, "template", "spec", lists[i], NULL);
        for (size_t n = 0; n < value_len(list); n++)
            if (str_eq(value_get_str(value_at(list, n), "name"), name))
                return true;
    }
    return false;
}

static void check_failure_rules(const struct value *spec, struct schema_walk *walk)
{
    const struct value *rules = value_path(spec, "podFailurePolicy", "rules", NULL);
    const struct value *replacement = value_get(spec, "podReplacementPolicy");
    if (is_set(spec, "podFailurePolicy") && str_eq(value_str(replacement), "TerminatingOrFailed"))
        schema_mistake(walk, replacement, "podReplacementPolicy", CAUSE_NOT_SUPPORTED,
                       "\"TerminatingOrFailed\": supported values: \"Failed\"");
    for (size_t i = 0; i < value_len(rules) && i < RULES_MAX; i++) {
        const struct value *rule = value_at(rules, i);
        const struct value *name = value_path(rule, "onExitCodes", "containerName", NULL);
        char sub[96];
        snprintf(sub, sizeof(sub), "podFailurePolicy.rules[%zu].onExitCodes.containerName", i);
        if (value_str(name) && !has_container(spec, value_str(name)))
            schema_mistake(walk, name, sub, CAUSE_INVALID,
                           "\"%.63s\": must be one of the container or initContainer names in the "
                           "pod template",
                           value_str(name));
        snprintf(sub, sizeof(sub), "podFailurePolicy.rules[%zu].action", i);
        if (str_eq(value_get_str(rule, "action"), "FailIndex") &&
            !is_set(spec, "backoffLimitPerIndex"))
            schema_mistake(walk, value_get(rule, "action"), sub, CAUSE_INVALID,
                           "\"FailIndex\": requires the backoffLimitPerIndex to be set");
    }
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    check_restart_policy(spec, walk);
    check_completion_mode(spec, walk);
    check_per_index(spec, walk);
    check_failure_rules(spec, walk);
}

static const char *format_managed_by(const char *s)
{
    return strlen(s) > 63 ? "must be at most 63 characters" : format_domain_path(s);
}

const struct schema_type type_job_spec = {
    .name = "JobSpec",
    DOC("How many pods are to run to their end, and what happens if some fail."),
    .check = check_spec,
    FIELDS(F(1, "parallelism", INT32, RULE(not_negative), DOC("How many pods run at a time.")),
           F(2, "completions", INT32, RULE(not_negative),
             DOC("How many must succeed; if not given, one success ends it.")),
           F(3, "activeDeadlineSeconds", INT64, RULE(not_negative),
             DOC("After so long the job has failed, whatever runs.")),
           F(11, "podFailurePolicy", OBJECT(type_failure_policy),
             DOC("How failed pods are dealt with, beyond counting them.")),
           F(16, "successPolicy", OBJECT(type_success_policy),
             DOC("When an indexed job has succeeded before all of it has.")),
           F(7, "backoffLimit", INT32, RULE(not_negative),
             DOC("After so many failures the job has failed; 6 if not given.")),
           F(12, "backoffLimitPerIndex", INT32, RULE(not_negative),
             DOC("After so many failures an index has failed. Only with completionMode Indexed.")),
           F(13, "maxFailedIndexes", INT32, RULE(not_negative),
             DOC("With more failed indexes the job has failed.")),
           F(4, "selector", OBJECT(type_label_selector),
             DOC("Which pods are its own. Made by the server, unless manualSelector is set.")),
           F(5, "manualSelector", BOOL, DOC("The selector is given, not made by the server.")),
           F(6, "template", OBJECT(type_pod_template_spec), REQUIRED,
             DOC("The pods; their restartPolicy is OnFailure or Never.")),
           F(8, "ttlSecondsAfterFinished", INT32, RULE(not_negative),
             DOC("So long after its end the job is deleted; never if not given.")),
           F(9, "completionMode", STRING, ONE_OF("NonIndexed", "Indexed"),
             DOC("NonIndexed: all pods are alike; Indexed: each has a number.")),
           F(10, "suspend", BOOL, DOC("No pods are to run for now.")),
           F(14, "podReplacementPolicy", STRING, ONE_OF("TerminatingOrFailed", "Failed"),
             DOC("When a pod is replaced: once it is ending, or once it has failed.")),
           F(15, "managedBy", STRING, FORMAT(format_managed_by),
             DOC("Who sees to the job, if not Limpet: \"example.com/controller\"."))),
};
