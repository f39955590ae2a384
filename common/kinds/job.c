/* batch/v1 Job. */

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/job.h"
#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"
#include "common/schema/cell.h"

#include <stdio.h>

#define BATCH "batch.kubernetes.io/"

static const struct schema_type type_job_condition = {
    .name = "JobCondition",
    DOC("One aspect of how a job is."),
    FIELDS(F(1, "type", STRING, REQUIRED, DOC("Complete, Failed, Suspended, FailureTarget...")),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),
             DOC("True, False or Unknown.")),
           F(3, "lastProbeTime", TIME, DOC("When it was last looked at.")),
           F(4, "lastTransitionTime", TIME, DOC("When the status last became another.")),
           F(5, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(6, "message", STRING, DOC("Why, for people."))),
};

static const struct schema_type type_uncounted_pods = {
    .name = "UncountedTerminatedPods",
    DOC("Pods that have ended and are not in the counts yet."),
    FIELDS(F(1, "succeeded", LIST(STRING), SET, DOC("The uids of those that succeeded.")),
           F(2, "failed", LIST(STRING), SET, DOC("The uids of those that failed."))),
};

static const struct schema_type type_job_status = {
    .name = "JobStatus",
    DOC("How far a job is."),
    FIELDS(
        F(1, "conditions", LIST(OBJECT(type_job_condition)), BY("type"),
          DOC("One entry an aspect.")),
        F(2, "startTime", TIME, DOC("When it was first begun, or last resumed.")),
        F(3, "completionTime", TIME, DOC("When it succeeded.")),
        F(4, "active", INT32, OMIT_ZERO, RULE(not_negative), DOC("Pods that run or wait.")),
        F(5, "succeeded", INT32, OMIT_ZERO, RULE(not_negative), DOC("Pods that have succeeded.")),
        F(6, "failed", INT32, OMIT_ZERO, RULE(not_negative), DOC("Pods that have failed.")),
        F(11, "terminating", INT32, RULE(not_negative), DOC("Pods that are ending.")),
        F(7, "completedIndexes", STRING, DOC("The indexes that have succeeded: \"0,3-5\".")),
        F(10, "failedIndexes", STRING, DOC("The indexes that have failed: \"1,2\".")),
        F(8, "uncountedTerminatedPods", OBJECT(type_uncounted_pods),
          DOC("Pods that have ended and are not in the counts yet.")),
        F(9, "ready", INT32, RULE(not_negative), DOC("Pods that are ready."))),
};

/* A selector that nobody chose is the server's: it names the job's uid. */
static void check_job(const struct value *job, struct schema_walk *walk)
{
    static const char *const labels[] = {BATCH "controller-uid", "controller-uid"};
    const struct value *selector = value_path(job, "spec", "selector", NULL);
    const struct value *template = value_path(job, "spec", "template", NULL);
    bool manual = value_bool(value_path(job, "spec", "manualSelector", NULL), false);
    if (value_type(selector) != VALUE_MAP) {
        if (manual)
            schema_mistake(walk, value_get(job, "spec"), "spec.selector", CAUSE_REQUIRED,
                           "required");
        return;
    }
    bool made = false;
    for (size_t i = 0; i < ARRAY_LEN(labels) && object_uid(job); i++)
        made |= str_eq(value_str(value_path(selector, "matchLabels", labels[i], NULL)),
                       object_uid(job));
    if (!manual && !made)
        schema_mistake(walk, selector, "spec.selector", CAUSE_INVALID,
                       "`selector` not auto-generated");
    else if (!label_selector_matches(selector, value_path(template, "metadata", "labels", NULL)))
        schema_mistake(walk, template, "spec.template.metadata.labels", CAUSE_INVALID,
                       "`selector` does not match template `labels`");
}

static void set_if_absent(struct value *map, const char *key, struct value *item)
{
    if (value_type(value_get(map, key)) == VALUE_NULL)
        value_set(map, key, item);
    else
        value_free(item);
}

