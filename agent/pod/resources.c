#include "agent/pod/resources.h"

#include "agent/keeper/sizing.h"
#include "agent/pod/limits.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>

static void set_amount(struct value *resources, const char *part, const char *name, int64_t amount,
                       const char *unit)
{
    struct value *list =
        amount > 0 ? value_make_map(resources, part, NULL) : value_get(resources, part);
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64 "%s", amount, unit);
    if (amount > 0)
        value_set_str(list, name, text);
    else if (list)
        value_del(list, name);
}

/* As a kubelet reads them back out of a control group. */
static void set_actual(struct value *resources, const struct keeper_size *wanted,
                       const struct keeper_size *size)
{
    if (size->memory_bytes != wanted->memory_bytes)
        set_amount(resources, "limits", "memory", size->memory_bytes, "");
    if (size->cpu_quota_us != wanted->cpu_quota_us)
        set_amount(resources, "limits", "cpu", size->cpu_quota_us / 100, "m");
    if (size->cpu_shares != wanted->cpu_shares)
        set_amount(resources, "requests", "cpu", (size->cpu_shares * 1000 + 1023) / 1024, "m");
}

void resources_status(struct value *status, const struct value *container,
                      const struct keeper_size *size)
{
    const struct value *given = value_get(container, "resources");
    const struct value *requests = value_get(given, "requests");
    if (value_len(requests) == 0 && value_len(value_get(given, "limits")) == 0)
        return;
    if (value_len(requests) > 0)
        value_set(status, "allocatedResources", value_copy(requests));
    struct value *resources = value_set(status, "resources", value_copy(given));
    if (!size)
        return;
    struct launch_container limits = {0};
    limits_of_container(NULL, container, 0, &limits);
    const struct keeper_size wanted = sizing_of(&limits);
    set_actual(resources, &wanted, size);
}
