#include "common/schema/quantity.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* A fixed-point decimal: limbs of nine digits, the first FRACTION of them behind the point. Wide
 * enough for every text of QUANTITY_TEXT characters with any suffix. */
enum { QUANTITY_TEXT = 64, FRACTION = 10, LIMBS = 21, LIMB = 1000000000, NANO = LIMB };

struct fixed {
    uint32_t limbs[LIMBS]; /* little end first; limbs[FRACTION - 1] counts nano-units */
    bool rest;             /* something finer than the last limb is lost */
};

static const uint32_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* Adds digit * 10^exponent. */
static int put_digit(struct fixed *fixed, unsigned digit, long exponent)
{
    long place = exponent + FRACTION * 9;
    if (digit == 0)
        return 0;
    if (place >= LIMBS * 9)
        return -ERANGE;
    if (place < 0)
        fixed->rest = true;
    else
        fixed->limbs[place / 9] += digit * powers[place % 9];
    return 0;
}

static int multiply(struct fixed *fixed, uint32_t factor)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < LIMBS; i++) {
        carry += (uint64_t)fixed->limbs[i] * factor;
        fixed->limbs[i] = (uint32_t)(carry % LIMB);
        carry /= LIMB;
    }
    return carry ? -ERANGE : 0;
}

struct suffix {
    const char *text;
    int exponent; /* of ten */
    int kibi;     /* of 1024 */
};

static const struct suffix suffixes[] = {
    {"n", -9, 0}, {"u", -6, 0}, {"m", -3, 0}, {"", 0, 0},   {"k", 3, 0},  {"M", 6, 0},
    {"G", 9, 0},  {"T", 12, 0}, {"P", 15, 0}, {"E", 18, 0}, {"Ki", 0, 1}, {"Mi", 0, 2},
    {"Gi", 0, 3}, {"Ti", 0, 4}, {"Pi", 0, 5}, {"Ei", 0, 6},
};