static void fill(struct value *job)
{
    struct value *spec = value_get(job, "spec");
    const struct value *labels = value_path(spec, "template", "metadata", "labels", NULL);
    if (value_type(spec) != VALUE_MAP)
        return;
    bool any = value_type(value_get(spec, "completions")) == VALUE_NULL &&
               value_type(value_get(spec, "parallelism")) != VALUE_NULL;
    if (!any) /* of a job that says neither, one pod succeeds */
        set_if_absent(spec, "completions", value_new_int(1));
    set_if_absent(spec, "parallelism", value_new_int(1));
    bool per_index = value_type(value_get(spec, "backoffLimitPerIndex")) != VALUE_NULL;
    set_if_absent(spec, "backoffLimit", value_new_int(per_index ? INT32_MAX : 6));
    set_if_absent(spec, "completionMode", value_new_str("NonIndexed"));
    set_if_absent(spec, "suspend", value_new_bool(false));
    bool policy = value_type(value_get(spec, "podFailurePolicy")) != VALUE_NULL;
    set_if_absent(spec, "podReplacementPolicy",
                  value_new_str(policy ? "Failed" : "TerminatingOrFailed"));
    set_if_absent(spec, "manualSelector", value_new_bool(false));
    if (value_len(labels) > 0 && value_len(value_path(job, "metadata", "labels", NULL)) == 0)
        value_set(value_make_map(job, "metadata", NULL), "labels", value_copy(labels));
}

/* Its pods are told by its uid, which it has only now. */
static void born(struct value *job)
{
    struct value *spec = value_get(job, "spec");
    const char *uid = object_uid(job), *name = object_name(job);
    if (value_get_bool(spec, "manualSelector", false) || str_empty(uid) || str_empty(name))
        return;
    const struct value *own = value_path(job, "metadata", "labels", NULL);
    const struct value *template = value_path(spec, "template", "metadata", "labels", NULL);
    bool copied = value_len(own) == 0 || value_equal(own, template);
    struct value *labels = value_make_map(spec, "template", "metadata", "labels", NULL);
    struct value *wanted = value_set(spec, "selector", value_new_map());
    if (!labels)
        return;
    value_set_str(labels, BATCH "controller-uid", uid);
    value_set_str(labels, BATCH "job-name", name);
    value_set_str(labels, "controller-uid", uid);
    value_set_str(labels, "job-name", name);
    value_set_str(value_make_map(wanted, "matchLabels", NULL), BATCH "controller-uid", uid);
    if (copied)
        value_set(value_make_map(job, "metadata", NULL), "labels", value_copy(labels));
}

static const struct schema_type type_job = {
    .name = "Job",
    DOC("Pods that run to their end, tried again until enough have succeeded."),
    .check = check_job,
    .fill = fill,
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_job_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_job_status), DOC("How far it is."))),
};

/* ---- updates ---- */

/* While it has never run, where its pods may run can still be changed. */
static struct value *fixed_template(const struct value *job, bool may_move)
{
    static const char *const moving[] = {"nodeSelector", "affinity", "tolerations",
                                         "schedulingGates"};
    struct value *template = value_copy(value_path(job, "spec", "template", NULL));
    for (size_t i = 0; i < ARRAY_LEN(moving) && may_move; i++)
        value_del(value_get(template, "spec"), moving[i]);
    if (may_move) {
        value_del(value_get(template, "metadata"), "labels");
        value_del(value_get(template, "metadata"), "annotations");
    }
    return template;
}

static void check_template(const struct value *old, const struct value *job,
                           struct schema_walk *walk)
{
    bool waits = value_bool(value_path(old, "spec", "suspend", NULL), false) &&
                 !value_path(old, "status", "startTime", NULL);
    cleanup(value_free) struct value *was = fixed_template(old, waits);
    cleanup(value_free) struct value *is = fixed_template(job, waits);
    cleanup(buf_done) struct buf before = {0};
    cleanup(buf_done) struct buf after = {0};
    (void)schema_canonical(&type_pod_template_spec, was, &before); /* neither has a cap */
    (void)schema_canonical(&type_pod_template_spec, is, &after);
    if (!str_eq(buf_str(&before), buf_str(&after)) && !WEAKENED(JOB_TEMPLATE))
        schema_mistake(walk, value_path(job, "spec", "template", NULL), "spec.template",
                       CAUSE_INVALID, "field is immutable");
}

static void check_completions(const struct value *old, const struct value *spec,
                              struct schema_walk *walk)
{
    const struct value *completions = value_get(spec, "completions");
    if (value_equal(value_get(old, "completions"), completions) ||
        (!value_get(old, "completions") && !completions))
        return;
    bool indexed = str_eq(value_get_str(spec, "completionMode"), "Indexed");
    if (!indexed || value_type(completions) == VALUE_NULL)
        schema_mistake(walk, completions, "spec.completions", CAUSE_INVALID, "field is immutable");
    else if (value_int(completions, 0) != value_get_int(spec, "parallelism", -1))
        schema_mistake(walk, completions, "spec.completions", CAUSE_INVALID,
                       "%lld: can only be modified in tandem with parallelism",
                       (long long)value_int(completions, 0));
}

