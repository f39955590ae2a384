#pragma once
/* The schedules of CronJobs: five fields as crontab has them ("0,30 8-18 * * mon-fri"), or "@daily"
 * and its like, or "@every 90s". Pure. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* When it is time: in minutes whose bits are all set here, or (with every_s) each so many seconds.
 */
struct cron_schedule {
    uint64_t minutes;  /* bits 0-59 */
    uint32_t hours;    /* 0-23 */
    uint32_t days;     /* of the month, 1-31 */
    uint32_t months;   /* 1-12 */
    uint32_t weekdays; /* 0 = Sunday, to 6 */
    /* Both days and weekdays were given: one of them suffices, as in crontab. */
    bool either_day;
    int64_t every_s; /* 0: by the fields */
};

/* 0, or -EINVAL with *ret_wrong, static text that says what is wrong. */
nodiscard int cron_schedule_parse(const char *text, struct cron_schedule *ret,
                                  const char **ret_wrong);
