#include "common/kinds/cron_schedule.h"

#include "load.h"

static void test_cron_schedule__fields(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct cron_schedule want;
    } cases[] = {
        {"5 4 3 2 1",
         {.minutes = 1 << 5,
          .hours = 1 << 4,
          .days = 1 << 3,
          .months = 1 << 2,
          .weekdays = 1 << 1,
          .either_day = true}},
        {"*/20 0-2 1,31 jan,DEC *",
         {.minutes = 1 | 1 << 20 | UINT64_C(1) << 40,
          .hours = 7,
          .days = 1 << 1 | UINT32_C(1) << 31,
          .months = 1 << 1 | 1 << 12,
          .weekdays = 0x7f}},
        {"  50/5  8-12/2   ?  *  mon-fri  ",
         {.minutes = UINT64_C(1) << 50 | UINT64_C(1) << 55,
          .hours = 1 << 8 | 1 << 10 | 1 << 12,
          .days = 0xfffffffe,
          .months = 0x1ffe,
          .weekdays = 0x3e}},
        {"@hourly",
         {.minutes = 1, .hours = 0xffffff, .days = 0xfffffffe, .months = 0x1ffe, .weekdays = 0x7f}},
        {"@weekly",
         {.minutes = 1, .hours = 1, .days = 0xfffffffe, .months = 0x1ffe, .weekdays = 1}},
        {"@yearly", {.minutes = 1, .hours = 1, .days = 2, .months = 2, .weekdays = 0x7f}},
        {"@every 1h30m5s", {.every_s = 5405}},
        {"@every 0s", {.every_s = 1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cron_schedule got;
        const char *wrong = "";
        if (cron_schedule_parse(cases[i].text, &got, &wrong) < 0)
            fail_msg("%s: %s", cases[i].text, wrong);
        const struct cron_schedule *want = &cases[i].want;
        if (got.minutes != want->minutes || got.hours != want->hours || got.days != want->days ||
            got.months != want->months || got.weekdays != want->weekdays ||
            got.either_day != want->either_day || got.every_s != want->every_s)
            fail_msg("%s", cases[i].text);
    }
}

static void test_cron_schedule__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "five fields"},
        {"* * * *", "five fields"},
        {"* * * * * *", "five fields"},
        {"60 * * * *", "minute"},
        {"* 24 * * *", "hour"},
        {"* * 0 * *", "day must be 1-31"},
        {"* * 32 * *", "day must be 1-31"},
        {"* * * 13 *", "month"},
        {"* * * foo *", "month"},
        {"* * * * 7", "weekday"},
        {"* * * * mon-sun", "weekday"},
        {"5-3 * * * *", "minute"},
        {"*/0 * * * *", "minute"},
        {"*/ * * * *", "minute"},
        {"1, * * * *", "minute"},
        {",1 * * * *", "minute"},
        {"1-2-3 * * * *", "minute"},
        {"99999999999999999999 * * * *", "minute"},
        {"-1 * * * *", "minute"},
        {"TZ=UTC * * * * *", "timeZone"},
        {"CRON_TZ=UTC 0 0 * * *", "timeZone"},
        {"@often", "unknown word"},
        {"@every", "unknown word"},
        {"@every ", "duration"},
        {"@every 5", "duration"},
        {"@every -5s", "duration"},
        {"@every 5x", "duration"},
        {"@every 9999999999h9999999999h", "duration"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cron_schedule schedule;
        const char *wrong = "";
        if (cron_schedule_parse(cases[i].text, &schedule, &wrong) != -EINVAL ||
            !strstr(wrong, cases[i].says))
            fail_msg("%s: %s", cases[i].text, wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cron_schedule__fields),
        cmocka_unit_test(test_cron_schedule__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