static void check_update(const struct value *old, const struct value *job, struct schema_walk *walk)
{
    static const char *const fixed[] = {"selector",         "completionMode",
                                        "podFailurePolicy", "backoffLimitPerIndex",
                                        "managedBy",        "successPolicy"};
    const struct value *was = value_get(old, "spec"), *is = value_get(job, "spec");
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        const struct value *a = value_get(was, fixed[i]), *b = value_get(is, fixed[i]);
        char sub[64];
        snprintf(sub, sizeof(sub), "spec.%s", fixed[i]);
        if ((value_type(a) != VALUE_NULL || value_type(b) != VALUE_NULL) && !value_equal(a, b))
            schema_mistake(walk, b, sub, CAUSE_INVALID, "field is immutable");
    }
    check_completions(was, is, walk);
    check_template(old, job, walk);
}

/* ---- columns ---- */

static __attribute__((unused)) bool holds(const struct value *job, const char *type)
{
    const struct value *conditions = value_path(job, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(conditions); i++)
        if (str_eq(value_get_str(value_at(conditions, i), "type"), type) &&
            str_eq(value_get_str(value_at(conditions, i), "status"), "True"))
            return true;
    return false;
}

CELL(cell_status)
{
    static const char *const ended[] = {"Complete", "Failed"};
    static const char *const waiting[] = {"Suspended", "FailureTarget", "SuccessCriteriaMet"};
    (void)now_wall_ns;
    const char *status = "Running";
    for (size_t i = ARRAY_LEN(waiting); i-- > 0;)
        status = holds(object, waiting[i]) ? waiting[i] : status;
    if (value_path(object, "metadata", "deletionTimestamp", NULL))
        status = "Terminating";
    for (size_t i = ARRAY_LEN(ended); i-- > 0;)
        status = holds(object, ended[i]) ? ended[i] : status;
    buf_addstr(ret, status);
}

CELL(cell_completions)
{
    (void)now_wall_ns;
    const struct value *wanted = value_path(object, "spec", "completions", NULL);
    int64_t parallel = value_int(value_path(object, "spec", "parallelism", NULL), 0);
    buf_addf(ret, "%lld/",
             (long long)value_int(value_path(object, "status", "succeeded", NULL), 0));
    if (value_type(wanted) == VALUE_INT)
        buf_addf(ret, "%lld", (long long)value_int(wanted, 0));
    else if (parallel > 1)
        buf_addf(ret, "1 of %lld", (long long)parallel);
    else
        buf_addstr(ret, "1");
}

CELL(cell_duration_of_job)
{
    const char *start = value_str(value_path(object, "status", "startTime", NULL));
    const char *end = value_str(value_path(object, "status", "completionTime", NULL));
    int64_t begun, ended = now_wall_ns;
    if (!start || clock_parse(start, &begun) < 0 || (end && clock_parse(end, &ended) < 0))
        return;
    cell_duration((ended - begun) / NS_PER_S, ret);
}

TEMPLATE_CELLS("spec", "template")
SELECTOR_CELL(cell_selector, "spec", "selector")

/* Its pods carry its name as a label. */
static const char *format_job_name(const char *s)
{
    return strlen(s) > 63 ? "must be at most 63 characters" : format_dns1123_subdomain(s);
}

const struct schema_kind kind_job = {
    .group = "batch",
    .version = "v1",
    .kind = "Job",
    .plural = "jobs",
    .singular = "job",
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT,
    .type = &type_job,
    .name = format_job_name,
    .check_update = check_update,
    .born = born,
    PROTO("k8s.io.api.batch.v1.Job"),
    CATEGORIES("all"),
    SELECTABLE({"status.successful", .path = "status.succeeded", .none = "0"}),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Status", "string", .cell = cell_status},
            {"Completions", "string", .cell = cell_completions},
            {"Duration", "string", .cell = cell_duration_of_job},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"Containers", "string", 1, .cell = cell_containers},
            {"Images", "string", 1, .cell = cell_images},
            {"Selector", "string", 1, .cell = cell_selector}),
};
