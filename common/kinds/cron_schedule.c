#include "common/kinds/cron_schedule.h"

#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

struct part {
    unsigned min, max;
    const char *names; /* of three letters each, the first for min */
    const char *wrong; /* what is said of a value that is none */
};

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, PARTS };

static const struct part parts[PARTS] = {
    {0, 59, "", "a minute must be 0-59"},
    {0, 23, "", "an hour must be 0-23"},
    {1, 31, "", "a day must be 1-31"},
    {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", "a month must be 1-12 or jan-dec"},
    {0, 6, "sunmontuewedthufrisat", "a weekday must be 0-6 or sun-sat"},
};

/* A number or name at *text, which is moved beyond it. */
static int read_value(const struct part *part, const char **text, unsigned *ret)
{
    const char *s = *text;
    unsigned value = 0;
    if (isdigit((unsigned char)*s)) {
        for (; isdigit((unsigned char)*s) && value < 1000; s++)
            value = value * 10 + (unsigned)(*s - '0');
        *text = s;
        *ret = value;
        return 0;
    }
    for (const char *name = part->names; *name; name += 3, value++)
        if (strncasecmp(name, s, 3) == 0) {
            *text = s + 3;
            *ret = part->min + value;
            return 0;
        }
    return -EINVAL;
}

/* "*", "5", "8-18", each with "/2" after it, at *text; its bits are added. */
static int read_range(const struct part *part, const char **text, uint64_t *bits)
{
    unsigned first = part->min, last = part->max, step = 1;
    bool all = **text == '*' || **text == '?';
    *text += all;
    if (!all && read_value(part, text, &first) < 0)
        return -EINVAL;
    bool span = !all && **text == '-';
    *text += span;
    if (span && read_value(part, text, &last) < 0)
        return -EINVAL;
    if (!all && !span && **text != '/') /* "5/10" goes on to the end */
        last = first;
    if (**text == '/') {
        ++*text;
        if (!isdigit((unsigned char)**text) || read_value(part, text, &step) < 0 || step == 0)
            return -EINVAL;
    }
    if (first < part->min || last > part->max || first > last)
        return -EINVAL;
    for (unsigned at = first; at <= last; at += step)
        *bits |= UINT64_C(1) << at;
    return 0;
}

static int read_part(const struct part *part, const char **text, uint64_t *bits)
{
    for (;; ++*text) {
        if (read_range(part, text, bits) < 0)
            return -EINVAL;
        if (**text != ',')
            return !**text || isspace((unsigned char)**text) ? 0 : -EINVAL;
    }
}

static void skip_space(const char **text)
{
    while (isspace((unsigned char)**text))
        ++*text;
}

static int parse_fields(const char *text, struct cron_schedule *ret, const char **ret_wrong)
{
    uint64_t bits[PARTS] = {0};
    bool given[PARTS];
    for (size_t i = 0; i < PARTS; i++) {
        skip_space(&text);
        *ret_wrong = "must have five fields: minute, hour, day, month, weekday";
        if (!*text)
            return -EINVAL;
        given[i] = *text != '*' && *text != '?';
        *ret_wrong = parts[i].wrong;
        if (read_part(&parts[i], &text, &bits[i]) < 0)
            return -EINVAL;
    }
    skip_space(&text);
    *ret_wrong = "must have five fields: minute, hour, day, month, weekday";
    if (*text)
        return -EINVAL;
    *ret = (struct cron_schedule){.minutes = bits[MINUTE],
                                  .hours = (uint32_t)bits[HOUR],
                                  .days = (uint32_t)bits[DAY],
                                  .months = (uint32_t)bits[MONTH],
                                  .weekdays = (uint32_t)bits[WEEKDAY],
                                  .either_day = given[DAY] && given[WEEKDAY]};
    return 0;
}

/* "1h30m", "90s": at least a second. */
static int parse_every(const char *text, struct cron_schedule *ret, const char **ret_wrong)
{
    int64_t total = 0;
    *ret_wrong = "@every needs a duration such as 90s or 1h30m";
    if (!*text)
        return -EINVAL;
    while (*text) {
        int64_t count = 0;
        if (!isdigit((unsigned char)*text))
            return -EINVAL;
        for (; isdigit((unsigned char)*text) && count < INT32_MAX; text++)
            count = count * 10 + (*text - '0');
        int64_t unit = *text == 'h' ? 3600 : *text == 'm' ? 60 : *text == 's' ? 1 : 0;
        if (unit == 0 || total > INT32_MAX)
            return -EINVAL;
        total += count * unit;
        text++;
    }
    *ret = (struct cron_schedule){.every_s = total > 0 ? total : 1};
    return 0;
}

int cron_schedule_parse(const char *text, struct cron_schedule *ret, const char **ret_wrong)
{
    static const struct {
        const char *name, *fields;
    } words[] = {{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
                 {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
                 {"@hourly", "0 * * * *"}};
    static const char every[] = "@every ";
    *ret_wrong = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
    if (strstr(text, "TZ"))
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(text, words[i].name))
            return parse_fields(words[i].fields, ret, ret_wrong);
    if (str_has_prefix(text, every))
        return parse_every(text + strlen(every), ret, ret_wrong);
    *ret_wrong = "unknown word; known are @hourly, @daily, @weekly, @monthly, @yearly, @every";
    if (*text == '@')
        return -EINVAL;
    return parse_fields(text, ret, ret_wrong);
}
