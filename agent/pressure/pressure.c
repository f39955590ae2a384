#include "agent/pressure/pressure.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/schema/quantity.h"

#include <errno.h>
#include <stdlib.h>

static const struct {
    const char *name, *resource;
    enum pressure pressure;
} signals[] = {
    [SIGNAL_MEMORY_AVAILABLE] = {"memory.available", "memory", PRESSURE_MEMORY},
    [SIGNAL_NODEFS_AVAILABLE] = {"nodefs.available", "ephemeral-storage", PRESSURE_DISK},
    [SIGNAL_NODEFS_INODES_FREE] = {"nodefs.inodesFree", "inodes", PRESSURE_DISK},
    [SIGNAL_PID_AVAILABLE] = {"pid.available", "pids", PRESSURE_PID},
};

/* In a kubelet's words. */
static const struct {
    const char *type, *on, *on_message, *off, *off_message;
} conditions[] = {
    [PRESSURE_MEMORY] = {"MemoryPressure", "KubeletHasInsufficientMemory",
                         "kubelet has insufficient memory available", "KubeletHasSufficientMemory",
                         "kubelet has sufficient memory available"},
    [PRESSURE_DISK] = {"DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure",
                       "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
    [PRESSURE_PID] = {"PIDPressure", "KubeletHasInsufficientPID",
                      "kubelet has insufficient PID available", "KubeletHasSufficientPID",
                      "kubelet has sufficient PID available"},
};

enum pressure pressure_of(enum pressure_signal signal)
{
    return signals[signal].pressure;
}

const char *pressure_name(enum pressure pressure)
{
    return conditions[pressure].type;
}

const char *pressure_resource(enum pressure_signal signal)
{
    return signals[signal].resource;
}

/* ---- thresholds ---- */

static int parse_limit(const char *text, struct pressure_limit *ret)
{
    struct quantity quantity;
    size_t len = strlen(text);
    if (len > 0 && text[len - 1] == '%') {
        autofree char *number = xstrndup(text, len - 1);
        if (quantity_parse(number, &quantity) < 0 || quantity.units < 0 || quantity.units > 100)
            return -EINVAL;
        ret->per_mille = (int)(quantity_milli(&quantity) / 100);
        return ret->per_mille <= 1000 ? 0 : -EINVAL;
    }
    if (quantity_parse(text, &quantity) < 0 || quantity.units < 0)
        return -EINVAL;
    ret->amount = quantity_units(&quantity);
    return 0;
}

static int parse_one(char *text, struct pressure_limits *ret, struct err *err)
{
    char *less = strchr(text, '<');
    if (!less)
        return err_set(err, -EINVAL, "\"%s\": not of the form signal<amount", text);
    *less = '\0';
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        if (!str_eq(signals[i].name, text))
            continue;
        ret->of[i] = (struct pressure_limit){0};
        if (parse_limit(less + 1, &ret->of[i]) < 0)
            return err_set(err, -EINVAL, "%s: \"%s\" is neither a quantity nor a share like 5%%",
                           text, less + 1);
        return 0;
    }
    return err_set(err, -EINVAL,
                   "\"%s\" is no signal: memory.available, nodefs.available, nodefs.inodesFree, "
                   "pid.available",
                   text);
}

int pressure_limits_parse(const char *text, struct pressure_limits *ret, struct err *err)
{
    *ret = (struct pressure_limits){0};
    while (*text) {
        size_t len = strcspn(text, ",");
        autofree char *one = xstrndup(text, len);
        int rc = parse_one(one, ret, err);
        if (rc < 0)
            return rc;
        text += len;
        if (*text == ',' && !*++text)
            return err_set(err, -EINVAL, "nothing follows the last comma");
    }
    return 0;
}

int64_t pressure_threshold(const struct pressure_limit *limit, const struct pressure_amount *amount)
{
    if (limit->per_mille == 0)
        return limit->amount;
    return amount->capacity / 1000 * limit->per_mille +
           amount->capacity % 1000 * limit->per_mille / 1000;
}

bool pressure_crossed(const struct pressure_limits *limits, const struct pressure_sample *sample,
                      enum pressure_signal signal)
{
    const struct pressure_amount *amount = &sample->of[signal];
    return amount->available >= 0 && !WEAKENED(PRESSURE_CROSSED) &&
           amount->available < pressure_threshold(&limits->of[signal], amount);
}

/* ---- conditions ---- */

bool pressures_update(struct pressures *pressures, const struct pressure_limits *limits,
                      const struct pressure_sample *sample, int64_t now)
{
    bool changed = false;
    for (enum pressure_signal s = 0; s < SIGNAL_COUNT; s++) {
        enum pressure p = pressure_of(s);
        if (!pressure_crossed(limits, sample, s))
            continue;
        changed |= !pressures->on[p];
        pressures->on[p] = true;
        pressures->seen[p] = now;
    }
    for (enum pressure p = 0; p < PRESSURE_COUNT; p++) {
        if (!pressures->on[p] || now - pressures->seen[p] < PRESSURE_TRANSITION_S * NS_PER_S)
            continue;
        pressures->on[p] = false;
        changed = true;
    }
    return changed;
}

struct value *pressures_conditions(const struct pressures *pressures)
{
    struct value *list = value_new_list();
    for (enum pressure p = 0; p < PRESSURE_COUNT; p++) {
        struct value *condition = value_new_map();
        bool on = pressures->on[p];
        value_set_str(condition, "type", conditions[p].type);
        value_set_str(condition, "status", on ? "True" : "False");
        value_set_str(condition, "reason", on ? conditions[p].on : conditions[p].off);
        value_set_str(condition, "message",
                      on ? conditions[p].on_message : conditions[p].off_message);
        value_append(list, condition);
    }
    return list;
}