/* "e3", "E-3": an exponent; else one of the suffixes. */
static int parse_suffix(const char *s, struct suffix *ret, bool *ret_exponent)
{
    *ret_exponent = (*s == 'e' || *s == 'E') && s[1] && s[1] != 'i';
    if (*ret_exponent) {
        s++;
        bool negative = *s == '-';
        s += *s == '-' || *s == '+';
        uint64_t exponent;
        if (str_to_u64(s, &exponent) < 0)
            return -EINVAL;
        exponent = exponent > 1000 ? 1000 : exponent;
        *ret = (struct suffix){s, negative ? -(int)exponent : (int)exponent, 0};
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (strcmp(s, suffixes[i].text) == 0) {
            *ret = suffixes[i];
            return 0;
        }
    return -EINVAL;
}

/* Magnitude to units and nanos, rounded up (away from zero, as the sign is apart). */
static int round_up(const struct fixed *fixed, uint64_t *ret_units, uint32_t *ret_nano)
{
    bool rest = fixed->rest;
    for (size_t i = 0; i + 1 < FRACTION; i++)
        rest |= fixed->limbs[i] != 0;
    uint64_t units = 0;
    for (size_t i = LIMBS; i-- > FRACTION;) {
        if (units > ((uint64_t)INT64_MAX - fixed->limbs[i]) / LIMB)
            return -ERANGE;
        units = units * LIMB + fixed->limbs[i];
    }
    uint32_t nano = fixed->limbs[FRACTION - 1] + rest;
    if (nano == NANO) {
        nano = 0;
        units++;
    }
    if (units > INT64_MAX)
        return -ERANGE;
    *ret_units = units;
    *ret_nano = nano;
    return 0;
}

int quantity_parse(const char *text, struct quantity *ret)
{
    if (strlen(text) > QUANTITY_TEXT)
        return -EINVAL;
    bool negative = *text == '-', exponent;
    const char *s = text + (*text == '-' || *text == '+');
    size_t whole = strspn(s, "0123456789");
    size_t fraction = s[whole] == '.' ? strspn(s + whole + 1, "0123456789") : 0;
    if (whole + fraction == 0)
        return -EINVAL;
    struct suffix suffix = {0};
    struct fixed fixed = {0};
    int r = parse_suffix(s + whole + (s[whole] == '.') + fraction, &suffix, &exponent);
    for (size_t i = 0; i < whole && r == 0; i++)
        r = put_digit(&fixed, (unsigned)(s[i] - '0'), (long)(whole - 1 - i) + suffix.exponent);
    for (size_t i = 0; i < fraction && r == 0; i++)
        r = put_digit(&fixed, (unsigned)(s[whole + 1 + i] - '0'), suffix.exponent - 1 - (long)i);
    for (int i = 0; i < suffix.kibi && r == 0; i++)
        r = multiply(&fixed, 1024);
    uint64_t units = 0;
    uint32_t nano = 0;
    if (r == 0)
        r = round_up(&fixed, &units, &nano);
    if (r < 0)
        return r;
    ret->units = negative ? -(int64_t)units - (nano > 0) : (int64_t)units;
    ret->nano = (int32_t)(negative && nano ? NANO - nano : nano);
    ret->format = exponent ? QUANTITY_EXPONENT : suffix.kibi ? QUANTITY_BINARY : QUANTITY_DECIMAL;
    return 0;
}

int quantity_of(const struct value *value, struct quantity *ret)
{
    char text[32];
    switch (value_type(value)) {
    case VALUE_STRING:
        return quantity_parse(value_str(value), ret);
    case VALUE_INT:
        *ret = (struct quantity){.units = value_int(value, 0)};
        return 0;
    case VALUE_FLOAT:
        json_format_float(value_float(value, 0), text);
        return quantity_parse(text, ret);
    default:
        return -EINVAL;
    }
}

/* units + nano as digits * 10^exponent with as few digits as there are; false if zero. */
static bool to_digits(const struct quantity *quantity, char digits[32], int *ret_exponent)
{
    bool negative = quantity->units < 0;
    uint64_t units = (uint64_t)quantity->units;
    uint32_t nano = (uint32_t)quantity->nano;
    if (negative) {
        units = 0 - units - (nano > 0);
        nano = nano ? NANO - nano : 0;
    }
    int len = snprintf(digits, 32, "%" PRIu64 "%09" PRIu32, units, nano), exponent = -9;
    while (len > 1 && digits[len - 1] == '0' && exponent < 18) {
        digits[--len] = '\0';
        exponent++;
    }
    size_t zeros = strspn(digits, "0");
    zeros = zeros == strlen(digits) ? zeros - 1 : zeros;
    memmove(digits, digits + zeros, strlen(digits + zeros) + 1);
    *ret_exponent = exponent;
    return strcmp(digits, "0") != 0;
}

static void format_decimal(const struct quantity *quantity, char ret[static 64])
{
    char digits[32];
    int exponent;
    if (!to_digits(quantity, digits, &exponent)) {
        strcpy(ret, "0");
        return;
    }
    int group = exponent >= 0 ? exponent / 3 * 3 : -((-exponent + 2) / 3 * 3);
    const char *sign = quantity->units < 0 ? "-" : "";
    char suffix[16] = "";
    if (quantity->format == QUANTITY_EXPONENT && group != 0)
        snprintf(suffix, sizeof(suffix), "e%d", group);
    for (size_t i = 0; i < ARRAY_LEN(suffixes) && quantity->format != QUANTITY_EXPONENT; i++)
        if (!suffixes[i].kibi && suffixes[i].exponent == group)
            strcpy(suffix, suffixes[i].text);
    snprintf(ret, 64, "%s%s%.*s%s", sign, digits, exponent - group, "00", suffix);
}

void quantity_format(const struct quantity *quantity, char ret[static 64])
{
    int64_t units = quantity->units;
    /* As Kubernetes: below 1Ki, or with a fraction, the binary form has nothing to offer. */
    if (quantity->format != QUANTITY_BINARY || quantity->nano || (units < 1024 && units > -1024)) {
        format_decimal(quantity, ret);
        return;
    }
    int kibi = 0;
    while (kibi < 6 && units % 1024 == 0) {
        units /= 1024;
        kibi++;
    }
    static const char *const names[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    snprintf(ret, 64, "%" PRId64 "%s", units, names[kibi]);
}

int quantity_compare(const struct quantity *a, const struct quantity *b)
{
    if (a->units != b->units)
        return a->units < b->units ? -1 : 1;
    return (a->nano > b->nano) - (a->nano < b->nano);
}

struct quantity quantity_sum(const struct quantity *a, const struct quantity *b, int times)
{
    struct quantity sum = {.format = a->units == 0 && a->nano == 0 ? b->format : a->format};
    bool over = times < 0 ? __builtin_sub_overflow(a->units, b->units, &sum.units)
                          : __builtin_add_overflow(a->units, b->units, &sum.units);
    int32_t nano = times < 0 ? a->nano - b->nano : a->nano + b->nano;
    int carry = nano >= NANO ? 1 : nano < 0 ? -1 : 0;
    over |= __builtin_add_overflow(sum.units, carry, &sum.units);
    sum.nano = over ? 0 : nano - carry * NANO;
    if (over)
        sum.units = (b->units < 0) == (times < 0) ? INT64_MAX : INT64_MIN;
    return sum;
}

int64_t quantity_milli(const struct quantity *quantity)
{
    if (quantity->units > INT64_MAX / 1000 - 1)
        return INT64_MAX;
    if (quantity->units < INT64_MIN / 1000 + 1)
        return INT64_MIN;
    return quantity->units * 1000 + (quantity->nano + 999999) / 1000000;
}

int64_t quantity_units(const struct quantity *quantity)
{
    if (quantity->nano == 0 || quantity->units == INT64_MAX)
        return quantity->units;
    return quantity->units + 1;
}

int64_t quantity_milli_of(const struct value *value, int64_t def)
{
    struct quantity quantity;
    return quantity_of(value, &quantity) == 0 ? quantity_milli(&quantity) : def;
}

int64_t quantity_units_of(const struct value *value, int64_t def)
{
    struct quantity quantity;
    return quantity_of(value, &quantity) == 0 ? quantity_units(&quantity) : def;
}
