#include "common/base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define SECONDS_A_DAY 86400

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t system_boot(const struct clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_BOOTTIME);
}

static int64_t system_wall(const struct clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_REALTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock clock = {.boot_ns = system_boot, .wall_ns = system_wall};
    return &clock;
}

/* The calendar is computed here: time_t has 32 bits on some boards. */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to the first of January; year >= 0. */
static int64_t days_before_year(int64_t year)
{
    if (year == 0)
        return -719528;
    int64_t last = year - 1;
    return year * 365 + last / 4 - last / 100 + last / 400 + 1 - 719528;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

void clock_format(int64_t wall_ns, int fraction_digits, char ret[CLOCK_RFC3339_LEN])
{
    int64_t seconds = floor_div(wall_ns, NS_PER_S);
    int64_t days = floor_div(seconds, SECONDS_A_DAY);
    int nanos = (int)((wall_ns % NS_PER_S + NS_PER_S) % NS_PER_S);
    int in_day = (int)(seconds - days * SECONDS_A_DAY);
    int64_t year = 1970 + floor_div(days, days < 0 ? 365 : 366); /* never too late */
    while (days_before_year(year + 1) <= days)
        year++;
    int day = (int)(days - days_before_year(year));
    int month = 1;
    for (; day >= days_in_month(year, month); month++)
        day -= days_in_month(year, month);
    int used =
        snprintf(ret, CLOCK_RFC3339_LEN, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)year % 10000,
                 (unsigned)month % 100, (unsigned)(day + 1) % 100, (unsigned)(in_day / 3600) % 100,
                 (unsigned)(in_day / 60 % 60), (unsigned)(in_day % 60));
    char *end = ret + used;
    size_t room = CLOCK_RFC3339_LEN - (size_t)used;
    if (fraction_digits == 9)
        snprintf(end, room, ".%09uZ", (unsigned)nanos % 1000000000);
    else if (fraction_digits == 6)
        snprintf(end, room, ".%06uZ", (unsigned)(nanos / 1000) % 1000000);
    else
        snprintf(end, room, "Z");
}

/* Reads exactly `digits` digits. */
static bool take_number(const char **text, int digits, int *ret)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *text += digits;
    *ret = value;
    return true;
}

static bool take_char(const char **text, char upper, char lower)
{
    if (**text != upper && **text != lower)
        return false;
    (*text)++;
    return true;
}

/* ".123": digits beyond nanoseconds are dropped. */
static bool take_fraction(const char **text, int64_t *ret_ns)
{
    int64_t ns = 0, unit = NS_PER_S / 10;
    if (take_char(text, '.', '.')) {
        const char *start = *text;
        for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
            ns += unit * (**text - '0');
        if (*text == start)
            return false;
    }
    *ret_ns = ns;
    return true;
}

/* "Z" or "+01:30", in seconds east. */
static bool take_offset(const char **text, int *ret_seconds)
{
    *ret_seconds = 0;
    if (take_char(text, 'Z', 'z'))
        return true;
    int sign = **text == '-' ? -1 : 1, hours, minutes;
    if (!take_char(text, '+', '-') || !take_number(text, 2, &hours) || !take_char(text, ':', ':') ||
        !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* RFC 3339 section 5.6. */
int clock_parse(const char *text, int64_t *ret_wall_ns)
{
    int year, month, day, hour, minute, second, offset;
    int64_t nanos;
    if (!take_number(&text, 4, &year) || !take_char(&text, '-', '-') ||
        !take_number(&text, 2, &month) || !take_char(&text, '-', '-') ||
        !take_number(&text, 2, &day) || !take_char(&text, 'T', 't') ||
        !take_number(&text, 2, &hour) || !take_char(&text, ':', ':') ||
        !take_number(&text, 2, &minute) || !take_char(&text, ':', ':') ||
        !take_number(&text, 2, &second) || !take_fraction(&text, &nanos) ||
        !take_offset(&text, &offset) || *text)
        return -EINVAL;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return -EINVAL;
    int64_t days = days_before_year(year) + day - 1;
    for (int m = 1; m < month; m++)
        days += days_in_month(year, m);
    int64_t seconds = days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second - offset;
    if (second == 60 &&
        seconds % SECONDS_A_DAY != 0) /* leap seconds come at the end of a UTC day */
        return -EINVAL;
    int64_t total;
    if (seconds < 0 && nanos > 0) { /* so that the product cannot overflow where the sum does not */
        seconds++;
        nanos -= NS_PER_S;
    }
    if (__builtin_mul_overflow(seconds, NS_PER_S, &total) ||
        __builtin_add_overflow(total, nanos, &total))
        return -ERANGE;
    *ret_wall_ns = total;
    return 0;
}
