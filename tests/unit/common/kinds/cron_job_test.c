#include "load.h"

#include "common/base/clock.h"

#define CRON_JOB(schedule_, job_)                                                                  \
    "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n"                      \
    "  schedule: " schedule_ "\n  jobTemplate: {spec: {" job_ "template: {spec: {"                 \
    "restartPolicy: Never, containers: [{name: c, image: i}]}}}}\n"
#define NIGHTLY CRON_JOB("'0 3 * * *'", "")

/* The job's own defaults come when it is made. */
static void test_cron_job__defaults(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = load_whole(NIGHTLY);
    const struct value *spec = value_get(object, "spec");
    assert_string_equal(value_get_str(spec, "concurrencyPolicy"), "Allow");
    assert_false(value_get_bool(spec, "suspend", true));
    assert_int_equal(value_get_int(spec, "successfulJobsHistoryLimit", 0), 3);
    assert_int_equal(value_get_int(spec, "failedJobsHistoryLimit", 0), 1);
    const struct value *job = value_path(spec, "jobTemplate", "spec", NULL);
    assert_null(value_get(job, "completions"));
    assert_null(value_get(job, "backoffLimit"));
    assert_string_equal(value_str(value_path(job, "template", "spec", "dnsPolicy", NULL)),
                        "ClusterFirst");
}

static void test_cron_job__is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mistake;
    } cases[] = {
        {NIGHTLY "  timeZone: Europe/Berlin\n", ""},
        {CRON_JOB("'@every 1h'", ""), ""},
        {CRON_JOB("", ""), "line 5: spec.schedule: required\n"},
        {CRON_JOB("'0 25 * * *'", ""),
         "line 5: spec.schedule: \"0 25 * * *\": an hour must be 0-23\n"},
        {NIGHTLY "  timeZone: Local\n",
         "line 7: spec.timeZone: \"Local\": timeZone must be an explicit time zone as defined in "
         "https://www.iana.org/time-zones\n"},
        {NIGHTLY "  timeZone: ../etc\n", "line 7: spec.timeZone: \"../etc\": unknown time zone\n"},
        {CRON_JOB("'@daily'", "selector: {}, manualSelector: true, "),
         "line 6: spec.jobTemplate.spec.manualSelector: true: supported values: \"nil\", "
         "\"false\"\n"
         "line 6: spec.jobTemplate.spec.selector: `selector` will be auto-generated\n"},
        {CRON_JOB("'@daily'", "completionMode: Indexed, parallelism: 2, "),
         "line 6: spec.jobTemplate.spec.completions: required when completion mode is Indexed\n"},
        {NIGHTLY "  concurrencyPolicy: Never\n  startingDeadlineSeconds: -1\n",
         "line 7: spec.concurrencyPolicy: \"Never\": must be one of Allow, Forbid, Replace\n"
         "line 8: spec.startingDeadlineSeconds: -1: must be at least 0\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_mistakes(cases[i].text, cases[i].mistake);
    assert_null(kind_cron_job.name("a123456789b123456789c123456789d123456789e123456789ab"));
    assert_string_equal(kind_cron_job.name("a123456789b123456789c123456789d123456789e123456789abc"),
                        "must be no more than 52 characters");
}

/* Of a CronJob, unlike of a Job, all may change. */
static void test_cron_job__updates(void **state)
{
    (void)state;
    expect_update(NIGHTLY, CRON_JOB("'@daily'", "completions: 5, completionMode: Indexed, "), "");
}

static void test_cron_job__columns(void **state)
{
    (void)state;
    int64_t now;
    assert_int_equal(clock_parse("2026-01-01T00:10:00Z", &now), 0);
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Schedule", "{spec: {schedule: '@daily'}}", "@daily"},
        {"Timezone", "{}", "<none>"},
        {"Timezone", "{spec: {timeZone: Asia/Tokyo}}", "Asia/Tokyo"},
        {"Suspend", "{spec: {suspend: true}}", "True"},
        {"Suspend", "{spec: {suspend: false}}", "False"},
        {"Active", "{}", "0"},
        {"Active", "{status: {active: [{name: a}, {name: b}]}}", "2"},
        {"Last Schedule", "{}", "<none>"},
        {"Last Schedule", "{status: {lastScheduleTime: '2026-01-01T00:00:00Z'}}", "10m"},
        {"Selector", "{}", "<none>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_cron_job, cases[i].column, cases[i].object, now, cases[i].want);
}

/* kubectl 1.20 makes them so. */
static void test_cron_job__in_its_older_version(void **state)
{
    (void)state;
    assert_ptr_equal(kinds_find_resource(NULL, "batch", "v1beta1", "cronjobs"),
                     &kind_cron_job_v1beta1);
    assert_ptr_equal(kind_cron_job_v1beta1.stored, &kind_cron_job);
    assert_ptr_equal(kind_cron_job_v1beta1.type, kind_cron_job.type);
    assert_ptr_equal(kinds_find_name(NULL, "cj"), &kind_cron_job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cron_job__defaults),
        cmocka_unit_test(test_cron_job__is_checked),
        cmocka_unit_test(test_cron_job__updates),
        cmocka_unit_test(test_cron_job__columns),
        cmocka_unit_test(test_cron_job__in_its_older_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
