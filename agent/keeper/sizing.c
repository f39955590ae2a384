#include "agent/keeper/sizing.h"

#include "agent/runtime/wire.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- the message ---- */

#define FLAG_RENEW_CPU 1U
#define FLAG_RENEW_MEMORY 2U

static int put_size(const struct keeper_size *size, struct buf *ret)
{
    int r = wire_put_u64(ret, (uint64_t)size->memory_bytes);
    if (r == 0)
        r = wire_put_u64(ret, (uint64_t)size->cpu_quota_us);
    return r < 0 ? r : wire_put_u64(ret, (uint64_t)size->cpu_shares);
}

int sizing_encode(const struct sizing *sizing, struct buf *ret)
{
    int r = put_size(&sizing->pod, ret);
    if (r == 0)
        r = wire_put_u32(ret, (uint32_t)sizing->count);
    for (size_t i = 0; r == 0 && i < sizing->count; i++) {
        const struct sizing_container *c = &sizing->containers[i];
        r = wire_put_str(ret, c->name);
        if (r == 0)
            r = put_size(&c->size, ret);
        if (r == 0)
            r = wire_put_u32(ret, (uint32_t)c->oom_score_adj);
        if (r == 0)
            r = wire_put_u32(ret, (c->renew_cpu ? FLAG_RENEW_CPU : 0) |
                                      (c->renew_memory ? FLAG_RENEW_MEMORY : 0));
    }
    return r;
}

static struct keeper_size get_size(struct wire *wire)
{
    struct keeper_size size = {.memory_bytes = wire_i64(wire)};
    size.cpu_quota_us = wire_i64(wire);
    size.cpu_shares = wire_i64(wire);
    wire->bad |= size.memory_bytes < 0 || size.cpu_quota_us < 0 || size.cpu_shares < 0;
    return size;
}

int sizing_decode(const void *bytes, size_t len, struct sizing *ret)
{
    struct wire wire;
    wire_init(&wire, bytes, len);
    ret->pod = get_size(&wire);
    ret->count = wire_u32(&wire);
    if (ret->count > LAUNCH_MAX_CONTAINERS)
        return -EINVAL;
    for (size_t i = 0; i < ret->count && !wire.bad; i++) {
        struct sizing_container *c = &ret->containers[i];
        c->name = wire_str(&wire);
        c->size = get_size(&wire);
        c->oom_score_adj = (int)wire_u32(&wire);
        uint32_t flags = wire_u32(&wire);
        c->renew_cpu = flags & FLAG_RENEW_CPU;
        c->renew_memory = flags & FLAG_RENEW_MEMORY;
        wire.bad |= !c->name || c->oom_score_adj < -1000 || c->oom_score_adj > 1000;
    }
    return wire.bad ? -EINVAL : 0; /* what is left is of a later release */
}

/* ---- sizes ---- */

bool keeper_size_equal(const struct keeper_size *a, const struct keeper_size *b)
{
    return a->memory_bytes == b->memory_bytes && a->cpu_quota_us == b->cpu_quota_us &&
           a->cpu_shares == b->cpu_shares;
}

struct keeper_size sizing_of(const struct launch_container *container)
{
    return (struct keeper_size){container->memory_bytes, container->cpu_quota_us,
                                container->cpu_shares};
}

struct keeper_size sizing_of_pod(const struct launch_plan *plan)
{
    return (struct keeper_size){plan->memory_bytes, plan->cpu_quota_us, plan->cpu_shares};
}

static int64_t lower(int64_t a, int64_t b) /* 0: no limit */
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

static int64_t higher(int64_t a, int64_t b)
{
    return a == 0 || b == 0 ? 0 : a > b ? a : b;
}

struct keeper_size sizing_of_both(const struct launch_plan *plan)
{
    const struct keeper_size pod = sizing_of_pod(plan), only = sizing_of(&plan->containers[0]);
    return (struct keeper_size){lower(pod.memory_bytes, only.memory_bytes),
                                lower(pod.cpu_quota_us, only.cpu_quota_us),
                                lower(pod.cpu_shares, only.cpu_shares)};
}

/* ---- the order ---- */

/* A limit that is there then, and that what is used exceeds. */
static bool is_too_low(int64_t have, int64_t want, int64_t used)
{
    bool falls = want > 0 && (have == 0 || want < have);
    return falls && used > want && !WEAKENED(RESIZE_BELOW_USAGE);
}

static bool settle(const struct sizing_view *view, size_t group, const struct keeper_size *have,
                   const struct keeper_size *want, int64_t used, struct sizing_write *ret,
                   char *problem, size_t size)
{
    if (keeper_size_equal(have, want))
        return false;
    if (!is_too_low(have->memory_bytes, want->memory_bytes, used)) {
        *ret = (struct sizing_write){group, *want};
        return true;
    }
    snprintf(problem, size,
             "attempting to set %s memory limit (%" PRId64 ") below current usage (%" PRId64 ")",
             group == SIZING_POD ? "pod" : view->plan->containers[group].name, want->memory_bytes,
             used);
    return false;
}

static bool next_of_one(const struct sizing_view *view, struct sizing_write *ret, char *problem,
                        size_t size)
{
    const struct keeper_report *report = view->report;
    struct keeper_size pod = sizing_of_pod(view->plan), only = sizing_of(view->plan->containers);
    const struct keeper_size want = sizing_of_both(view->plan);
    if (view->waits[0])
        return false;
    if (!settle(view, SIZING_POD, &report->size, &pod, view->pod_bytes, ret, problem, size) &&
        !settle(view, 0, &report->containers[0].size, &only, view->pod_bytes, ret, problem, size))
        return false;
    *ret = (struct sizing_write){SIZING_POD, want};
    return true;
}

bool sizing_next(const struct sizing_view *view, struct sizing_write *ret, char *problem,
                 size_t size)
{
    const struct keeper_report *report = view->report;
    const struct keeper_size have = report->size, want = sizing_of_pod(view->plan);
    bool left = false;
    problem[0] = '\0';
    if (view->one_group)
        return next_of_one(view, ret, problem, size);
    const struct keeper_size grown = {higher(have.memory_bytes, want.memory_bytes),
                                      higher(have.cpu_quota_us, want.cpu_quota_us),
                                      higher(have.cpu_shares, want.cpu_shares)};
    if (!keeper_size_equal(&have, &grown) && !WEAKENED(RESIZE_ORDER)) {
        *ret = (struct sizing_write){SIZING_POD, grown};
        return true;
    }
    for (size_t i = 0; i < report->container_count; i++) {
        const struct keeper_size own = sizing_of(&view->plan->containers[i]);
        const struct keeper_size *now = &report->containers[i].size;
        if (!view->waits[i] && settle(view, i, now, &own, view->bytes[i], ret, problem, size))
            return true;
        left |= !keeper_size_equal(now, &own);
    }
    return !left && settle(view, SIZING_POD, &have, &want, view->pod_bytes, ret, problem, size);
}
