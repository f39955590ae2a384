/* batch/v1 CronJob, and v1beta1, which kubectl 1.20 still speaks: its fields are the same. */

#include "common/base/str.h"
#include "common/kinds/cron_schedule.h"
#include "common/kinds/job.h"
#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"
#include "common/schema/cell.h"

#include <strings.h>

static void check_job_template(const struct value *template, struct schema_walk *walk)
{
    const struct value *spec = value_get(template, "spec");
    if (value_type(value_get(spec, "selector")) != VALUE_NULL)
        schema_mistake(walk, value_get(spec, "selector"), "spec.selector", CAUSE_INVALID,
                       "`selector` will be auto-generated");
    if (value_get_bool(spec, "manualSelector", false))
        schema_mistake(walk, value_get(spec, "manualSelector"), "spec.manualSelector",
                       CAUSE_NOT_SUPPORTED, "true: supported values: \"nil\", \"false\"");
}

static const struct schema_type type_job_template_spec = {
    .name = "JobTemplateSpec",
    DOC("What the jobs that are made of it look like."),
    .check = check_job_template,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta),
             DOC("The labels and annotations that the jobs get.")),
           F(2, "spec", OBJECT(type_job_spec), REQUIRED, DOC("What the jobs are to do."))),
};

static const char *format_schedule(const char *s)
{
    struct cron_schedule schedule;
    const char *wrong;
    return cron_schedule_parse(s, &schedule, &wrong) < 0 ? wrong : NULL;
}

/* Whether there is such a zone is for the machine to say that runs by it. */
static const char *format_time_zone(const char *s)
{
    static const char chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-_/";
    if (strcasecmp(s, "local") == 0)
        return "timeZone must be an explicit time zone as defined in "
               "https://www.iana.org/time-zones";
    return strspn(s, chars) == strlen(s) && strlen(s) <= 255 && *s != '/' ? NULL
                                                                          : "unknown time zone";
}

static const struct schema_type type_cron_job_spec = {
    .name = "CronJobSpec",
    DOC("Which job is made, and when."),
    FIELDS(F(1, "schedule", STRING, REQUIRED, FORMAT(format_schedule),
             DOC("Minute, hour, day, month and weekday as in crontab; or @daily and the like.")),
           F(8, "timeZone", STRING, FORMAT(format_time_zone),
             DOC("The zone that the schedule is in: \"Europe/Berlin\".")),
           F(2, "startingDeadlineSeconds", INT64, RULE(not_negative),
             DOC("How late a job may still be started.")),
           F(3, "concurrencyPolicy", STRING, DEF("Allow"), ONE_OF("Allow", "Forbid", "Replace"),
             DOC("If the last job still runs: Allow both, Forbid the new one, Replace the old.")),
           F(4, "suspend", BOOL, DEF("false"), DOC("No jobs are made for now.")),
           F(5, "jobTemplate", OBJECT(type_job_template_spec), REQUIRED,
             DOC("The jobs that are made.")),
           F(6, "successfulJobsHistoryLimit", INT32, DEF("3"), RULE(not_negative),
             DOC("How many jobs that succeeded are kept.")),
           F(7, "failedJobsHistoryLimit", INT32, DEF("1"), RULE(not_negative),
             DOC("How many jobs that failed are kept."))),
};

static const struct schema_type type_cron_job_status = {
    .name = "CronJobStatus",
    DOC("What a CronJob has done."),
    FIELDS(F(1, "active", LIST(OBJECT(type_object_reference)), DOC("The jobs that run.")),
           F(4, "lastScheduleTime", TIME, DOC("When a job was last made.")),
           F(5, "lastSuccessfulTime", TIME, DOC("When a job last succeeded."))),
};

static const struct schema_type type_cron_job = {
    .name = "CronJob",
    DOC("A job that is made again and again, at given times."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_cron_job_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_cron_job_status), DOC("What was done."))),
};

CELL(cell_suspend)
{
    (void)now_wall_ns;
    const struct value *suspend = value_path(object, "spec", "suspend", NULL);
    buf_addstr(ret, value_type(suspend) == VALUE_NULL ? "<unset>"
                    : value_bool(suspend, false)      ? "True"
                                                      : "False");
}

CELL(cell_active)
{
    (void)now_wall_ns;
    buf_addf(ret, "%zu", value_len(value_path(object, "status", "active", NULL)));
}

CELL(cell_last)
{
    const char *last = value_str(value_path(object, "status", "lastScheduleTime", NULL));
    if (last)
        cell_age(last, now_wall_ns, ret);
    else
        buf_addstr(ret, "<none>");
}

TEMPLATE_CELLS("spec", "jobTemplate", "spec", "template")
SELECTOR_CELL(cell_selector, "spec", "jobTemplate", "spec", "selector")

/* The names of its jobs are its own and eleven characters more. */
static const char *format_cron_job_name(const char *s)
{
    return strlen(s) > 52 ? "must be no more than 52 characters" : format_dns1123_subdomain(s);
}

#define CRON_JOB                                                                                   \
    .group = "batch", .kind = "CronJob", .plural = "cronjobs", .singular = "cronjob",              \
    .short_names = NAMES("cj"), .namespaced = true,                                                \
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT, .type = &type_cron_job,                       \
    .name = format_cron_job_name, CATEGORIES("all"),                                               \
    COLUMNS({"Name", "string", .path = "metadata.name"},                                           \
            {"Schedule", "string", .path = "spec.schedule"},                                       \
            {"Timezone", "string", .path = "spec.timeZone"},                                       \
            {"Suspend", "string", .cell = cell_suspend},                                           \
            {"Active", "integer", .cell = cell_active},                                            \
            {"Last Schedule", "string", .cell = cell_last},                                        \
            {"Age", "date", .path = "metadata.creationTimestamp"},                                 \
            {"Containers", "string", 1, .cell = cell_containers},                                  \
            {"Images", "string", 1, .cell = cell_images},                                          \
            {"Selector", "string", 1, .cell = cell_selector})

const struct schema_kind kind_cron_job = {
    CRON_JOB,
    .version = "v1",
    PROTO("k8s.io.api.batch.v1.CronJob"),
};

const struct schema_kind kind_cron_job_v1beta1 = {
    CRON_JOB,
    .version = "v1beta1",
    .stored = &kind_cron_job,
    PROTO("k8s.io.api.batch.v1beta1.CronJob"),
};
